/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two pools of one process: eight connections that rest for twenty minutes at a time, which makes
 * the limit of the test on opens more than an hour, and others that are used every second.
 */
#include "pool_sim.h"

#define RESTING 8
#define REST_S 1200.0
#define GROWTH 30
#define GAP_S 20.0
#define MANY 60

struct process {
	struct sim *sim;
	struct sim_conn *resting[RESTING];
	struct sim_conn *grown[GROWTH];
	uint32_t grown_count;
	struct sim_conn *hot;
	double wakes_s;
	double rest_s;
};

static void use_all(struct sim *sim, struct sim_conn **conns, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		sim_use(sim, conns[i]);
}

static void pass(struct process *process, double seconds)
{
	struct sim *sim = process->sim;
	double until = sim->now + seconds;

	while (sim->now < until) {
		/* At a steady pace they would be heartbeats. */
		if (sim_random(sim) < 0.6)
			sim_use(sim, process->hot);
		if (sim->now >= process->wakes_s) {
			use_all(sim, process->resting, RESTING);
			process->wakes_s = sim->now + process->rest_s * (0.5 + sim_random(sim));
		}
		sim_advance(sim, sim->now + 1);
	}
}

/* The limit is learned: the process needs one more now and then. */
static void begin_within(struct process *process, double rest_s)
{
	double share = rest_s / REST_S;

	*process = (struct process){.sim = sim_new(1), .rest_s = rest_s};
	for (int i = 0; i < RESTING; i++)
		process->resting[i] = sim_open(process->sim);
	process->hot = sim_open(process->sim);
	for (int i = 0; i < 6; i++) {
		struct sim_conn *more;

		pass(process, 1000 * share);
		more = sim_open(process->sim);
		pass(process, 200 * share);
		sim_close(process->sim, more, CLOSE_LOCAL);
		pass(process, 100 * share);
	}
	assert_int_equal(process->sim->line_count, 0);
}

static void begin(struct process *process)
{
	begin_within(process, REST_S);
}

static void end(struct process *process)
{
	sim_end(process->sim);
	sim_free(process->sim);
}

static void ladder_finds_what_worked_and_never_came_back(void **state)
{
	const struct sim_line *line;
	struct process process;

	(void)state;
	begin(&process);
	while (process.sim->leaked_count < GROWTH && !sim_first(process.sim, VERDICT_RAISED)) {
		process.hot->state = SIM_LEAKED;
		process.sim->leaked_count++;
		process.hot = sim_open(process.sim);
		pass(&process, GAP_S);
	}
	line = sim_first_by(process.sim, VERDICT_LEAK, VERDICT_RAISED, "silent_growth_at_opens");
	assert_non_null(line);
	assert_in_range(line->leaked_count, 8, 16);
	assert_int_equal(line->right_count, line->suspect_count);
	end(&process);
}

/* One in three is used again and again, the others as often as uses says, and then no more. */
static void grow_fast(struct process *process, int uses)
{
	for (int i = 0; i < GROWTH; i++) {
		struct sim_conn *conn = sim_open(process->sim);

		sim_use(process->sim, conn);
		for (int use = 1; use < (i % 3 ? uses : 4); use++) {
			pass(process, 2 + use);
			sim_use(process->sim, conn);
		}
		pass(process, GAP_S);
	}
}

static void ladder_finds_what_was_leaked_before_it_had_habits(void **state)
{
	struct process process;

	(void)state;
	begin(&process);
	grow_fast(&process, 2);
	assert_non_null(
		sim_first_by(process.sim, VERDICT_LEAK, VERDICT_RAISED, "silent_growth_at_opens"));
	end(&process);
}

static void ladder_says_nothing_where_most_were_never_given_back(void **state)
{
	struct process process;

	(void)state;
	begin(&process);
	grow_fast(&process, 1);
	sim_expect_no_leak(process.sim, "sessions", 1, false);
	end(&process);
}

/* Each is used once, one by one, and none ever comes back; in company they are pools' spares. */
static void open_many(struct process *process, uint32_t count, uint32_t at_once)
{
	for (uint32_t i = 0; i < count; i += at_once) {
		for (uint32_t k = 0; k < at_once; k++)
			sim_use(process->sim, sim_open(process->sim));
		pass(process, GAP_S);
	}
}

static void ladder_finds_many_that_never_came_back(void **state)
{
	const struct sim_line *line;
	struct process process;

	(void)state;
	begin(&process);
	open_many(&process, MANY, 1);
	line = sim_first_by(process.sim, VERDICT_LEAK, VERDICT_RAISED, "silent_growth_at_opens");
	assert_non_null(line);
	assert_true(line->suspect_count >= 35);
	end(&process);
}

static void ladder_says_nothing_of_many_in_company(void **state)
{
	struct process process;

	(void)state;
	begin(&process);
	open_many(&process, MANY, 2);
	sim_expect_no_leak(process.sim, "spares", 1, false);
	end(&process);
}

/* One of them ends: so may the others. */
static void ladder_says_nothing_of_many_where_one_ends(void **state)
{
	struct process process;
	struct sim_conn *session;

	(void)state;
	begin(&process);
	open_many(&process, 10, 1);
	session = sim_open(process.sim);
	sim_use(process.sim, session);
	open_many(&process, 20, 1);
	sim_use(process.sim, session);
	open_many(&process, 20, 1);
	sim_expect_no_leak(process.sim, "sessions", 1, false);
	end(&process);
}

/* A process that has just begun has not shown yet what it does. */
static void ladder_says_nothing_of_many_in_a_new_process(void **state)
{
	struct process process;

	(void)state;
	begin_within(&process, REST_S / 10);
	open_many(&process, MANY, 1);
	assert_null(
		sim_first_by(process.sim, VERDICT_LEAK, VERDICT_RAISED, "silent_growth_at_opens"));
	end(&process);
}

/* What was leaked before the evidence began lies there as well, and rested less than that before.
 */
static void ladder_names_what_was_leaked_before_its_evidence(void **state)
{
	struct process process;
	const struct verdict *verdict;

	(void)state;
	begin(&process);
	for (int i = 0; i < GROWTH; i++) {
		process.hot->state = SIM_LEAKED;
		process.sim->leaked_count++;
		process.hot = sim_open(process.sim);
		pass(&process, GAP_S);
	}
	verdict = detector_pool_verdict_of(process.sim->detector,
					   table_first_pool(process.sim->table), VERDICT_LEAK);
	assert_non_null(verdict);
	assert_true(verdict->suspect_count + 2 >= process.sim->leaked_count);
	end(&process);
}

/* It leaks no more, and what it has leaked lies there. */
static void ladder_stands_as_long_as_they_lie_there(void **state)
{
	struct process process;

	(void)state;
	begin(&process);
	while (process.sim->leaked_count < GROWTH) {
		process.hot->state = SIM_LEAKED;
		process.sim->leaked_count++;
		process.hot = sim_open(process.sim);
		pass(&process, GAP_S);
	}
	for (int i = 0; i < 60; i++) {
		struct sim_conn *more = sim_open(process.sim);

		pass(&process, 61);
		sim_close(process.sim, more, CLOSE_LOCAL);
		pass(&process, 30);
	}
	assert_non_null(sim_first(process.sim, VERDICT_RAISED));
	assert_null(sim_first(process.sim, VERDICT_CLEARED));
	end(&process);
}

/* Sessions: each is opened, used once and held. */
static void ladder_says_nothing_of_what_was_used_once(void **state)
{
	struct process process;

	(void)state;
	begin(&process);
	for (int i = 0; i < GROWTH; i++) {
		(void)sim_open(process.sim);
		pass(&process, GAP_S);
	}
	sim_expect_no_leak(process.sim, "sessions", 1, false);
	end(&process);
}

/* A load that grows for a while: each worked, rests, and is used again. */
static void ladder_says_nothing_of_what_comes_back(void **state)
{
	struct process process;

	(void)state;
	begin(&process);
	for (int i = 0; i < GROWTH; i++) {
		process.grown[process.grown_count++] = process.hot;
		process.hot = sim_open(process.sim);
		pass(&process, GAP_S);
		if (i % 4 == 3)
			use_all(process.sim, process.grown, process.grown_count - 3);
	}
	sim_expect_no_leak(process.sim, "a growing load", 1, false);
	end(&process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ladder_finds_what_worked_and_never_came_back),
		cmocka_unit_test(ladder_finds_what_was_leaked_before_it_had_habits),
		cmocka_unit_test(ladder_says_nothing_where_most_were_never_given_back),
		cmocka_unit_test(ladder_finds_many_that_never_came_back),
		cmocka_unit_test(ladder_says_nothing_of_many_in_company),
		cmocka_unit_test(ladder_says_nothing_of_many_where_one_ends),
		cmocka_unit_test(ladder_says_nothing_of_many_in_a_new_process),
		cmocka_unit_test(ladder_names_what_was_leaked_before_its_evidence),
		cmocka_unit_test(ladder_stands_as_long_as_they_lie_there),
		cmocka_unit_test(ladder_says_nothing_of_what_was_used_once),
		cmocka_unit_test(ladder_says_nothing_of_what_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
