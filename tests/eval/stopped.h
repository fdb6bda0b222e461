/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bound of principle on how soon it can be told that a pool is used up: what somebody would say
 * who knows the rate of its load.
 */
#ifndef CONNLEAK_EVAL_STOPPED_H
#define CONNLEAK_EVAL_STOPPED_H

#include <stdint.h>

#include "load.h"
#include "world.h"

/* So many seconds from the end of the pool on: those in which it is to be told. */
#define STOPPED_SECONDS 60

/* Zeroed memory is a pool that has not come to its end. */
struct stopped {
	uint64_t end_ns; /* when its last connection was leaked; 0 = not yet */
	uint32_t count; /* seconds of which rate is known */
	float rate[STOPPED_SECONDS]; /* requests that were to be expected in each of them */
	bool has_worked[STOPPED_SECONDS]; /* an operation was made all the same */
};

/* To be called once a second, from the end on. */
void stopped_sample(struct stopped *stopped, const struct load *load, const struct world *world);

/* t_ns: when something was sent or received; before the end it does not matter. */
void stopped_observe(struct stopped *stopped, uint64_t t_ns);

/*
 * Seconds after the end until ten operations were to be expected since the last one; NAN when that
 * takes longer than there are, or there was no end.
 */
double stopped_told_after_s(const struct stopped *stopped);

#endif
