/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Healthy processes that look like leaks: none of them may raise a leak, and the ordinary ones
 * may not even become suspect.
 */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEEDS 3

/* --- pools ------------------------------------------------------------------------------------ */

static const struct sim_pool healthy_pools[] = {
	{"LIFO on demand", .max = 100, .rate = 20, .held_s = 0.2, .hours = 2},
	{"LIFO on demand, low load", .max = 100, .rate = 0.5, .held_s = 0.5, .hours = 4},
	{"LIFO, some statements take a minute", .max = 100, .rate = 5, .held_s = 0.3,
	 .slow_share = 0.02, .slow_s = 60, .hours = 2},
	{"LIFO, batch jobs hold for 20 s", .max = 100, .rate = 1, .held_s = 20, .hours = 2},
	{"LIFO, bursts", .max = 100, .rate = 2, .held_s = 0.3, .burst_s = 300, .burst = 30,
	 .hours = 3},
	{"LIFO, rotation by maxLifetime", .max = 50, .min = 20, .rate = 10, .held_s = 0.5,
	 .lifetime_s = 600, .hours = 4},
	{"LIFO, load by the hour", .max = 100, .rate = 30, .held_s = 0.3, .swing = 0.95,
	 .period_s = 7200, .lifetime_s = 1800, .hours = 4},
	{"FIFO on demand", SIM_FIFO, .max = 50, .rate = 5, .held_s = 0.3, .hours = 3},
	{"FIFO, low load", SIM_FIFO, .max = 50, .rate = 0.1, .held_s = 1, .hours = 6},
	{"SQLAlchemy, overflow closed on return", SIM_FIFO, .max = 15, .keep = 5, .rate = 10,
	 .held_s = 0.4, .hours = 2},
	{"fixed size, at night", SIM_FIFO, .max = 10, .min = 10, .rate = 0.02, .held_s = 0.1,
	 .lifetime_s = 1800, .hours = 10},
	{"fixed size, keepalive only", .max = 10, .min = 10, .rate = 0.01, .held_s = 0.1,
	 .lifetime_s = 1800, .ping_s = 120, .hours = 10},
	{"Tomcat, 60 s sweep", .max = 100, .min = 10, .idle_close_s = 60, .sweep_s = 5, .rate = 30,
	 .held_s = 0.3, .swing = 0.95, .period_s = 3600, .hours = 4},
	{"node-postgres, 10 s idle close", .max = 10, .idle_close_s = 10, .rate = 2, .held_s = 0.3,
	 .hours = 4},
	{"node-postgres, hardly used", .max = 10, .idle_close_s = 10, .rate = 0.08, .held_s = 1,
	 .hours = 6},
	{"Go, two idle", .keep = 2, .rate = 20, .held_s = 0.3, .hours = 2},
	{"cron", .max = 20, .on_s = 60, .off_s = 840, .rate = 5, .held_s = 1, .hours = 8},
	{"server restarts, CLOSE_WAIT until the next borrow", .max = 60, .rate = 20, .held_s = 0.5,
	 .restart_s = 1800, .hours = 5},
	{"server restarts, fixed size", .max = 30, .min = 30, .rate = 2, .held_s = 0.2,
	 .restart_s = 900, .hours = 4},
};

static void expect_silence(struct sim *sim, const char *name, uint64_t seed)
{
	if (sim->line_count == 0)
		return;
	sim_print(sim, name, seed);
	fail_msg("%s: a healthy process was accused", name);
}

/* For what is trouble, but not a leak: other kinds may speak. */
static void expect_no_leak(struct sim *sim, const char *name, uint64_t seed)
{
	for (size_t i = 0; i < sim->line_count; i++) {
		if (sim->lines[i].kind != VERDICT_LEAK)
			continue;
		sim_print(sim, name, seed);
		fail_msg("%s: a leak was held against a process that has none", name);
	}
}

static void detector_healthy_pools_stay_silent(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(healthy_pools); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim *sim = sim_new(seed);

			sim_run(sim, &healthy_pools[i], false);
			expect_silence(sim, healthy_pools[i].name, seed);
			sim_free(sim);
		}
	}
}

/* --- processes that are not one pool ---------------------------------------------------------- */

#define STEP_S 0.25

static bool happens(struct sim *sim, double rate)
{
	return sim_random(sim) < rate * STEP_S;
}

static void close_those_done(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state == SIM_BUSY && sim->conns[i].done <= sim->now)
			sim_close(sim, &sim->conns[i], CLOSE_LOCAL);
}

struct sessions {
	const char *name;
	double rate, mean_s; /* opened each second, and how long they last */
	double notify_s; /* all of them receive something this often; 0 = never */
	double use_rate; /* each of them is used this often */
	double own_rate; /* the process uses three connections of its own this often */
	bool may_be_suspect;
};

static const struct sessions sessions[] = {
	{"a listener per websocket, notified", 0.05, 900, .notify_s = 60},
	{"a listener per websocket, 5 min", 0.05, 300, .may_be_suspect = true},
	{"a listener per websocket, 10 min", 0.2, 600, .may_be_suspect = true},
	{"a listener per websocket beside a pool", 0.2, 600, .own_rate = 1, .may_be_suspect = true},
	{"analysts' sessions", 1.0 / 300, 7200, .use_rate = 1.0 / 180},
};

static void open_session(struct sim *sim, double mean_s)
{
	struct sim_conn *conn = sim_open(sim);

	conn->state = SIM_BUSY;
	conn->done = sim->now + sim_exp(sim, mean_s);
}

static void notify_all(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->conn_count; i++) {
		if (sim->conns[i].state != SIM_BUSY)
			continue;
		sim->conns[i].last_recv = sim->now;
		sim->conns[i].received += 50;
		sim->conns[i].is_dirty = true;
	}
}

static void run_sessions(struct sim *sim, const struct sessions *how)
{
	struct sim_conn *own[3];
	double next_notify = how->notify_s;

	for (int i = 0; i < 3 && how->own_rate > 0; i++)
		own[i] = sim_open(sim);
	while (sim->now < 2 * 3600) {
		sim_advance(sim, sim->now + STEP_S);
		if (happens(sim, how->rate))
			open_session(sim, how->mean_s);
		close_those_done(sim);
		for (uint32_t i = 0; i < sim->conn_count; i++)
			if (sim->conns[i].state == SIM_BUSY && happens(sim, how->use_rate))
				sim_use(sim, &sim->conns[i]);
		for (int i = 0; i < 3 && how->own_rate > 0; i++)
			if (happens(sim, how->own_rate))
				sim_use(sim, own[i]);
		if (how->notify_s > 0 && sim->now >= next_notify) {
			notify_all(sim);
			next_notify += how->notify_s;
		}
	}
	sim_end(sim);
}

static void detector_sessions_of_people_are_no_leak(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sessions); i++) {
		for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
			struct sim *sim = sim_new(seed);

			run_sessions(sim, &sessions[i]);
			if (!sessions[i].may_be_suspect || sim_first(sim, VERDICT_RAISED))
				expect_silence(sim, sessions[i].name, seed);
			sim_free(sim);
		}
	}
}

struct tenants {
	const char *name;
	uint32_t count, conns_each;
	double low_rate, high_rate; /* of use; spread evenly over the orders of magnitude */
	double opened_within_s; /* each at a time of its own */
};

static const struct tenants tenants[] = {
	{"40 tenants with two connections each", 40, 2, 0.01, 0.1, 600},
	{"40 tenants at once", 40, 2, 0.01, 0.1, 20},
	{"12 lazily opened pools of four", 12, 4, 0.01, 1, 1800},
	{"a connection per thread, some threads are rare", 30, 1, 0.002, 2, 3600},
};

static void run_tenants(struct sim *sim, const struct tenants *how)
{
	struct sim_conn *conns[64][4];
	double opens[64], rates[64];

	for (uint32_t i = 0; i < how->count; i++) {
		opens[i] = how->opened_within_s * sim_random(sim);
		rates[i] = how->low_rate * pow(how->high_rate / how->low_rate, sim_random(sim));
	}
	while (sim->now < 3 * 3600) {
		sim_advance(sim, sim->now + STEP_S);
		for (uint32_t i = 0; i < how->count; i++) {
			if (opens[i] > 0 && opens[i] <= sim->now) {
				opens[i] = 0;
				for (uint32_t k = 0; k < how->conns_each; k++)
					conns[i][k] = sim_open(sim);
			}
			if (opens[i] == 0 && happens(sim, rates[i]))
				sim_use(sim,
					conns[i][(uint32_t)(sim_random(sim) * how->conns_each)]);
		}
	}
	sim_end(sim);
}

/*
 * Every 150 s another pool that opens three connections and needs one; beside them somebody opens
 * one for each of his requests and closes it after ten seconds.
 */
static void run_spares(struct sim *sim, uint32_t count)
{
	struct sim_conn *working[64], *visitor = NULL;
	uint32_t pool_count = 0;
	double visit_s = 0;

	while (sim->now < 2 * 3600) {
		sim_advance(sim, sim->now + STEP_S);
		if (pool_count < count && sim->now >= 150.0 * pool_count) {
			working[pool_count++] = sim_open(sim);
			sim_open(sim);
			sim_open(sim);
		}
		for (uint32_t i = 0; i < pool_count; i++)
			if (happens(sim, 0.2))
				sim_use(sim, working[i]);
		if (visitor && sim->now >= visit_s + 10) {
			sim_close(sim, visitor, CLOSE_LOCAL);
			visitor = NULL;
		} else if (!visitor && happens(sim, 0.05)) {
			visitor = sim_open(sim);
			visit_s = sim->now;
		}
	}
	sim_end(sim);
}

static void detector_spares_of_many_pools_are_no_leak(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);

		run_spares(sim, 40);
		expect_silence(sim, "pools that open three and need one", seed);
		sim_free(sim);
	}
}

static void detector_tenants_and_threads_are_no_leak(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tenants); i++) {
		for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
			struct sim *sim = sim_new(seed);

			run_tenants(sim, &tenants[i]);
			expect_silence(sim, tenants[i].name, seed);
			sim_free(sim);
		}
	}
}

static void detector_prefork_workers_are_no_leak(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);
		struct sim_conn *conns[40];

		for (int i = 0; i < 40; i++) {
			sim->pid = 5000 + (uint32_t)i;
			conns[i] = sim_open(sim);
			sim_advance(sim, sim->now + 20 * sim_random(sim));
		}
		while (sim->now < 3600) {
			sim_advance(sim, sim->now + 10 * sim_random(sim));
			sim_use(sim, conns[(int)(sim_random(sim) * sim_random(sim) * 40)]);
		}
		sim_end(sim);
		expect_silence(sim, "prefork", seed);
		sim_free(sim);
	}
}

/*
 * A lock stops every statement for 90 s while requests go on: the pool fills up with waiters. A
 * storm of connects it is; they all come back.
 */
static void detector_stalled_database_is_no_leak(void **state)
{
	const struct sim_pool pool = {"stall", .max = 200, .rate = 2, .held_s = 0.2, .hours = 0.5};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);
		double end;

		sim_run(sim, &pool, false);
		end = sim->now + 90;
		while (sim->now < end) {
			struct sim_conn *conn;

			sim_advance(sim, sim->now + sim_exp(sim, 1 / pool.rate));
			conn = sim_pick(sim, &pool);
			if (!conn)
				conn = sim_pool_open(sim, &pool);
			sim_use(sim, conn);
			conn->last_recv = sim->now - 0.001;
			conn->state = SIM_BUSY;
			conn->done = end + sim_exp(sim, 1);
		}
		sim_run(sim, &pool, false);
		expect_no_leak(sim, pool.name, seed);
		sim_free(sim);
	}
}

/* A load balancer cuts what was idle for 5 min: CLOSE_WAIT grows in the tail of the pool. */
static void detector_idle_connections_cut_one_by_one_are_no_leak(void **state)
{
	const struct sim_pool pool = {"cut",	     .max = 80,	      .rate = 3,
				      .held_s = 0.3, .burst_s = 1200, .burst = 40};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);

		while (sim->now < 4 * 3600) {
			sim_pool_step(sim, &pool);
			for (uint32_t i = 0; i < sim->conn_count; i++)
				if (sim->conns[i].state == SIM_IDLE &&
				    sim->now - sim->conns[i].done > 300)
					sim_fin(sim, &sim->conns[i]);
			sim_advance(sim, sim->now + SIM_STEP_S);
		}
		sim_end(sim);
		expect_silence(sim, pool.name, seed);
		sim_free(sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(detector_healthy_pools_stay_silent),
		cmocka_unit_test(detector_sessions_of_people_are_no_leak),
		cmocka_unit_test(detector_spares_of_many_pools_are_no_leak),
		cmocka_unit_test(detector_tenants_and_threads_are_no_leak),
		cmocka_unit_test(detector_prefork_workers_are_no_leak),
		cmocka_unit_test(detector_stalled_database_is_no_leak),
		cmocka_unit_test(detector_idle_connections_cut_one_by_one_are_no_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
