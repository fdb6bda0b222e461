/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on coverage: where a pool uses all of its connections in turn, one that it has passed
 * over again and again is not in it. It needs neither opens nor closes, so it is the one that sees
 * a leak out of a pool of a fixed size.
 */
#ifndef CONNLEAK_CORE_COVERAGE_H
#define CONNLEAK_CORE_COVERAGE_H

#include "eprocess.h"
#include "finding.h"
#include "moment.h"
#include "weights.h"

#define COVERAGE_SCALES 2

/*
 * Zeroed memory is a valid new test. A round is as many operations as the pool has connections;
 * rounds are counted in sixteenths.
 */
struct coverage {
	struct eprocess scales[COVERAGE_SCALES];
	struct weights gaps; /* between two uses, in sixteenths of a round */
	uint64_t rounds;
	uint64_t tested_rounds[COVERAGE_SCALES];
	uint64_t ticked_ns;
	int64_t known_ns; /* as of the last test */
	uint64_t sent_bytes; /* since the last tick */
	float watched_s;
	float rate, usual_rate; /* bytes a second: of minutes, and of an hour without evidence */
	uint32_t remainder; /* of a sixteenth of a round */
};

/* To be called for each change of the pool. */
void coverage_observe(struct coverage *coverage, const struct moment *moment,
		      const struct change *change);

/* To be called on each tick: this test is made by time. */
void coverage_advance(struct coverage *coverage, const struct moment *moment,
		      const struct pool *pool);

/* The gap, in sixteenths of a round, that hardly any use exceeds; 0 = unknown or unfair. */
uint32_t coverage_gap(const struct coverage *coverage, const struct moment *moment,
		      const struct pool *pool);

/* 1 while the pool is not known to use its connections in turn. */
double coverage_value(const struct coverage *coverage, const struct moment *moment,
		      const struct pool *pool);

/* The finding refers to coverage. */
void coverage_find(const struct coverage *coverage, const struct moment *moment,
		   const struct pool *pool, struct finding *ret_finding);

#endif
