/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table as it is now, as JSON: what --json of `list` and `top` print.
 */
#ifndef CONNLEAK_CLI_SNAPSHOT_H
#define CONNLEAK_CLI_SNAPSHOT_H

#include <jansson.h>
#include <stdio.h>

#include "live.h"
#include "screen/sample_take.h"

/* One object for one connection; NULL when out of memory. */
json_t *snapshot_conn(const struct live *live, const struct conn *conn);

/*
 * All pools as of the last look, with the source's losses; verdicts as the ledger tells of them
 * (NULL: the detector). Returns 0 or -ENOMEM.
 */
int snapshot_sample(const struct live *live, const struct ledger *ledger, bool with_sites,
		    struct sample **ret_sample);

/* Writes it as one line to stream, or to stdout, and frees it. Returns 0 or -errno. */
int snapshot_write(FILE *stream, json_t *object);
int snapshot_print(json_t *object);

#endif
