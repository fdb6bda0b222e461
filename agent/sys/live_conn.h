/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that the source has announced and that has not ended, as the parts of the source
 * see it.
 */
#ifndef CONNLEAK_SYS_LIVE_CONN_H
#define CONNLEAK_SYS_LIVE_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "hash.h"

struct roster_client;

struct live_conn {
	uint64_t id;
	struct roster_client *client; /* its owner, held */
	uint32_t full_pass; /* the last full pass that met it */
	uint32_t send_look; /* the last look that found it to have sent */
	bool sender_wanted; /* nobody has asked yet who that was */
	bool is_up; /* has been established: before that there are no counters to tell */
	uint64_t sent_bytes, received_bytes, last_send_ns, last_recv_ns; /* as told */
	UT_hash_handle hh;
};

static inline struct live_conn *live_conn_find(struct live_conn *conns, uint64_t id)
{
	struct live_conn *conn;

	HASH_FIND(hh, conns, &id, sizeof(id), conn);
	return conn;
}

#endif
