/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All runs of an evaluation, on as many cores as are given.
 */
#ifndef CONNLEAK_EVAL_RUNNER_H
#define CONNLEAK_EVAL_RUNNER_H

#include "judge.h"

struct plan {
	uint64_t seed;
	double share; /* of the runs, from 0 to 1: drawn, but the same for the same seed */
	double repeat; /* factor on the families' weights */
	const char *only; /* part of a family's name; NULL = all */
	uint32_t workers;
	struct settings settings;
	bool shows_progress;
};

struct results {
	struct result *rows; /* owned; in the order of families, combinations, repeats */
	uint32_t count;
};

/* Returns 0 or a negative errno. A run that fails has its error in its row. */
int runner_run(const struct plan *plan, struct results *ret_results);
void results_destroy(struct results *results);

/* The line of parameters of a row. Returns buffer (PARAMS_SIZE). */
const char *result_params(const struct result *result, char *buffer);

#endif
