// SPDX-License-Identifier: Apache-2.0
/*
 * A million connections may come and go: each is found by its number, stands in the order of its
 * pool and is counted there, and all of that has to be made and undone together.
 *
 * Invariant: a connection is in its pool's order and in its bucket from conns_insert() to
 * conns_close(); the counts of a pool agree with the states of its connections.
 * Does not know what an event means for a connection: that is table.c.
 */
#include "conns.h"

#include <errno.h>
#include <stdlib.h>

#include "index.h"
#include "order.h"

#define BUCKETS_MIN 64

/* One is being made while the last one that ended is still there. */
_Static_assert(CONN_COUNT_MAX + 2 < 1 << 20, "the bits of an address");
_Static_assert(2 * (CONN_COUNT_MAX + 2) < 1 << 22, "the bits of a site");
_Static_assert((CONN_COUNT_MAX + 3) * CONN_CHUNK < 1 << CONN_NUMBER_BITS, "those of a number");

int conns_init(struct conns *conns, uint32_t max_count)
{
	*conns = (struct conns){.bucket_count = BUCKETS_MIN};
	conns->max_count = max_count < CONN_COUNT_MAX ? max_count : CONN_COUNT_MAX;
	conns->buckets = calloc(BUCKETS_MIN, sizeof(*conns->buckets));
	if (!conns->buckets)
		return -ENOMEM;
	if (texts_init(&conns->sites) < 0)
		goto no_sites;
	if (texts_init(&conns->addresses) < 0)
		goto no_addresses;
	return 0;
no_addresses:
	texts_destroy(&conns->sites);
no_sites:
	free(conns->buckets);
	return -ENOMEM;
}

void conns_destroy(struct conns *conns)
{
	conns_settle(conns);
	conn_room_free(&conns->room);
	free(conns->buckets);
	texts_destroy(&conns->sites);
	texts_destroy(&conns->addresses);
}

/* --- found by their id ------------------------------------------------------------------------ */

static uint32_t *bucket_of(const struct conns *conns, uint64_t id)
{
	return &conns->buckets[index_mix(id) & (conns->bucket_count - 1)];
}

struct conn *conns_find(const struct conns *conns, uint64_t id)
{
	uint32_t number = *bucket_of(conns, id);

	while (number) {
		struct conn *conn = conn_room_at(&conns->room, number);

		if (conn->id == id)
			return conn;
		number = conn->next;
	}
	return NULL;
}

static void chain(const struct conns *conns, struct conn *conn, uint32_t number)
{
	uint32_t *bucket = bucket_of(conns, conn->id);

	conn->next = *bucket;
	*bucket = number;
}

/* Without memory it goes on with longer chains. */
static void grow(struct conns *conns)
{
	uint32_t *before = conns->buckets, before_count = conns->bucket_count;
	uint32_t *buckets = calloc(2 * (size_t)before_count, sizeof(*buckets));

	if (!buckets)
		return;
	conns->buckets = buckets;
	conns->bucket_count = 2 * before_count;
	for (uint32_t i = 0; i < before_count; i++) {
		uint32_t number = before[i];

		while (number) {
			struct conn *conn = conn_room_at(&conns->room, number);
			uint32_t next = conn->next;

			chain(conns, conn, number);
			number = next;
		}
	}
	free(before);
}

static void insert(struct conns *conns, struct conn *conn)
{
	if (conns->count >= conns->bucket_count)
		grow(conns);
	chain(conns, conn, conn_number(conn));
	conns->count++;
}

static void take_out(struct conns *conns, const struct conn *conn)
{
	uint32_t *bucket = bucket_of(conns, conn->id), number = conn_number(conn);
	struct conn *before;

	conns->count--;
	if (*bucket == number) {
		*bucket = conn->next;
		return;
	}
	before = conn_room_at(&conns->room, *bucket);
	while (before->next != number)
		before = conn_room_at(&conns->room, before->next);
	before->next = conn->next;
}

/* --- from beginning to end -------------------------------------------------------------------- */

int conns_make(struct conns *conns, const struct event *event, struct conn **ret_conn)
{
	uint32_t address = 0, site = 0;
	struct conn *conn;

	if (conns->count >= conns->max_count)
		return -ENOSPC;
	conn = conn_room_take(&conns->room);
	if (!conn)
		return -ENOMEM;
	if (texts_replace_number(&conns->sites, &site, event->site) < 0)
		goto no_memory;
	conn->site = site;
	if (event->local.port && texts_replace_bytes(&conns->addresses, &address, event->local.ip,
						     sizeof(event->local.ip)) < 0)
		goto no_memory;
	conn->address = address;
	conn->id = event->conn;
	conn->tid = event->tid <= CONN_TID_MAX ? event->tid : 0;
	conn->local_port = event->local.port;
	*ret_conn = conn;
	return 0;
no_memory:
	conns_free(conns, conn);
	return -ENOMEM;
}

void conns_free(struct conns *conns, struct conn *conn)
{
	if (!conn)
		return;
	texts_release_number(&conns->sites, conn->site);
	texts_release_number(&conns->sites, conn->last_site);
	texts_release_number(&conns->addresses, conn->address);
	conn_room_give_back(&conns->room, conn);
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
	insert(conns, conn);
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
	uint32_t site = conn->site, last_site = conn->last_site;
	int r = texts_replace_number(&conns->sites, &site, event->site);

	if (r == 0)
		r = texts_replace_number(&conns->sites, &last_site, event->last_site);
	conn->site = site;
	conn->last_site = last_site;
	return r;
}

void conns_close(struct conns *conns, struct conn *conn)
{
	detach(conn);
	take_out(conns, conn);
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
