/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that the source has announced and that have not ended, as the parts of the source see
 * them. There can be a hundred thousand, so they stand side by side without gaps, and what finds
 * one by its id takes four to eight bytes each. What has been told of one is the table's to know;
 * kept here is as much as tells whether there is more.
 */
#ifndef CONNLEAK_SYS_LIVE_CONN_H
#define CONNLEAK_SYS_LIVE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIVE_CONN_BYTES_BITS 24
#define LIVE_CONN_BYTES_MASK ((1U << LIVE_CONN_BYTES_BITS) - 1)

struct live_conn {
	uint64_t id; /* of the probes */
	uint32_t client; /* number of its owner in the roster, held; 0 = not known yet */
	uint32_t next; /* live_conn.c's */
	/* The low bits of what was told, bytes: no two looks find the same by chance. */
	uint64_t sent : LIVE_CONN_BYTES_BITS, received : LIVE_CONN_BYTES_BITS;
	uint64_t send_look : 8; /* number of the last look that found it to have sent; low bits */
	uint64_t full_look : 4; /* number of the last look at all that met it; the same */
	uint64_t sender_wanted : 1; /* nobody has asked yet who that was */
	uint64_t has_site : 1; /* where it was opened has been told */
	uint64_t is_older : 1; /* than the source: the probe of a session before noted its site */
	uint64_t is_up : 1; /* has been established: before that there are no counters to tell */
};

/* Whether so many bytes have been told of it. */
static inline bool live_conn_has_sent(const struct live_conn *conn, uint64_t bytes)
{
	return conn->sent == (bytes & LIVE_CONN_BYTES_MASK);
}

static inline bool live_conn_has_received(const struct live_conn *conn, uint64_t bytes)
{
	return conn->received == (bytes & LIVE_CONN_BYTES_MASK);
}

struct live_conns {
	struct live_conn **chunks; /* each of LIVE_CONNS_CHUNK, full but for the last */
	uint32_t *buckets; /* number of the first connection in each, plus 1; 0 = none */
	uint32_t chunk_count, bucket_count; /* the latter a power of two */
	uint32_t count;
};

#define LIVE_CONNS_CHUNK 512

/* All zero is an empty one. */
void live_conns_free(struct live_conns *conns);

/* NULL when there is none. Valid until one is added or removed. */
struct live_conn *live_conns_find(const struct live_conns *conns, uint64_t id);

/* One that is not among them yet, all zero but for its id. NULL when out of memory. */
struct live_conn *live_conns_add(struct live_conns *conns, uint64_t id);

/* conn must be there. Pointers to others may point to another one afterwards. */
void live_conns_remove(struct live_conns *conns, struct live_conn *conn);

/* Calls visit with each, which it may remove; it may not add. The one added last comes first. */
void live_conns_each(const struct live_conns *conns,
		     void (*visit)(void *userdata, struct live_conn *conn), void *userdata);

#endif
