/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where connections were opened, kept in the kernel: a stack can be taken at the open only, so an
 * agent that goes on with what another has left must be told.
 */
#ifndef CONNLEAK_SYS_SITE_STORE_H
#define CONNLEAK_SYS_SITE_STORE_H

#include <stdint.h>

#include "bpf/abi.h"

struct site_store;

/* The two maps, borrowed: connection id to number, and number to struct site_text. NULL when out of
 * memory. */
struct site_store *site_store_new(int sites_fd, int texts_fd);
void site_store_free(struct site_store *store); /* the maps stay; accepts NULL */

/*
 * Hands over what is kept of every connection, and forgets texts that none has. Returns 0 or
 * -errno. What handle does with the text outlasts the call only as a copy.
 */
int site_store_load(struct site_store *store,
		    void (*handle)(void *userdata, uint64_t id, const char *text), void *userdata);

/* Keeps the site of a connection. Without room it is not kept, and counted. */
void site_store_put(struct site_store *store, uint64_t id, const char *text);
void site_store_forget(struct site_store *store, uint64_t id);

/* Texts and connections that the kernel had no room for. */
uint64_t site_store_refused_count(const struct site_store *store);

#endif
