/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes a sample of what a table holds and a detector knows of it.
 */
#ifndef CONNLEAK_SCREEN_SAMPLE_TAKE_H
#define CONNLEAK_SCREEN_SAMPLE_TAKE_H

#include "core/detector.h"
#include "core/ledger.h"
#include "sample.h"

/* What a sample is taken of; all borrowed, for the call only. */
struct sample_scene {
	const struct table *table;
	const struct detector *detector; /* NULL = nothing is judged: no stale ones, no history */
	const struct ledger *ledger; /* NULL = verdicts have the detector's ids */
	const struct dbkind *databases; /* NULL = no names and no limits */
	uint64_t now_ns, since_ns;
	int64_t realtime_at_zero_ns;
	uint64_t lost_count;
	bool with_sites; /* fill the rows' sites */
};

/*
 * Takes a sample; O(connections). Returns 0 or -ENOMEM. Free with sample_free().
 */
int sample_take(const struct sample_scene *scene, struct sample **ret_sample);

#endif
