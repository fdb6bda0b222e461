// SPDX-License-Identifier: Apache-2.0
/*
 * Runs are independent, so processes take them from one counter in shared memory and write their
 * rows there; which worker takes which run changes nothing.
 *
 * Invariant: the rows are the same for any number of workers. A worker that dies leaves rows that
 * are not done, and that is an error of the whole.
 */
#include "runner.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS_MAX 64

struct shared {
	_Atomic uint32_t next, done;
	struct result rows[];
};

static size_t shared_size(uint32_t count)
{
	return sizeof(struct shared) + count * sizeof(struct result);
}

const char *result_params(const struct result *result, char *buffer)
{
	uint32_t count;

	return params_pick(families_all(&count)[result->family].grid, result->combination, buffer,
			   PARAMS_SIZE);
}

static bool is_drawn(const struct plan *plan, const char *word, uint64_t *ret_seed)
{
	struct rng rng = rng_of(plan->seed, word);

	*ret_seed = rng_next(&rng) >> 33; /* short enough to be typed */
	return rng_unit(&rng) < plan->share;
}

/* Fills rows from *used on; NULL rows only count. */
static void plan_family(const struct plan *plan, uint32_t index, struct result *rows,
			uint32_t *used)
{
	uint32_t count;
	const struct family *family = &families_all(&count)[index];
	uint32_t repeats = (uint32_t)(family->weight * plan->repeat + 0.5);
	char word[PARAMS_SIZE];

	if (plan->only && !strstr(family->name, plan->only))
		return;
	for (uint32_t i = 0; i < params_combinations(family->grid); i++) {
		for (uint32_t k = 0; k < (repeats ? repeats : 1); k++) {
			struct result row = {.family = index, .combination = i, .repeat = k};

			(void)snprintf(word, sizeof(word), "%s/%u/%u", family->name, i, k);
			/* Each family has at least one run, however small the share. */
			if (!is_drawn(plan, word, &row.seed) && (i > 0 || k > 0))
				continue;
			if (rows)
				rows[*used] = row;
			++*used;
		}
	}
}

static void run_one(const struct plan *plan, struct result *row)
{
	uint32_t count;
	const struct family *family = &families_all(&count)[row->family];
	char params[PARAMS_SIZE];

	row->error = judge_run(family, result_params(row, params), &plan->settings, row);
	row->is_done = true;
}

static void work(const struct plan *plan, struct shared *shared, uint32_t count)
{
	for (;;) {
		uint32_t at = atomic_fetch_add(&shared->next, 1);

		if (at >= count)
			return;
		run_one(plan, &shared->rows[at]);
		at = atomic_fetch_add(&shared->done, 1) + 1;
		if (plan->shows_progress && isatty(STDERR_FILENO))
			(void)fprintf(stderr, "\r%u of %u runs", at, count);
	}
}

static int run_workers(const struct plan *plan, struct shared *shared, uint32_t count)
{
	uint32_t wanted = plan->workers < WORKERS_MAX ? plan->workers : WORKERS_MAX;
	int error = 0, status;

	(void)fflush(stdout);
	for (uint32_t i = 0; i < wanted; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			error = -errno;
			break;
		}
		if (pid == 0) {
			work(plan, shared, count);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			error = -ECHILD;
	if (plan->shows_progress && isatty(STDERR_FILENO))
		(void)fprintf(stderr, "\r                        \r");
	return error;
}

int runner_run(const struct plan *plan, struct results *ret_results)
{
	uint32_t families, count = 0, used = 0;
	struct shared *shared;
	int error;

	(void)families_all(&families);
	for (uint32_t i = 0; i < families; i++)
		plan_family(plan, i, NULL, &count);
	shared = mmap(NULL, shared_size(count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		return -errno;
	for (uint32_t i = 0; i < families; i++)
		plan_family(plan, i, shared->rows, &used);
	error = run_workers(plan, shared, count);
	ret_results->rows = shared->rows;
	ret_results->count = count;
	return error;
}

void results_destroy(struct results *results)
{
	if (results->rows)
		(void)munmap((char *)results->rows - offsetof(struct shared, rows),
			     shared_size(results->count));
	results->rows = NULL;
}
