/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence that is none: each of these looks like growth to a test that leaves its rule out. */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void see_one(struct sim *sim, uint64_t id, bool has_idle)
{
	struct event event = {.type = EVENT_SEEN, .conn = id, .has_idle = has_idle};

	sim_fill_owner(sim, &event);
	event.idle_ns = 3600 * NS_PER_SEC;
	sim_event(sim, &event);
}

/* A start in the middle finds them one by one, while the process goes on as ever. */
static void detector_connections_silent_when_found_are_no_growth(void **state)
{
	struct sim *sim = sim_new_quick();
	const struct sim_line *line;

	(void)state;
	for (uint64_t i = 0; i < 100; i++) {
		struct sim_conn *conn = sim_open(sim);

		see_one(sim, 1000 + i, i % 2);
		sim_advance(sim, sim->now + 3);
		sim_close(sim, conn, CLOSE_LOCAL);
	}
	assert_int_equal(sim->line_count, 0);
	sim_leak_until_raised(sim, 2);
	line = sim_first(sim, VERDICT_RAISED);
	assert_int_equal(line->right_count, line->suspect_count);
	sim_free(sim);
}

/* A parent's connections turn up in a child that opens its own. */
static void detector_connections_handed_over_are_no_growth(void **state)
{
	struct sim *sim = sim_new_quick();
	uint64_t first;

	(void)state;
	for (int i = 0; i < 40; i++)
		(void)sim_open(sim);
	first = sim->conns[0].id;
	sim_advance(sim, sim->now + 20);
	sim->pid++;
	(void)sim_open(sim);
	sim_advance(sim, sim->now + 20);
	for (uint64_t i = 0; i < 40; i++) {
		struct sim_conn *conn = sim_open(sim);

		see_one(sim, first + i, false);
		sim_advance(sim, sim->now + 3);
		sim_close(sim, conn, CLOSE_LOCAL);
	}
	assert_int_equal(sim->line_count, 0);
	sim_free(sim);
}

static void detector_lost_records_withhold_what_they_could_have_made(void **state)
{
	static const struct {
		uint64_t lost_count;
		bool is_raised;
	} rows[] = {{0, true}, {3, true}, {40, false}, {UINT64_MAX, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sim *sim = sim_new_quick();
		struct event event = {.type = EVENT_LOST, .lost_count = rows[i].lost_count};

		for (int k = 0; k < 30; k++)
			sim_leak_one(sim, 0.5);
		if (rows[i].lost_count > 0)
			sim_event(sim, &event);
		for (int k = 0; k < 60; k++) {
			struct sim_conn *conn = sim_open(sim);

			sim_advance(sim, sim->now + 0.5);
			sim_close(sim, conn, CLOSE_LOCAL);
		}
		sim_advance(sim, sim->now + 60);
		sim_end(sim);
		if (!!sim_first(sim, VERDICT_RAISED) != rows[i].is_raised)
			fail_msg("%u lost: %u lines", (unsigned int)rows[i].lost_count,
				 sim->line_count);
		sim_free(sim);
	}
}

static void detector_churn_is_neither_test_nor_credit(void **state)
{
	struct sim *quiet = sim_new_quick(), *churning = sim_new_quick();
	struct event event = {.type = EVENT_CHURN};

	(void)state;
	sim_fill_owner(churning, &event);
	event.churn.opened_count = 500;
	event.churn.closed_count[CLOSE_LOCAL] = 500;
	for (int i = 0; i < 30; i++) {
		sim_leak_one(quiet, 4);
		sim_leak_one(churning, 4);
		sim_event(churning, &event);
	}
	assert_non_null(sim_first(quiet, VERDICT_RAISED));
	assert_non_null(sim_first(churning, VERDICT_RAISED));
	assert_true(sim_first(quiet, VERDICT_SUSPECT)->t ==
		    sim_first(churning, VERDICT_SUSPECT)->t);
	/* It is work, though: where none is done but by what is silent, that may be waiting. */
	assert_true(sim_first(quiet, VERDICT_RAISED)->t > sim_first(churning, VERDICT_RAISED)->t);
	sim_free(quiet);
	sim_free(churning);
}

/* A pool replaces its connections one by one, and has no use for the new ones yet. */
static void detector_rotation_pays_for_its_opens(void **state)
{
	static const struct {
		bool closes_old;
		bool is_accused;
	} rows[] = {{true, false}, {false, true}};

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		struct sim *sim = sim_new_quick();
		struct sim_conn *old[30];

		for (int i = 0; i < 30; i++)
			old[i] = sim_open(sim);
		for (int i = 0; i < 30; i++) {
			for (int k = 0; k < 90; k++) {
				for (int n = i; n < 30; n++)
					sim_use(sim, old[n]);
				sim_advance(sim, sim->now + 1);
			}
			if (rows[row].closes_old)
				sim_close(sim, old[i], CLOSE_LOCAL);
			(void)sim_open(sim); /* it is not used */
		}
		assert_int_equal(sim->line_count > 0, rows[row].is_accused);
		sim_free(sim);
	}
}

/* A load balancer cuts the unused tail of a pool connection by connection; nobody needs them. */
static void detector_close_wait_without_growth_is_no_leak(void **state)
{
	static const struct {
		bool opens_more;
		bool is_accused;
	} rows[] = {{false, false}, {true, true}};

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		struct sim *sim = sim_new_quick();

		for (int i = 0; i < 40; i++)
			(void)sim_open(sim);
		for (int i = 0; i < 35; i++) {
			sim_advance(sim, sim->now + 70);
			if (rows[row].opens_more)
				(void)sim_open(sim);
			sim_fin(sim, &sim->conns[i]);
			for (int k = 35; k < 40; k++)
				sim_use(sim, &sim->conns[k]);
		}
		assert_int_equal(!!sim_first(sim, VERDICT_RAISED), rows[row].is_accused);
		sim_free(sim);
	}
}

static void expect_no_leak_where_each_is_used_again(struct sim *sim, double period_s)
{
	for (int i = 0; i < 40; i++) {
		(void)sim_open(sim);
		sim_advance(sim, sim->now + 12);
		for (uint32_t k = 0; k < sim->conn_count; k++)
			if (sim->now - sim->conns[k].last_recv >= period_s)
				sim_use(sim, &sim->conns[k]);
	}
	assert_null(sim_first(sim, VERDICT_RAISED));
	sim_free(sim);
}

/* Until the pool has shown it, connections that are used once a minute look like growth. */
static void detector_comebacks_take_evidence_back(void **state)
{
	(void)state;
	expect_no_leak_where_each_is_used_again(sim_new_quick(), 60);
}

/* Those that are due for the first time after six more were opened are waited for. */
static void detector_comebacks_are_waited_for(void **state)
{
	(void)state;
	expect_no_leak_where_each_is_used_again(sim_new(1), 88);
	expect_no_leak_where_each_is_used_again(sim_new(1), 170);
}

static void detector_connecting_ones_are_not_silent(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	for (uint64_t i = 0; i < 60; i++) { /* a black hole: no handshake is ever answered */
		struct event event = {.type = EVENT_OPEN, .conn = 1000 + i};

		sim_fill_owner(sim, &event);
		sim_event(sim, &event);
		sim_advance(sim, sim->now + 2);
	}
	assert_int_equal(sim->line_count, 0);
	sim_free(sim);
}

static void detector_listeners_need_exposure(void **state)
{
	struct sim *sim = sim_new(1);

	(void)state;
	for (int i = 0; i < 20; i++)
		sim_leak_one(sim, 5);
	assert_null(sim_first(sim, VERDICT_RAISED));
	for (int i = 0; i < 12; i++) /* sessions that end show what the others are */
		sim_close(sim, &sim->conns[i], CLOSE_LOCAL);
	sim_advance(sim, sim->now + 3600);
	sim_end(sim);
	assert_null(sim_first(sim, VERDICT_RAISED));
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(detector_connections_silent_when_found_are_no_growth),
		cmocka_unit_test(detector_connections_handed_over_are_no_growth),
		cmocka_unit_test(detector_lost_records_withhold_what_they_could_have_made),
		cmocka_unit_test(detector_churn_is_neither_test_nor_credit),
		cmocka_unit_test(detector_rotation_pays_for_its_opens),
		cmocka_unit_test(detector_close_wait_without_growth_is_no_leak),
		cmocka_unit_test(detector_comebacks_take_evidence_back),
		cmocka_unit_test(detector_comebacks_are_waited_for),
		cmocka_unit_test(detector_connecting_ones_are_not_silent),
		cmocka_unit_test(detector_listeners_need_exposure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
