// SPDX-License-Identifier: Apache-2.0
/*
 * Every test asks for the connections that have been silent longest, and nearly every change
 * makes a connection the most recently active one; a list in that order serves both at its ends.
 *
 * Invariant: last_active_ns never falls along newer. Insertion walks from the newest end, and is
 * O(1) for sources whose events are nearly in order; one that reports activity backwards pays.
 * Does not count connections and does not know their states.
 */
#include "order.h"

void order_insert(struct pool *pool, struct conn *conn)
{
	struct conn *before = pool->newest;

	while (before && before->last_active_ns > conn->last_active_ns)
		before = before->older;
	conn->older = before;
	conn->newer = before ? before->newer : pool->oldest;
	if (conn->older)
		conn->older->newer = conn;
	else
		pool->oldest = conn;
	if (conn->newer)
		conn->newer->older = conn;
	else
		pool->newest = conn;
}

void order_remove(struct pool *pool, struct conn *conn)
{
	if (conn->older)
		conn->older->newer = conn->newer;
	else
		pool->oldest = conn->newer;
	if (conn->newer)
		conn->newer->older = conn->older;
	else
		pool->newest = conn->older;
	conn->older = NULL;
	conn->newer = NULL;
}
