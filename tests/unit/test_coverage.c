/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on coverage: leaks out of pools of a fixed size that use their connections in turn are
 * raised; whatever leaves connections out for another reason is not.
 */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEEDS 3
#define PER_MIN (1.0 / 60)

/* --- leaks ------------------------------------------------------------------------------------ */

struct row {
	struct sim_pool pool;
	double leaked_most; /* by the time it is raised; 0 = a suspect is enough */
};

/* The leaks of five minutes of holding and of passing over are in each figure. */
static const struct row leaky[] = {
	{.pool = {"psycopg, 20, warm, 1/min", SIM_FIFO, .max = 20, .min = 20, .rate = 5,
		  .held_s = 0.2, .leak_rate = PER_MIN, .leak_from_s = 7200},
	 .leaked_most = 20},
	{.pool = {"psycopg, 20, warm, 12/h", SIM_FIFO, .max = 20, .min = 20, .rate = 5,
		  .held_s = 0.2, .leak_rate = PER_MIN / 5, .leak_from_s = 7200},
	 .leaked_most = 12},
	{.pool = {"psycopg, 20, cold, 12/h", SIM_FIFO, .max = 20, .min = 20, .rate = 5,
		  .held_s = 0.2, .leak_rate = PER_MIN / 5},
	 .leaked_most = 20},
	{.pool = {"psycopg, 40, busy, 1/min", SIM_FIFO, .max = 40, .min = 40, .rate = 100,
		  .held_s = 0.1, .leak_rate = PER_MIN, .leak_from_s = 3600},
	 .leaked_most = 20},
	{.pool = {"psycopg, 10, low load, 1/h", SIM_FIFO, .max = 10, .min = 10, .rate = 0.2,
		  .held_s = 0.1, .leak_rate = PER_MIN / 60, .leak_from_s = 7200}},
	{.pool = {"psycopg, 8, 6/h", SIM_FIFO, .max = 8, .min = 8, .rate = 5, .held_s = 0.1,
		  .leak_rate = PER_MIN / 10, .leak_from_s = 7200}},
};

static void coverage_leaks_of_fixed_pools_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(leaky); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim *sim = sim_new(seed);
			struct sim_pool pool = leaky[i].pool;
			const struct sim_line *line;

			pool.hours = 16;
			sim_run(sim, &pool, true);
			line = sim_first_by(sim, VERDICT_LEAK,
					    leaky[i].leaked_most > 0 ? VERDICT_RAISED
								     : VERDICT_SUSPECT,
					    "coverage");
			if (!line) {
				sim_print(sim, pool.name, seed);
				fail_msg("%s, seed %u: not found", pool.name, (unsigned int)seed);
			}
			if (leaky[i].leaked_most > 0 && line->leaked_count > leaky[i].leaked_most)
				fail_msg("%s, seed %u: raised after %u leaks", pool.name,
					 (unsigned int)seed, line->leaked_count);
			/* A long job is as long; no open has asked for them. */
			if (leaky[i].leaked_most > 0)
				assert_true(line->t - sim_first(sim, VERDICT_SUSPECT)->t >= 300);
			assert_int_equal(line->right_count, line->suspect_count);
			sim_free(sim);
		}
	}
}

/* --- health ----------------------------------------------------------------------------------- */

static const struct sim_pool healthy[] = {
	{"psycopg", SIM_FIFO, .max = 4, .min = 4, .rate = 3, .held_s = 0.1, .lifetime_s = 3600,
	 .hours = 8},
	{"psycopg, larger", SIM_FIFO, .max = 20, .min = 20, .rate = 5, .held_s = 0.2,
	 .lifetime_s = 3600, .hours = 8},
	{"FIFO, load by the hour", SIM_FIFO, .max = 20, .min = 20, .rate = 10, .held_s = 0.2,
	 .swing = 1, .period_s = 7200, .hours = 8},
	{"FIFO, slow statements", SIM_FIFO, .max = 20, .min = 20, .rate = 5, .held_s = 0.2,
	 .slow_share = 0.002, .slow_s = 900, .hours = 8},
	{"FIFO, held for long now and then", SIM_FIFO, .max = 30, .min = 30, .rate = 0.5,
	 .held_s = 20, .hours = 8},
	{"LIFO of a fixed size", SIM_LIFO, .max = 20, .min = 20, .rate = 20, .held_s = 0.3,
	 .hours = 8},
	{"LIFO, load by the hour", SIM_LIFO, .max = 30, .min = 30, .rate = 60, .held_s = 0.4,
	 .swing = 1, .period_s = 7200, .hours = 8},
	{"LIFO, full by day", SIM_LIFO, .max = 20, .min = 20, .rate = 60, .held_s = 0.4,
	 .swing = 0.98, .period_s = 4 * 3600, .hours = 12},
	{"LIFO, on and off", SIM_LIFO, .max = 20, .min = 20, .rate = 60, .held_s = 0.4,
	 .on_s = 1800, .off_s = 1800, .hours = 8},
	{"server restarts", SIM_FIFO, .max = 20, .min = 20, .rate = 5, .held_s = 0.2,
	 .restart_s = 1800, .hours = 8},
};

static void coverage_healthy_pools_stay_silent(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(healthy); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim *sim = sim_new(seed);

			sim_run(sim, &healthy[i], false);
			sim_expect_no_leak(sim, healthy[i].name, seed, false);
			sim_free(sim);
		}
	}
}

/* --- processes that are not one pool ---------------------------------------------------------- */

#define STEP_S 0.5

/* Connections that a group of users shares in turn; all of them belong to one process. */
struct group {
	struct sim_conn *conns[40];
	uint32_t count, next;
	double rate;
};

static void group_open(struct sim *sim, struct group *group, uint32_t count, double rate)
{
	group->count = count;
	group->rate = rate;
	for (uint32_t i = 0; i < count; i++)
		group->conns[i] = sim_open(sim);
}

static void group_step(struct sim *sim, struct group *group)
{
	for (double t = sim_exp(sim, 1); t < group->rate * STEP_S; t += sim_exp(sim, 1))
		sim_use(sim, group->conns[group->next++ % group->count]);
}

/* A second pool, used in turn as the first is, whose work ends: at once, or little by little. */
static void run_two_pools(struct sim *sim, double rate, double fade_s)
{
	struct group one = {0}, two = {0};

	group_open(sim, &one, 10, 2);
	group_open(sim, &two, 10, rate);
	while (sim->now < 6 * 3600) {
		sim_advance(sim, sim->now + STEP_S);
		if (sim->now > 7200)
			two.rate = fade_s > 0 ? rate * exp((7200 - sim->now) / fade_s) : 0;
		group_step(sim, &one);
		group_step(sim, &two);
	}
	sim_end(sim);
}

static void coverage_second_pool_that_is_used_no_more_is_no_leak(void **state)
{
	static const struct {
		double rate, fade_s;
	} rows[] = {{2, 0}, {2, 60}, {2, 600}, {2, 3600}, {0.2, 0}, {0.2, 600}, {0.02, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim *sim = sim_new(seed);

			run_two_pools(sim, rows[i].rate, rows[i].fade_s);
			sim_expect_no_leak(sim, "two pools", seed, true);
			sim_free(sim);
		}
	}
}

/* One thread each; a few do most of the work, and threads begin to rest one by one. */
static void coverage_threads_that_come_to_rest_are_no_leak(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
		struct sim *sim = sim_new(seed);
		struct group threads = {0};

		group_open(sim, &threads, 30, 6);
		while (sim->now < 5 * 3600) {
			double span = fmax(0, sim->now - 7200) / 10800;
			uint32_t left = (uint32_t)(30 - 25 * span);

			sim_advance(sim, sim->now + STEP_S);
			for (double t = sim_exp(sim, 1); t < threads.rate * STEP_S * left / 30;
			     t += sim_exp(sim, 1))
				sim_use(sim, threads.conns[(uint32_t)(sim_random(sim) * left)]);
		}
		sim_end(sim);
		sim_expect_no_leak(sim, "threads come to rest", seed, true);
		sim_free(sim);
	}
}

/* Jobs take a connection out of the pool for half an hour each and do not use it meanwhile. */
static void coverage_jobs_that_hold_connections_are_no_leak(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);
		struct group pool = {0};
		double back[40] = {0};

		group_open(sim, &pool, 20, 4);
		while (sim->now < 8 * 3600) {
			sim_advance(sim, sim->now + STEP_S);
			for (double t = sim_exp(sim, 1); t < pool.rate * STEP_S;
			     t += sim_exp(sim, 1)) {
				uint32_t at = pool.next++ % pool.count;

				if (back[at] > sim->now)
					continue;
				sim_use(sim, pool.conns[at]);
				if (sim_random(sim) < 1.0 / (4 * 300))
					back[at] = sim->now + sim_exp(sim, 600);
			}
		}
		sim_end(sim);
		sim_expect_no_leak(sim, "jobs hold connections", seed, true);
		sim_free(sim);
	}
}

/* --- what a line says ------------------------------------------------------------------------- */

static void coverage_evidence_names_rounds(void **state)
{
	struct sim *sim = sim_new(1);
	struct sim_pool pool = leaky[0].pool;
	const struct verdict *verdict;

	(void)state;
	pool.hours = 8;
	sim_run(sim, &pool, true);
	verdict = detector_pool_verdict(sim->detector, table_first_pool(sim->table));
	assert_non_null(verdict);
	assert_string_equal(verdict->evidence[0].name, "coverage");
	assert_non_null(strstr(verdict->evidence[0].text, "connections that used to be used in "
							  "turn were passed over "));
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coverage_leaks_of_fixed_pools_are_found),
		cmocka_unit_test(coverage_healthy_pools_stay_silent),
		cmocka_unit_test(coverage_second_pool_that_is_used_no_more_is_no_leak),
		cmocka_unit_test(coverage_threads_that_come_to_rest_are_no_leak),
		cmocka_unit_test(coverage_jobs_that_hold_connections_are_no_leak),
		cmocka_unit_test(coverage_evidence_names_rounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
