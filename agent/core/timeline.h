/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The course of one pool from when it was first sampled until now, in a fixed number of columns:
 * when they are used up, two become one. A recording of a minute and one of a week fit alike.
 */
#ifndef CONNLEAK_CORE_TIMELINE_H
#define CONNLEAK_CORE_TIMELINE_H

#include "table.h"

#define TIMELINE_COLUMNS 60
#define TIMELINE_COLUMN_NS NS_PER_SEC /* of the first column; doubled as needed */

struct timeline_column {
	uint64_t opened_count, closed_count;
	uint32_t open_max, stale_max;
	double busy_sum; /* share of connections to which an answer is owed */
	uint32_t sample_count; /* 0 = nothing is known of this time */
};

/* Zeroed memory is a valid new timeline. */
struct timeline {
	struct timeline_column columns[TIMELINE_COLUMNS];
	uint64_t begin_ns, column_ns; /* column_ns 0 = no sample yet */
	/* What was before step_until_ns is known in steps of step_ns, each shared among its
	 * columns. */
	uint64_t step_ns, step_until_ns; /* 0 = each column for itself */
	uint64_t opened_told, closed_told;
	uint32_t count; /* columns up to the last sample */
};

/*
 * Adds what pool is at now_ns, which does not go back; opens and closes are those since the sample
 * before. stale_count: of pool, as the detector counts it.
 */
void timeline_sample(struct timeline *timeline, const struct pool *pool, uint32_t stale_count,
		     uint64_t now_ns);

struct meter;

/*
 * Makes timeline what meter remembers of its pool up to now_ns, back to the pool's beginning or
 * else as far as there is anything, in the narrowest columns that fit. The past is remembered in
 * wider spans than the last minutes are: where one is wider than a column, its counts are shared
 * among its columns, and each of them has its greatest. False where nothing is remembered yet, and
 * timeline stays as it is.
 */
bool timeline_recall(struct timeline *timeline, const struct meter *meter, uint64_t now_ns);

/* How long after a sample the next one is worth making: a quarter of a column. */
uint64_t timeline_pause_ns(const struct timeline *timeline);

#endif
