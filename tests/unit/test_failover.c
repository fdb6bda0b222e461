// SPDX-License-Identifier: Apache-2.0
/*
 * A process turns to another server: what it leaves behind is named, once and late; nights, servers
 * that it knew before, and pools that it closes are no failover.
 */
#include "pool_sim.h"

#define CONNS 5
#define HOUR_S 3600.0
#define STEP_S 2.0

static struct sim_conn *open_to(struct sim *sim, const char *remote)
{
	struct event event = {.type = EVENT_OPEN};
	struct sim_conn *conn = sim_slot(sim);

	memset(conn, 0, sizeof(*conn));
	conn->id = ++sim->last_id;
	conn->state = SIM_IDLE;
	conn->opened = sim->now;
	event.conn = conn->id;
	sim_fill_owner(sim, &event);
	assert_int_equal(parse_netaddr(remote, &event.remote), 0);
	sim_event(sim, &event);
	event = (struct event){.type = EVENT_ESTABLISHED, .conn = conn->id};
	sim_event(sim, &event);
	sim_use(sim, conn);
	return conn;
}

static void open_pool(struct sim *sim, const char *remote, struct sim_conn **conns)
{
	for (int i = 0; i < CONNS; i++)
		conns[i] = open_to(sim, remote);
}

/* Each of them is used in turn; by statements of several lengths, so that it is no heartbeat. */
static void work(struct sim *sim, struct sim_conn **conns, double hours)
{
	double until = sim->now + hours * HOUR_S;

	for (int i = 0; sim->now < until; i++) {
		conns[i % CONNS]->sent += (uint64_t)(sim_random(sim) * 1000);
		sim_use(sim, conns[i % CONNS]);
		sim_advance(sim, sim->now + STEP_S);
	}
}

static void leave(struct sim *sim, struct sim_conn **conns)
{
	for (int i = 0; i < CONNS; i++)
		conns[i]->state = SIM_LEAKED;
	sim->leaked_count = CONNS;
}

/* A pool has worked for an hour when another one is opened. */
static struct sim *fail_over(struct sim_conn **before, struct sim_conn **after)
{
	struct sim *sim = sim_new(1);

	open_pool(sim, "10.0.3.7:5432", before);
	work(sim, before, 1);
	open_pool(sim, "10.0.3.8:5432", after);
	return sim;
}

static void failover_leaves_a_pool_behind_and_it_is_named(void **state)
{
	struct sim_conn *before[CONNS], *after[CONNS];
	struct sim *sim = fail_over(before, after);
	const struct sim_line *line;

	(void)state;
	leave(sim, before);
	work(sim, after, 2);
	line = sim_first(sim, VERDICT_RAISED);
	assert_non_null(line);
	assert_int_equal(line->kind, VERDICT_LEAK);
	assert_string_equal(line->evidence, "left_behind");
	assert_int_equal(line->suspect_count, CONNS);
	assert_int_equal(line->right_count, CONNS);
	/* Some pools keep what is idle for an hour, so it is said after that, and soon. */
	assert_true(line->t > 2 * HOUR_S && line->t < 2.2 * HOUR_S);
	assert_true(isnan(line->growth_per_hour));
	assert_non_null(strstr(line->summary, "turned to 10.0.3.8:5432"));
	/* The heir may rest: what is left stays left. It is used again: no longer. */
	sim_advance(sim, sim->now + HOUR_S);
	sim_end(sim);
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_LEAK), 1);
	work(sim, before, 0.01);
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_LEAK), 0);
	sim_free(sim);
}

/* A fixed pool that is larger than its work: most of it never had a request. */
static void failover_of_a_pool_with_spares_leaves_them_as_well(void **state)
{
	struct sim_conn *before[CONNS], *after[CONNS];
	struct sim *sim = sim_new(1);
	const struct sim_line *line;

	(void)state;
	open_pool(sim, "10.0.3.7:5432", before);
	for (int i = 0; sim->now < HOUR_S; i++) {
		before[i % 2]->sent += (uint64_t)(sim_random(sim) * 1000);
		sim_use(sim, before[i % 2]);
		sim_advance(sim, sim->now + STEP_S);
	}
	open_pool(sim, "10.0.3.8:5432", after);
	leave(sim, before);
	work(sim, after, 2);
	line = sim_first(sim, VERDICT_RAISED);
	assert_non_null(line);
	assert_string_equal(line->evidence, "left_behind");
	assert_int_equal(line->right_count, CONNS);
	sim_free(sim);
}

static void failover_of_a_pool_without_heir_is_none(void **state)
{
	struct sim_conn *before[CONNS];
	struct sim *sim = sim_new(1);

	(void)state;
	open_pool(sim, "10.0.3.7:5432", before);
	work(sim, before, 1);
	sim_advance(sim, sim->now + 3 * HOUR_S);
	sim_end(sim);
	assert_null(sim_first(sim, VERDICT_SUSPECT));
	sim_free(sim);
}

static void failover_to_a_server_known_before_is_none(void **state)
{
	struct sim_conn *before[CONNS], *after[CONNS];
	struct sim *sim = sim_new(1);

	(void)state;
	open_pool(sim, "10.0.3.7:5432", before);
	work(sim, before, 0.5);
	open_pool(sim, "10.0.3.8:5432", after);
	work(sim, before, 0.5);
	work(sim, after, 2);
	sim_end(sim);
	assert_null(sim_first(sim, VERDICT_SUSPECT));
	sim_free(sim);
}

static void failover_that_closes_what_it_leaves_is_none(void **state)
{
	static const double closes_after_h[] = {0.4, 1.05};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sim_conn *before[CONNS], *after[CONNS];
		struct sim *sim = fail_over(before, after);

		work(sim, after, closes_after_h[i]);
		for (int k = 0; k < CONNS; k++)
			sim_close(sim, before[k], CLOSE_LOCAL);
		work(sim, after, 2);
		assert_null(sim_first(sim, VERDICT_RAISED));
		sim_free(sim);
	}
}

static void failover_in_which_the_old_pool_beats_is_none(void **state)
{
	struct sim_conn *before[CONNS], *after[CONNS];
	struct sim *sim = fail_over(before, after);

	(void)state;
	for (int i = 0; i < 720; i++) {
		work(sim, after, 10 / HOUR_S);
		sim_use(sim, before[0]);
	}
	assert_null(sim_first(sim, VERDICT_RAISED));
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failover_leaves_a_pool_behind_and_it_is_named),
		cmocka_unit_test(failover_of_a_pool_with_spares_leaves_them_as_well),
		cmocka_unit_test(failover_of_a_pool_without_heir_is_none),
		cmocka_unit_test(failover_to_a_server_known_before_is_none),
		cmocka_unit_test(failover_that_closes_what_it_leaves_is_none),
		cmocka_unit_test(failover_in_which_the_old_pool_beats_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
