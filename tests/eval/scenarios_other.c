// SPDX-License-Identifier: Apache-2.0
/*
 * Trouble that is not a leak: each has its own verdict, or none, and must not be taken for
 * another. Everything begins after an hour (parameter `at`) of health.
 *
 * Invariant: onset_ns is the moment from which the verdict is right for certain. Where load comes
 * in surges it may be right for a while before, and then the census says so.
 */
#include "census.h"
#include "scenario.h"

#define HOUR_S 3600.0
#define SATURATED_AFTER_S 60.0

static double begin_s(const struct scenario *scenario)
{
	return params_number(scenario->params, "at", HOUR_S);
}

static void set_window(const struct scenario *scenario, struct window *window, double length_s,
		       double factor)
{
	window->from_ns = scenario->world->now_ns + ns_of(begin_s(scenario));
	window->to_ns =
		window->from_ns + ns_of(params_number(scenario->params, "length", length_s));
	window->factor = params_number(scenario->params, "by", factor);
}

/* Arrivals that would keep `share` of the pool's maximum in use. */
static void set_demand(struct pool_model *pool, double share)
{
	double hold_s = pool->work.exchanges *
			(pool->work.service_s *
				 exp(pool->work.service_sigma * pool->work.service_sigma / 2) +
			 0.0015);

	pool->load.rate = share * pool->profile.max / hold_s;
}

/* Load above what the pool can carry: all connections busy, requests wait. */
void build_saturated(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "hikari");
	double before = params_number(scenario->params, "before", 0.3);

	pool->work.service_s = scenario_draw(scenario, "service", 0.05, 0.3);
	pool->work.exchanges = 3;
	set_demand(pool, before);
	set_window(scenario, &scenario->world->spike, 1200, 1.6 / before);
	scenario->onset_ns = scenario->world->spike.from_ns + ns_of(SATURATED_AFTER_S);
	scenario->deadline_s = 300;
	scenario->allowed = 1u << VERDICT_SATURATED;
	scenario->counted = pool;
	scenario_set_duration(scenario, begin_s(scenario) + 1500);
	pool_start(pool);
	census_begin(pool);
}

/* More users than ever, and the pool takes them. */
void build_spike(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "tomcat");

	pool->work.service_s = scenario_draw(scenario, "service", 0.01, 0.1);
	pool->profile.max = pool->profile.max ? pool->profile.max : 100;
	set_demand(pool, 0.08);
	set_window(scenario, &scenario->world->spike, 900, 7);
	scenario->allowed = 1u << VERDICT_SATURATED;
	scenario_set_duration(scenario, begin_s(scenario) + 2 * HOUR_S);
	pool_start(pool);
}

void build_slow_database(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "hikari-elastic");

	set_demand(pool, 0.1);
	set_window(scenario, &scenario->world->slow, 900, 30);
	scenario->allowed = 1u << VERDICT_SATURATED;
	scenario_set_duration(scenario, begin_s(scenario) + 2 * HOUR_S);
	pool_start(pool);
}

void build_network(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "go");

	set_window(scenario, &scenario->world->net, 600, 200);
	scenario->allowed = 1u << VERDICT_SATURATED | 1u << VERDICT_STORM;
	scenario_set_duration(scenario, begin_s(scenario) + 2 * HOUR_S);
	pool_start(pool);
}

/* --- storms ----------------------------------------------------------------------------------- */

static void expect_storm(struct scenario *scenario)
{
	scenario->onset_ns = scenario->world->now_ns + ns_of(begin_s(scenario));
	scenario->deadline_s = 20;
	scenario->allowed = 1u << VERDICT_STORM;
	scenario_set_duration(scenario, begin_s(scenario) + 1800);
}

/* Requests bypass the pool: a connection for each, for a few milliseconds. */
void build_storm_churn(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "hikari");
	struct session_model *session = scenario_add_sessions(scenario, pool->client, "orders-api");

	session->activity = SESSION_WORK;
	session->load.kind = LOAD_POISSON;
	session->load.rate = 0.05;
	set_window(scenario, &scenario->world->spike, 300, 600);
	pool->load.kind = LOAD_POISSON;
	pool->load.rate = 0.02;
	expect_storm(scenario);
	pool_start(pool);
	session_start(session);
}

static void go_down(void *self, uint64_t arg)
{
	(void)arg;
	world_restart_server(self, 0, 90);
}

/* The server is away for a while, and every request tries a connect of its own. */
void build_storm_retry(struct scenario *scenario)
{
	struct sim_client *client = world_add_client(scenario->world, "gateway");
	struct session_model *steady = scenario_add_sessions(scenario, client, "gateway");
	struct session_model *retries = scenario_add_sessions(scenario, client, "gateway");

	steady->activity = SESSION_THINK;
	steady->gap_s = 1;
	steady->initial = (uint32_t)params_number(scenario->params, "conns", 30);
	steady->keeps_initial = true;
	steady->load.rate = 0;
	retries->activity = SESSION_WORK;
	retries->load.kind = LOAD_POISSON;
	retries->load.rate = 0.02;
	set_window(scenario, &scenario->world->spike, 90, 800);
	expect_storm(scenario);
	scenario_at(scenario, begin_s(scenario), go_down, scenario->world);
	session_start(steady);
	session_start(retries);
}

/* --- oversized -------------------------------------------------------------------------------- */

static void start_now(void *self, uint64_t arg)
{
	struct pool_model *pool = self;

	(void)arg;
	pool->client->born_ns = pool->world->now_ns;
	pool->client->id.start_ns = pool->world->now_ns;
	pool_start(pool);
}

static void stop_now(void *self, uint64_t arg)
{
	struct pool_model *pool = self;

	(void)arg;
	pool_stop(pool);
	world_exit_client(pool->world, pool->client);
}

/* A deploy with a larger pool than the work needs. */
void build_oversized(struct scenario *scenario)
{
	struct pool_model *before = scenario_add_pool(scenario, NULL, "hikari");
	struct pool_model *after = scenario_add_pool(scenario, NULL, "hikari");
	double at_s = begin_s(scenario);

	after->profile.max = (uint32_t)params_number(scenario->params, "new", 40);
	after->profile.min = after->profile.max;
	scenario->allowed = 1u << VERDICT_OVERSIZED;
	scenario->onset_ns = scenario->world->now_ns + ns_of(at_s + 120);
	scenario->deadline_s = 900;
	scenario_set_duration(scenario, at_s + 2 * HOUR_S);
	pool_start(before);
	scenario_at(scenario, at_s, start_now, after);
	scenario_at(scenario, at_s + 120, stop_now, before);
}
