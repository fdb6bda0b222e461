/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on what the server closed at once: where the process opens as many beside it and takes
 * hardly any of it up, it has forgotten them.
 */
#ifndef CONNLEAK_CORE_REPLACED_H
#define CONNLEAK_CORE_REPLACED_H

#include "finding.h"
#include "moment.h"

/* Zeroed memory is a test that has not begun. */
struct replaced {
	uint64_t began_ns; /* the first FIN of those that nobody took up; 0 = none yet */
	uint64_t burst_ns; /* the first FIN of the last burst */
	double earlier; /* what the rounds before are evidence of */
	double round; /* what was opened since the last FIN is evidence of */
	uint32_t closed_count; /* by the server since began_ns */
	uint32_t round_count; /* the same since it has opened others */
	uint32_t found_count; /* of those it had closed, by the process since */
	uint32_t left_count; /* connections alive after the last FIN */
	uint32_t present_count; /* most that it has had since the last FIN, with those in CLOSE_WAIT
				 */
	uint32_t grown_count; /* opened since began_ns beside those that lay there */
};

/* To be called for each change of the pool from the first FIN on. */
void replaced_observe(struct replaced *replaced, const struct moment *moment,
		      const struct change *change);

/* The evidence so far, an e-value; 1 = none. O(connections in CLOSE_WAIT) where there is any. */
double replaced_value(const struct replaced *replaced, const struct moment *moment,
		      const struct pool *pool);

/* What the test holds against the pool now; replaced must stay as long as the finding is used. */
void replaced_find(const struct replaced *replaced, const struct moment *moment,
		   const struct pool *pool, struct finding *ret_finding);

#endif
