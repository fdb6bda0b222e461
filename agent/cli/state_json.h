/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent keeps over a restart as one JSON document: the verdicts that stand, and what
 * workloads are like. Version 1:
 *
 *	{"connleak_state":1,"boot_id":"...","t_ns":N,"realtime_ns":N,"next_id":N,
 *	 "verdicts":[{"id":17,"kind":"leak",...,"suspects":["127.0.0.1:40123",...]},...],
 *	 "baselines":[{"workload":"...","remote":"10.0.3.7:5432","plateau":20,...},...]}
 *
 * Unknown keys are ignored, so a later version may add some.
 */
#ifndef CONNLEAK_CLI_STATE_JSON_H
#define CONNLEAK_CLI_STATE_JSON_H

#include "core/fleet.h"
#include "core/ledger.h"

#define STATE_VERSION 1
#define STATE_BYTES_MAX (32 * 1024 * 1024)

/* One moment on the clocks by which a later run understands the times in the file. */
struct state_clock {
	char boot_id[40]; /* of the running kernel */
	uint64_t t_ns; /* CLOCK_MONOTONIC, the events' clock */
	int64_t realtime_ns;
};

/* Returns the document, to be freed with free(), or NULL when out of memory. */
char *state_encode(const struct ledger *ledger, const struct fleets *fleets,
		   const struct state_clock *now);

/*
 * Takes a document over into a ledger and fleets that are new. Returns 0, or with a sentence in
 * ret_error -EINVAL for one that is damaged and -ENOTSUP for a version that is not known, when
 * nothing has been taken; or -ENOMEM.
 */
int state_decode(const char *bytes, size_t length, const struct state_clock *now,
		 struct ledger *ledger, struct fleets *fleets, char *ret_error, size_t error_size);

#endif
