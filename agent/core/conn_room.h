/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the connections of a table are: side by side in chunks, each under a number of four bytes
 * that stays its own until it is given back, as its place does. There can be a million, and each in
 * memory of its own would take sixteen bytes more, and eight wherever it is named.
 */
#ifndef CONNLEAK_CORE_CONN_ROOM_H
#define CONNLEAK_CORE_CONN_ROOM_H

#include "conn.h"
#include "numbers.h"

#define CONN_CHUNK (CONN_SLOT_MAX + 1)

struct conn_chunk {
	struct conn conns[CONN_CHUNK];
	const struct conn_room *room; /* that it is of */
	struct conn_rare *rares; /* of those that have it, by slot; owned; NULL = none has had it */
	uint32_t used; /* a bit for each */
	uint32_t rare_slots; /* the same for those in rares */
	uint32_t number; /* in conn_room.chunks */
	struct conn_chunk *next, *prev; /* with room for more; NULL = the last, the first */
};

/* All zero is an empty one. */
struct conn_room {
	struct numbers chunks; /* owned */
	struct conn_chunk *roomy; /* those with room for more, last one in first */
};

/* All must have been given back. */
void conn_room_free(struct conn_room *room);

/* One that is all zero but for its slot. NULL when out of memory. */
struct conn *conn_room_take(struct conn_room *room);
void conn_room_give_back(struct conn_room *room, struct conn *conn);

/*
 * What few connections have, of this one: made where it has none yet, and good until another of the
 * room gets or loses its own. NULL when out of memory.
 */
struct conn_rare *conn_room_take_rare(struct conn *conn);

static inline const struct conn_chunk *conn_chunk_of(const struct conn *conn)
{
	return (const struct conn_chunk *)(const void *)(conn - conn->slot);
}

/* Never 0. */
static inline uint32_t conn_number(const struct conn *conn)
{
	return conn_chunk_of(conn)->number * CONN_CHUNK + conn->slot;
}

/* The connection of a number that is taken. */
static inline struct conn *conn_room_at(const struct conn_room *room, uint32_t number)
{
	struct conn_chunk *chunk = numbers_at(&room->chunks, number / CONN_CHUNK);

	return &chunk->conns[number % CONN_CHUNK];
}

/* Its neighbours in the order of activity (order.h): active after it, and before it; NULL = none.
 */
static inline struct conn *conn_newer(const struct conn *conn)
{
	return conn->newer ? conn_room_at(conn_chunk_of(conn)->room, conn->newer) : NULL;
}

static inline struct conn *conn_older(const struct conn *conn)
{
	return conn->older ? conn_room_at(conn_chunk_of(conn)->room, conn->older) : NULL;
}

#endif
