/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on what the server closed at once: a process that opens as many beside it has forgotten
 * them, one that takes them up first has not, nor has one of which only a part rests.
 */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void use(struct sim *sim, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		sim_use(sim, &sim->conns[i]);
}

/* So many connections, each used every 5 s for two minutes. */
static struct sim *work(uint32_t count)
{
	struct sim *sim = sim_new(1);

	for (uint32_t i = 0; i < count; i++)
		(void)sim_open(sim);
	for (int k = 0; k < 24; k++) {
		sim_advance(sim, sim->now + 5);
		use(sim, 0, count);
	}
	return sim;
}

static void hang_up(struct sim *sim, uint32_t first, uint32_t count, bool is_forgotten)
{
	for (uint32_t i = first; i < first + count; i++) {
		sim_fin(sim, &sim->conns[i]);
		if (!is_forgotten)
			continue;
		sim->conns[i].state = SIM_LEAKED;
		sim->leaked_count++;
	}
}

/* Opens so many, a second apart, and goes on for two minutes. */
static void grow(struct sim *sim, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		(void)sim_open(sim);
		sim_advance(sim, sim->now + 1);
	}
	sim_advance(sim, sim->now + 120);
	sim_end(sim);
}

/* Ten in CLOSE_WAIT and ten beside them: that is all it takes. */
static void replaced_all_at_once_is_a_leak_after_one_burst(void **state)
{
	struct sim *sim = work(10);
	const struct sim_line *line;

	(void)state;
	hang_up(sim, 0, 10, true);
	sim_advance(sim, sim->now + 90);
	assert_int_equal(sim->line_count, 0);
	grow(sim, 10);
	line = sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "close_wait_replaced");
	assert_non_null(line);
	assert_int_equal(line->suspect_count, 10);
	assert_int_equal(line->right_count, 10);
	sim_free(sim);
}

/* What the process does about it. */
struct answer {
	const char *name;
	uint32_t closed; /* of 20, by the server */
	uint32_t found; /* of those, by the process */
	uint32_t grown; /* beyond what it had */
	double wait_s; /* before that */
	bool is_accused;
};

static const struct answer answers[] = {
	{"nothing is needed", 20, 0, 0, 90, false},
	{"a few are", 20, 0, 4, 90, false},
	{"all are", 20, 0, 10, 90, true},
	{"another pool rests, and some of this one are found", 20, 3, 17, 90, false},
	{"all are found first", 20, 20, 20, 90, false},
	{"it opened at once, when all asked again", 20, 0, 20, 1, false},
	{"another pool rests, and this one was left alone", 15, 0, 20, 90, false},
	{"all but one are closed", 19, 0, 15, 90, true},
};

static void replaced_is_no_leak_where_the_pool_looks_after_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		const struct answer *answer = &answers[i];
		struct sim *sim = work(20);

		hang_up(sim, 0, answer->closed, answer->is_accused);
		sim_advance(sim, sim->now + answer->wait_s);
		for (uint32_t k = 0; k < answer->found; k++)
			sim_close(sim, &sim->conns[k], CLOSE_LOCAL);
		grow(sim, answer->grown + answer->found);
		if (!!sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "close_wait_replaced") !=
		    answer->is_accused) {
			sim_print(sim, answer->name, i);
			fail_msg("%s", answer->name);
		}
		sim_free(sim);
	}
}

/* What was not used for ten minutes before may not be needed for half an hour. */
static void replaced_waits_for_what_rested(void **state)
{
	struct sim *sim = work(10);

	(void)state;
	sim_advance(sim, sim->now + 600);
	hang_up(sim, 0, 10, true);
	sim_advance(sim, sim->now + 1700);
	grow(sim, 10);
	assert_null(sim_first(sim, VERDICT_RAISED));
	sim_advance(sim, sim->now + 600);
	grow(sim, 10);
	assert_non_null(sim_first(sim, VERDICT_RAISED));
	sim_free(sim);
}

/* Of eight that are due two were found; that twenty others rest does not make that few. */
static void replaced_counts_what_was_found_among_those_that_are_due(void **state)
{
	struct sim *sim = work(30);

	(void)state;
	for (int k = 0; k < 120; k++) {
		sim_advance(sim, sim->now + 5);
		use(sim, 20, 10);
	}
	hang_up(sim, 0, 30, false);
	sim_advance(sim, sim->now + 90);
	sim_close(sim, &sim->conns[20], CLOSE_LOCAL);
	sim_close(sim, &sim->conns[21], CLOSE_LOCAL);
	grow(sim, 12);
	assert_int_equal(sim->line_count, 0);
	sim_free(sim);
}

/* One by one, others are opened beside each: that many live says that two pools are at work. */
static void replaced_by_ones_and_twos_is_no_leak_where_others_live(void **state)
{
	struct sim *sim = work(20);

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		hang_up(sim, i, 1, false);
		for (int k = 0; k < 20; k++) {
			sim_advance(sim, sim->now + 5);
			use(sim, 6, 14);
		}
		(void)sim_open(sim);
	}
	assert_null(sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "close_wait_replaced"));
	sim_free(sim);
}

/* The server closes eight of twelve, again and again, and the process opens eight more. */
static void replaced_in_part_takes_three_rounds(void **state)
{
	struct sim *sim = work(12);
	uint32_t first = 4;
	int rounds = 0;

	(void)state;
	for (; rounds < 6 && !sim_first(sim, VERDICT_RAISED); rounds++) {
		hang_up(sim, first, 8, true);
		for (int k = 0; k < 20; k++) {
			sim_advance(sim, sim->now + 5);
			use(sim, 0, 4);
		}
		first = sim->conn_count;
		for (int k = 0; k < 8; k++)
			(void)sim_open(sim);
		for (int k = 0; k < 24; k++) {
			sim_advance(sim, sim->now + 5);
			use(sim, 0, 4);
			use(sim, first, 8);
		}
	}
	assert_non_null(sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "close_wait_replaced"));
	assert_int_equal(rounds, 3);
	sim_free(sim);
}

/* Two pools, one of which rests for ten minutes at a time: the server restarts every hour. */
static void replaced_is_no_leak_where_one_pool_rests(void **state)
{
	const struct sim_pool pool = {"works",	      SIM_LIFO,	   .rate = 1,	     .held_s = 2,
				      .burst_s = 700, .burst = 12, .restart_s = 3600};

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct sim *sim = sim_new(seed);

		sim_run_until(sim, &pool, 100);
		for (int i = 0; i < 12; i++)
			sim_open(sim)->state = SIM_BUSY;
		for (int k = 0; k < 40; k++) {
			sim_run_until(sim, &pool, sim->now + 600);
			for (uint32_t i = 0; i < sim->conn_count; i++) {
				struct sim_conn *conn = &sim->conns[i];

				if (conn->state != SIM_BUSY || conn->done > 0)
					continue;
				if (conn->peer_closed) {
					sim_close(sim, conn, CLOSE_LOCAL);
					sim_open(sim)->state = SIM_BUSY;
				} else {
					sim_use(sim, conn);
				}
			}
		}
		sim_expect_no_leak(sim, pool.name, seed, false);
		sim_free(sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaced_all_at_once_is_a_leak_after_one_burst),
		cmocka_unit_test(replaced_is_no_leak_where_the_pool_looks_after_its_own),
		cmocka_unit_test(replaced_waits_for_what_rested),
		cmocka_unit_test(replaced_counts_what_was_found_among_those_that_are_due),
		cmocka_unit_test(replaced_by_ones_and_twos_is_no_leak_where_others_live),
		cmocka_unit_test(replaced_in_part_takes_three_rounds),
		cmocka_unit_test(replaced_is_no_leak_where_one_pool_rests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
