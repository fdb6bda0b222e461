// SPDX-License-Identifier: Apache-2.0
/*
 * A process that leaks on every request from its first one on is dead before it has a past: each
 * connection was used once, one after the other, and with the last one it stopped for good.
 *
 *	spent	#1 *------------------	a pool hands out again what came back, so no request
 *		#2 --*----------------	would have taken another one
 *		#3 -----*-------------
 *		#4 ------*------------	that was the last that the endpoint takes
 *
 * There is no history that says how much work was to be expected, and a job that ends after its
 * first round looks alike but for the coincidence that it ends with the last connection. So this
 * speaks late, and only where limit= tells that there are no more: after twice as long as the pool
 * had worked. Whoever pings each connection now and then has done so again by then, and what warms
 * a pool up touches all of it within seconds.
 *
 * Invariant: looks at what the table has, and changes nothing.
 */
#include "spent.h"

#include "heartbeat.h"

#define COUNT_MIN 10
/* One in eight may have been used again before it was leaked. */
#define AGAIN_SHARE 8
/* What was opened and used within a moment was so at once. */
#define MOMENT_NS ((int64_t)NS_PER_SEC / 2)
#define SPAN_MIN_NS (30 * NS_PER_SEC)
/* What a pool opens before its first request it opens within so long; the handshake is no use. */
#define BEGIN_NS ((int64_t)NS_PER_SEC)
#define HANDSHAKE_NS ((int64_t)NS_PER_SEC / 10)
#define QUIET_MIN_NS ((int64_t)(120 * NS_PER_SEC))
#define QUIET_FACTOR 2

/* The first silence between two uses, which would make it a habit, has not been seen (held.c). */
static bool was_used_once(const struct conn *conn)
{
	return conn->habit <= 1;
}

static bool is_spare(const struct pool *pool, const struct conn *conn)
{
	return !conn->has_returned && conn->last_active_ns < conn->open_ns + HANDSHAKE_NS &&
	       conn->open_ns < (int64_t)pool->first_ns + BEGIN_NS;
}

bool spent_find(const struct pool *pool, uint64_t limit, int64_t known_ns,
		struct spent_end *ret_end)
{
	struct spent_end end = {0};
	int64_t moment_ns = 0, last_ns = 0;
	uint32_t moments = 0;

	if (limit < COUNT_MIN || pool->conn_count < limit)
		return false;
	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
		if (conn->state != CONN_OPEN || conn->age_is_bound || heartbeat_is_beating(conn) ||
		    conn_is_owed(conn) || is_spare(pool, conn))
			return false;
		if (end.count++ == 0)
			end.first_ns = conn->last_active_ns;
		end.once_count += was_used_once(conn);
		last_ns = conn->last_active_ns;
		if (moments > 0 && last_ns < moment_ns + MOMENT_NS)
			continue;
		moments++;
		moment_ns = last_ns;
	}
	end.span_ns = (uint64_t)(last_ns - end.first_ns);
	if (end.count < limit || end.once_count < end.count - end.count / AGAIN_SHARE ||
	    2 * moments < end.count || end.span_ns < SPAN_MIN_NS)
		return false;
	if (known_ns - last_ns < QUIET_MIN_NS ||
	    known_ns - last_ns < QUIET_FACTOR * (last_ns - (int64_t)pool->first_ns))
		return false;
	*ret_end = end;
	return true;
}
