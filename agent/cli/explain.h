/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is collected of one process while it is watched or replayed, and shown in the end.
 */
#ifndef CONNLEAK_CLI_EXPLAIN_H
#define CONNLEAK_CLI_EXPLAIN_H

#include <stdio.h>

#include "core/ledger.h"
#include "core/timeline.h"
#include "core/verdict.h"
#include "live.h"

/* One pool of the process, also after it is gone from the table. */
struct explained_pool {
	struct client_id client;
	char comm[COMM_SIZE];
	char workload[256];
	struct netaddr remote;
	uint32_t netns;
	uint64_t first_ns; /* when it was first seen */
	struct timeline timeline;
	const struct pool *pool; /* in the table as of the last sample; NULL = gone */
	bool exited;
};

struct explain {
	const struct options *options;
	FILE *stream; /* where it is printed; borrowed */
	const struct ledger *ledger; /* whose ids verdicts have; NULL = the detector's; borrowed */
	struct explained_pool *pools; /* in the order in which they were found; owned */
	size_t pool_count;
	struct verdict
		*verdicts; /* the last line of each id, oldest first; owned, with its parts */
	size_t verdict_count;
	uint64_t begin_ns, now_ns; /* of the observation */
	uint64_t due_ns; /* of the next sample */
	uint64_t lost_count; /* records */
	int64_t realtime_at_zero_ns; /* local wall clock at t = 0; 0 = unknown */
	struct live view; /* what the printers of other commands take: options, pipeline, time */
};

/* Frees what it owns, not explain itself. */
void explain_free(struct explain *explain);

/* Samples the pools of the process as of now_ns where that is due. Returns 0 or -ENOMEM. */
int explain_sample(struct explain *explain, uint64_t now_ns);

/* The same at the end: also takes the verdicts as they are now. Returns 0 or -ENOMEM. */
int explain_finish(struct explain *explain, uint64_t now_ns);

/*
 * All of it at once, from what live's pipeline has come to know of the process until its last look.
 * explain is zeroed but for options, which has the pid, stream and ledger. Returns 0 or -ENOMEM.
 */
int explain_recall(struct explain *explain, const struct live *live);

/* Keeps a verdict line if it is about the process. Returns 0 or -ENOMEM. */
int explain_add_verdict(struct explain *explain, const struct verdict *verdict);

/* Whether a verdict kept is about that pool. */
bool explain_concerns(const struct verdict *verdict, const struct explained_pool *pool);

/* What the pool's connections have in common, for people and for programs alike. */
enum explain_group {
	EXPLAIN_SUSPECT, /* held to be leaked */
	EXPLAIN_STALE, /* silent for longer than is benign in this pool */
	EXPLAIN_BUSY, /* an answer is owed */
	EXPLAIN_IDLE,
	EXPLAIN_CONNECTING,
	EXPLAIN_PEER_CLOSED, /* closed by the server, not by the process */
	EXPLAIN_GROUPS,
};

/* Where a connection stands: as a suspect first, else by its state, else by its silence. */
enum explain_group explain_group_of(const struct explain *explain, const struct conn *conn);
const char *explain_group_name(enum explain_group group); /* "suspect" */

/* Each prints everything to explain->stream; 0 or -errno. */
int explain_print_text(const struct explain *explain, bool utf8);
int explain_print_json(const struct explain *explain);

/*
 * The same JSON in steps, because of a pool with thousands of connections. Pools and verdicts are
 * as of the first step, a connection as of its own: explain, which is borrowed, has a later view by
 * then. One that ends before its turn is left out.
 */
struct explain_steps;
int explain_steps_new(const struct explain *explain, struct explain_steps **ret_steps);
void explain_steps_free(struct explain_steps *steps); /* accepts NULL */

/* Goes on until until_ns (CLOCK_MONOTONIC). Returns 1 while there is more, 0 at the end, -errno. */
int explain_step(struct explain_steps *steps, uint64_t until_ns);

#endif
