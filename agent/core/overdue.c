// SPDX-License-Identifier: Apache-2.0
/*
 * When the load of a pool rests, the pool does not: it closes what has been idle for ten seconds.
 * When all of its connections are leaked, none of them is idle, and nothing happens at all:
 *
 *	rest	#1 ****-*--*--x		closed, each when its time has come
 *		#2 *-**-*-*x
 *	leaked	#1 ****-*--*-----------	never
 *		#2 *-**-*-*------------
 *
 * How fast they were leaked makes no difference, so this speaks where the pool is empty within
 * seconds and there is no course of events to look at.
 *
 * A habit it is only where nearly all of those closes came after about the same time, and hardly
 * any connection was used again after longer. What the pool keeps as its minimum is not counted.
 * Pings would tell the same, but work that comes every five minutes looks like them (keepalive.c).
 *
 * Invariant: return_count and close_count only grow, left_count only falls.
 * Does not know whether anything should have happened (standstill.c).
 */
#include "overdue.h"

#include "heartbeat.h"
#include "moment.h"

#define CONNS_MIN 3
/* One in five closes may have come earlier than after half of the time that the latest take. */
#define EARLY_SHARE 0.2
#define LATE_SHARE 0.99
#define RETURN_SHARE 20

/* How long what the pool closes had been idle, where that is a habit; 0 = it is none. */
static uint64_t habit_ns(const struct evictions *evictions)
{
	uint64_t late_ns = evictions_idle_ns(evictions, LATE_SHARE);

	return 2 * evictions_idle_ns(evictions, EARLY_SHARE) >= late_ns ? late_ns : 0;
}

void overdue_observe(struct overdue *overdue, const struct evictions *evictions,
		     const struct settings *settings, const struct change *change)
{
	uint64_t limit_ns;

	if (change->type == CHANGE_ACTIVE && !change->answer_was_owed &&
	    change->silence_ns > settings->t0_ns && !heartbeat_is_beating(change->conn)) {
		limit_ns = evictions_limit_ns(evictions, settings);
		overdue->return_count += limit_ns > 0 && change->silence_ns > limit_ns;
	}
	if (!change_is_own_close(change) || conn_peer_closed_ns(change->conn) != 0 ||
	    2 * change->idle_ns < evictions_idle_ns(evictions, LATE_SHARE))
		return;
	if (overdue->close_count == 0 || change->pool->conn_count < overdue->left_count)
		overdue->left_count = change->pool->conn_count;
	overdue->close_count += overdue->close_count < UINT32_MAX;
}

/*
 * How many there are; 0 where one of them has been used since, or is being used, or where most were
 * used but once: somebody may listen on these, and never gave them back.
 */
static uint32_t count_silent(const struct pool *pool, int64_t since_ns)
{
	uint32_t count = 0, returned_count = 0;

	for (const struct conn *conn = pool->newest; conn; conn = conn_older(conn)) {
		if (conn->state != CONN_OPEN)
			continue;
		if (conn->last_active_ns >= since_ns || conn->silent_since_seen ||
		    conn_is_owed(conn))
			return 0;
		count++;
		returned_count += conn->has_returned;
	}
	return 2 * returned_count >= count ? count : 0;
}

bool overdue_find(const struct overdue *overdue, const struct evictions *evictions,
		  const struct settings *settings, const struct pool *pool, int64_t known_ns,
		  struct overdue_end *ret_end)
{
	struct overdue_end end = {
		.kept = overdue->left_count,
		.close_count = overdue->close_count,
		.idle_ns = habit_ns(evictions),
		.limit_ns = evictions_limit_ns(evictions, settings),
	};

	if (end.limit_ns == 0 || end.idle_ns == 0 ||
	    RETURN_SHARE * (uint64_t)overdue->return_count > overdue->close_count)
		return false;
	end.count = count_silent(pool, known_ns - (int64_t)end.limit_ns);
	if (end.count < end.kept + CONNS_MIN ||
	    end.count - end.kept < settings->exhausted_stale * end.count)
		return false;
	*ret_end = end;
	return true;
}
