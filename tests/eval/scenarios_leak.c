// SPDX-License-Identifier: Apache-2.0
/*
 * Programs with a bug: one builder a way of leaking, the rest is parameters. `rate` is in leaks
 * an hour, `after` is the healthy time before it begins.
 *
 * Invariant: a run is long enough for the leak to use up what there is, or a day longer than the
 * healthy time before it.
 */
#include <stdio.h>
#include <string.h>

#include "scenario.h"

#define SERVER_LIMIT 100
#define HOUR_S 3600.0
#define DAY_S 86400.0

static enum leak_kind kind_of(struct scenario *scenario, const char *word)
{
	static const char *const words[] = {
		[LEAK_NOTHING] = "nothing",   [LEAK_RETURN] = "return", [LEAK_TX] = "tx",
		[LEAK_CANCEL] = "cancel",     [LEAK_ORPHAN] = "orphan", [LEAK_THREAD] = "thread",
		[LEAK_FORK] = "fork",	      [LEAK_CLIENT] = "client", [LEAK_CLOSE_WAIT] = "cw",
		[LEAK_FAILOVER] = "failover",
	};

	for (int kind = 0; kind < LEAK_KIND_COUNT; kind++)
		if (strcmp(word, words[kind]) == 0)
			return (enum leak_kind)kind;
	(void)fprintf(stderr, "eval: leak '%s' does not exist\n", word);
	scenario->is_wrong = true;
	return LEAK_RETURN;
}

static enum leak_shape shape_of(struct scenario *scenario, const char *word)
{
	static const char *const words[] = {
		[SHAPE_POISSON] = "poisson", [SHAPE_PERIODIC] = "periodic",
		[SHAPE_BURST] = "burst",     [SHAPE_GROWING] = "growing",
		[SHAPE_WINDOW] = "window",   [SHAPE_REQUEST] = "request",
	};

	for (int shape = 0; shape < SHAPE_COUNT; shape++)
		if (strcmp(word, words[shape]) == 0)
			return (enum leak_shape)shape;
	(void)fprintf(stderr, "eval: shape '%s' does not exist\n", word);
	scenario->is_wrong = true;
	return SHAPE_POISSON;
}

static void set_leak(struct scenario *scenario, struct pool_model *pool)
{
	const char *params = scenario->params;
	struct leak_spec *leak = &pool->leak;
	char word[24];

	leak->kind = kind_of(scenario, params_word(params, "leak", "return", word, sizeof(word)));
	leak->shape =
		shape_of(scenario, params_word(params, "shape", "poisson", word, sizeof(word)));
	leak->rate = params_number(params, "rate", 60) / HOUR_S;
	leak->after_ns = scenario->world->now_ns + ns_of(params_number(params, "after", 0));
	leak->size = (uint32_t)params_number(params, "clients", 1);
	/* What leaks must be there to leak: enough requests, whatever the hour. */
	if (pool->load.rate < 3 * leak->rate)
		pool->load.rate = 3 * leak->rate;
	if (leak->shape == SHAPE_REQUEST)
		leak->rate /= pool->load.rate;
}

/* The pool's maximum, or the server's; and how long the leak takes to get there. */
static void set_capacity(struct scenario *scenario, struct pool_model *pool)
{
	struct world *world = scenario->world;
	double rate = params_number(scenario->params, "rate", 60) / HOUR_S;
	double after_s = params_number(scenario->params, "after", 0);
	double leak_s;

	scenario->capacity = pool->profile.max;
	if (scenario->capacity == 0 || scenario->capacity > SERVER_LIMIT) {
		scenario->capacity =
			(uint32_t)params_number(scenario->params, "limit", SERVER_LIMIT);
		world->endpoints[pool->endpoint].limit = scenario->capacity;
	}
	scenario->is_fixed = pool->profile.max > 0 && pool->profile.min == pool->profile.max;
	scenario->is_limit_known = true;
	if (!scenario->is_fixed)
		scenario->static_limit = scenario->capacity;
	leak_s = 1.3 * scenario->capacity / rate + 600;
	if (pool->load.kind == LOAD_NIGHT)
		leak_s += DAY_S / 2; /* nothing leaks while nothing runs */
	if (pool->load.kind == LOAD_ONOFF)
		leak_s = 2 * leak_s + 2 * pool->load.period_s;
	if (leak_s > DAY_S)
		leak_s = DAY_S;
	scenario_set_duration(scenario, after_s + leak_s);
	scenario->allowed = 1u << VERDICT_LEAK | 1u << VERDICT_EXHAUSTED;
}

void build_leak(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "go");
	struct pool_model *resting = scenario_add_resting(scenario, pool->client);

	set_leak(scenario, pool);
	set_capacity(scenario, pool);
	pool_start(pool);
	if (resting)
		pool_start(resting);
}

/* Leaks that take no place in the pool run into the server's limit. */
void build_leak_strays(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "mongo-node");

	set_leak(scenario, pool);
	pool->profile.max = pool->profile.max ? pool->profile.max : 1000;
	scenario->world->endpoints[pool->endpoint].limit = SERVER_LIMIT;
	set_capacity(scenario, pool);
	scenario->capacity = SERVER_LIMIT;
	scenario->static_limit = SERVER_LIMIT;
	scenario_set_duration(scenario,
			      params_number(scenario->params, "after", 0) +
				      1.3 * SERVER_LIMIT * HOUR_S /
					      params_number(scenario->params, "rate", 60) +
				      600);
	pool_start(pool);
}

static void restart_now(void *self, uint64_t arg)
{
	(void)arg;
	world_restart_server(self, 0, 0.5);
}

/* sidle: the server's idle timeout; restarts: so many an hour. Both leave FINs behind. */
void build_leak_close_wait(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "mysql2");
	double per_hour = params_number(scenario->params, "restarts", 0);
	double dur_s = params_number(scenario->params, "dur", 4 * HOUR_S);

	set_leak(scenario, pool);
	pool->leak.kind = LEAK_CLOSE_WAIT;
	pool->leak.rate = params_number(scenario->params, "odds", 1);
	set_capacity(scenario, pool);
	scenario->capacity = SERVER_LIMIT;
	scenario->world->endpoints[pool->endpoint].limit = SERVER_LIMIT;
	scenario_set_duration(scenario, dur_s);
	for (double t_s = HOUR_S / (per_hour + 1); per_hour > 0 && t_s < dur_s;
	     t_s += HOUR_S / per_hour)
		scenario_at(scenario, t_s, restart_now, scenario->world);
	pool_start(pool);
}

/* No pool: a connection for each request, and some paths forget to close. */
void build_leak_sessions(struct scenario *scenario)
{
	struct world *world = scenario->world;
	struct session_model *session = scenario_add_sessions(
		scenario, world_add_client(world, "php-worker"), "php-worker");
	double rate = params_number(scenario->params, "rate", 60) / HOUR_S;
	double after_s = params_number(scenario->params, "after", 0);

	session->activity = SESSION_WORK;
	if (session->load.rate < 3 * rate)
		session->load.rate = 3 * rate;
	session->leak_odds = rate / session->load.rate;
	session->leak_after_ns = world->now_ns + ns_of(after_s);
	world->endpoints[0].limit = SERVER_LIMIT;
	scenario->capacity = SERVER_LIMIT;
	scenario->is_limit_known = true;
	scenario->allowed = 1u << VERDICT_LEAK | 1u << VERDICT_EXHAUSTED;
	scenario_set_duration(scenario, after_s + 1.3 * SERVER_LIMIT / rate + 600);
	session_start(session);
}

/* The pool moves to another address at `after` and leaves what it has behind. */
void build_leak_failover(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "hikari");

	set_leak(scenario, pool);
	pool->leak.kind = LEAK_FAILOVER;
	scenario->allowed = 1u << VERDICT_LEAK;
	scenario->capacity = 0;
	scenario_set_duration(scenario, params_number(scenario->params, "after", 0) + 2 * HOUR_S);
	pool_start(pool);
}

static void reload(void *self, uint64_t arg)
{
	(void)arg;
	pool_leave(self);
}

static void start_next(void *self, uint64_t arg)
{
	(void)arg;
	pool_start(self);
}

/* Each hot reload makes a pool and forgets to close the one before, which goes on by itself. */
void build_leak_reload(struct scenario *scenario)
{
	double after_s = params_number(scenario->params, "after", HOUR_S);
	double every_s = params_number(scenario->params, "every", HOUR_S);
	uint32_t count = (uint32_t)params_number(scenario->params, "count", 8);
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "hikari");

	pool_start(pool);
	for (uint32_t i = 0; i < count; i++) {
		struct pool_model *next = scenario_add_pool(scenario, pool->client, "hikari");
		double at_s = after_s + i * every_s * scenario_draw(scenario, "steady", 0.8, 1);

		scenario_at(scenario, at_s, start_next, next);
		scenario_at(scenario, at_s + 1, reload, pool);
		pool = next;
	}
	scenario->allowed = 1u << VERDICT_LEAK;
	scenario->capacity = 0;
	scenario_set_duration(scenario, after_s + count * every_s);
}

/* A pool that does not grow as it leaks: flat at its maximum until nothing is left. */
void build_exhausted(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "hikari");
	double rate = params_number(scenario->params, "rate", 60) / HOUR_S;

	set_leak(scenario, pool);
	set_capacity(scenario, pool);
	scenario->deadline_s = 60;
	scenario_set_duration(scenario, params_number(scenario->params, "after", 0) +
						1.5 * scenario->capacity / rate + 900);
	pool_start(pool);
}

/* The same with parameter beside: a group of its own, for the goals are of one pool. */
void build_leak_beside(struct scenario *scenario)
{
	build_leak(scenario);
}

/*
 * A deploy that forgets to return on the common path: `share` of all requests leak, so the pool is
 * empty within a minute or a few. Cold, the process does so from its first request on.
 */
void build_leak_fast(struct scenario *scenario)
{
	struct pool_model *pool = scenario_add_pool(scenario, NULL, "hikari");
	double rate = params_number(scenario->params, "rate", 600) / HOUR_S;
	double share = scenario_draw(scenario, "share", 0.5, 1.5);

	set_leak(scenario, pool);
	set_capacity(scenario, pool);
	share = share < 1 ? share : 1; /* half of the runs leak them all */
	pool->leak.shape = SHAPE_REQUEST;
	pool->leak.rate = share;
	pool->load.rate = rate / share;
	scenario->deadline_s = 60;
	scenario_set_duration(scenario, params_number(scenario->params, "after", 0) +
						1.5 * scenario->capacity / rate + 600);
	pool_start(pool);
}
