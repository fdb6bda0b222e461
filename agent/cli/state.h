/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps what the next run is to know, in --state DIR: the file state.json, written when a verdict
 * changes and now and then for the baselines of workloads.
 */
#ifndef CONNLEAK_CLI_STATE_H
#define CONNLEAK_CLI_STATE_H

#include "core/fleet.h"
#include "core/ledger.h"
#include "option.h"
#include "sys/aside.h"

struct state {
	int directory_fd; /* -1 = nothing is kept */
	char path[4096]; /* of the directory */
	uint64_t due_ns; /* when to write next; UINT64_MAX = when something changes */
	uint64_t tried_ns; /* the last try to write; 0 = none */
	uint64_t failed_count; /* tries that did not succeed, of reading and of writing */
	bool is_failing; /* the last one did not */
	struct aside writer; /* busy: a try that is not over */
	uint64_t writing_since_ns; /* when it began */
	bool is_late; /* it has been said that it takes long */
};

/*
 * Opens the directory, makes it where only its last part is missing, and takes over what is there.
 * A file that cannot be used is put aside and said in a line, and the agent begins anew. Returns 0,
 * or EXIT_RUNTIME after a line where another agent keeps its state there. state_close() in any
 * case.
 */
int state_open(struct state *state, const struct options *options, struct ledger *ledger,
	       struct fleets *fleets);

/* A verdict has changed. */
void state_touch(struct state *state, uint64_t now_ns);

/*
 * To be called on each look: begins to write what is due, and notices how that went; it waits for
 * nothing. A failure is counted, said once, and retried; so is a disk that does not answer.
 */
void state_keep(struct state *state, uint64_t now_ns, const struct ledger *ledger,
		const struct fleets *fleets);

/* Writes a last time, which takes no longer than some seconds; fleets NULL = not even that. */
void state_close(struct state *state, const struct ledger *ledger, const struct fleets *fleets);

#endif
