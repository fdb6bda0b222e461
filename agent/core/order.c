// SPDX-License-Identifier: Apache-2.0
/*
 * Every test asks for the connections that have been silent longest; a list in that order answers
 * without a look at the others. Each look of a source moves all connections that were active since
 * the last one, in no order, so finding the place by walking would be quadratic for a busy pool.
 * Seconds are exact enough for silence, and there are few of them in a look: the last connection
 * of each recent second is kept,
 *
 *	pool->recent[second % POOL_RECENT] --> last one of that second, or NULL
 *
 * and only the first of a second has to walk. Most pools are small, and walk: they have none.
 *
 * Invariant: order_second(last_active_ns) never falls along newer. recent[] never points at a
 * connection that is not in the list, nor at one that is not the last of its second.
 * Does not count connections and does not know their states. Activity that is reported more than
 * POOL_RECENT seconds late is placed by a walk; a start in the middle does so once a connection.
 */
#include "order.h"

#include <stdlib.h>

/* A walk over fewer costs less than what is kept. */
#define SMALL_COUNT 32

static struct conn **recent_slot(struct pool *pool, int64_t second)
{
	return &pool->recent[(uint64_t)second % POOL_RECENT];
}

/* The last known one of that second or of one not long before it; NULL = none is known. */
static struct conn *find_recent(struct pool *pool, int64_t second)
{
	for (int64_t at = second; pool->recent && at > second - POOL_RECENT; at--) {
		struct conn *conn = *recent_slot(pool, at);

		if (conn && order_second(conn->last_active_ns) == at)
			return conn;
	}
	return NULL;
}

static struct conn *find_place(struct pool *pool, int64_t second)
{
	struct conn *place = pool->newest, *conn, *newer;

	if (!place || order_second(place->last_active_ns) <= second)
		return place;
	if (order_second(pool->oldest->last_active_ns) > second)
		return NULL;
	place = find_recent(pool, second);
	for (conn = pool->newest; !place && conn; conn = conn_older(conn))
		if (order_second(conn->last_active_ns) <= second)
			place = conn;
	/* A second whose slot was taken over by a later one can lie in between. */
	while (place && (newer = conn_newer(place)) &&
	       order_second(newer->last_active_ns) <= second)
		place = newer;
	return place;
}

static void remember(struct pool *pool, struct conn *conn, int64_t second)
{
	struct conn **slot;

	/* Without memory it walks. */
	if (!pool->recent && pool->conn_count > SMALL_COUNT)
		pool->recent = calloc(POOL_RECENT, sizeof(struct conn *));
	if (!pool->recent)
		return;
	slot = recent_slot(pool, second);
	if (!*slot || order_second((*slot)->last_active_ns) <= second)
		*slot = conn;
}

static uint32_t number_of(const struct conn *conn)
{
	return conn ? conn_number(conn) : 0;
}

static void link_both(struct pool *pool, struct conn *older, struct conn *newer)
{
	if (older)
		older->newer = number_of(newer);
	else
		pool->oldest = newer;
	if (newer)
		newer->older = number_of(older);
	else
		pool->newest = older;
}

void order_insert(struct pool *pool, struct conn *conn)
{
	int64_t second = order_second(conn->last_active_ns);
	struct conn *place = find_place(pool, second), *newer;

	newer = place ? conn_newer(place) : pool->oldest;
	link_both(pool, place, conn);
	link_both(pool, conn, newer);
	remember(pool, conn, second);
}

static void forget(struct pool *pool, const struct conn *conn)
{
	int64_t second = order_second(conn->last_active_ns);
	struct conn **slot = pool->recent ? recent_slot(pool, second) : NULL;
	struct conn *older;

	if (!slot || *slot != conn)
		return;
	older = conn_older(conn);
	*slot = older && order_second(older->last_active_ns) == second ? older : NULL;
}

void order_remove(struct pool *pool, struct conn *conn)
{
	forget(pool, conn);
	link_both(pool, conn_older(conn), conn_newer(conn));
	conn->older = 0;
	conn->newer = 0;
}
