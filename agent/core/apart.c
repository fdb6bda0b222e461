// SPDX-License-Identifier: Apache-2.0
/*
 * A pool that opens a connection had none free, so all that is silent then is in nobody's hands;
 * but a process may have two pools for one server, and what rests in the other one is silent as
 * well. Seen from outside they are one. When they fell silent tells them apart:
 *
 *	rests	#1 *****----------------------------------	together, when the other pool
 *		#2 *****----------------------------------	was used for the last time
 *	leaked	#3 *************************--------------	one by one, at a rate
 *		#4 ******************************---------
 *		#5 *********************************------
 *
 * Those that come before a pause which is much longer than the leak's own ones, came two and more
 * at a time and have rested for as long before are such a rest. A leak that is as old has left its
 * connections one at a time, and one that strikes several at once strikes some that never rested.
 *
 * A pool that retires its connections has opened others in their place, one by one, and has not
 * used these yet: no request can have lost them, whenever that was.
 *
 * Invariant: changes nothing; the longest silent come first, and the rest is the longest silent.
 * Does not know whether there are two pools, nor who leaks.
 */
#include "apart.h"

#include "held.h"

/* What falls silent within so long did so together: requests that came at one time end within. */
#define MOMENT_NS ((int64_t)(2 * NS_PER_SEC))
/* So many moments show a rate. */
#define MOMENTS_MIN 3
/* Of the mean pause, as for a trickle (marks.c): one of 3,000 of a steady rate is longer. */
#define PAUSE_FACTOR 8
/* A pool that is at work may pause for less. */
#define PAUSE_MIN_NS ((int64_t)(60 * NS_PER_SEC))
#define REST_MIN 3
#define REST_RATIO 2 /* connections a moment */
/* Times the longest rest between two uses of the same connection, as for a growth (ladder.c). */
#define REST_FACTOR 4

struct moments {
	int64_t began_ns; /* of the latest */
	uint32_t count; /* moments so far */
	uint32_t conn_count; /* connections in them */
	bool has_new; /* one of them never rested for so long before */
};

/* Returns the pause before it where a moment begins with it, else 0. */
static int64_t add(struct moments *moments, const struct conn *conn, int64_t known_ns)
{
	int64_t pause_ns = conn->last_active_ns - moments->began_ns;

	moments->conn_count++;
	moments->has_new |=
		held_outlasts(conn, (uint64_t)(known_ns - conn->last_active_ns), REST_FACTOR);
	if (apart_is_spare(conn) || (moments->count > 0 && pause_ns < MOMENT_NS))
		return 0;
	moments->began_ns = conn->last_active_ns;
	return moments->count++ > 0 ? pause_ns : 0;
}

/* Whether what came before the pause rests, where the others go on at their rate after it. */
static bool is_rest(const struct moments *before, const struct moments *all, int64_t pause_ns)
{
	int64_t first_ns = before->began_ns + pause_ns;
	uint32_t count = all->count - before->count;

	return count >= MOMENTS_MIN && !before->has_new && before->conn_count >= REST_MIN &&
	       before->conn_count >= REST_RATIO * before->count && pause_ns >= PAUSE_MIN_NS &&
	       pause_ns * (count - 1) >= PAUSE_FACTOR * (all->began_ns - first_ns);
}

static const struct conn *next_open(struct stock_walk *walk)
{
	const struct conn *conn;

	while ((conn = stock_next(walk)) && conn->state != CONN_OPEN)
		;
	return conn;
}

void apart_find(struct apart *ret_apart, const struct pool *pool, const struct stock_limits *limits,
		const struct losses *losses)
{
	struct moments all = {0}, before, at = {0};
	struct stock_walk walk, again;
	const struct conn *conn;

	*ret_apart = (struct apart){.is_known = true, .until_ns = INT64_MIN};
	stock_begin(&walk, pool, limits, losses);
	again = walk;
	while ((conn = next_open(&walk)))
		(void)add(&all, conn, limits->known_ns); /* their pauses are asked for below */
	for (before = at; (conn = next_open(&again)); before = at) {
		int64_t pause_ns = add(&at, conn, limits->known_ns);

		if (pause_ns > 0 && is_rest(&before, &all, pause_ns))
			*ret_apart = (struct apart){.is_known = true,
						    .until_ns = before.began_ns + MOMENT_NS,
						    .gap_ns = pause_ns};
	}
}
