/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bound of principle on how early a leak can be told at the opens of its pool: what somebody
 * would say who is told which connections are leaked, and must still wait for the same records.
 */
#ifndef CONNLEAK_EVAL_BOUND_H
#define CONNLEAK_EVAL_BOUND_H

#include "core/eprocess.h"
#include "core/settings.h"
#include "world.h"

#define BOUND_SCALES 3

/* Zeroed memory is a valid new bound; bound_clear() frees what it has allocated since. */
struct bound {
	uint32_t record, record_count;
	uint32_t leaked_count; /* leaked when it was reached; 0 = not yet */
	uint64_t reached_ns; /* when that was */
	uint64_t suspect_ns; /* when half of the records were there; 0 = not yet */
	uint64_t held_ns; /* when that has lasted for HOLD as well; 0 = the bound is not reached */
	uint32_t held_count; /* leaked then; 0 = not yet */
	/* The same with the odds that the opens give which there have been. */
	struct eprocess scales[BOUND_SCALES];
	uint64_t odds_suspect_ns, odds_ns; /* 0 = not yet */
	uint32_t odds_count; /* leaked at odds_ns */
};

void bound_clear(struct bound *bound);

/* To be called at each open of the leaking process, from its start on. */
void bound_weigh_open(struct bound *bound, const struct world *world,
		      const struct settings *settings);

/* To be called at each open of the leaking process, from the first leak on. */
void bound_observe_open(struct bound *bound, const struct world *world,
			const struct settings *settings, bool is_cold);

/* To be called at each event: looks whether HOLD is over. */
void bound_advance(struct bound *bound, const struct world *world);

#endif
