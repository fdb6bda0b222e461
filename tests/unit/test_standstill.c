/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool that leaks and whose load comes and goes: exhausted within a minute of its last
 * connection, however often it has rested before, and never while it merely rests.
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exhausted_is_raised_within_a_minute_however_often_it_has_rested),
		cmocka_unit_test(exhausted_is_not_said_of_a_leaking_pool_that_rests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
