/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool that grows on demand until it has leaked to the last: that it is exhausted is told by
 * where it stopped, and only there.
 */
#include "core/maximum.h"
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void maximum_is_what_people_write(void **state)
{
	static const uint32_t usual[] = {10, 16, 25, 50, 64, 100, 150, 200, 256, 500, 1000};
	static const uint32_t others[] = {0, 1, 5, 9, 11, 33, 57, 99, 101, 110, 257, 1100};

	(void)state;
	for (size_t i = 0; i < COUNT(usual); i++)
		assert_true(maximum_is_usual(usual[i]));
	for (size_t i = 0; i < COUNT(others); i++)
		assert_false(maximum_is_usual(others[i]));
}

/* It opens its last connection shortly before that is leaked, and nobody has told its limit. */
static void maximum_tells_of_a_pool_that_grew_to_the_last(void **state)
{
	static const struct {
		uint32_t size;
		bool is_usual;
	} pools[] = {{30, true}, {35, false}, {50, true}, {47, false}, {100, true}, {111, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(pools); i++) {
		struct sim_pool pool = {"on demand",	.max = pools[i].size,	.rate = 4,
					.held_s = 0.05, .leak_rate = 12.0 / 60, .leak_from_s = 60};
		struct sim *sim = sim_new(1);
		const struct sim_line *line;
		double dry;

		sim->look_s = 1;
		while (sim->leaked_count < pool.max)
			sim_run_until(sim, &pool, sim->now + 1);
		dry = sim->now;
		sim_run_until(sim, &pool, dry + 120);
		line = sim_first_of(sim, VERDICT_EXHAUSTED);
		if ((line != NULL) != pools[i].is_usual || (line && line->t > dry + 60)) {
			sim_print(sim, pool.name, pool.max);
			fail_msg("of %u: dry at %.0f s, raised at %.0f s", pool.max, dry,
				 line ? line->t : NAN);
		}
		sim_free(sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maximum_is_what_people_write),
		cmocka_unit_test(maximum_tells_of_a_pool_that_grew_to_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
