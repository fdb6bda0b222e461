// SPDX-License-Identifier: Apache-2.0
/*
 * A record of its own in the heap and a pointer to it from a table would be half as much again as
 * the record.
 *
 * Invariant: the connections are those numbered from 0 to count - 1, so that what is removed is
 * replaced by the last; each is in the chain of its bucket. There is a chunk no more than needed.
 */
#include "live_conn.h"

#include <stdlib.h>

#include "core/index.h"

#define BUCKETS_MIN 64

_Static_assert(sizeof(struct live_conn) == 24, "what a connection costs is on purpose");

static struct live_conn *conn_at(const struct live_conns *conns, uint32_t number)
{
	return &conns->chunks[number / LIVE_CONNS_CHUNK][number % LIVE_CONNS_CHUNK];
}

static uint32_t *bucket_of(const struct live_conns *conns, uint64_t id)
{
	return &conns->buckets[index_mix(id) & (conns->bucket_count - 1)];
}

/* What leads to the connection: its bucket, or the one before it in the chain. */
static uint32_t *link_to(const struct live_conns *conns, uint64_t id)
{
	uint32_t *link = bucket_of(conns, id);

	while (*link && conn_at(conns, *link - 1)->id != id)
		link = &conn_at(conns, *link - 1)->next;
	return link;
}

void live_conns_free(struct live_conns *conns)
{
	for (uint32_t i = 0; i < conns->chunk_count; i++)
		free(conns->chunks[i]);
	free(conns->chunks);
	free(conns->buckets);
	*conns = (struct live_conns){0};
}

struct live_conn *live_conns_find(const struct live_conns *conns, uint64_t id)
{
	uint32_t found = conns->count ? *link_to(conns, id) : 0;

	return found ? conn_at(conns, found - 1) : NULL;
}

static void chain(struct live_conns *conns, uint32_t number)
{
	struct live_conn *conn = conn_at(conns, number);
	uint32_t *bucket = bucket_of(conns, conn->id);

	conn->next = *bucket;
	*bucket = number + 1;
}

/* False only where there are no buckets at all; with too few the chains are longer. */
static bool make_buckets(struct live_conns *conns)
{
	uint32_t wanted = conns->bucket_count ? conns->bucket_count * 2 : BUCKETS_MIN;
	uint32_t *buckets;

	if (conns->count < conns->bucket_count)
		return true;
	buckets = calloc(wanted, sizeof(*buckets));
	if (!buckets)
		return conns->buckets != NULL;
	free(conns->buckets);
	conns->buckets = buckets;
	conns->bucket_count = wanted;
	for (uint32_t i = 0; i < conns->count; i++)
		chain(conns, i);
	return true;
}

static bool make_room(struct live_conns *conns)
{
	struct live_conn **chunks;

	if (conns->count < conns->chunk_count * LIVE_CONNS_CHUNK)
		return true;
	chunks = realloc(conns->chunks, (conns->chunk_count + 1) * sizeof(*chunks));
	if (!chunks)
		return false;
	conns->chunks = chunks;
	chunks[conns->chunk_count] = malloc(LIVE_CONNS_CHUNK * sizeof(**chunks));
	if (!chunks[conns->chunk_count])
		return false;
	conns->chunk_count++;
	return true;
}

struct live_conn *live_conns_add(struct live_conns *conns, uint64_t id)
{
	struct live_conn *conn;

	if (!make_buckets(conns) || !make_room(conns))
		return NULL;
	conn = conn_at(conns, conns->count);
	*conn = (struct live_conn){.id = id};
	chain(conns, conns->count++);
	return conn;
}

void live_conns_remove(struct live_conns *conns, struct live_conn *conn)
{
	struct live_conn *last = conn_at(conns, conns->count - 1);
	uint32_t *link = link_to(conns, conn->id), number = *link;

	*link = conn->next;
	if (conn != last) {
		*link_to(conns, last->id) = number;
		*conn = *last;
	}
	conns->count--;
	if (conns->count % LIVE_CONNS_CHUNK == 0)
		free(conns->chunks[--conns->chunk_count]);
}

void live_conns_each(const struct live_conns *conns,
		     void (*visit)(void *userdata, struct live_conn *conn), void *userdata)
{
	/* What takes the place of one that is removed has been visited before. */
	for (uint32_t i = conns->count; i > 0; i--)
		visit(userdata, conn_at(conns, i - 1));
}
