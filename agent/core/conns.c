// SPDX-License-Identifier: Apache-2.0
/*
 * A million connections may come and go: each is found by its number, stands in the order of its
 * pool and is counted there, and all of that has to be made and undone together.
 *
 * Invariant: a connection is in its pool's order and in the index from conns_insert() to
 * conns_close(); the counts of a pool agree with the states of its connections.
 * Does not know what an event means for a connection: that is table.c.
 */
#include "conns.h"

#include <errno.h>
#include <stdlib.h>

#include "order.h"

#define CONN_OF(index_link) ((struct conn *)((char *)(index_link)-offsetof(struct conn, link)))

int conns_init(struct conns *conns, uint32_t max_count)
{
	conns->max_count = max_count;
	conns->closed = NULL;
	if (index_init(&conns->index) < 0)
		return -ENOMEM;
	if (texts_init(&conns->sites) < 0)
		goto no_sites;
	if (texts_init(&conns->addresses) < 0)
		goto no_addresses;
	return 0;
no_addresses:
	texts_destroy(&conns->sites);
no_sites:
	index_destroy(&conns->index);
	return -ENOMEM;
}

void conns_destroy(struct conns *conns)
{
	conns_settle(conns);
	index_destroy(&conns->index);
	texts_destroy(&conns->sites);
	texts_destroy(&conns->addresses);
}

struct conn *conns_find(const struct conns *conns, uint64_t id)
{
	for (struct index_link *at = index_bucket(&conns->index, id); at; at = at->next)
		if (at->key == id)
			return CONN_OF(at);
	return NULL;
}

int conns_make(struct conns *conns, const struct event *event, struct conn **ret_conn)
{
	struct conn *conn;

	if (conns->index.link_count >= conns->max_count)
		return -ENOSPC;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return -ENOMEM;
	if (texts_replace_number(&conns->sites, &conn->site, event->site) < 0 ||
	    (event->local.port &&
	     texts_replace_bytes(&conns->addresses, &conn->local_ip, event->local.ip,
				 sizeof(event->local.ip)) < 0)) {
		conns_free(conns, conn);
		return -ENOMEM;
	}
	conn->id = event->conn;
	conn->tid = event->tid <= CONN_TID_MAX ? event->tid : 0;
	conn->local_port = event->local.port;
	*ret_conn = conn;
	return 0;
}

void conns_free(struct conns *conns, struct conn *conn)
{
	if (!conn)
		return;
	texts_release_number(&conns->sites, conn->site);
	texts_release_number(&conns->sites, conn->last_site);
	texts_release(&conns->addresses, conn->local_ip);
	free(conn);
}

static void count_state(struct pool *pool, uint8_t state, uint32_t step)
{
	if (state == CONN_CONNECTING)
		pool->connecting_count += step;
	else if (state == CONN_PEER_CLOSED)
		pool->peer_closed_count += step;
}

static void attach(struct conn *conn, struct pool *pool)
{
	conn->pool = pool;
	pool->conn_count++;
	count_state(pool, conn->state, 1);
	order_insert(pool, conn);
}

static void detach(struct conn *conn)
{
	order_remove(conn->pool, conn);
	count_state(conn->pool, conn->state, (uint32_t)-1);
	conn->pool->conn_count--;
}

void conns_insert(struct conns *conns, struct conn *conn, struct pool *pool)
{
	attach(conn, pool);
	index_insert(&conns->index, &conn->link, conn->id);
}

void conns_move(struct conn *conn, struct pool *pool)
{
	detach(conn);
	attach(conn, pool);
}

void conns_set_state(struct conn *conn, enum conn_state state)
{
	count_state(conn->pool, conn->state, (uint32_t)-1);
	conn->state = state;
	count_state(conn->pool, conn->state, 1);
}

int conns_note_sites(struct conns *conns, struct conn *conn, const struct event *event)
{
	if (texts_replace_number(&conns->sites, &conn->site, event->site) < 0 ||
	    texts_replace_number(&conns->sites, &conn->last_site, event->last_site) < 0)
		return -ENOMEM;
	return 0;
}

void conns_close(struct conns *conns, struct conn *conn)
{
	detach(conn);
	index_remove(&conns->index, &conn->link);
	conn->state = CONN_CLOSED;
	conns->closed = conn;
}

void conns_settle(struct conns *conns)
{
	conns_free(conns, conns->closed);
	conns->closed = NULL;
}

void conns_drop_pool(struct conns *conns, struct pool *pool)
{
	while (pool->oldest) {
		struct conn *conn = pool->oldest;

		order_remove(pool, conn);
		conns_free(conns, conn);
	}
}
