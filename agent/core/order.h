/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of a pool in the order of their last activity:
 *
 *	pool->oldest -- newer --> ... -- newer --> pool->newest
 *	       (silent longest)                (active last)
 *
 * so that "silent for longer than T" is a walk that ends at the first one that is not.
 */
#ifndef CONNLEAK_CORE_ORDER_H
#define CONNLEAK_CORE_ORDER_H

#include "table.h"

/* Puts conn where its last_active_ns belongs; equal times in the order of arrival. */
void order_insert(struct pool *pool, struct conn *conn);

void order_remove(struct pool *pool, struct conn *conn);

#endif
