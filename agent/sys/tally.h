/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of connections that open and end between two looks: out of the probes' map of pools,
 * as events that say what has been added since the last time.
 */
#ifndef CONNLEAK_SYS_TALLY_H
#define CONNLEAK_SYS_TALLY_H

#include "batch.h"
#include "probes.h"
#include "roster.h"

struct tally;

struct tally *tally_new(void); /* NULL when out of memory */

/* Holds clients of the roster: free it first. Accepts NULL. */
void tally_free(struct tally *tally);

/*
 * Adds to the batch an EVENT_CHURN for each pool that has counted something since the last call.
 * Forgets pools, in the kernel as well, whose client has exited and which count no more. Returns 0
 * or -errno.
 */
int tally_tell(struct tally *tally, struct probes *probes, struct roster *roster,
	       struct batch *batch);

/*
 * Before the first pass of a session that goes on with an earlier one: an EVENT_PAST for each pool
 * with all that has ended so far; tally_tell() counts from there.
 */
int tally_tell_past(struct tally *tally, struct probes *probes, struct roster *roster,
		    struct batch *batch);

#endif
