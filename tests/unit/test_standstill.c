/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool that leaks and whose load comes and goes: exhausted within a minute of its last
 * connection, however often it has rested before, and never while it merely rests. And a healthy
 * one whose load fades: never.
 */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define ON_OFF .on_s = 600, .off_s = 600
#define PER_MIN (1.0 / 60)

static const struct sim_pool full[] = {
	{"fifty on demand, two a minute", .max = 50, .rate = 4, .held_s = 0.3,
	 .leak_rate = 2 * PER_MIN, .leak_from_s = 3600, ON_OFF},
	{"thirty, in turn, one a minute", SIM_FIFO, .max = 30, .rate = 6, .held_s = 0.2,
	 .leak_rate = PER_MIN, .leak_from_s = 3600, ON_OFF},
	{"eight in turn, one in three seconds", SIM_FIFO, .max = 8, .min = 8, .rate = 4,
	 .held_s = 0.02, .leak_rate = 20 * PER_MIN, .leak_from_s = 3600},
};

static void exhausted_is_raised_within_a_minute_however_often_it_has_rested(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(full); i++) {
		struct sim *sim = sim_new(1);
		const struct sim_line *line;
		double dry;

		sim->look_s = 1;
		while (sim->leaked_count < full[i].max && sim->now < 24 * 3600)
			sim_run_until(sim, &full[i], sim->now + 1);
		dry = sim->now;
		sim_run_until(sim, &full[i], dry + 120);
		line = sim_first_of(sim, VERDICT_EXHAUSTED);
		if (!line || line->t < dry - 60 || line->t > dry + 60) {
			sim_print(sim, full[i].name, i);
			fail_msg("%s: dry at %.0f s, raised at %.0f s", full[i].name, dry,
				 line ? line->t : NAN);
		}
		sim_free(sim);
	}
}

static const struct sim_pool resting[] = {
	{"an unlimited pool that leaks from the start on", .rate = 4, .held_s = 0.3,
	 .leak_rate = 6 * PER_MIN, .leak_from_s = 60, ON_OFF, .hours = 4},
	{"one that leaks once a minute", .rate = 4, .held_s = 0.3, .leak_rate = PER_MIN,
	 .leak_from_s = 60, ON_OFF, .hours = 8},
	{"the same, with two that are kept", .keep = 2, .rate = 4, .held_s = 0.1,
	 .leak_rate = PER_MIN, .leak_from_s = 60, ON_OFF, .hours = 8},
	{"the same, in turn", SIM_FIFO, .rate = 4, .held_s = 0.3, .leak_rate = 2 * PER_MIN,
	 .leak_from_s = 60, ON_OFF, .hours = 4},
};

static void exhausted_is_not_said_of_a_leaking_pool_that_rests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(resting); i++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct sim *sim = sim_new(seed);

			sim_run(sim, &resting[i], false);
			if (sim_first_of(sim, VERDICT_EXHAUSTED)) {
				sim_print(sim, resting[i].name, seed);
				fail_msg("%s: raised at %.0f s", resting[i].name,
					 sim_first_of(sim, VERDICT_EXHAUSTED)->t);
			}
			assert_non_null(sim_first(sim, VERDICT_RAISED)); /* the leak is told */
			sim_free(sim);
		}
	}
}

/* --- loads that change ------------------------------------------------------------------------ */

/* So many requests a second for so long; the last one of a course lasts for 0 s. */
struct phase {
	double rate, s;
};

static void run_phases(struct sim *sim, const struct sim_pool *pool, const struct phase *phase)
{
	for (; phase->s > 0; phase++) {
		struct sim_pool now = *pool;

		now.rate = phase->rate;
		sim_run_until(sim, &now, sim->now + phase->s);
	}
}

static const struct sim_pool calmed[] = {
	{"ten in turn", SIM_FIFO, .max = 10, .min = 10, .held_s = 0.2, .leak_rate = PER_MIN,
	 .leak_from_s = 2700},
	{"ten, the last one first", .max = 10, .min = 10, .held_s = 0.2, .leak_rate = PER_MIN,
	 .leak_from_s = 2700},
};

/* A sixth of the work of half an hour ago is not the end of a day: it has been so for long. */
static void exhausted_is_raised_of_a_pool_that_has_less_to_do_than_before(void **state)
{
	static const struct phase busy[] = {{12, 1800}, {2, 900}, {0, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(calmed); i++) {
		for (uint64_t seed = 2; seed <= 3; seed++) {
			struct sim *sim = sim_new(seed);
			struct sim_pool calm = calmed[i];
			const struct sim_line *line;
			double dry;

			sim->look_s = 1;
			calm.rate = 2;
			run_phases(sim, &calm, busy);
			while (sim->leaked_count < calm.max && sim->now < 24 * 3600)
				sim_run_until(sim, &calm, sim->now + 1);
			dry = sim->now;
			sim_run_until(sim, &calm, dry + 120);
			line = sim_first_of(sim, VERDICT_EXHAUSTED);
			if (!line || line->t > dry + 60) {
				sim_print(sim, calm.name, seed);
				fail_msg("%s, seed %u: dry at %.0f s, raised at %.0f s", calm.name,
					 (unsigned int)seed, dry, line ? line->t : NAN);
			}
			sim_free(sim);
		}
	}
}

/* Each is a run in which its pool looks the most like one that leaks, and one rule tells it. */
static const struct fading {
	struct sim_pool pool;
	uint64_t seed;
	struct phase phases[9];
} fadings[] = {
	{{"five, within two minutes: two did the work, and less of it", .max = 5, .held_s = 0.1},
	 23,
	 {{4, 3600}, {3.6, 20}, {3.1, 20}, {2.6, 20}, {2.1, 20}, {1.6, 20}, {1.2, 20}, {0, 90}}},
	{{"the same: most were silent for as long before", .max = 5, .held_s = 0.1},
	 18,
	 {{4, 3600}, {3.6, 20}, {3.1, 20}, {2.6, 20}, {2.1, 20}, {1.6, 20}, {1.2, 20}, {0, 90}}},
	{{"ten, within two minutes: fewer and fewer, for less and less", .max = 10, .held_s = 0.1},
	 12,
	 {{10, 3600}, {9, 20}, {8, 20}, {6.5, 20}, {5.2, 20}, {4.2, 20}, {3, 20}, {0, 90}}},
	{{"eight, calm after a busy time", .max = 8, .held_s = 0.2},
	 8,
	 {{2, 1200}, {12, 90}, {2, 600}, {12, 300}, {2, 300}, {0, 90}}},
	{{"eight, within two hours", .max = 8, .held_s = 0.2},
	 18,
	 {{8, 3600},
	  {7, 1200},
	  {6, 1200},
	  {5, 1200},
	  {4, 1200},
	  {3.2, 1200},
	  {2.6, 1200},
	  {0, 90}}},
};

static void exhausted_is_not_said_where_the_load_fades_and_stops(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(fadings); i++) {
		struct sim *sim = sim_new(fadings[i].seed);

		sim->look_s = 1;
		run_phases(sim, &fadings[i].pool, fadings[i].phases);
		if (sim_first_of(sim, VERDICT_EXHAUSTED)) {
			sim_print(sim, fadings[i].pool.name, fadings[i].seed);
			fail_msg("%s: raised at %.0f s", fadings[i].pool.name,
				 sim_first_of(sim, VERDICT_EXHAUSTED)->t);
		}
		sim_free(sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exhausted_is_raised_within_a_minute_however_often_it_has_rested),
		cmocka_unit_test(exhausted_is_not_said_of_a_leaking_pool_that_rests),
		cmocka_unit_test(exhausted_is_raised_of_a_pool_that_has_less_to_do_than_before),
		cmocka_unit_test(exhausted_is_not_said_where_the_load_fades_and_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
