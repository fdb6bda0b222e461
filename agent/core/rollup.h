/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pools of each workload have done towards each endpoint, added up for the metrics: a
 * bounded number of groups whose counts outlive the processes they come from.
 *
 *	pool --> group (workload, namespace, pod, container, endpoint, database[, pid])
 */
#ifndef CONNLEAK_CORE_ROLLUP_H
#define CONNLEAK_CORE_ROLLUP_H

#include "dbkind.h"
#include "detector.h"
#include "histogram.h"
#include "index.h"
#include "table.h"

enum rollup_label {
	ROLLUP_WORKLOAD,
	ROLLUP_NAMESPACE,
	ROLLUP_POD,
	ROLLUP_CONTAINER,
	ROLLUP_ENDPOINT,
	ROLLUP_DATABASE,
	ROLLUP_PID,
	ROLLUP_LABEL_COUNT,
};

enum rollup_state {
	ROLLUP_CONNECTING,
	ROLLUP_BUSY, /* an answer is owed */
	ROLLUP_IDLE,
	ROLLUP_STALE, /* silent for longer than is benign in its pool */
	ROLLUP_PEER_CLOSED, /* closed by the server and not by the process */
	ROLLUP_STATE_COUNT,
};

/* A group that has had no pool for this long is forgotten, and its counts with it. */
#define ROLLUP_KEEP_NS (3600 * NS_PER_SEC)

struct rollup_group {
	struct index_link link;
	struct rollup_group *next, *prev; /* all groups, the oldest first */
	char *labels[ROLLUP_LABEL_COUNT]; /* safe to show; "" = does not apply; owned */
	uint64_t seen_ns; /* when it last had a pool */
	/*
	 * Since the group is there, and since the probes are, where an agent before this one has
	 * left them. Connections that were open before that are not among the opened.
	 */
	uint64_t opened_count;
	uint64_t closed_count[CLOSE_BY_COUNT];
	uint64_t failed_count[FAIL_REASON_COUNT];
	struct histogram connect, lifetime;
	/* As of the last survey. */
	uint32_t pool_count;
	uint32_t state_count[ROLLUP_STATE_COUNT];
	uint64_t limit; /* that the endpoint is configured to have; 0 = unknown */
	uint8_t standing[VERDICT_KIND_COUNT]; /* bit per severity of the verdicts that stand */
	double exhausts_in_s; /* the soonest; NAN = unknown */
};

struct rollup;

/*
 * databases is borrowed. At most max_groups groups; whatever finds no room is counted into one more
 * whose workload is ROLLUP_OTHER. per_process: a group for each process; when the process is gone,
 * its counts go to the group of its workload, whose pid is "". NULL when out of memory.
 */
struct rollup *rollup_new(const struct dbkind *databases, uint32_t max_groups, bool per_process);
void rollup_free(struct rollup *rollup);

#define ROLLUP_OTHER "(other)"

/* Other names and limits: they hold from the next survey on. */
void rollup_set_databases(struct rollup *rollup, const struct dbkind *databases);

/* Looks at one change, before table_settle(), and at every one. */
void rollup_observe(struct rollup *rollup, const struct change *change);

/*
 * Walks the table: fills the figures "as of the last survey", puts pools whose names have become
 * known into the right group, and forgets old groups. detector may be NULL: nothing is stale then
 * and nothing stands. O(connections); to be called before the groups are read, and every few
 * minutes.
 */
void rollup_survey(struct rollup *rollup, const struct table *table,
		   const struct detector *detector, uint64_t now_ns);

/*
 * After a survey: adds a verdict that stands though the detector of this run has not found it yet.
 * It goes to the group of its pool; without a pool it is passed over.
 */
void rollup_add_verdict(struct rollup *rollup, const struct table *table,
			const struct verdict *verdict, uint64_t now_ns);

/* All groups: rollup_first(), then group->next. The one for the rest is there once it is used. */
const struct rollup_group *rollup_first(const struct rollup *rollup);

/* Groups now, without the one for the rest; and pools that found no room so far. */
uint32_t rollup_group_count(const struct rollup *rollup);
uint64_t rollup_overflow_count(const struct rollup *rollup);

#endif
