/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that the source has announced and that have not ended, as the parts of the source see
 * them. There can be a hundred thousand, so they stand side by side without gaps, and what finds
 * one by its id takes four to eight bytes each.
 */
#ifndef CONNLEAK_SYS_LIVE_CONN_H
#define CONNLEAK_SYS_LIVE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct roster_client;

struct live_conn {
	uint64_t id; /* of the probes */
	struct roster_client *client; /* its owner, held; NULL = not known yet */
	uint64_t sent_bytes, received_bytes, last_send_ns, last_recv_ns; /* as told */
	uint32_t next; /* live_conn.c's */
	uint16_t send_look; /* number of the last look that found it to have sent */
	uint8_t full_look; /* number of the last look at all that met it */
	bool sender_wanted : 1; /* nobody has asked yet who that was */
	bool has_site : 1; /* where it was opened has been told */
	bool is_older : 1; /* than the source: the probe of a session before noted its site */
	bool is_up : 1; /* has been established: before that there are no counters to tell */
};

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
