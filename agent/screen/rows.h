/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a sample to the lines of a screen: chosen by a filter, grouped, in an order.
 */
#ifndef CONNLEAK_SCREEN_ROWS_H
#define CONNLEAK_SCREEN_ROWS_H

#include "filter.h"
#include "sample.h"

enum rows_group {
	ROWS_POOLS, /* a line a pool */
	ROWS_PROCESSES,
	ROWS_WORKLOADS,
	ROWS_ENDPOINTS,
	ROWS_SITES,
	ROWS_GROUP_COUNT,
};

enum rows_sort {
	ROWS_BY_SEVERITY, /* worst first: the default */
	ROWS_BY_PID,
	ROWS_BY_COMM,
	ROWS_BY_WORKLOAD,
	ROWS_BY_DATABASE,
	ROWS_BY_ENDPOINT,
	ROWS_BY_OPEN,
	ROWS_BY_FILL,
	ROWS_BY_BUSY,
	ROWS_BY_IDLE,
	ROWS_BY_STALE,
	ROWS_BY_OPENS,
	ROWS_BY_CLOSES,
	ROWS_BY_LEFT, /* time to exhaustion */
	ROWS_SORT_COUNT,
};

/* A line: a pool, or the sums over a group. Points into the sample. */
struct row {
	uint64_t key; /* the same for the same thing in every sample; never 0 */
	const struct sample_row *pool; /* the pool, or the worst one of the group */
	const char *site; /* of ROWS_SITES; NULL = unknown, or one of too many */
	uint32_t pool_count, process_count, workload_count, endpoint_count;
	uint64_t open_count, stale_count;
	uint64_t connecting_count, busy_count, idle_count, peer_closed_count; /* 0 of a site */
	double opens_per_s, closes_per_s, fails_per_s; /* NAN = unknown */
	uint64_t limit; /* 0 = unknown, or not the same for all of the group */
	enum sample_limit limit_kind;
	uint32_t history[SAMPLE_HISTORY_COUNT];
	bool exited; /* all of it */
};

/* The pools of one line of another grouping. */
struct rows_scope {
	enum rows_group group; /* ROWS_POOLS = everything */
	uint64_t key;
};

struct rows_query {
	enum rows_group group;
	enum rows_sort sort;
	bool is_reversed;
	const struct filter *filter; /* NULL = all */
	struct rows_scope scope;
};

struct rows {
	struct row *rows;
	uint32_t count;
	uint32_t pool_count; /* that have passed filter and scope */
};

/*
 * Fills *ret_rows, to be cleared with rows_clear(); sample is borrowed for as long as they live.
 * held (NULL = none) keeps the order of an earlier result: what was in it comes first, in its
 * order, what is new behind. Returns 0 or -ENOMEM.
 */
int rows_make(const struct sample *sample, const struct rows_query *query, const struct rows *held,
	      struct rows *ret_rows);
void rows_clear(struct rows *rows);

/* The place of a line; UINT32_MAX = it is not there. */
uint32_t rows_find(const struct rows *rows, uint64_t key);

/* 0 = nothing is held against it, 1 = suspect, 2 = info, 3 = warning, 4 = critical. */
unsigned int rows_severity(const struct sample_row *pool);

const char *rows_group_name(enum rows_group group); /* "process" */
const char *rows_sort_name(enum rows_sort sort); /* "severity" */

#endif
