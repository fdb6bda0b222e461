/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict from suspect to cleared. */
#include "core/meter.h"
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct verdict *standing(const struct sim *sim)
{
	return detector_pool_verdict(sim->detector, table_first_pool(sim->table));
}

/* --- the life of a verdict -------------------------------------------------------------------- */

static void detector_leak_goes_from_suspect_to_raised_with_one_id(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	sim_leak_until_raised(sim, 2);
	assert_int_equal(sim->line_count, 2);
	assert_int_equal(sim->lines[0].state, VERDICT_SUSPECT);
	assert_int_equal(sim->lines[0].severity, SEVERITY_INFO);
	assert_int_equal(sim->lines[1].state, VERDICT_RAISED);
	assert_int_equal(sim->lines[1].severity, SEVERITY_WARNING);
	assert_int_equal(sim->lines[0].id, sim->lines[1].id);
	assert_true(sim->lines[1].t - sim->lines[0].t >= 10);
	assert_memory_equal(sim->lines[0].summary, "SUSPECT orders-api[4121] -> ", 28);
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_LEAK), 1);
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_STORM), 0);
	sim_free(sim);
}

static void detector_verdict_names_within_a_minute_what_had_leaked(void **state)
{
	struct sim *sim = sim_new_quick();
	uint32_t leaked;
	double raised;

	(void)state;
	sim_leak_until_raised(sim, 2);
	raised = sim_last(sim)->t;
	leaked = sim_last(sim)->leaked_count;
	assert_true(sim_last(sim)->suspect_count < leaked);
	while (sim->line_count == 2 && sim->now < raised + 60)
		sim_leak_one(sim, 2);
	assert_int_equal(sim_last(sim)->state, VERDICT_UPDATED);
	assert_in_range(sim_last(sim)->t - raised, 50, 60);
	assert_true(sim_last(sim)->right_count >= leaked);
	assert_int_equal(sim_last(sim)->id, sim->lines[0].id);
	sim_free(sim);
}

static void detector_verdict_is_updated_as_the_suspects_grow_and_not_one_by_one(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	sim_leak_until_raised(sim, 20);
	while (sim->leaked_count < 100)
		sim_leak_one(sim, 20);
	assert_in_range(sim->line_count, 8, 14);
	for (uint32_t i = 3; i < sim->line_count; i++) {
		const struct sim_line *line = &sim->lines[i];

		assert_int_equal(line->state, VERDICT_UPDATED);
		assert_true(4 * line->suspect_count >= 5 * line[-1].suspect_count);
	}
	sim_free(sim);
}

static void detector_update_drops_those_that_came_back(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	sim_leak_until_raised(sim, 2);
	sim_advance(sim, sim->now + 60);
	sim_end(sim);
	for (uint32_t i = 0; i < sim->leaked_count / 2; i++) {
		sim_use(sim, &sim->conns[i]);
		sim->conns[i].state = SIM_IDLE;
	}
	sim_advance(sim, sim->now + 60);
	sim_end(sim);
	assert_int_equal(sim_last(sim)->kind, VERDICT_LEAK);
	assert_int_equal(sim_last(sim)->state, VERDICT_UPDATED);
	assert_true(sim_last(sim)->suspect_count < sim->leaked_count);
	assert_int_equal(sim_last(sim)->right_count, sim_last(sim)->suspect_count);
	sim_free(sim);
}

static void detector_verdict_is_cleared_when_all_suspects_are_released(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	sim_leak_until_raised(sim, 2);
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state == SIM_LEAKED)
			sim_close(sim, &sim->conns[i], CLOSE_LOCAL);
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	assert_true(sim_last(sim)->t == sim->now);
	assert_non_null(strstr(sim_last(sim)->summary, "suspects were released"));
	assert_memory_equal(sim_last(sim)->summary, "CLEARED ", 8);
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_LEAK), 0);
	assert_null(standing(sim));
	sim_free(sim);
}

/* A goodbye is a use of each, and the leak is not said to have come back to life. */
static void detector_verdict_that_ends_with_a_use_claims_no_more(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	sim_leak_until_raised(sim, 2);
	for (uint32_t i = 0; i < sim->conn_count; i++)
		sim_use(sim, &sim->conns[i]);
	sim_advance(sim, sim->now + 5);
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	assert_non_null(strstr(sim_last(sim)->summary, " suspects was used again or closed."));
	sim_free(sim);
}

static void detector_verdict_is_cleared_when_the_process_exits(void **state)
{
	struct sim *sim = sim_new_quick();
	struct event event = {.type = EVENT_EXIT};

	(void)state;
	sim_leak_until_raised(sim, 2);
	event.client = sim_client(sim);
	sim_event(sim, &event);
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	assert_non_null(strstr(sim_last(sim)->summary, "the process has exited"));
	for (uint32_t i = 0; i < sim->conn_count; i++)
		sim_close(sim, &sim->conns[i], CLOSE_EXIT);
	sim_advance(sim, sim->now + 60);
	sim_end(sim);
	assert_int_equal(sim->line_count, 3);
	table_sweep(sim->table, sim_ns(sim->now));
	assert_int_equal(table_pool_count(sim->table), 0);
	sim_free(sim);
}

/* Nobody has mended the leak. */
static void detector_connections_closed_by_the_end_of_the_process_are_not_released(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	sim_leak_until_raised(sim, 2);
	for (uint32_t i = 0; i < sim->conn_count; i++)
		sim_close(sim, &sim->conns[i], CLOSE_EXIT);
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	assert_non_null(strstr(sim_last(sim)->summary, "the process has exited"));
	sim_free(sim);
}

/* Opens that find no more of it, for as long as it takes the evidence to fade, and CLEAR. */
static void churn(struct sim *sim, double seconds)
{
	double end = sim->now + seconds;

	while (sim->now < end) {
		struct sim_conn *conn = sim_open(sim);

		sim_advance(sim, sim->now + 2);
		sim_close(sim, conn, CLOSE_LOCAL);
	}
}

static void detector_verdict_stands_while_what_it_named_lies_there(void **state)
{
	struct sim *sim = sim_new_quick();
	const struct verdict *verdict;

	(void)state;
	sim_leak_until_raised(sim, 2);
	churn(sim, 7200);
	assert_null(sim_first(sim, VERDICT_CLEARED));
	verdict =
		detector_pool_verdict_of(sim->detector, table_first_pool(sim->table), VERDICT_LEAK);
	assert_non_null(verdict);
	assert_int_equal(verdict->suspect_count, sim->leaked_count);
	/* What it rests on is still what raised it, and it grows no more. */
	assert_non_null(strstr(verdict->evidence[0].text, "connections were silent for longer"));
	assert_null(strstr(verdict->evidence[0].text, "(e-value 1,"));
	assert_true(verdict->growth_per_hour < 60);
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state == SIM_LEAKED)
			sim_close(sim, &sim->conns[i], CLOSE_LOCAL);
	assert_non_null(sim_first(sim, VERDICT_CLEARED));
	sim_free(sim);
}

/* What comes back after half an hour makes evidence slow, and gives nobody back. */
static void detector_verdict_stands_when_another_silence_was_nearly_as_long(void **state)
{
	struct sim *sim = sim_new_quick();
	struct sim_conn *sleeper = sim_open(sim);

	(void)state;
	sim_leak_until_raised(sim, 2);
	churn(sim, 1500);
	sim_use(sim, sleeper);
	churn(sim, 3600);
	assert_null(sim_first(sim, VERDICT_CLEARED));
	sim_use(sim, sleeper);
	churn(sim, 3600);
	assert_null(sim_first(sim, VERDICT_CLEARED));
	sim_free(sim);
}

/* One that was in use is a mistake; one of five says that the others may be as well. */
static void detector_verdict_stands_while_hardly_any_came_back(void **state)
{
	(void)state;
	for (uint32_t divisor = 6; divisor >= 4; divisor -= 2) {
		struct sim *sim = sim_new_quick();
		uint32_t i, at = 0;

		sim_leak_until_raised(sim, 2);
		sim_advance(sim, sim->now + 60);
		for (i = 0; i < sim->conn_count; i++)
			if (sim->conns[i].state == SIM_LEAKED && ++at % divisor == 0)
				sim_use(sim, &sim->conns[i]);
		churn(sim, 7200);
		assert_int_equal(!sim_first(sim, VERDICT_CLEARED), divisor == 6);
		sim_free(sim);
	}
}

static void detector_verdict_is_cleared_when_most_came_back_and_growth_has_ended(void **state)
{
	struct sim *sim = sim_new_quick();
	uint32_t left = 0;

	(void)state;
	sim_leak_until_raised(sim, 2);
	sim_advance(sim, sim->now + 60);
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state == SIM_LEAKED && ++left > 5)
			sim_use(sim, &sim->conns[i]);
	churn(sim, 7200);
	assert_non_null(sim_first(sim, VERDICT_CLEARED));
	assert_non_null(strstr(sim_first(sim, VERDICT_CLEARED)->summary,
			       "no new evidence for 10 min, and "));
	sim_free(sim);
}

/* A silence of ten minutes makes the limit longer than anything that is seen of the growth. */
static void detector_suspect_waits_as_long_as_the_pool_grows(void **state)
{
	struct sim *sim = sim_new(1);
	struct sim_conn *sleeper = sim_open(sim);
	const struct sim_line *line;

	(void)state;
	sim_advance(sim, sim->now + 600);
	while (!sim_first(sim, VERDICT_SUSPECT))
		sim_leak_one(sim, 3);
	sim_use(sim, sleeper);
	for (int i = 0; i < 20; i++)
		sim_leak_one(sim, 120);
	assert_int_equal(sim->line_count, 1);
	sim_advance(sim, sim->now + 1800);
	sim_end(sim);
	line = sim_last(sim);
	assert_int_equal(line->state, VERDICT_CLEARED);
	assert_non_null(strstr(line->summary, "no new evidence for 10 min"));
	assert_int_equal(line->open_count, sim->leaked_count + 1);
	sim_free(sim);
}

static void detector_suspect_that_comes_back_is_no_longer_named(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	sim_leak_until_raised(sim, 2);
	for (uint32_t i = 0; i < sim->conn_count; i++)
		sim_use(sim, &sim->conns[i]);
	sim_advance(sim, sim->now + 6);
	sim_end(sim);
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	assert_non_null(strstr(sim_last(sim)->summary, "used again"));
	sim_free(sim);
}

static void detector_standing_verdict_is_renewed_without_a_line(void **state)
{
	struct sim *sim = sim_new_quick();
	uint32_t told;

	(void)state;
	sim_leak_until_raised(sim, 2);
	told = sim_last(sim)->suspect_count;
	for (int i = 0; i < 8; i++)
		sim_leak_one(sim, 2);
	assert_int_equal(sim->line_count, 2);
	assert_true(standing(sim)->suspect_count > told + 3);
	assert_int_equal(standing(sim)->state, VERDICT_RAISED);
	sim_free(sim);
}

static void detector_suspect_is_renewed_without_a_line(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	while (sim->line_count == 0)
		sim_leak_one(sim, 2);
	while (sim->line_count == 1 && standing(sim)->suspect_count == sim->lines[0].suspect_count)
		sim_leak_one(sim, 2);
	assert_int_equal(sim->line_count, 1);
	assert_int_equal(standing(sim)->state, VERDICT_SUSPECT);
	assert_true(standing(sim)->t_ns > sim_ns(sim->lines[0].t));
	sim_free(sim);
}

/* --- time and ownership ----------------------------------------------------------------------- */

static void detector_due_is_every_tick_and_rare_after_an_hour(void **state)
{
	struct sim *sim = sim_new(1);
	uint64_t due_ns, count = 0;

	(void)state;
	assert_true(detector_due_ns(sim->detector) == UINT64_MAX);
	sim->now = 7;
	(void)sim_open(sim);
	assert_int_equal(detector_due_ns(sim->detector), 10 * NS_PER_SEC);
	assert_int_equal(detector_tick(sim->detector, 10 * NS_PER_SEC), 0);
	assert_int_equal(detector_due_ns(sim->detector), 15 * NS_PER_SEC);
	while ((due_ns = detector_due_ns(sim->detector)) < INT64_MAX / 100) {
		assert_int_equal(detector_tick(sim->detector, due_ns), 0);
		assert_true(detector_due_ns(sim->detector) > due_ns);
		count++;
	}
	assert_true(count < 50000);
	sim->now = (double)(due_ns / NS_PER_SEC) - 1000;
	sim_end(sim);
	assert_true(detector_due_ns(sim->detector) <= sim_ns(sim->now) + 5 * NS_PER_SEC);
	sim_free(sim);
}

static void detector_conn_is_stale_beyond_the_pools_limit(void **state)
{
	struct sim *sim = sim_new(1);
	struct sim_conn *conn = sim_open(sim);
	const struct conn *real;

	(void)state;
	sim_advance(sim, 6);
	real = table_find_conn(sim->table, conn->id);
	assert_false(detector_conn_is_stale(sim->detector, real, sim_ns(conn->last_recv + 9.9)));
	assert_true(detector_conn_is_stale(sim->detector, real, sim_ns(conn->last_recv + 10.1)));
	conn->last_send = conn->last_recv + 1;
	conn->is_dirty = true;
	sim_advance(sim, 11);
	assert_false(detector_conn_is_stale(sim->detector, real, 250 * NS_PER_SEC));
	assert_true(detector_conn_is_stale(sim->detector, real, 350 * NS_PER_SEC));
	sim_free(sim);
}

/* After a restart of the agent all are of that kind, and the course is not to show 0 of them. */
static void detector_course_has_the_stale_ones_that_were_found(void **state)
{
	struct sim *sim = sim_new(1);
	struct event event = {.type = EVENT_SEEN,
			      .seen_state = SEEN_ESTABLISHED,
			      .idle_ns = 2400 * NS_PER_SEC,
			      .has_idle = true};
	const struct meter *meter;

	(void)state;
	sim_fill_owner(sim, &event);
	for (event.conn = 1; event.conn <= 9; event.conn++)
		sim_event(sim, &event);
	sim_advance(sim, 30);
	sim_end(sim);
	meter = detector_pool_meter(sim->detector, table_first_pool(sim->table));
	assert_int_equal(meter->now.stale_max, 9);
	sim_free(sim);
}

static void detector_dossier_of_an_empty_pool_is_freed(void **state)
{
	struct sim *sim = sim_new(1);

	(void)state;
	sim_close(sim, sim_open(sim), CLOSE_LOCAL);
	assert_non_null(table_first_pool(sim->table)->dossier);
	/* mysql2 and others close all in a pause, and go on after it. */
	sim_advance(sim, 3590);
	sim_end(sim);
	assert_non_null(table_first_pool(sim->table)->dossier);
	sim_advance(sim, 3620);
	sim_end(sim);
	assert_null(table_first_pool(sim->table)->dossier);
	sim_free(sim);
}

static void detector_moved_suspect_leaves_the_verdict(void **state)
{
	struct sim *sim = sim_new_quick();
	struct event event = {.type = EVENT_SEEN};

	(void)state;
	sim_leak_until_raised(sim, 2);
	sim_fill_owner(sim, &event);
	event.client.pid++;
	for (uint32_t i = 0; i < sim->conn_count; i++) {
		event.conn = sim->conns[i].id;
		sim_event(sim, &event);
	}
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	sim_free(sim);
}

static void detector_same_events_give_the_same_lines(void **state)
{
	const struct sim_pool pool = {"same",	     .max = 100,       .rate = 20,
				      .held_s = 0.2, .leak_rate = 0.2, .hours = 0.3};
	struct sim *a = sim_new(7), *b = sim_new(7);

	(void)state;
	sim_run(a, &pool, false);
	sim_run(b, &pool, false);
	assert_true(a->line_count >= 2);
	assert_int_equal(a->line_count, b->line_count);
	for (uint32_t i = 0; i < a->line_count; i++)
		assert_string_equal(a->lines[i].summary, b->lines[i].summary);
	sim_free(a);
	sim_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(detector_leak_goes_from_suspect_to_raised_with_one_id),
		cmocka_unit_test(detector_verdict_names_within_a_minute_what_had_leaked),
		cmocka_unit_test(
			detector_verdict_is_updated_as_the_suspects_grow_and_not_one_by_one),
		cmocka_unit_test(detector_update_drops_those_that_came_back),
		cmocka_unit_test(detector_verdict_is_cleared_when_all_suspects_are_released),
		cmocka_unit_test(detector_verdict_that_ends_with_a_use_claims_no_more),
		cmocka_unit_test(detector_verdict_is_cleared_when_the_process_exits),
		cmocka_unit_test(
			detector_connections_closed_by_the_end_of_the_process_are_not_released),
		cmocka_unit_test(detector_verdict_stands_while_what_it_named_lies_there),
		cmocka_unit_test(detector_verdict_stands_when_another_silence_was_nearly_as_long),
		cmocka_unit_test(detector_verdict_stands_while_hardly_any_came_back),
		cmocka_unit_test(
			detector_verdict_is_cleared_when_most_came_back_and_growth_has_ended),
		cmocka_unit_test(detector_suspect_waits_as_long_as_the_pool_grows),
		cmocka_unit_test(detector_suspect_that_comes_back_is_no_longer_named),
		cmocka_unit_test(detector_standing_verdict_is_renewed_without_a_line),
		cmocka_unit_test(detector_suspect_is_renewed_without_a_line),
		cmocka_unit_test(detector_due_is_every_tick_and_rare_after_an_hour),
		cmocka_unit_test(detector_conn_is_stale_beyond_the_pools_limit),
		cmocka_unit_test(detector_course_has_the_stale_ones_that_were_found),
		cmocka_unit_test(detector_dossier_of_an_empty_pool_is_freed),
		cmocka_unit_test(detector_moved_suspect_leaves_the_verdict),
		cmocka_unit_test(detector_same_events_give_the_same_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
