/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on what the server has closed and the process has not: it speaks where connections rest
 * for so long that silence alone says nothing.
 */
#include "pool_sim.h"

#define RESTING 20
#define WORKING 4
#define ROUND_S 80.0

/* No two requests are the same, or they would be heartbeats. */
static void request(struct sim *sim, struct sim_conn *conn)
{
	sim_use(sim, conn);
	conn->sent += (uint64_t)(sim_random(sim) * 400);
}

/* Some work all the time, and some every twenty minutes only, with opens in between. */
static struct sim *begin(void)
{
	struct sim *sim = sim_new_quick();

	for (int i = 0; i < RESTING + WORKING; i++)
		(void)sim_open(sim);
	while (sim->now < 4 * 3600) {
		struct sim_conn *extra = sim_open(sim);

		sim_advance(sim, sim->now + 20);
		sim_close(sim, extra, CLOSE_LOCAL);
		sim_advance(sim, sim->now + 70); /* so that it does not pay for the next one */
		for (uint32_t i = 0; i < RESTING + WORKING; i++)
			if (i >= RESTING || sim->now - sim->conns[i].last_recv > 1200)
				request(sim, &sim->conns[i]);
	}
	return sim;
}

static void work(struct sim *sim, double seconds)
{
	double until = sim->now + seconds;

	while (sim->now < until) {
		for (uint32_t i = RESTING; i < RESTING + WORKING; i++)
			request(sim, &sim->conns[i]);
		sim_advance(sim, sim->now + 2);
	}
}

/* The server ends one after the other: forgotten, and another one is opened beside it. */
static void closewait_that_grows_with_each_fin_is_a_leak(void **state)
{
	struct sim *sim = begin();
	const struct sim_line *line;

	(void)state;
	assert_int_equal(sim->line_count, 0);
	for (uint32_t i = 0; i < RESTING && !sim_first(sim, VERDICT_RAISED); i++) {
		sim_fin(sim, &sim->conns[i]);
		sim->conns[i].state = SIM_LEAKED;
		sim->leaked_count++;
		(void)sim_open(sim);
		work(sim, ROUND_S);
	}
	line = sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "close_wait_at_fins");
	assert_non_null(line);
	assert_in_range(line->leaked_count, 6, 14);
	assert_int_equal(line->right_count, line->suspect_count);
	sim_free(sim);
}

/* The same, found and closed at the next look of a housekeeper, half a minute later. */
static void closewait_that_is_closed_in_time_is_no_leak(void **state)
{
	struct sim *sim = begin();

	(void)state;
	for (uint32_t i = 0; i < RESTING; i++) {
		sim_fin(sim, &sim->conns[i]);
		work(sim, 30);
		sim_close(sim, &sim->conns[i], CLOSE_LOCAL);
		(void)sim_open(sim); /* in the same place */
		work(sim, ROUND_S - 30);
	}
	assert_int_equal(sim->line_count, 0);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closewait_that_grows_with_each_fin_is_a_leak),
		cmocka_unit_test(closewait_that_is_closed_in_time_is_no_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
