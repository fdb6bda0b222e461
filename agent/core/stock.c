// SPDX-License-Identifier: Apache-2.0
/*
 * Every test on silence counts the same connections with another limit, and names them later; one
 * walk serves both, so what is named is what was counted.
 *
 * A connection counts when it was silent longer than the limit, except
 * - one that was silent when it was found or handed over, and has been since: it belongs to the
 *   time before the observation, and its growth was not seen, so it is shown but says nothing;
 * - a monitor between two of its beats (heartbeat.h), which is in nobody's hands, unless any
 *   silence is asked for;
 * - one that is still connecting, which is the network's matter;
 * - one whose peer owes an answer, for much longer: a slow statement is not a leak, yet some
 *   protocols end an exchange with a send, so it must count one day;
 * - as many of those that fell silent before the last loss as records were lost: the close of
 *   each may be among them. So a loss can hide a leak but never make one.
 *
 * Invariant: O(connections silent longer than the limit). Does not change anything.
 */
#include "stock.h"

#include "heartbeat.h"
#include "order.h"

void stock_begin(struct stock_walk *walk, const struct pool *pool,
		 const struct stock_limits *limits, const struct losses *losses)
{
	walk->next = pool->oldest;
	walk->limits = *limits;
	walk->losses = *losses;
	walk->last_second = order_second(limits->known_ns - (int64_t)limits->idle_ns);
}

static bool is_of_kind(const struct stock_limits *limits, const struct conn *conn,
		       uint64_t silence_ns)
{
	if (limits->kind == STOCK_PEER_CLOSED)
		return conn->state == CONN_PEER_CLOSED &&
		       (int64_t)conn_peer_closed_ns(conn) <
			       limits->known_ns - (int64_t)limits->idle_ns;
	/* In CLOSE_WAIT as well: a pool that has no free one does not count on it either. */
	if (conn->state != CONN_OPEN && conn->state != CONN_PEER_CLOSED)
		return false;
	if (limits->idle_ns > 0 && heartbeat_is_monitor(conn) &&
	    2 * silence_ns <= 3 * heartbeat_gap_ns(conn))
		return false;
	return !conn_is_owed(conn) || silence_ns > limits->owed_ns;
}

static bool counts(struct stock_walk *walk, const struct conn *conn, uint64_t silence_ns)
{
	if ((conn->silent_since_seen && !walk->limits.with_found) ||
	    !is_of_kind(&walk->limits, conn, silence_ns))
		return false;
	if (conn->last_active_ns <= walk->losses.last_ns && walk->losses.count > 0) {
		walk->losses.count--;
		return false;
	}
	return true;
}

struct conn *stock_next(struct stock_walk *walk)
{
	int64_t known_ns = walk->limits.known_ns;
	struct conn *conn = walk->next;

	for (; conn && order_second(conn->last_active_ns) <= walk->last_second;
	     conn = conn_newer(conn)) {
		uint64_t silence_ns;

		if (conn->last_active_ns >= known_ns)
			continue;
		silence_ns = (uint64_t)known_ns - (uint64_t)conn->last_active_ns;
		if (silence_ns > walk->limits.idle_ns && counts(walk, conn, silence_ns)) {
			walk->next = conn_newer(conn);
			return conn;
		}
	}
	walk->next = NULL;
	return NULL;
}

uint32_t stock_count(const struct pool *pool, const struct stock_limits *limits,
		     const struct losses *losses)
{
	struct stock_walk walk;
	uint32_t count = 0;

	stock_begin(&walk, pool, limits, losses);
	while (stock_next(&walk))
		count++;
	return count;
}
