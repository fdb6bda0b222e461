/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of an evaluation, on stdout.
 */
#ifndef CONNLEAK_EVAL_REPORT_H
#define CONNLEAK_EVAL_REPORT_H

#include "score.h"

/* The goals' table of one split. */
void report_goals(struct score *score, enum family_split split);

/* The detector beside the baselines, in one table. */
void report_baselines(struct score *score, enum family_split split);

/* Each family: runs, process-days, caught, alarms, suspects. */
void report_families(const struct results *results);

/* What was there against what was said. */
void report_confusion(const struct results *results, enum family_split split);

/*
 * Each false alarm and miss with the command that replays it, at most `most` a family; sets are the
 * settings of the detector that the runs had, "KEY=VALUE".
 */
void report_faults(const struct results *results, uint32_t most, const char *const *sets,
		   uint32_t set_count);

/* All runs as a table with tabs, instead of the rest. */
void report_rows(const struct results *results);

/* Compares a figure with its floor: "caught=0.95". Returns 0, 1 where it falls short, or -EINVAL.
 */
int report_check_floor(const struct score *score, const char *floor);

#endif
