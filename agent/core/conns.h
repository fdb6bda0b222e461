/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of a table: found by number, each in one pool and counted there by its state.
 */
#ifndef CONNLEAK_CORE_CONNS_H
#define CONNLEAK_CORE_CONNS_H

#include "conn_room.h"
#include "table.h"
#include "texts.h"

struct conns {
	struct conn_room room;
	uint32_t *buckets; /* number of the first connection in each, 0 = none; owned */
	uint32_t bucket_count; /* a power of two */
	uint32_t count; /* inserted and not closed */
	struct texts sites, addresses; /* of all connections */
	uint32_t max_count;
	struct conn *closed; /* the one closed last, until conns_settle(); owned */
};

/* Returns 0 or -ENOMEM. Pools must be empty (conns_drop_pool()) before conns_destroy(). */
int conns_init(struct conns *conns, uint32_t max_count);
void conns_destroy(struct conns *conns);

/* NULL when there is none. */
struct conn *conns_find(const struct conns *conns, uint64_t id);

/*
 * A connection as an event of its beginning names it, in no pool yet and in the state
 * CONN_CONNECTING: the caller's until conns_insert(). Returns 0, -ENOMEM or -ENOSPC.
 */
int conns_make(struct conns *conns, const struct event *event, struct conn **ret_conn);

/* For one that has not been inserted; NULL is none. */
void conns_free(struct conns *conns, struct conn *conn);

/* Takes conn over, with the state that it has. Its number must not be there yet. */
void conns_insert(struct conns *conns, struct conn *conn, struct pool *pool);

/* From the pool that it is in to this one. */
void conns_move(struct conn *conn, struct pool *pool);

/* Not for CONN_CLOSED: that is conns_close(). */
void conns_set_state(struct conn *conn, enum conn_state state);

/* Takes over the sites that the event names. Returns 0, or -ENOMEM: then one may be as before. */
int conns_note_sites(struct conns *conns, struct conn *conn, const struct event *event);

/*
 * Takes conn out of its pool and the index. It can be read until conns_settle(), which is due
 * before the next close.
 */
void conns_close(struct conns *conns, struct conn *conn);
void conns_settle(struct conns *conns);

/* Frees all connections of a pool, without taking them out of buckets: for the end of the table. */
void conns_drop_pool(struct conns *conns, struct pool *pool);

#endif
