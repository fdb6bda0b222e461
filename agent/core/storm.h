/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The storm verdict: many times as many connects as ever, that fail or come to nothing; or most of
 * them are turned away, however few they are.
 */
#ifndef CONNLEAK_CORE_STORM_H
#define CONNLEAK_CORE_STORM_H

#include "refusal.h"
#include "standing.h"
#include "table.h"

/* What ended in the five seconds that run, as far as it was seen one by one. */
struct storm_ends {
	uint32_t closed, closed_young, unanswered;
};

/* Counts of five seconds. */
struct storm_slot {
	uint32_t opened, failed, early, unanswered, closed_young;
	float span_s;
};

/* The pool's totals as of the end of a slot: the low halves, since no slot has 2^32 of anything. */
struct storm_totals {
	uint32_t opened, failed, early, closed;
};

/* What is learned of a slot, when it has turned out to be no part of a storm. */
struct storm_lesson {
	float opened; /* in the 10 s up to its end */
	float open; /* connections open */
	float span_s; /* 0 = nothing */
};

#define STORM_LESSONS 4

/* Zeroed memory is a pool of which nothing is known. */
struct storm {
	struct standing standing;
	struct storm_ends ends;
	struct storm_slot last, before; /* the last one that is full, and the one before it */
	float earlier; /* opens a second of the slot before these */
	struct storm_totals told;
	uint64_t ticked_ns, first_ns; /* end of the last slot; begin of the judgement */
	struct storm_lesson lessons[STORM_LESSONS]; /* a ring; not learned yet */
	uint32_t lesson_count;
	float average; /* opens in 10 s, of half an hour without storms */
	float peak; /* most opens in 10 s without a storm; halves in a day */
	float open_average; /* connections open, the same way */
	/* Peaks of this minute and of the one before: they may be the beginning of a storm. */
	float candidate, ripening;
	uint64_t candidate_ns; /* when this minute began */
	float passed; /* the same of the storm that stands, as far as nothing was turned away */
	uint64_t passed_ns; /* when the last such storm was over; 0 = none was */
	struct refusal refusal;
};

/* To be called when a judgement begins, which may be later than the pool. */
void storm_begin(struct judgement *judgement, uint64_t t_ns);

/* To be called for each change of the pool. */
void storm_observe(struct judgement *judgement, const struct change *change);

/* To be called on each tick. Returns 0 or -ENOMEM. */
int storm_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns);

#endif
