/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients and pools of a table: who a connection belongs to.
 */
#ifndef CONNLEAK_CORE_OWNER_H
#define CONNLEAK_CORE_OWNER_H

#include "index.h"
#include "table.h"
#include "texts.h"

struct owners {
	struct index clients, pools;
	struct texts names; /* of all clients: workers of one service have the same */
	struct pool *first, *last; /* all pools, in the order of their creation */
	uint32_t max_pools;
};

/* Returns 0 or -ENOMEM. Connections must be gone before owners_destroy(). */
int owners_init(struct owners *owners, uint32_t max_pools);
void owners_destroy(struct owners *owners);

/* NULL when there is none. */
struct client *owners_find_client(const struct owners *owners, struct client_id id);

/*
 * The pool of the event's client towards remote, made if it is not there, with the client's names
 * brought up to date from the event. Returns 0, -ENOMEM or -ENOSPC, and then has made nothing.
 */
int owners_take_pool(struct owners *owners, const struct event *event, const struct netaddr *remote,
		     uint32_t netns, struct pool **ret_pool);

/* Frees a pool without connections, and its client with the client's last pool. */
void owners_drop_pool(struct owners *owners, struct pool *pool);

#endif
