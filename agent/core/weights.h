/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How time is divided among gaps of all lengths: a histogram in which a gap counts by its length.
 * Its quantile answers "how long is the gap that a connection is in", not "how long is a gap":
 * a connection that is hardly used has few gaps, and weighs as much as one that is used all day.
 */
#ifndef CONNLEAK_CORE_WEIGHTS_H
#define CONNLEAK_CORE_WEIGHTS_H

#include <stdint.h>

/* Four bins an octave from 4 units on; the last holds all from 5,800 on. */
#define WEIGHTS_BINS 44

/* Zeroed memory is an empty histogram; most of it stays so (parcel.h). */
struct weights {
	float bins[WEIGHTS_BINS]; /* units */
	float sum;
	uint32_t count; /* of gaps */
	uint64_t halved_ns;
};

/*
 * All weights are halved every day, so that a day's pattern is held and an old one forgotten.
 */
void weights_add(struct weights *weights, uint32_t gap, uint64_t t_ns);

/* The bin of a gap, and the gap at which a bin ends (UINT32_MAX for the last). */
unsigned int weights_bin(uint32_t gap);
uint32_t weights_bin_end(unsigned int bin);

/* The gap that all but the share of beyond of the time is spent within, rounded up to its bin. */
uint32_t weights_quantile(const struct weights *weights, double beyond);

#endif
