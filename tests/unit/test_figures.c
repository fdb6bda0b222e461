/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a pool leaks now, whatever it did before, and that the last line says so. */
#include "pool_sim.h"

static const struct verdict *verdict_of(const struct sim *sim)
{
	const struct verdict *verdict =
		detector_pool_verdict_of(sim->detector, table_first_pool(sim->table), VERDICT_LEAK);

	assert_non_null(verdict);
	return verdict;
}

static struct sim *sim_new_limited(void)
{
	struct sim *sim = sim_new_quick();
	char error[128];

	assert_int_equal(dbkind_add_endpoint(sim->databases, "main=10.0.3.7:5432,limit=100", error,
					     sizeof(error)),
			 0);
	return sim;
}

static void leak_so_many(struct sim *sim, int count, double gap_s)
{
	for (int i = 0; i < count; i++)
		sim_leak_one(sim, gap_s);
}

static void use_for(struct sim *sim, struct sim_conn *conn, double span_s)
{
	for (double until_s = sim->now + span_s; sim->now < until_s;) {
		sim_use(sim, conn);
		sim_advance(sim, sim->now + 5);
	}
	sim_end(sim);
}

static void figures_growth_is_that_of_the_last_leaks(void **state)
{
	static const struct {
		double gap_s, per_hour;
	} rows[] = {{2, 1800}, {60, 60}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sim *sim = sim_new_quick();

		leak_so_many(sim, 45, rows[!i].gap_s);
		leak_so_many(sim, 45, rows[i].gap_s);
		assert_true(fabs(verdict_of(sim)->growth_per_hour / rows[i].per_hour - 1) < 0.2);
		sim_free(sim);
	}
}

/* What leaks still is not as fast as what leaked at first, also where both are of the last. */
static void figures_growth_slows_down_with_the_leak(void **state)
{
	struct sim *sim = sim_new_limited();
	struct sim_conn *used = sim_open(sim);

	(void)state;
	leak_so_many(sim, 60, 2);
	for (int i = 0; i < 6; i++) {
		sim_leak_one(sim, 2);
		use_for(sim, used, 600);
	}
	assert_true(verdict_of(sim)->growth_per_hour < 25);
	/* 2 / sqrt(36) either way, whatever leaked before. */
	assert_true(fabs(verdict_of(sim)->exhausts_in_s / verdict_of(sim)->exhausts_in_low_s -
			 4 / 3.0) < 1e-6);
	sim_free(sim);
}

static void figures_growth_ends_with_the_leak(void **state)
{
	struct sim *sim = sim_new_limited();
	struct sim_conn *used = sim_open(sim);
	const struct sim_line *last;
	uint32_t line_count;
	double foretold_s;

	(void)state;
	leak_so_many(sim, 40, 2);
	use_for(sim, used, 60);
	last = sim_last(sim);
	line_count = sim->line_count;
	foretold_s = last->exhausts_in_s;
	assert_true(last->growth_per_hour > 60 && foretold_s < 3600);
	use_for(sim, used, 3600);
	assert_true(verdict_of(sim)->growth_per_hour < 7);
	assert_true(verdict_of(sim)->exhausts_in_s > 30000);
	/* What that line foretold has not come. */
	assert_int_equal(sim->line_count, line_count + 1);
	assert_int_equal(sim_last(sim)->state, VERDICT_UPDATED);
	assert_true(sim_last(sim)->t > last->t + foretold_s);
	assert_true(sim_last(sim)->exhausts_in_s > 5 * foretold_s);
	/* Nor has what this one did, and no more than that is told of it. */
	use_for(sim, used, 7200);
	assert_int_equal(sim->line_count, line_count + 2);
	assert_true(sim_last(sim)->exhausts_in_s > 7200);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_growth_is_that_of_the_last_leaks),
		cmocka_unit_test(figures_growth_slows_down_with_the_leak),
		cmocka_unit_test(figures_growth_ends_with_the_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
