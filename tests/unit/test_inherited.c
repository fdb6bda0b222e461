// SPDX-License-Identifier: Apache-2.0
/*
 * What children inherit: found where it is left behind, named one by one, and taken back when they
 * end; silence where connections are handed on in purpose.
 */
#include "pool_sim.h"

#include "core/figures.h"

#define GAP_S 60
#define CHILDREN 40

static void hand_over(struct sim *sim, const struct sim_conn *conn, uint32_t pid)
{
	struct event event = {.type = EVENT_SEEN, .conn = conn->id, .has_idle = true};
	uint32_t parent = sim->pid;

	sim->pid = pid;
	sim_fill_owner(sim, &event);
	sim_event(sim, &event);
	sim->pid = parent;
}

/* Opens one, uses it a second time where it is told to, and leaves it to a child. */
static struct sim_conn *leave_to_child(struct sim *sim, bool is_reused)
{
	struct sim_conn *conn = sim_open(sim);

	sim_advance(sim, sim->now + 10);
	if (is_reused)
		sim_use(sim, conn);
	sim_advance(sim, sim->now + 10);
	hand_over(sim, conn, 5000 + (uint32_t)conn->id);
	return conn;
}

static void leak_to_child(struct sim *sim, bool is_reused)
{
	leave_to_child(sim, is_reused)->state = SIM_LEAKED;
	sim->leaked_count++;
	sim_advance(sim, sim->now + GAP_S);
}

static const struct sim_line *leak_until_raised(struct sim *sim, bool is_reused)
{
	while (!sim_first(sim, VERDICT_RAISED) && sim->leaked_count < CHILDREN)
		leak_to_child(sim, is_reused);
	return sim_first(sim, VERDICT_RAISED);
}

static void inherited_pool_connections_are_found_and_named(void **state)
{
	struct sim *sim = sim_new(1);
	const struct sim_line *line = leak_until_raised(sim, true);

	(void)state;
	assert_non_null(line);
	assert_string_equal(line->evidence, "inherited");
	assert_in_range(line->leaked_count, 5, 15);
	assert_in_range(line->suspect_count, 5, line->leaked_count);
	assert_int_equal(line->right_count, line->suspect_count);
	assert_non_null(strstr(line->summary, "orders-api[4121]"));
	assert_non_null(strstr(line->summary, "held by other processes"));
	sim_free(sim);
}

static void inherited_connections_used_once_must_outlast_sessions(void **state)
{
	struct sim *sim = sim_new(1);
	const struct sim_line *line = leak_until_raised(sim, false);

	(void)state;
	assert_non_null(line);
	assert_in_range(line->leaked_count, 20, 30);
	assert_int_equal(line->right_count, line->suspect_count);
	sim_free(sim);
}

static void inherited_raised_is_not_told_again_on_each_tick(void **state)
{
	struct sim *sim = sim_new(1);
	uint32_t told;

	(void)state;
	assert_non_null(leak_until_raised(sim, true));
	told = sim->line_count;
	sim_advance(sim, sim->now + 300);
	assert_int_equal(sim->line_count, told);
	sim_free(sim);
}

static void inherited_verdict_clears_when_the_children_end(void **state)
{
	struct sim *sim = sim_new(1);

	(void)state;
	assert_non_null(leak_until_raised(sim, true));
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state == SIM_LEAKED)
			sim_close(sim, &sim->conns[i], CLOSE_EXIT);
	for (int minute = 0; minute < 15; minute++) {
		sim_advance(sim, sim->now + 60);
		sim_end(sim);
	}
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_LEAK), 0);
	sim_free(sim);
}

/* What the children hold is open at the server, which may have no room for more. */
static void inherited_connections_explain_why_others_are_turned_away(void **state)
{
	struct sim *sim = sim_new(1);

	(void)state;
	assert_non_null(leak_until_raised(sim, true));
	(void)sim_open(sim); /* its own */
	for (int i = 0; i < 300; i++) {
		struct sim_conn *conn = sim_open(sim);

		conn->received = 0;
		conn->is_dirty = false;
		sim_fin(sim, conn);
		sim_close(sim, conn, CLOSE_LOCAL);
		sim_advance(sim, sim->now + 0.1);
	}
	assert_null(sim_first_of(sim, VERDICT_STORM));
	sim_free(sim);
}

static void inherited_connections_that_children_use_are_theirs(void **state)
{
	struct sim *sim = sim_new(1);

	(void)state;
	for (int i = 0; i < CHILDREN; i++) {
		struct sim_conn *conn = leave_to_child(sim, true);

		sim_advance(sim, sim->now + GAP_S / 2.0);
		sim_use(sim, conn);
		sim_advance(sim, sim->now + GAP_S / 2.0);
	}
	assert_null(sim_first(sim, VERDICT_RAISED));
	assert_null(sim_first(sim, VERDICT_SUSPECT));
	sim_free(sim);
}

static void inherited_connections_of_children_that_end_are_no_leak(void **state)
{
	struct sim_conn *conns[CHILDREN];
	struct sim *sim = sim_new(1);

	(void)state;
	for (int i = 0; i < CHILDREN; i++) {
		conns[i] = leave_to_child(sim, true);
		sim_advance(sim, sim->now + GAP_S);
		if (i >= 5)
			sim_close(sim, conns[i - 5], CLOSE_EXIT);
	}
	assert_null(sim_first(sim, VERDICT_RAISED));
	sim_free(sim);
}

/* Children that do nothing with them are not judged, and hold them all the same. */
static void inherited_connections_are_open_on_the_host(void **state)
{
	struct sim *sim = sim_new(1);
	const struct pool *parent;

	(void)state;
	(void)sim_open(sim);
	for (int i = 0; i < 6; i++)
		(void)leave_to_child(sim, true);
	sim_advance(sim, sim->now + 10);
	sim_end(sim);
	parent = table_first_pool(sim->table);
	assert_int_equal(parent->conn_count, 1);
	assert_null(parent->next->dossier);
	assert_int_equal(figures_open_on_host(parent), 7);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inherited_pool_connections_are_found_and_named),
		cmocka_unit_test(inherited_connections_used_once_must_outlast_sessions),
		cmocka_unit_test(inherited_connections_explain_why_others_are_turned_away),
		cmocka_unit_test(inherited_raised_is_not_told_again_on_each_tick),
		cmocka_unit_test(inherited_verdict_clears_when_the_children_end),
		cmocka_unit_test(inherited_connections_that_children_use_are_theirs),
		cmocka_unit_test(inherited_connections_of_children_that_end_are_no_leak),
		cmocka_unit_test(inherited_connections_are_open_on_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
