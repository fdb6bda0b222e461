/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on retirement: where all connections are closed at about one age, silent ones that are
 * much older are leaked; where there is no such age, old ones are not.
 */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEEDS 3

static void expect_silence(struct sim *sim, const char *name, uint64_t seed)
{
	for (uint32_t i = 0; i < sim->line_count; i++) {
		if (sim->lines[i].kind != VERDICT_LEAK)
			continue;
		sim_print(sim, name, seed);
		fail_msg("%s: a healthy process was accused", name);
	}
}

/* Always the first free one, and so little work that its order tells nothing (passed.c). */
struct row {
	struct sim_pool pool;
	double leaked_most; /* by the time it is suspected */
};

static const struct row leaky[] = {
	{.pool = {"20, 30 min, 6/h", .max = 20, .min = 20, .rate = 0.05, .held_s = 0.2,
		  .lifetime_s = 1800, .leak_rate = 6.0 / 3600, .leak_from_s = 7200, .hours = 8},
	 .leaked_most = 15},
};

static void retirement_old_connections_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(leaky); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim *sim = sim_new(seed);
			const struct sim_line *line;

			sim_run(sim, &leaky[i].pool, true);
			line = sim_first_by(sim, VERDICT_LEAK, VERDICT_SUSPECT,
					    "missed_retirement");
			if (!line) {
				sim_print(sim, leaky[i].pool.name, seed);
				fail_msg("%s, seed %u: %u leaked, not found", leaky[i].pool.name,
					 (unsigned int)seed, sim->leaked_count);
			}
			if (line->leaked_count > leaky[i].leaked_most)
				fail_msg("%s, seed %u: suspected after %u leaks",
					 leaky[i].pool.name, (unsigned int)seed,
					 line->leaked_count);
			assert_int_equal(line->right_count, line->suspect_count);
			sim_free(sim);
		}
	}
}

static const struct sim_pool healthy[] = {
	{"30 min, unused at night", .max = 20, .min = 20, .rate = 0.01, .held_s = 0.1,
	 .lifetime_s = 1800, .hours = 10},
	{"30 min, by day and night", .max = 20, .min = 20, .rate = 20, .held_s = 0.3, .swing = 1,
	 .period_s = 14400, .lifetime_s = 1800, .hours = 12},
	{"an hour, held for long", SIM_FIFO, .max = 20, .min = 20, .rate = 0.3, .held_s = 60,
	 .lifetime_s = 3600, .hours = 16},
	{"an hour, slow statements", SIM_FIFO, .max = 20, .min = 20, .rate = 2, .held_s = 0.2,
	 .slow_share = 0.002, .slow_s = 3600, .lifetime_s = 3600, .hours = 16},
	{"no lifetime, evicts", .max = 60, .min = 5, .idle_close_s = 60, .rate = 20, .held_s = 0.5,
	 .swing = 1, .period_s = 14400, .hours = 12},
	{"no lifetime, shrinks at night", .max = 60, .min = 10, .idle_close_s = 600, .sweep_s = 30,
	 .rate = 60, .held_s = 0.5, .swing = 1, .period_s = 14400, .hours = 12},
};

static void retirement_healthy_pools_stay_silent(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(healthy); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim *sim = sim_new(seed);

			sim_run(sim, &healthy[i], false);
			expect_silence(sim, healthy[i].name, seed);
			sim_free(sim);
		}
	}
}

/*
 * Beside a pool that retires its connections, one that keeps them comes into being for ten hours,
 * a connection at a time, and is used seldom.
 */
static void retirement_of_one_pool_says_nothing_of_another_that_grows(void **state)
{
	const struct sim_pool pool = {"retires", .max = 10,	.min = 10,
				      .rate = 1, .held_s = 0.2, .lifetime_s = 1800};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);
		struct sim_conn *kept[20];
		int count = 0;

		sim_sweep(sim, &pool);
		while (sim->now < 10 * 3600) {
			sim_pool_step(sim, &pool);
			if (sim_passes(sim, 1))
				sim_sweep(sim, &pool);
			if (count < 20 && sim->now > 1800 * (count + 1)) {
				kept[count] = sim_open(sim);
				kept[count++]->state = SIM_BUSY;
				kept[count - 1]->done = INFINITY;
			}
			for (int i = 0; i < count; i++)
				if (sim_random(sim) < SIM_STEP_S / 600)
					sim_use(sim, kept[i]);
			sim_advance(sim, sim->now + SIM_STEP_S);
		}
		sim_end(sim);
		if (sim_first(sim, VERDICT_RAISED))
			expect_silence(sim, "a second pool", seed);
		sim_free(sim);
	}
}

#define OWN 10
#define REST_S 800.0

/*
 * A pool uses each of its own now and then, and closes it right after the second use: its silences
 * are long, so opens prove nothing for an hour, and it evicts nothing. Beside it so many are opened
 * at a time, every gap_s, and never used again.
 */
static struct sim *open_unused(uint32_t at_a_time, double gap_s, uint32_t count)
{
	struct sim *sim = sim_new(1);
	struct sim_conn *own[OWN] = {NULL};
	double due[OWN], next = 3 * 3600;

	for (int i = 0; i < OWN; i++)
		due[i] = 1 + i * REST_S / OWN;
	while (sim->now < 3 * 3600 + 9000) {
		for (int i = 0; i < OWN; i++) {
			if (sim->now < due[i])
				continue;
			due[i] = sim->now + REST_S;
			if (!own[i]) {
				own[i] = sim_open(sim);
				continue;
			}
			sim_use(sim, own[i]);
			if (sim->now - own[i]->opened < 1.5 * REST_S)
				continue;
			sim_advance(sim, sim->now + 0.5);
			sim_look(sim);
			sim_close(sim, own[i], CLOSE_LOCAL);
			own[i] = sim_open(sim);
		}
		for (uint32_t i = 0; sim->now >= next && i < at_a_time; i++) {
			if (sim->leaked_count == count)
				break;
			sim_open(sim)->state = SIM_LEAKED;
			sim->leaked_count++;
		}
		next += sim->now >= next ? gap_s : 0;
		sim_advance(sim, sim->now + 1);
	}
	sim_end(sim);
	return sim;
}

/* No more than the ladder leaves alone (ladder.c). */
static void retirement_never_used_ones_that_come_one_by_one_are_leaked(void **state)
{
	struct sim *sim = open_unused(1, 100, 34);
	const struct sim_line *line = sim_first(sim, VERDICT_RAISED);

	(void)state;
	assert_non_null(line);
	assert_int_equal(line->kind, VERDICT_LEAK);
	assert_string_equal(line->evidence, "missed_retirement");
	assert_true(line->leaked_count >= 20);
	/* The last one is not silent yet. */
	assert_in_range(line->right_count, line->leaked_count - 1, line->leaked_count);
	assert_int_equal(line->right_count, line->suspect_count);
	sim_free(sim);
}

static void retirement_never_used_ones_of_few_bursts_may_be_another_pool(void **state)
{
	struct sim *sim = open_unused(15, 1500, 60);

	(void)state;
	assert_null(sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "missed_retirement"));
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retirement_old_connections_are_found),
		cmocka_unit_test(retirement_healthy_pools_stay_silent),
		cmocka_unit_test(retirement_of_one_pool_says_nothing_of_another_that_grows),
		cmocka_unit_test(retirement_never_used_ones_that_come_one_by_one_are_leaked),
		cmocka_unit_test(retirement_never_used_ones_of_few_bursts_may_be_another_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
