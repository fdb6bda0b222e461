// SPDX-License-Identifier: Apache-2.0
/*
 * A pool opens a connection when it has none free. In a burst that is because all are at work, and
 * each of them is heard of once more: its answer comes. Where they leak it is because none was
 * given back, and nothing is heard of any of them again:
 *
 *	burst	#1 **-**--***		at the open of #3 both others were at work
 *		#2     o*---**
 *		#3         o***
 *	leaked	#1 **-**-----------	both had done their last by then
 *		#2     o**---------
 *		#3         o**-----
 *
 * That is known only in the end, when the pool has come to a standstill: then the last use of each
 * connection is its last. It needs no long silence, so it speaks where a pool is full within
 * seconds; a source that looks late tells the times of sends and receives all the same.
 *
 * Invariant: looks at what the table has, and changes nothing.
 * Does not count an open in place of a closed connection, nor what the pool opened when it began
 *and never used since: that lies there free. Nor an open of the first minutes, when each thread may
 * open its own, unless the endpoint's limit was what ended it: threads stop when all of them have
 * one. Does not know whether the pool has stopped (standstill.c).
 */
#include "unreturned.h"

#include "heartbeat.h"

#define OPENS_MAX 16
#define OPENS_MIN 3
#define SILENT_MIN 2
/* Those that are opened at once are one occasion. */
#define MOMENT_NS ((int64_t)NS_PER_SEC / 2)
#define YOUTH_NS ((int64_t)(120 * NS_PER_SEC))
/* What a pool opens before its first request it opens within so long. */
#define BEGIN_NS ((int64_t)NS_PER_SEC)
#define SPAN_NS ((int64_t)(600 * NS_PER_SEC))

/* The latest opens before before_ns, one a moment; 0 = there is none after from_ns. */
static int64_t find_open(const struct pool *pool, int64_t from_ns, int64_t before_ns)
{
	int64_t last_ns = 0;

	for (const struct conn *conn = pool->newest; conn && conn->last_active_ns >= from_ns;
	     conn = conn_older(conn))
		if (conn->state == CONN_OPEN && !conn->age_is_bound && !conn->is_replacement &&
		    conn->open_ns >= from_ns && conn->open_ns < before_ns &&
		    conn->open_ns > last_ns)
			last_ns = conn->open_ns;
	return last_ns;
}

static bool is_spare(const struct pool *pool, const struct conn *conn)
{
	return !conn->has_returned && !conn->age_is_bound &&
	       conn->open_ns < (int64_t)pool->first_ns + BEGIN_NS;
}

static void count_silent(const struct pool *pool, int64_t open_ns, uint64_t held_ns,
			 struct unreturned_end *end)
{
	end->silent_count = 0;
	end->had_count = 0;
	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
		if (conn->state != CONN_OPEN || conn->open_ns >= open_ns ||
		    heartbeat_is_beating(conn) || is_spare(pool, conn))
			continue;
		end->had_count++;
		end->silent_count += conn->last_active_ns > conn->open_ns &&
				     conn->last_active_ns < open_ns - (int64_t)held_ns;
	}
}

bool unreturned_find(const struct pool *pool, uint64_t limit, int64_t end_ns, uint64_t held_ns,
		     struct unreturned_end *ret_end)
{
	bool is_at_limit = limit > 0 && pool->conn_count >= limit;
	int64_t begun_ns = (int64_t)pool->first_ns + (is_at_limit ? BEGIN_NS : YOUTH_NS);
	int64_t from_ns = end_ns - SPAN_NS, open_ns = end_ns;
	struct unreturned_end end = {0}, at = {0};

	if (from_ns < begun_ns)
		from_ns = begun_ns;
	while (end.open_count < OPENS_MAX) {
		open_ns = find_open(pool, from_ns, open_ns);
		if (open_ns == 0)
			break;
		count_silent(pool, open_ns, held_ns, &at);
		if (at.silent_count < SILENT_MIN || 2 * at.silent_count < at.had_count)
			break;
		if (end.open_count == 0)
			end = at;
		end.open_count++;
		end.span_ns = (uint64_t)(end_ns - open_ns);
		open_ns -= MOMENT_NS;
	}
	end.first_ns = pool->oldest ? pool->oldest->last_active_ns : end_ns;
	if (end.open_count < OPENS_MIN)
		return false;
	*ret_end = end;
	return true;
}
