/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on order: what a stack reaches below is leaked, although the pool never opens a
 * connection; pools that are no stacks, and what is held for long in one, are left alone.
 * And where it was passed over to the last, the stack is exhausted.
 */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEEDS 3

struct row {
	struct sim_pool pool;
	uint32_t leaked_most; /* by the time it is raised */
};

/* Bursts open more than the leak takes, so that the surplus lasts. */
static const struct row leaky[] = {
	{{"bursts of 15, 12/h", .order = SIM_LIFO, .max = 40, .rate = 1, .held_s = 0.3,
	  .burst_s = 150, .burst = 15, .leak_rate = 12.0 / 3600, .leak_from_s = 3600, .hours = 4},
	 15},
	{{"waves, 20/h", .order = SIM_LIFO, .max = 60, .rate = 12, .held_s = 1, .swing = 0.9,
	  .period_s = 600, .leak_rate = 20.0 / 3600, .leak_from_s = 3600, .hours = 4},
	 15},
};

static void passed_a_leak_out_of_a_surplus_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(leaky); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim *sim = sim_new(seed);
			const struct sim_line *line;

			sim_run(sim, &leaky[i].pool, true);
			line = sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "passed_over");
			if (!line || line->leaked_count > leaky[i].leaked_most ||
			    line->right_count != line->suspect_count) {
				sim_print(sim, leaky[i].pool.name, seed);
				fail_msg("%s, seed %u: %u leaked", leaky[i].pool.name,
					 (unsigned int)seed, sim->leaked_count);
			}
			sim_free(sim);
		}
	}
}

static const struct sim_pool healthy[] = {
	{"a stack, bursts", .order = SIM_LIFO, .max = 40, .rate = 1, .held_s = 0.3, .burst_s = 150,
	 .burst = 15, .hours = 6},
	{"a stack, slow statements", .order = SIM_LIFO, .max = 60, .rate = 3, .held_s = 0.3,
	 .slow_share = 0.002, .slow_s = 900, .burst_s = 150, .burst = 15, .hours = 6},
	{"a stack, waves", .order = SIM_LIFO, .max = 60, .rate = 12, .held_s = 1, .swing = 0.9,
	 .period_s = 600, .hours = 4},
	{"a stack, held for long", .order = SIM_LIFO, .max = 60, .rate = 0.5, .held_s = 30,
	 .swing = 1, .period_s = 3600, .hours = 8},
	{"in turn, bursts", .order = SIM_FIFO, .max = 40, .min = 40, .rate = 0.5, .held_s = 0.3,
	 .burst_s = 150, .burst = 15, .hours = 6},
	{"in turn, held for long", .order = SIM_FIFO, .max = 60, .rate = 0.5, .held_s = 30,
	 .swing = 1, .period_s = 3600, .hours = 8},
};

static void passed_healthy_pools_stay_silent(void **state)
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

/*
 * Beside a stack other threads have a connection each, that they use every ten minutes: the stack
 * reaches below these all of the time, and they come back.
 */
static void passed_over_is_nothing_where_they_come_back(void **state)
{
	const struct sim_pool pool = {"a stack",     SIM_LIFO,	     .max = 40,	 .rate = 1,
				      .held_s = 0.3, .burst_s = 150, .burst = 15};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);

		for (int minute = 1; minute < 300; minute++) {
			sim_run_until(sim, &pool, 60.0 * minute);
			if (minute > 60 && minute % 10 == 0 && minute < 200)
				sim_open(sim)->state = SIM_LEAKED;
			for (uint32_t i = 0; i < sim->conn_count; i++)
				if (sim->conns[i].state == SIM_LEAKED &&
				    (minute + (int)i) % 10 == 0)
					sim_use(sim, &sim->conns[i]);
		}
		if (sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "passed_over")) {
			sim_print(sim, pool.name, seed);
			fail_msg("those that come back are accused");
		}
		sim_free(sim);
	}
}

/* Most of it is needed only now and then, and rests for up to an hour. */
static const struct sim_pool deep = {
	"a stack with little to do",
	.order = SIM_LIFO,
	.max = 7,
	.min = 7,
	.rate = 4,
	.held_s = 0.1,
	.swing = 0.8,
	.period_s = 1800,
	.burst_s = 120,
	.burst = 5,
	.leak_rate = 40.0 / 3600,
	.leak_from_s = 3 * 3600,
};

static void leak_until(struct sim *sim, const struct sim_pool *pool, uint32_t count)
{
	sim->look_s = 1;
	while (sim->leaked_count < count && sim->now < 8 * 3600)
		sim_run_until(sim, pool, sim->now + 1);
	assert_true(sim->leaked_count >= count); /* two may be in the same second */
}

static void passed_over_to_the_last_is_exhausted(void **state)
{
	uint32_t passed_count = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct sim *sim = sim_new(seed);
		const struct sim_line *line;
		double dry;

		leak_until(sim, &deep, deep.max);
		dry = sim->now;
		sim_run_until(sim, &deep, dry + 120);
		line = sim_first_of(sim, VERDICT_EXHAUSTED);
		if (!line || line->leaked_count < deep.max - 1 || line->t > dry + 60) {
			sim_print(sim, deep.name, seed);
			fail_msg("seed %u: dry at %.0f s, raised at %.0f s", (unsigned int)seed,
				 dry, line ? line->t : NAN);
		}
		passed_count += strcmp(line->evidence, "passed_over") == 0;
		sim_free(sim);
	}
	assert_true(passed_count >= 2);
}

/* A load that stops finds it with some that are passed over, and others that are free. */
static void passed_over_is_not_exhausted_where_others_are_free(void **state)
{
	static const struct {
		uint32_t size, leaked_most;
	} stacks[] = {{5, 1}, {7, 3}, {14, 5}};

	(void)state;
	for (size_t i = 0; i < COUNT(stacks); i++) {
		struct sim_pool pool = deep, working, resting;

		pool.max = pool.min = stacks[i].size;
		working = pool;
		working.leak_rate = 0;
		resting = pool;
		resting.rate = resting.burst = resting.leak_rate = 0;
		for (uint32_t count = 0; count <= stacks[i].leaked_most; count++) {
			for (uint64_t seed = 1; seed <= 5; seed++) {
				struct sim *sim = sim_new(seed);

				leak_until(sim, &pool, count);
				sim_run_until(sim, &working, sim->now + 60 * (double)seed);
				sim_run_until(sim, &resting, sim->now + 1800);
				if (sim_first_of(sim, VERDICT_EXHAUSTED)) {
					sim_print(sim, deep.name, seed);
					fail_msg("%u of %u leaked, seed %u", count, pool.max,
						 (unsigned int)seed);
				}
				sim_free(sim);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passed_a_leak_out_of_a_surplus_is_found),
		cmocka_unit_test(passed_healthy_pools_stay_silent),
		cmocka_unit_test(passed_over_is_nothing_where_they_come_back),
		cmocka_unit_test(passed_over_to_the_last_is_exhausted),
		cmocka_unit_test(passed_over_is_not_exhausted_where_others_are_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
