/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The saturated verdict: the pool is at its maximum and all of it works, so requests wait.
 */
#ifndef CONNLEAK_CORE_SATURATED_H
#define CONNLEAK_CORE_SATURATED_H

#include "standing.h"

/* Zeroed memory is a pool that is not saturated. */
struct saturated {
	struct standing standing;
	uint64_t spread_ns; /* p95 silence as of the last tick at which it was asked for */
	bool has_had_slack; /* the pool has been seen with room to spare */
};

/* To be called on each tick, after plateau_sample() and meter_sample(). Returns 0 or -ENOMEM. */
int saturated_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns);

#endif
