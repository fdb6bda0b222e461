/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table as it is now, as JSON: what --json of `list` and `top` print.
 */
#ifndef CONNLEAK_CLI_SNAPSHOT_H
#define CONNLEAK_CLI_SNAPSHOT_H

#include <jansson.h>
#include <stdio.h>

#include "live.h"

/* One object for one connection; NULL when out of memory. */
json_t *snapshot_conn(const struct live *live, const struct conn *conn);

/* One object for all pools, with the loss counters; NULL when out of memory. */
json_t *snapshot_pools(const struct live *live, struct pool *const *pools, size_t count,
		       uint64_t observed_ns);

/* Writes it as one line to stream, or to stdout, and frees it. Returns 0 or -errno. */
int snapshot_write(FILE *stream, json_t *object);
int snapshot_print(json_t *object);

#endif
