// SPDX-License-Identifier: Apache-2.0
/*
 * From a family, a line of parameters and a seed to a world that can be run. What the parameters
 * leave open is drawn from the seed, so the same three always make the same run.
 *
 * Invariant: each part has a random stream of its own. The scenario owns world and parts.
 */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>

#define RESTING_RPS 0.002 /* between its bursts */

double scenario_draw(struct scenario *scenario, const char *key, double low, double high)
{
	double value = low * pow(high / low, rng_unit(&scenario->rng));

	return params_number(scenario->params, key, value);
}

void scenario_set_duration(struct scenario *scenario, double seconds)
{
	struct world *world = scenario->world;

	seconds = params_number(scenario->params, "dur", seconds);
	world->end_ns = world->now_ns + ns_of(seconds);
	world->look_ns = ns_of(params_number(scenario->params, "look", seconds > 7200 ? 5 : 1));
}

void scenario_at(struct scenario *scenario, double seconds, timer_fn fn, void *self)
{
	timers_add(&scenario->world->timers, scenario->world->now_ns + ns_of(seconds) + NS_PER_US,
		   fn, self, 0);
}

static enum load_kind draw_load(struct scenario *scenario)
{
	char word[24];
	const char *name = params_word(scenario->params, "load", "poisson", word, sizeof(word));
	enum load_kind kind = load_kind_of(name);

	if (kind == LOAD_KIND_COUNT) {
		(void)fprintf(stderr, "eval: load '%s' does not exist\n", name);
		scenario->is_wrong = true;
		return LOAD_POISSON;
	}
	return kind;
}

static void draw_work(struct scenario *scenario, struct work *work)
{
	work->service_s = scenario_draw(scenario, "service", 0.002, 0.03);
	work->service_sigma = 0.8;
	work->tail_share = params_number(scenario->params, "tail", 0.0005);
	work->tail_s = params_number(scenario->params, "tail_s", 1);
	work->pause_s = 0.001;
	work->pause_sigma = 0.7;
	work->exchanges = scenario_draw(scenario, "exchanges", 1, 5);
}

static void draw_demand(struct scenario *scenario, struct load *load, const char *stream)
{
	const char *params = scenario->params;

	load_init(load, draw_load(scenario), scenario_draw(scenario, "rps", 0.3, 12),
		  rng_of(scenario->seed, stream));
	load->period_s = params_number(params, "period", load->period_s);
	load->size = (uint32_t)params_number(params, "size", load->size);
	load->factor = params_number(params, "factor", load->factor);
	load->low = params_number(params, "low", load->low);
}

static void change_profile(struct scenario *scenario, struct pool_profile *profile)
{
	const char *params = scenario->params;
	bool is_fixed = profile->max > 0 && profile->min == profile->max;

	profile->max = (uint32_t)params_number(params, "max", profile->max);
	profile->min =
		(uint32_t)params_number(params, "min", is_fixed ? profile->max : profile->min);
	profile->keep = (uint32_t)params_number(params, "keep", profile->keep);
	profile->idle_s = params_number(params, "idle", profile->idle_s);
	profile->lifetime_s = params_number(params, "lifetime", profile->lifetime_s);
	profile->keepalive_s = params_number(params, "keepalive", profile->keepalive_s);
	profile->wait_s = params_number(params, "wait", profile->wait_s);
}

struct pool_model *scenario_add_pool(struct scenario *scenario, struct sim_client *client,
				     const char *profile)
{
	char word[24], stream[32];
	const char *openers;
	const struct pool_profile *found;
	struct pool_model *pool;

	profile = params_word(scenario->params, "pool", profile, word, sizeof(word));
	found = pool_profile_find(profile);
	if (!found) {
		(void)fprintf(stderr, "eval: pool '%s' does not exist\n", profile);
		scenario->is_wrong = true;
		found = pool_profile_find("go");
	}
	if (!client)
		client = world_add_client(scenario->world, "orders-api");
	(void)snprintf(stream, sizeof(stream), "pool %u", scenario->part_count++);
	pool = pool_new(scenario->world, client, found, stream, scenario->seed);
	change_profile(scenario, &pool->profile);
	draw_work(scenario, &pool->work);
	draw_demand(scenario, &pool->load, stream);
	pool->thread_skew = params_number(scenario->params, "skew", 2);
	openers = params_word(scenario->params, "openers", "", word, sizeof(word));
	if (openers[0])
		pool->openers = openers_of(openers);
	pool->thread_life_s = params_number(scenario->params, "life", 0);
	pool->reap_s = params_number(scenario->params, "reap", 0);
	pool->server_idle_s = params_number(scenario->params, "sidle", 0);
	pool->next = scenario->pools;
	scenario->pools = pool;
	return pool;
}

struct pool_model *scenario_add_resting(struct scenario *scenario, struct sim_client *client)
{
	const struct pool_profile *profile;
	char word[24], stream[32];
	struct pool_model *pool;

	if (!params_word(scenario->params, "beside", NULL, word, sizeof(word)))
		return NULL;
	profile = pool_profile_find(word);
	if (!profile) {
		(void)fprintf(stderr, "eval: pool '%s' does not exist\n", word);
		scenario->is_wrong = true;
		return NULL;
	}
	(void)snprintf(stream, sizeof(stream), "pool %u", scenario->part_count++);
	pool = pool_new(scenario->world, client, profile, stream, scenario->seed);
	draw_work(scenario, &pool->work);
	load_init(&pool->load, LOAD_BURSTS, RESTING_RPS, rng_of(scenario->seed, stream));
	pool->load.period_s = scenario_draw(scenario, "rest", 600, 3000);
	pool->load.size = (uint32_t)scenario_draw(scenario, "wakes", 4, 12);
	pool->next = scenario->pools;
	scenario->pools = pool;
	return pool;
}

struct session_model *scenario_add_sessions(struct scenario *scenario, struct sim_client *client,
					    const char *comm)
{
	struct session_model *session;
	char stream[32];

	(void)snprintf(stream, sizeof(stream), "sessions %u", scenario->part_count++);
	session = session_new(scenario->world, client, comm, stream, scenario->seed);
	draw_work(scenario, &session->work);
	draw_demand(scenario, &session->load, stream);
	session->next = scenario->sessions;
	scenario->sessions = session;
	return session;
}

struct scenario *scenario_new(const struct family *family, const char *params, uint64_t seed,
			      world_sink_fn sink, void *userdata)
{
	struct scenario *scenario = calloc(1, sizeof(*scenario));

	if (!scenario)
		return NULL;
	scenario->family = family;
	scenario->params = params;
	scenario->seed = seed;
	scenario->rng = rng_of(seed, family->name);
	scenario->static_limit = 100;
	scenario->world = world_new(seed, sink, userdata);
	if (!scenario->world) {
		free(scenario);
		return NULL;
	}
	scenario_set_duration(scenario, 86400);
	family->build(scenario);
	scenario->world->observe_ns = ns_of(params_number(params, "attach", 0));
	if (!scenario->is_wrong)
		return scenario;
	scenario_free(scenario);
	return NULL;
}

void scenario_free(struct scenario *scenario)
{
	if (!scenario)
		return;
	world_free(scenario->world);
	while (scenario->pools) {
		struct pool_model *next = scenario->pools->next;

		pool_free(scenario->pools);
		scenario->pools = next;
	}
	while (scenario->sessions) {
		struct session_model *next = scenario->sessions->next;

		session_free(scenario->sessions);
		scenario->sessions = next;
	}
	free(scenario);
}
