/* SPDX-License-Identifier: Apache-2.0 */
/* Pools that merely have nothing to do, or nothing left to do, are not said to be exhausted. */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEEDS 3

struct calm {
	struct sim_pool pool;
	double stop_s; /* no requests any more from then on, or few */
	double few; /* a second */
};

#define TEN .max = 10, .min = 10

static const struct calm calms[] = {
	{.pool = {"FIFO, the load stops for the first time", SIM_FIFO, TEN, .rate = 6,
		  .held_s = 0.2, .hours = 3},
	 .stop_s = 3600},
	{.pool = {"LIFO, the load stops", TEN, .rate = 6, .held_s = 0.2, .hours = 3},
	 .stop_s = 3600},
	{.pool = {"LIFO on demand, the load stops for the first time", .max = 50, .rate = 3,
		  .held_s = 0.2, .hours = 2},
	 .stop_s = 3600},
	{.pool = {"LIFO, the load stops after bursts", TEN, .rate = 2, .held_s = 0.2,
		  .burst_s = 300, .burst = 20, .hours = 3},
	 .stop_s = 3500},
	{.pool = {"LIFO, little is left of the load", TEN, .rate = 6, .held_s = 0.2, .hours = 2},
	 .stop_s = 600,
	 .few = 0.01},
	{.pool = {"LIFO on demand, little is left of the load", .max = 50, .rate = 8, .held_s = 1,
		  .hours = 2},
	 .stop_s = 600,
	 .few = 0.01},
	{.pool = {"FIFO on demand, a burst before the load stops", SIM_FIFO, .max = 50, .rate = 2,
		  .held_s = 0.2, .burst_s = 3580, .burst = 50, .hours = 2},
	 .stop_s = 3590},
	{.pool = {"LIFO, deep excursions", TEN, .rate = 3, .held_s = 0.8, .hours = 6},
	 .stop_s = 5 * 3600},
	{.pool = {"rotation goes on, the load stops", SIM_FIFO, TEN, .rate = 6, .held_s = 0.2,
		  .lifetime_s = 1800, .hours = 6},
	 .stop_s = 7200},
	{.pool = {"only keepalive goes on", SIM_FIFO, TEN, .rate = 6, .held_s = 0.2, .ping_s = 120,
		  .hours = 6},
	 .stop_s = 7200},
	{.pool = {"low load that stops", SIM_FIFO, TEN, .rate = 0.2, .held_s = 0.2, .hours = 6},
	 .stop_s = 7200},
	{.pool = {"on and off", SIM_FIFO, TEN, .rate = 6, .held_s = 0.2, .on_s = 600, .off_s = 600,
		  .hours = 6}},
	{.pool = {"a day and a night", SIM_FIFO, TEN, .rate = 3, .held_s = 0.2, .swing = 1,
		  .period_s = 7200, .hours = 8}},
	{.pool = {"long jobs on most of them", TEN, .rate = 0.02, .slow_share = 1, .slow_s = 600,
		  .hours = 6}},
	{.pool = {"the server restarts", TEN, .rate = 6, .held_s = 0.2, .restart_s = 1800,
		  .hours = 4}},
};

static void exhausted_is_not_said_of_pools_that_are_idle(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(calms); i++) {
		for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
			struct sim_pool pool = calms[i].pool;
			struct sim *sim = sim_new(seed);

			if (calms[i].stop_s > 0)
				sim_run_until(sim, &pool, calms[i].stop_s);
			if (calms[i].stop_s > 0)
				pool.rate = calms[i].few, pool.burst_s = 0;
			sim_run_until(sim, &pool, pool.hours * 3600);
			if (sim_first_of(sim, VERDICT_EXHAUSTED)) {
				sim_print(sim, pool.name, seed);
				fail_msg("%s: a healthy pool was accused", pool.name);
			}
			sim_free(sim);
		}
	}
}

/*
 * Workers run statements without a pause, each on a connection of its own; each ends at a time of
 * its own, the second half of them so much later.
 */
#define WORKERS_MAX 15
#define REST_S (3 * 3600) /* and nothing is learned of it */

struct drain_out {
	int count;
	double statement_s, first_end, each, tail;
};

static void run_workers(struct sim *sim, const struct drain_out *out)
{
	struct sim_conn *conns[WORKERS_MAX], *other;
	double end[WORKERS_MAX];

	sim->pid++;
	other = sim_open(sim); /* another process, for the source to have something to tell */
	sim->pid--;
	for (int i = 0; i < out->count; i++) {
		conns[i] = sim_open(sim);
		end[i] = out->first_end + i * out->each + (2 * i >= out->count ? out->tail : 0);
	}
	while (sim->now < out->first_end + REST_S) {
		sim_advance(sim, sim->now + 0.1);
		sim_use(sim, other);
		for (int i = 0; i < out->count; i++) {
			if (sim->now < conns[i]->done || sim->now > end[i])
				continue;
			sim_use(sim, conns[i]);
			conns[i]->done = sim->now + out->statement_s * (0.5 + sim_random(sim));
			conns[i]->last_recv = sim->now - 0.01;
		}
		for (int i = 0; i < out->count; i++)
			if (sim->now > end[i] && conns[i]->last_send > conns[i]->last_recv)
				sim_use(sim, conns[i]);
	}
	sim_end(sim);
}

static void exhausted_is_not_said_of_workers_that_finish_one_by_one(void **state)
{
	static const struct drain_out rows[] = {
		{10, 0.1, 600, 60, 0},	{10, 0.1, 300, 120, 0}, {10, 0.1, 1200, 30, 0},
		{10, 0.1, 100, 200, 0}, {10, 1, 7200, 4, 0},	{5, 1, 600, 12, 0},
		{8, 0.3, 600, 7, 90},	{3, 2, 600, 7, 300},	{10, 2, 600, 2, 30},
		{15, 0.3, 600, 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sim *sim = sim_new(1);

		run_workers(sim, &rows[i]);
		if (sim_first_of(sim, VERDICT_EXHAUSTED)) {
			sim_print(sim, "workers", i);
			fail_msg("workers that finish, row %zu", i);
		}
		sim_free(sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exhausted_is_not_said_of_pools_that_are_idle),
		cmocka_unit_test(exhausted_is_not_said_of_workers_that_finish_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
