// SPDX-License-Identifier: Apache-2.0
/*
 * Connections come and go in any order, and pointers to them must stay good, so nothing moves: a
 * new one gets a place that another has left, and a chunk goes when the last one in it does. What
 * few have stands without gaps beside the chunk: the one of a slot comes after those of lower
 * slots.
 *
 * Invariant: a chunk is in the list of those with room if and only if one of its bits is not set;
 * at least one of them is. A connection has_rare if and only if its chunk has the bit for it.
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
	chunk->room = room;
	chunk->used = 0;
	chunk->rares = NULL;
	chunk->rare_slots = 0;
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

/* --- what few have ---------------------------------------------------------------------------- */

static uint32_t count_bits(uint32_t bits)
{
	uint32_t count = 0;

	for (; bits; bits &= bits - 1)
		count++;
	return count;
}

static uint32_t rare_place(const struct conn *conn)
{
	return count_bits(conn_chunk_of(conn)->rare_slots & ((1U << conn->slot) - 1));
}

const struct conn_rare *conn_room_rare(const struct conn *conn)
{
	return &conn_chunk_of(conn)->rares[rare_place(conn)];
}

struct conn_rare *conn_room_take_rare(struct conn *conn)
{
	struct conn_chunk *chunk = chunk_of(conn);
	uint32_t count = count_bits(chunk->rare_slots), at = rare_place(conn);
	struct conn_rare *rares;

	if (conn->has_rare)
		return &chunk->rares[at];
	rares = reallocarray(chunk->rares, count + 1, sizeof(*rares));
	if (!rares)
		return NULL;
	memmove(&rares[at + 1], &rares[at], (count - at) * sizeof(*rares));
	rares[at] = (struct conn_rare){0};
	chunk->rares = rares;
	chunk->rare_slots |= 1U << conn->slot;
	conn->has_rare = true;
	return &rares[at];
}

static void drop_rare(struct conn *conn)
{
	struct conn_chunk *chunk = chunk_of(conn);
	uint32_t at = rare_place(conn);
	size_t behind = count_bits(chunk->rare_slots) - at - 1;

	memmove(&chunk->rares[at], &chunk->rares[at + 1], behind * sizeof(*chunk->rares));
	chunk->rare_slots &= ~(1U << conn->slot);
	conn->has_rare = false;
	if (chunk->rare_slots != 0)
		return;
	free(chunk->rares);
	chunk->rares = NULL;
}

void conn_room_give_back(struct conn_room *room, struct conn *conn)
{
	struct conn_chunk *chunk = chunk_of(conn);

	if (conn->has_rare)
		drop_rare(conn);
	if (chunk->used == ALL_USED)
		add_roomy(room, chunk);
	chunk->used &= ~(1U << conn->slot);
	if (chunk->used != 0)
		return;
	remove_roomy(room, chunk);
	numbers_give_back(&room->chunks, chunk->number);
	free(chunk);
}
