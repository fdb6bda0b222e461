/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rows to the figures that the goals are stated in.
 */
#ifndef CONNLEAK_EVAL_SCORE_H
#define CONNLEAK_EVAL_SCORE_H

#include "runner.h"

struct share {
	uint64_t k, n;
};

/* Alarms over an exposure in process-days. */
struct rate {
	uint64_t count;
	double days;
};

struct samples {
	double *values; /* owned */
	size_t count;
};

enum leak_group {
	GROUP_BIG, /* grows on demand to 50 and more */
	GROUP_TWENTY,
	GROUP_SMALL, /* grows on demand to less than 20, or does not grow: suspect is enough */
	GROUP_BESIDE, /* beside another pool of the process, which rests */
	GROUP_OTHER, /* other ways of leaking than not returning */
	GROUP_COUNT,
};

struct score {
	struct share caught[GROUP_COUNT]; /* before exhaustion */
	struct share timely[2]; /* [was_cold]: leaked at detection within the goal */
	struct share timely_less_surplus; /* what was free when it began does not count */
	struct share timely_bound[2]; /* the same for somebody who knows what is leaked */
	struct share timely_held[2]; /* and who holds a suspicion for HOLD */
	struct share timely_odds[2]; /* and has the odds of the opens that there have been */
	struct samples at_detection; /* leaked; without a surplus */
	struct samples over_rate[2]; /* [was_cold]: the same less rate x 10 s */
	struct samples beyond_surplus; /* leaked beyond the surplus, where there was one */
	struct share caught_of_surplus;
	/* The same for somebody who knows what is leaked, and waits for opens that tell (bound.h).
	 */
	struct share caught_bound[GROUP_COUNT], caught_of_surplus_bound;
	struct samples beyond_surplus_bound;
	struct rate ordinary, hostile, suspects;
	struct rate other_kinds; /* verdicts other than leak on healthy pools */
	struct share precision, recall;
	struct share in_time[VERDICT_KIND_COUNT];
	struct share stopped_bound; /* of exhausted; somebody who knows the load (stopped.h) */
	struct share ending_bound; /* of it; somebody who knows the leaks (ending.h) */
	struct share told[2], told_bound[2]; /* [was_cold]: most requests leak, and it was said */
	struct share mistaken;
	struct share tte[TTE_POINTS], tte_oracle[TTE_POINTS]; /* within 40% and 25% */
	struct samples tte_error[TTE_POINTS];
	struct share baseline_caught[BASELINE_COUNT], baseline_alarmed[BASELINE_COUNT];
	struct samples baseline_leaked[BASELINE_COUNT];
	struct share detector_caught, detector_alarmed; /* the same two for the detector */
	uint64_t event_count;
	double days, wall_s;
	uint32_t run_count, error_count;
	uint32_t void_count; /* the leak had no occasion to leak */
};

/* The rows of one split. Aborts when out of memory. */
void score_rows(struct score *score, const struct results *results, enum family_split split);
void score_destroy(struct score *score);

/* --- what one row is -------------------------------------------------------------------------- */

const struct family *result_family(const struct result *result);
bool result_is_healthy(const struct result *result);
enum leak_group result_group(const struct result *result);
bool result_is_void(const struct result *result);
bool result_was_caught(const struct result *result);
/* The bound of principle was reached before exhaustion. */
bool result_could_be_caught(const struct result *result);
bool result_was_due(const struct result *result, enum verdict_kind kind);
bool result_was_in_time(const struct result *result, enum verdict_kind kind);
/* Most requests leak, and a leak or exhausted was raised until a minute after the end. */
bool result_was_told(const struct result *result);
/* Kinds that were raised and are wrong here, a bit each. */
uint32_t result_mistakes(const struct result *result);
bool family_expects(const struct family *family, enum verdict_kind *ret_kind);

#endif
