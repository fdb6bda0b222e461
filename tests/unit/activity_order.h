/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of a pool that a test makes by hand, in the order in which the table keeps them. */
#ifndef CONNLEAK_TESTS_ACTIVITY_ORDER_H
#define CONNLEAK_TESTS_ACTIVITY_ORDER_H

#include <stdlib.h>

#include "core/order.h"

#define BY_HAND_MAX 200

/* Count (at most BY_HAND_MAX) that are all zero, in no pool, until the next call. */
static inline void make_by_hand(struct conn **ret_conns, uint32_t count)
{
	static struct conn *made[BY_HAND_MAX];
	static struct conn_room room;
	static uint32_t made_count;

	while (made_count > 0)
		conn_room_give_back(&room, made[--made_count]);
	conn_room_free(&room);
	for (; made_count < count; made_count++)
		made[made_count] = ret_conns[made_count] = conn_room_take(&room);
}

/* An empty pool's: each after those whose last activity was not later. */
static inline void order_as_they_come(struct pool *pool, struct conn *const *conns, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		order_insert(pool, conns[i]);
}

static inline int compare_activity(const void *a, const void *b)
{
	int64_t x = (*(struct conn *const *)a)->last_active_ns;
	int64_t y = (*(struct conn *const *)b)->last_active_ns;

	return x < y ? -1 : x > y;
}

/* Of all connections of a pool, exactly by the time of their last activity. */
static inline void order_by_activity(struct pool *pool, struct conn *const *conns, uint32_t count)
{
	struct conn *order[BY_HAND_MAX];

	pool->oldest = pool->newest = NULL;
	for (uint32_t i = 0; i < count; i++) {
		order[i] = conns[i];
		order[i]->older = order[i]->newer = 0;
	}
	qsort(order, count, sizeof(*order), compare_activity);
	order_as_they_come(pool, order, count);
}

#endif
