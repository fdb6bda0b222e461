/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exhausted verdict: the pool is at its maximum and most of it is held by nobody who uses it.
 */
#ifndef CONNLEAK_CORE_EXHAUSTED_H
#define CONNLEAK_CORE_EXHAUSTED_H

#include "drained.h"
#include "dwindle.h"
#include "settings.h"
#include "standing.h"
#include "table.h"

#define EXHAUSTED_SAMPLES 12
/* What comes after a pause is work again when so many have come without another. */
#define EXHAUSTED_STEADY_OPERATIONS 20
/* Each of those that are left does so many times the work. */
#define EXHAUSTED_EACH_FACTOR 1.5f

/* Zeroed memory is a pool of which nothing is known. */
struct exhausted {
	struct standing standing;
	float busy[EXHAUSTED_SAMPLES]; /* share of the connections in use, a ring */
	uint32_t sample_count;
	bool has_had_slack; /* those in use have been seen with room to spare */
	int64_t last_active_ns; /* last operation of any connection */
	int64_t workers_ended_ns; /* the last operation of work that ended with its workers */
	int64_t closed_ns; /* last close by the pool of one that the server had not closed */
	uint64_t longest_quiet_ns; /* longest pause between two operations */
	uint32_t operation_count; /* since the last tick */
	uint32_t warm_count; /* operations ever, up to a few */
	uint32_t
		steady_count; /* operations since a pause in which ten were expected, up to a few */
	uint32_t streak; /* ticks in a row with an operation */
	uint64_t sent_bytes; /* since the last tick */
	float rate, rate_before; /* operations a second: of a minute, of five */
	float expected; /* operations a second when the last one was made */
	float work, work_before, work_peak; /* bytes a second: a minute, ten, the hour's highest */
	uint32_t fresh; /* connections in use, as of the last tick */
	float crew, crew_before, crew_peak; /* connections in use, the same ways */
	float work_each_at_end; /* work of a connection against that at the peak, at the end */
	uint64_t last_ns; /* since when one is left; 0 = more are */
	struct drained drained;
	int64_t resumed_ns; /* when it began to work after the last pause; 0 = there was none */
	struct dwindle dwindle;
	float work_at_end; /* share of the peak when the last operation was made */
	float work_kept_at_end; /* share of what the last ten minutes were, at that time */
};

void exhausted_observe(struct judgement *judgement, const struct change *change);

/* True when what was done at the end was not less, or not less by each that was in use. */
bool exhausted_is_cut_off(const struct exhausted *exhausted);

/* Mean busy share of those in use, over a minute; NAN with fewer samples. */
double exhausted_busy(const struct exhausted *exhausted);

/* To be called on each tick, after plateau_sample(). Returns 0 or -ENOMEM. */
int exhausted_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns);

#endif
