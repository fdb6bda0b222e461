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

/* How all of it is dumped by jansson. */
#define SNAPSHOT_JSON (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* What /proc says of a process, to be asked once for all of its connections; begins as zeros. */
struct snapshot_process {
	struct client_id id;
	uint32_t ns_pid; /* in its own container; 0 = unknown */
};

/* One object for one connection; process is of the one before. NULL when out of memory. */
json_t *snapshot_conn(const struct live *live, const struct conn *conn,
		      struct snapshot_process *process);

/*
 * All pools as of the last look, with the source's losses; verdicts as the ledger tells of them
 * (NULL: the detector). Returns 0 or -ENOMEM.
 */
int snapshot_sample(const struct live *live, const struct ledger *ledger, bool with_sites,
		    struct sample **ret_sample);

/* The same as a line, which stays in the stream's buffer. Returns 0 or -errno. */
int snapshot_put_conn(FILE *stream, const struct live *live, const struct conn *conn,
		      struct snapshot_process *process);

/* Writes it as one line to stream, or to stdout, and frees it. Returns 0 or -errno. */
int snapshot_write(FILE *stream, json_t *object);
int snapshot_print(json_t *object);

#endif
