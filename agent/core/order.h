/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of a pool in the order of their last activity:
 *
 *	pool->oldest -- newer --> ... -- newer --> pool->newest
 *	       (silent longest)                (active last)
 *
 * so that "silent for longer than T" is a walk that ends at the first one that is not. The order
 * is one of seconds (order_second()); within a second it is that of arrival.
 */
#ifndef CONNLEAK_CORE_ORDER_H
#define CONNLEAK_CORE_ORDER_H

#include "table.h"

/* Seconds of 2^30 ns: a shift instead of a division. Right shifts of negative numbers round down.
 */
static inline int64_t order_second(int64_t active_ns)
{
	return active_ns >> 30;
}

/* Puts conn where its last_active_ns belongs. */
void order_insert(struct pool *pool, struct conn *conn);

/* To be called before last_active_ns changes. */
void order_remove(struct pool *pool, struct conn *conn);

#endif
