/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on keepalive: what a pool pings no more is leaked; what it never pinged, or what nobody
 * is pinged beside, is not.
 */
#include "pool_sim.h"

#include "activity_order.h"
#include "core/keepalive.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEEDS 3
#define PER_MIN (1.0 / 60)

/* --- leaks ------------------------------------------------------------------------------------ */

struct row {
	struct sim_pool pool;
	double leaked_most; /* by the time it is raised */
};

/* So little load that no connection can be missed by its use before it is by a ping. */
static const struct row leaky[] = {
	{.pool = {"HikariCP, 2 min, quiet, 12/h", SIM_FIFO, .max = 20, .min = 20, .ping_s = 120,
		  .rate = 0.05, .held_s = 0.1, .leak_rate = PER_MIN / 5, .leak_from_s = 7200},
	 .leaked_most = 14},
	{.pool = {"Jedis, 30 s, quiet, 1/min", SIM_FIFO, .max = 40, .min = 40, .ping_s = 30,
		  .rate = 0.2, .held_s = 0.1, .leak_rate = PER_MIN, .leak_from_s = 7200},
	 .leaked_most = 18},
	{.pool = {"ProxySQL, 9 s, 12/h", SIM_FIFO, .max = 40, .min = 40, .ping_s = 9, .rate = 0.5,
		  .held_s = 0.1, .leak_rate = PER_MIN / 5, .leak_from_s = 7200},
	 .leaked_most = 14},
};

static void keepalive_connections_that_are_pinged_no_more_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(leaky); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim *sim = sim_new(seed);
			struct sim_pool pool = leaky[i].pool;
			const struct sim_line *line;

			pool.hours = 6;
			sim_run(sim, &pool, true);
			line = sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "missed_keepalive");
			if (!line) {
				sim_print(sim, pool.name, seed);
				fail_msg("%s, seed %u: %u leaked, not found", pool.name,
					 (unsigned int)seed, sim->leaked_count);
			}
			if (line->leaked_count > leaky[i].leaked_most)
				fail_msg("%s, seed %u: raised after %u leaks", pool.name,
					 (unsigned int)seed, line->leaked_count);
			/* As for coverage: only time has told it. */
			assert_true(line->t - sim_first(sim, VERDICT_SUSPECT)->t >= 300);
			assert_int_equal(line->right_count, line->suspect_count);
			sim_free(sim);
		}
	}
}

/* --- health ----------------------------------------------------------------------------------- */

static const struct sim_pool healthy[] = {
	{"HikariCP, 2 min", .max = 10, .min = 10, .ping_s = 120, .rate = 1, .held_s = 0.1,
	 .lifetime_s = 1800, .hours = 8},
	{"HikariCP, pings only", .max = 10, .min = 10, .ping_s = 120, .rate = 0.001, .held_s = 0.1,
	 .lifetime_s = 1800, .hours = 8},
	{"HikariCP, by day and night", .max = 20, .min = 20, .ping_s = 120, .rate = 20,
	 .held_s = 0.3, .swing = 1, .period_s = 14400, .lifetime_s = 1800, .hours = 12},
	{"no keepalive", .max = 20, .min = 20, .rate = 5, .held_s = 0.2, .hours = 8},
	{"Rails, 10 min, evicts after 5", .max = 20, .ping_s = 600, .idle_close_s = 300,
	 .sweep_s = 60, .rate = 2, .held_s = 0.3, .hours = 8},
	{"slow statements", .max = 20, .min = 20, .ping_s = 60, .rate = 2, .held_s = 0.2,
	 .slow_share = 0.002, .slow_s = 1800, .hours = 8},
	{"held for long", .max = 30, .min = 30, .ping_s = 30, .rate = 0.5, .held_s = 30,
	 .hours = 8},
	{"a job every 15 min, on and off", SIM_FIFO, .max = 20, .min = 20, .rate = 1, .held_s = 0.2,
	 .on_s = 60, .off_s = 840, .hours = 10},
	{"server restarts", .max = 20, .min = 20, .ping_s = 30, .rate = 1, .held_s = 0.2,
	 .restart_s = 1800, .hours = 6},
};

static void keepalive_healthy_pools_stay_silent(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(healthy); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim *sim = sim_new(seed);

			sim_run(sim, &healthy[i], false);
			sim_expect_no_leak(sim, healthy[i].name, seed, false);
			sim_free(sim);
		}
	}
}

/* --- processes that are not one pool ---------------------------------------------------------- */

#define STEP_S 0.5

static void ping(struct sim *sim, struct sim_conn **conns, uint32_t count, double period_s)
{
	for (uint32_t i = 0; i < count; i++)
		if (conns[i] && sim->now - conns[i]->last_send >= period_s)
			sim_use(sim, conns[i]);
}

/* Work is not the same bytes each time. */
static void work(struct sim *sim, struct sim_conn *conn)
{
	sim_use(sim, conn);
	conn->sent += (uint64_t)(sim_random(sim) * 400);
	conn->received += (uint64_t)(sim_random(sim) * 4000);
}

/* Monitors beat every 10 s beside a pool that pings nothing and falls quiet connection by
 * connection.
 */
static void keepalive_of_monitors_says_nothing_of_the_pool(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);
		struct sim_conn *monitors[4], *pool[20];

		for (int i = 0; i < 4; i++)
			monitors[i] = sim_open(sim);
		for (int i = 0; i < 20; i++)
			pool[i] = sim_open(sim);
		while (sim->now < 4 * 3600) {
			double used = sim->now < 3600 ? 20 : fmax(2, 20 - (sim->now - 3600) / 300);

			sim_advance(sim, sim->now + STEP_S);
			ping(sim, monitors, 4, 10);
			for (int i = 0; i < used; i++)
				if (sim_random(sim) < 0.5 * STEP_S)
					work(sim, pool[i]);
		}
		sim_end(sim);
		sim_expect_no_leak(sim, "monitors", seed, true);
		sim_free(sim);
	}
}

/* Batch jobs hold one connection each for an hour, unpinged, a few more every night. */
static void keepalive_jobs_that_hold_connections_are_no_leak(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);
		struct sim_conn *pool[20], *free_ones[20];
		double back[20] = {0};

		for (int i = 0; i < 20; i++)
			pool[i] = sim_open(sim);
		while (sim->now < 12 * 3600) {
			sim_advance(sim, sim->now + STEP_S);
			for (int i = 0; i < 20; i++) {
				bool is_held = back[i] > sim->now;

				free_ones[i] = is_held ? NULL : pool[i];
				if (is_held || i % 2 == 0 || sim_random(sim) > STEP_S / 10800)
					continue;
				work(sim, pool[i]);
				back[i] = sim->now + sim_exp(sim, 1200);
			}
			ping(sim, free_ones, 20, 60);
		}
		sim_end(sim);
		sim_expect_no_leak(sim, "jobs", seed, true);
		sim_free(sim);
	}
}

/* The pings stop for all: nobody is missed. */
static void keepalive_that_stops_for_all_is_no_leak(void **state)
{
	struct sim *sim = sim_new(1);
	struct sim_conn *pool[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		pool[i] = sim_open(sim);
		pool[i]->last_send += i;
	}
	while (sim->now < 7200) {
		sim_advance(sim, sim->now + STEP_S);
		if (sim->now < 3600)
			ping(sim, pool, 20, 60);
	}
	sim_end(sim);
	sim_expect_no_leak(sim, "stopped", 1, false);
	sim_free(sim);
}

/* --- the figures it goes by ------------------------------------------------------------------- */

#define S ((int64_t)NS_PER_SEC)
#define NOW_S 10000
#define POOL 10

struct bench_of_one {
	struct settings settings;
	struct keepalive keepalive;
	struct pool pool; /* all of it used a second ago */
	struct conn *conns[POOL];
	struct moment moment;
};

static void add_ended(struct bench_of_one *bench, uint32_t count, uint64_t silence_s)
{
	while (count-- > 0)
		weights_add(&bench->keepalive.ended,
			    (uint32_t)(silence_s * NS_PER_SEC / KEEPALIVE_UNIT_NS), NOW_S * S);
}

static void prepare(struct bench_of_one *bench)
{
	*bench = (struct bench_of_one){.keepalive = {.is_of_pool = true}};
	settings_init(&bench->settings);
	bench->moment = (struct moment){.settings = &bench->settings,
					.losses = {.last_ns = INT64_MIN},
					.t_ns = NOW_S * S,
					.known_ns = NOW_S * S};
	bench->keepalive.pinged_ns = NOW_S * S;
	make_by_hand(bench->conns, POOL);
	for (uint32_t i = 0; i < POOL; i++) {
		bench->conns[i]->state = CONN_OPEN;
		bench->conns[i]->has_returned = true;
		bench->conns[i]->is_pinged = i % 2;
		bench->conns[i]->last_active_ns = (NOW_S - 1) * S;
	}
}

/* Returns whether it was a test. */
static bool advance(struct bench_of_one *bench)
{
	order_by_activity(&bench->pool, bench->conns, POOL);
	keepalive_advance(&bench->keepalive, &bench->moment, &bench->pool);
	eprocess_clear(&bench->keepalive.process);
	return bench->keepalive.known_ns != 0;
}

/* Of the time in silences of half a minute and more, 70% must be in those of about a minute. */
static void keepalive_period_is_where_most_long_silences_end(void **state)
{
	static const struct {
		uint32_t shorter_count;
		bool is_found;
	} rows[] = {{0, true}, {12, true}, {13, false}, {30, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench_of_one bench;

		prepare(&bench);
		add_ended(&bench, 20, 60);
		add_ended(&bench, rows[i].shorter_count, 40);
		assert_true(advance(&bench));
		if ((bench.keepalive.period_ns > 60 * NS_PER_SEC) != rows[i].is_found)
			fail_msg("%u of 40 s: a period of %.0f s", rows[i].shorter_count,
				 (double)bench.keepalive.period_ns / 1e9);
	}
}

/* A ping within two periods is one, and eight of ten go with it. */
static void keepalive_tests_where_pings_go_on_for_nearly_all(void **state)
{
	static const struct {
		uint32_t idle_count; /* neither pinged nor used for a period and a half */
		double pinged_before; /* in periods */
		bool is_test;
	} rows[] = {{0, 0, true}, {2, 0, true}, {3, 0, false}, {0, 1.9, true}, {0, 2.1, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench_of_one bench;
		double period_s;

		prepare(&bench);
		add_ended(&bench, 20, 60);
		bench.moment.t_ns = 0;
		(void)advance(&bench);
		period_s = (double)bench.keepalive.period_ns / 1e9;
		assert_true(period_s > 55 && period_s < 75);
		bench.moment.t_ns = NOW_S * S;
		bench.keepalive.known_ns = 0;
		bench.keepalive.pinged_ns =
			(uint64_t)((NOW_S - rows[i].pinged_before * period_s) * 1e9);
		for (uint32_t k = 0; k < rows[i].idle_count; k++)
			bench.conns[2 * k]->last_active_ns =
				(int64_t)((NOW_S - 1.5 * period_s) * 1e9);
		if (advance(&bench) != rows[i].is_test)
			fail_msg("row %u", (unsigned int)i);
	}
}

static void keepalive_misses_what_was_silent_for_two_periods(void **state)
{
	struct finding finding = {0};
	struct bench_of_one bench;
	double period_s;

	(void)state;
	prepare(&bench);
	add_ended(&bench, 20, 60);
	assert_true(advance(&bench));
	period_s = (double)bench.keepalive.period_ns / 1e9;
	bench.conns[0]->last_active_ns = (int64_t)((NOW_S - 2.05 * period_s) * 1e9);
	bench.conns[1]->last_active_ns = (int64_t)((NOW_S - 1.95 * period_s) * 1e9);
	order_by_activity(&bench.pool, bench.conns, POOL);
	keepalive_find(&bench.keepalive, &bench.moment, &bench.pool, &finding);
	assert_int_equal(finding.stock, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keepalive_connections_that_are_pinged_no_more_are_found),
		cmocka_unit_test(keepalive_healthy_pools_stay_silent),
		cmocka_unit_test(keepalive_of_monitors_says_nothing_of_the_pool),
		cmocka_unit_test(keepalive_jobs_that_hold_connections_are_no_leak),
		cmocka_unit_test(keepalive_that_stops_for_all_is_no_leak),
		cmocka_unit_test(keepalive_period_is_where_most_long_silences_end),
		cmocka_unit_test(keepalive_tests_where_pings_go_on_for_nearly_all),
		cmocka_unit_test(keepalive_misses_what_was_silent_for_two_periods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
