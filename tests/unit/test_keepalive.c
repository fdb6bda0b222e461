/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on keepalive: what a pool pings no more is leaked; what it never pinged, or what nobody
 * is pinged beside, is not.
 */
#include "pool_sim.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keepalive_connections_that_are_pinged_no_more_are_found),
		cmocka_unit_test(keepalive_healthy_pools_stay_silent),
		cmocka_unit_test(keepalive_of_monitors_says_nothing_of_the_pool),
		cmocka_unit_test(keepalive_jobs_that_hold_connections_are_no_leak),
		cmocka_unit_test(keepalive_that_stops_for_all_is_no_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
