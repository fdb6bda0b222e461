/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdicts about the state of a pool as a whole: saturated, exhausted, storm.
 */
#ifndef CONNLEAK_CORE_STATES_H
#define CONNLEAK_CORE_STATES_H

#include "judgement.h"

/* To be called when a judgement begins. */
void states_begin(struct judgement *judgement, uint64_t t_ns);

/* To be called for each change of the pool. */
void states_observe(const struct bench *bench, struct judgement *judgement,
		    const struct change *change);

/* To be called on each tick, after meter_sample(). Returns 0 or -ENOMEM. */
int states_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns);

/* Clears what stands because the client has exited. Returns 0 or -ENOMEM. */
int states_client_exited(struct bench *bench, struct judgement *judgement, uint64_t t_ns);

/* The most severe verdict of the judgement, a leak's included; NULL when there is none. */
const struct verdict *states_worst(const struct judgement *judgement);

/* That of one kind, raised or suspected; NULL when there is none. */
const struct verdict *states_verdict(const struct judgement *judgement, enum verdict_kind kind);

/* True while one of the three stands. */
bool states_stand(const struct judgement *judgement);

/* Silently. */
void states_destroy(struct bench *bench, struct judgement *judgement);

#endif
