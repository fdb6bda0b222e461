/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of metrics: every name and label of it is a contract with dashboards and alerts.
 */
#ifndef CONNLEAK_SINKS_METRICS_H
#define CONNLEAK_SINKS_METRICS_H

#include "core/rollup.h"
#include "exposition.h"

/* A count by a word: how often something was lost for that reason. */
struct metrics_count {
	const char *word;
	uint64_t count;
};

/* All that the page shows; everything is borrowed. */
struct metrics_figures {
	const struct rollup *rollup; /* surveyed */
	bool per_process; /* with the label pid */
	const struct metrics_count *losses; /* by reason */
	size_t loss_count;
	const struct metrics_count *requests; /* by status of the answer */
	size_t request_count;
	const struct metrics_count *refusals; /* connections to the HTTP port cut off, by reason */
	size_t refusal_count;
	uint32_t tracked_count; /* connections in the table */
	const struct histogram *ticks; /* how long the looks took */
};

/* Returns 0 with the page, which the caller frees, or -ENOMEM. */
int metrics_render(const struct metrics_figures *figures, enum exposition_format format,
		   char **ret_text, size_t *ret_size);

#endif
