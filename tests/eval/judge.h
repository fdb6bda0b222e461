/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run: a scenario through the detector and the baselines, and what came of it.
 */
#ifndef CONNLEAK_EVAL_JUDGE_H
#define CONNLEAK_EVAL_JUDGE_H

#include "agent/cli/option.h"
#include "baselines.h"
#include "scenario.h"

#define EVIDENCE_NAME_SIZE 32
#define TTE_POINTS 2 /* at 8 and at 16 leaked */

/* Plain data: it is handed from one process to another. Times in seconds; NAN = never, unknown. */
struct result {
	uint32_t family, combination, repeat;
	uint64_t seed;
	int error; /* 0, or why there is no result */
	bool is_done;
	double process_days;
	double wall_s;
	uint64_t event_count;
	uint32_t leaked_count, capacity;
	uint32_t surplus; /* free connections when the leak began */
	double first_leak_s, half_s, exhausted_s,
		end_s; /* half_s: half of the capacity is leaked */
	double onset_s;
	bool is_fixed, was_cold;
	/* The detector. */
	double suspect_s, detected_s; /* of the leak that is there */
	uint32_t leaked_at_detection;
	uint32_t bound_leaked; /* at the bound of principle (bound.h); 0 = it was not reached */
	double bound_s; /* when it was reached */
	uint32_t held_leaked; /* at the bound with HOLD; the same */
	uint32_t odds_leaked; /* with HOLD and the odds of the opens there were; the same */
	/* When somebody who knows the load would have said exhausted (stopped.h). */
	double stopped_s;
	double ending_odds; /* that it was used up, and not left alone (ending.h) */
	uint32_t raised_count[VERDICT_KIND_COUNT];
	double first_raised_s[VERDICT_KIND_COUNT];
	bool was_saturated; /* at the first such verdict, by the truth */
	uint32_t suspect_count, false_leaks;
	double first_false_s, first_suspect_s;
	char false_evidence[EVIDENCE_NAME_SIZE], suspect_evidence[EVIDENCE_NAME_SIZE];
	bool has_named;
	/* By the lines until detection + 60 s: named at all, rightly; leaked by then, and named. */
	uint32_t named, named_rightly, due, found;
	double tte_error[TTE_POINTS], tte_oracle[TTE_POINTS]; /* relative, signed */
	/* The baselines. */
	double baseline_s[BASELINE_COUNT]; /* first alarm at or after the first leak */
	uint32_t baseline_leaked[BASELINE_COUNT];
	bool baseline_alarmed[BASELINE_COUNT]; /* at any time */
};

/*
 * Runs one scenario with the detector's settings and fills *result, whose first four members are
 * set. Returns 0 or a negative errno.
 */
int judge_run(const struct family *family, const char *params, const struct settings *settings,
	      struct result *result);

#endif
