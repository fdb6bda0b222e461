// SPDX-License-Identifier: Apache-2.0
/*
 * Connections come and go in any order, and pointers to them must stay good, so nothing moves: a
 * new one gets a place that another has left, and a chunk goes when the last one in it does.
 *
 * Invariant: a chunk is in the list of those with room if and only if one of its bits is not set;
 * at least one of them is.
 */
#include "conn_room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALL_USED UINT32_MAX

_Static_assert(CONN_CHUNK == 32, "a bit for each connection of a chunk");
_Static_assert(offsetof(struct conn_chunk, conns) == 0, "conn_chunk_of() counts from the first");

void conn_room_free(struct conn_room *room)
{
	numbers_free(&room->chunks);
}

static void add_roomy(struct conn_room *room, struct conn_chunk *chunk)
{
	chunk->prev = NULL;
	chunk->next = room->roomy;
	if (chunk->next)
		chunk->next->prev = chunk;
	room->roomy = chunk;
}

static void remove_roomy(struct conn_room *room, struct conn_chunk *chunk)
{
	if (chunk->next)
		chunk->next->prev = chunk->prev;
	if (chunk->prev)
		chunk->prev->next = chunk->next;
	else
		room->roomy = chunk->next;
}

static struct conn_chunk *make_chunk(struct conn_room *room)
{
	struct conn_chunk *chunk;

	if (numbers_prepare(&room->chunks) < 0)
		return NULL;
	chunk = malloc(sizeof(*chunk));
	if (!chunk)
		return NULL;
	chunk->used = 0;
	chunk->fin_ns = NULL;
	chunk->number = numbers_take(&room->chunks, chunk);
	add_roomy(room, chunk);
	return chunk;
}

struct conn *conn_room_take(struct conn_room *room)
{
	struct conn_chunk *chunk = room->roomy ? room->roomy : make_chunk(room);
	uint32_t slot;

	if (!chunk)
		return NULL;
	slot = (uint32_t)__builtin_ctz(~chunk->used);
	chunk->used |= 1U << slot;
	if (chunk->used == ALL_USED)
		remove_roomy(room, chunk);
	chunk->conns[slot] = (struct conn){.slot = slot};
	return &chunk->conns[slot];
}

static struct conn_chunk *chunk_of(struct conn *conn)
{
	return (struct conn_chunk *)(void *)(conn - conn->slot);
}

void conn_room_give_back(struct conn_room *room, struct conn *conn)
{
	struct conn_chunk *chunk = chunk_of(conn);

	if (chunk->used == ALL_USED)
		add_roomy(room, chunk);
	chunk->used &= ~(1U << conn->slot);
	if (chunk->used != 0)
		return;
	remove_roomy(room, chunk);
	numbers_give_back(&room->chunks, chunk->number);
	free(chunk->fin_ns);
	free(chunk);
}

int conn_room_prepare_fin(struct conn *conn)
{
	struct conn_chunk *chunk = chunk_of(conn);

	if (!chunk->fin_ns)
		chunk->fin_ns = malloc(CONN_CHUNK * sizeof(*chunk->fin_ns));
	return chunk->fin_ns ? 0 : -ENOMEM;
}

void conn_room_set_fin(struct conn *conn, uint64_t t_ns)
{
	chunk_of(conn)->fin_ns[conn->slot] = t_ns;
	conn->has_fin = true;
}

uint64_t conn_room_fin_ns(const struct conn *conn)
{
	return conn_chunk_of(conn)->fin_ns[conn->slot];
}
