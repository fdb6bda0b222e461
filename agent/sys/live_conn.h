/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that the source has announced and that has not ended, as the parts of the source
 * see it.
 */
#ifndef CONNLEAK_SYS_LIVE_CONN_H
#define CONNLEAK_SYS_LIVE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/index.h"

struct roster_client;

struct live_conn {
	union {
		struct index_link link;
		struct {
			struct index_link *next_in_index;
			uint64_t id; /* the key of the link */
		};
	};
	struct roster_client *client; /* its owner, held */
	uint64_t sent_bytes, received_bytes, last_send_ns, last_recv_ns; /* as told */
	uint16_t full_look; /* number of the last look at all that met it */
	uint16_t send_look; /* number of the last look that found it to have sent */
	bool sender_wanted; /* nobody has asked yet who that was */
	bool has_site; /* where it was opened has been told */
	bool is_older; /* than the source: the probe of a session before noted its site */
	bool is_up; /* has been established: before that there are no counters to tell */
};

#define LIVE_CONN_OF(index_link)                                                                   \
	((struct live_conn *)((char *)(index_link)-offsetof(struct live_conn, link)))

/* NULL when there is none. */
static inline struct live_conn *live_conn_find(const struct index *conns, uint64_t id)
{
	for (struct index_link *at = index_bucket(conns, id); at; at = at->next)
		if (at->key == id)
			return LIVE_CONN_OF(at);
	return NULL;
}

#endif
