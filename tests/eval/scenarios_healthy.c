// SPDX-License-Identifier: Apache-2.0
/*
 * Programs without a bug. Each builder is one way in which health looks like a leak to somebody
 * who counts connections; the right verdict for all of them is none.
 *
 * Invariant: every connection is used again, closed, or held on purpose by somebody.
 */
#include <stdlib.h>

#include "census.h"
#include "scenario.h"

#define SMALL 10 /* connections */
#define HOUR_S 3600.0
#define DAY_S 86400.0

/* Any pool under any load: warm-up, rotation, refill, eviction, nights come with the profile. */
void build_steady(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "hikari");
	struct pool_model *resting = scenario_add_resting(scenario, pool->client);

	if (resting)
		pool_start(resting);
	pool->world->endpoints[0].limit = (uint32_t)params_number(scenario->params, "limit", 0);
	pool_start(pool);
	/* A surge can be too much for a small pool, and then it is right to say so. */
	if (pool->profile.max > 0 && pool->profile.max <= SMALL) {
		scenario->counted = pool;
		census_begin(pool);
	}
}

/* --- deploys ---------------------------------------------------------------------------------- */

static void start_now(void *self, uint64_t arg)
{
	(void)arg;
	pool_start(self);
}

static void stop_now(void *self, uint64_t arg)
{
	struct pool_model *pool = self;

	(void)arg;
	pool_stop(pool);
	world_exit_client(pool->world, pool->client);
}

static void stop_soon(void *self, uint64_t arg)
{
	struct pool_model *pool = self;

	(void)arg;
	pool->is_stopped = true; /* no new requests; 20 s later the process ends */
	timers_add(&pool->world->timers, pool->world->now_ns + 20 * NS_PER_SEC, stop_now, pool, 0);
}

static void start_process(void *self, uint64_t arg)
{
	struct pool_model *pool = self;

	pool->client->born_ns = pool->world->now_ns;
	pool->client->id.start_ns = pool->world->now_ns;
	start_now(pool, arg);
}

/* A process every `every`, the old one ends `overlap` later. */
void build_deploys(struct scenario *scenario)
{
	double every_s = params_number(scenario->params, "every", 2 * HOUR_S);
	double overlap_s = params_number(scenario->params, "overlap", 120);
	double dur_s = params_number(scenario->params, "dur", DAY_S);

	for (double t_s = 0; t_s < dur_s; t_s += every_s) {
		struct pool_model *pool = scenario_add_pool(scenario, NULL, "hikari");

		scenario_at(scenario, t_s, start_process, pool);
		if (t_s + every_s < dur_s)
			scenario_at(scenario, t_s + every_s + overlap_s, stop_soon, pool);
	}
}

/* --- many small ones -------------------------------------------------------------------------- */

/* Worker processes with a connection each, a few of which do most of the work. */
void build_prefork(struct scenario *scenario)
{
	uint32_t workers = (uint32_t)params_number(scenario->params, "workers", 12);

	for (uint32_t i = 0; i < workers; i++) {
		struct sim_client *client = world_add_client(scenario->world, "gunicorn");
		struct pool_model *pool = scenario_add_pool(scenario, client, "django-kept");

		pool->profile.max = 1;
		pool->load.rate *= 0.6 * pow(0.6, i);
		pool_start(pool);
	}
}

/*
 * One process, a small pool for each tenant's database; shared=1: all on one server; spares=1: each
 * other one opens three at a time and hardly needs them.
 */
void build_tenants(struct scenario *scenario)
{
	bool is_shared = params_number(scenario->params, "shared", 0) > 0;
	bool has_spares = params_number(scenario->params, "spares", 0) > 0;
	uint32_t tenants = (uint32_t)params_number(scenario->params, "tenants", 40);
	struct sim_client *client = world_add_client(scenario->world, "billing");

	for (uint32_t i = 0; i < tenants; i++) {
		const char *name = has_spares && i % 2 ? "c3p0" : "node-pg";
		struct pool_model *pool = scenario_add_pool(scenario, client, name);

		pool->endpoint = is_shared ? 0 : i;
		pool->load.rate *= 3.0 / tenants;
		scenario_at(scenario, scenario_draw(scenario, "spread", 1, DAY_S / 4), start_now,
			    pool);
	}
}

/* Pools of one process to the same server, made when their feature is used for the first time. */
void build_lazy_pools(struct scenario *scenario)
{
	uint32_t count = (uint32_t)params_number(scenario->params, "pools", 8);
	struct sim_client *client = world_add_client(scenario->world, "erp");

	for (uint32_t i = 0; i < count; i++) {
		struct pool_model *pool = scenario_add_pool(scenario, client, "hikari");

		pool->load.rate *= pow(0.5, i);
		scenario_at(scenario, i == 0 ? 0 : scenario_draw(scenario, "spread", 60, DAY_S / 2),
			    start_now, pool);
	}
}

/* --- servers and clients that come and go ----------------------------------------------------- */

static void restart_now(void *self, uint64_t arg)
{
	(void)arg;
	world_restart_server(self, 0, 3);
}

/* FINs all at once, CLOSE_WAIT until the pool comes to look. */
void build_restart(struct scenario *scenario)
{
	double every_s = params_number(scenario->params, "every", 3 * HOUR_S);
	double dur_s = params_number(scenario->params, "dur", DAY_S);

	for (double t_s = every_s / 2; t_s < dur_s; t_s += every_s)
		scenario_at(scenario, t_s, restart_now, scenario->world);
	build_steady(scenario);
}

/* No pool at all. */
void build_churn(struct scenario *scenario)
{
	struct sim_client *client = world_add_client(scenario->world, "php-fpm");
	struct session_model *session = scenario_add_sessions(scenario, client, "php-fpm");

	session->activity = SESSION_WORK;
	session_start(session);
}

/* --- connections held on purpose -------------------------------------------------------------- */

/* LISTEN, change streams, replication: a constant number that only receives, beside a pool. */
void build_listeners(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "node-pg");
	struct session_model *session = scenario_add_sessions(scenario, pool->client, "orders-api");

	session->activity = SESSION_RECEIVE;
	session->load.rate = 0;
	session->initial = (uint32_t)params_number(scenario->params, "listeners", 6);
	session->keeps_initial = true;
	session->gap_s = scenario_draw(scenario, "gap", 1, 3 * HOUR_S);
	pool_start(pool);
	session_start(session);
}

/*
 * One listener for each visitor, silent as a rule, for as long as he stays; where a pool is named,
 * it serves the same process.
 */
void build_websockets(struct scenario *scenario)
{
	uint32_t workers = (uint32_t)params_number(scenario->params, "workers", 1);
	double visitors = params_number(scenario->params, "visitors", 20);
	struct sim_client *client = NULL;
	double gap_s = 0, stay_s = 0;
	char word[24];

	for (uint32_t i = 0; i < workers; i++) {
		struct session_model *session;

		client = world_add_client(scenario->world, "push");
		session = scenario_add_sessions(scenario, client, "push");
		if (i == 0) {
			gap_s = scenario_draw(scenario, "gap", 30, 2 * HOUR_S);
			stay_s = scenario_draw(scenario, "stay", 60, HOUR_S);
		}
		session->activity = SESSION_RECEIVE;
		session->gap_s = gap_s;
		session->hold_s = stay_s;
		session->hold_sigma = 1.2;
		session->load.rate = visitors / stay_s;
		session_start(session);
	}
	if (params_word(scenario->params, "pool", NULL, word, sizeof(word)))
		pool_start(scenario_add_pool(scenario, client, "node-pg"));
}

/* People: statements with long pauses, sessions of hours; a process each, or one for all. */
void build_analysts(struct scenario *scenario)
{
	bool shares = params_number(scenario->params, "shared", 0) > 0;
	struct sim_client *client = shares ? world_add_client(scenario->world, "notebooks") : NULL;
	struct session_model *session = scenario_add_sessions(scenario, client, "psql");

	session->activity = SESSION_THINK;
	session->gap_s = scenario_draw(scenario, "gap", 20, 900);
	session->hold_s = scenario_draw(scenario, "stay", 900, 3 * HOUR_S);
	session->load.rate = params_number(scenario->params, "people", 8) / session->hold_s;
	session_start(session);
}

/* A server that opens each session's connection itself and forks a process that has it. */
void build_handed_on(struct scenario *scenario)
{
	struct sim_client *client = world_add_client(scenario->world, "pgshell");
	struct session_model *session = scenario_add_sessions(scenario, client, "pgshell");

	session->activity = SESSION_THINK;
	session->hands_on = true;
	session->gap_s = scenario_draw(scenario, "gap", 20, 900);
	session->hold_s = scenario_draw(scenario, "stay", 300, 3 * HOUR_S);
	session->load.rate = params_number(scenario->params, "people", 8) / session->hold_s;
	session_start(session);
}

/* Two servers and a pool for each in one process, which works with one of them at a time. */
void build_standby(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "hikari");
	struct pool_model *other = scenario_add_pool(scenario, pool->client, "hikari");
	double period_s = params_number(scenario->params, "every", 1800);

	load_init(&pool->load, LOAD_ONOFF, pool->load.rate, rng_of(scenario->seed, "on"));
	load_init(&other->load, LOAD_ONOFF, pool->load.rate, rng_of(scenario->seed, "off"));
	pool->load.period_s = other->load.period_s = period_s;
	pool->load.phase_s = 0;
	other->load.phase_s = period_s;
	other->endpoint = 1;
	pool_start(pool);
	scenario_at(scenario, period_s, start_now, other);
}

/* Long statements, answered at the end or bit by bit, beside a pool. */
void build_batch(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "hikari-elastic");
	struct session_model *session = scenario_add_sessions(scenario, pool->client, "batch");
	bool streams = params_number(scenario->params, "stream", 0) > 0;

	session->activity = streams ? SESSION_RECEIVE : SESSION_ASK;
	session->gap_s = 2;
	session->hold_s = scenario_draw(scenario, "job", 120, 2 * HOUR_S);
	session->hold_sigma = 0.8;
	load_init(&session->load, LOAD_BATCH, 1, rng_of(scenario->seed, "jobs"));
	session->load.period_s = params_number(scenario->params, "every", 2 * HOUR_S);
	session->load.size = (uint32_t)params_number(scenario->params, "jobs", 8);
	pool_start(pool);
	session_start(session);
}

/* Work of the pool's own process that keeps a connection for long and hardly uses it. */
void build_holders(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "tomcat");
	struct session_model *session = scenario_add_sessions(scenario, pool->client, "orders-api");

	session->activity = SESSION_THINK;
	session->gap_s = scenario_draw(scenario, "gap", 60, 1800);
	session->hold_s = scenario_draw(scenario, "stay", 300, 3 * HOUR_S);
	session->load.rate = params_number(scenario->params, "holders", 8) / session->hold_s;
	pool_start(pool);
	session_start(session);
}

static void begin_stall(void *self, uint64_t arg)
{
	struct scenario *scenario = self;
	struct window *stall = &scenario->world->stall;

	(void)arg;
	stall->from_ns = scenario->world->now_ns;
	stall->to_ns = stall->from_ns + ns_of(scenario_draw(scenario, "length", 15, 60));
	stall->factor = params_number(scenario->params, "share", 1);
}

/* Requests that wait for another service, now and then all of them, and keep their connection. */
void build_stalls(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "tomcat");
	double every_s = params_number(scenario->params, "every", 4 * HOUR_S);

	for (double t_s = HOUR_S; t_s < DAY_S; t_s += every_s)
		scenario_at(scenario, t_s, begin_stall, scenario);
	pool_start(pool);
}

/* Exporters, and jobs that open a connection, sleep on it, and go. */
void build_crons(struct scenario *scenario)
{
	struct sim_client *client = world_add_client(scenario->world, "scheduler");
	struct session_model *jobs = scenario_add_sessions(scenario, client, "scheduler");
	struct pool_model *exporter =
		scenario_add_pool(scenario, world_add_client(scenario->world, "pg_exporter"), "go");

	jobs->activity = SESSION_SILENT;
	jobs->hold_s = scenario_draw(scenario, "sleep", 60, HOUR_S);
	jobs->hold_sigma = 0.5;
	load_init(&jobs->load, LOAD_BATCH, 1, rng_of(scenario->seed, "cron"));
	jobs->load.period_s = params_number(scenario->params, "every", 1800);
	jobs->load.size = (uint32_t)params_number(scenario->params, "jobs", 3);
	load_init(&exporter->load, LOAD_CRON, 1, rng_of(scenario->seed, "exporter"));
	exporter->load.period_s = 15;
	session_start(jobs);
	pool_start(exporter);
}

/* Workers that come one by one for hours and stay, each with a connection that it needs rarely. */
void build_consumers(struct scenario *scenario)
{
	struct sim_client *client = world_add_client(scenario->world, "consumer");
	struct session_model *session = scenario_add_sessions(scenario, client, "consumer");

	session->activity = SESSION_THINK;
	session->gap_s = scenario_draw(scenario, "gap", 5, 600);
	session->max = (uint32_t)params_number(scenario->params, "workers", 30);
	session->load.rate = session->max / scenario_draw(scenario, "spread", 600, 6 * HOUR_S);
	session->hold_s = 0;
	session_start(session);
}
