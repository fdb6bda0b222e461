/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of a pool that a test makes by hand, in the order in which the table keeps them. */
#ifndef CONNLEAK_TESTS_ACTIVITY_ORDER_H
#define CONNLEAK_TESTS_ACTIVITY_ORDER_H

#include "core/table.h"

#define ORDER_MAX 16

/* Links count (at most ORDER_MAX) connections by the time of their last activity. */
static inline void order_by_activity(struct pool *pool, struct conn *conns, int count)
{
	struct conn *order[ORDER_MAX];

	for (int i = 0; i < count; i++) {
		int at = i;

		for (; at > 0 && order[at - 1]->last_active_ns > conns[i].last_active_ns; at--)
			order[at] = order[at - 1];
		order[at] = &conns[i];
	}
	pool->oldest = order[0];
	pool->newest = order[count - 1];
	for (int i = 0; i < count; i++) {
		order[i]->older = i > 0 ? order[i - 1] : NULL;
		order[i]->newer = i + 1 < count ? order[i + 1] : NULL;
	}
}

#endif
