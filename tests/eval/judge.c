// SPDX-License-Identifier: Apache-2.0
/*
 * Where the truth and the verdicts meet. The detector gets the events and nothing else; the truth
 * is read from the world at the moment of each verdict line.
 *
 * Invariant: a raised leak counts as the detection when at least half of the connections that it
 * names are leaked, and as a false alarm otherwise, whatever else is wrong in the scenario.
 */
#include "judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/pipeline.h"
#include "bound.h"
#include "census.h"
#include "ending.h"
#include "score.h"
#include "stopped.h"

#define NAMED_AFTER_NS (60 * NS_PER_SEC)
#define COLD_S 1800.0

/* Whom the last line of a leak verdict named. */
struct naming {
	struct naming *next;
	uint64_t id;
	uint64_t *suspects; /* owned */
	uint32_t count;
};

struct judge {
	struct result *result;
	struct scenario *scenario;
	struct world *world;
	struct options options;
	struct pipeline *pipeline;
	struct baselines *baselines;
	uint64_t baseline_due_ns, naming_due_ns;
	uint64_t tte_at_ns[TTE_POINTS];
	double tte_s[TTE_POINTS];
	struct naming *namings; /* of the leak verdicts that stand; owned */
	struct bound bound;
	struct stopped stopped;
	bool has_begun; /* the leak */
};

static double seconds_of(uint64_t t_ns)
{
	return t_ns == NEVER_NS ? NAN : (double)t_ns / 1e9;
}

static bool is_leaked(const struct world *world, uint64_t conn)
{
	for (uint32_t i = world->leak_count; i > 0; i--)
		if (world->leaks[i - 1].conn == conn)
			return true;
	return false;
}

static bool is_right(const struct judge *judge, const struct verdict *verdict)
{
	uint32_t right = 0;

	for (uint32_t i = 0; i < verdict->suspect_count; i++)
		right += is_leaked(judge->world, verdict->suspects[i]);
	return verdict->suspect_count > 0 && 2 * right >= verdict->suspect_count;
}

static void copy_name(char *buffer, const struct verdict *verdict)
{
	const char *name = verdict->evidence_count ? verdict->evidence[0].name : "";

	if (!buffer[0])
		(void)snprintf(buffer, EVIDENCE_NAME_SIZE, "%s", name);
}

static void keep_first(double *first_s, const struct verdict *verdict)
{
	if (isnan(*first_s))
		*first_s = seconds_of(verdict->t_ns);
}

/* --- verdict lines ---------------------------------------------------------------------------- */

static void free_naming(struct naming **place)
{
	struct naming *naming = *place;

	*place = naming->next;
	free(naming->suspects);
	free(naming);
}

/* Who reads the lines knows of a verdict what its last line says. */
static int keep_names(struct judge *judge, const struct verdict *verdict)
{
	struct naming **place = &judge->namings;
	struct naming *naming;

	while (*place && (*place)->id != verdict->id)
		place = &(*place)->next;
	if (*place)
		free_naming(place);
	if (verdict->state == VERDICT_SUSPECT || verdict->state == VERDICT_CLEARED)
		return 0;
	naming = calloc(1, sizeof(*naming));
	if (naming)
		naming->suspects = calloc(verdict->suspect_count + 1, sizeof(*naming->suspects));
	if (!naming || !naming->suspects) {
		free(naming);
		return -ENOMEM;
	}
	memcpy(naming->suspects, verdict->suspects,
	       verdict->suspect_count * sizeof(*naming->suspects));
	naming->id = verdict->id;
	naming->count = verdict->suspect_count;
	naming->next = judge->namings;
	judge->namings = naming;
	return 0;
}

static bool is_named(const struct judge *judge, uint64_t conn)
{
	for (const struct naming *naming = judge->namings; naming; naming = naming->next)
		for (uint32_t i = 0; i < naming->count; i++)
			if (naming->suspects[i] == conn)
				return true;
	return false;
}

/* Whom did the lines name by a minute after it was raised? Due are those leaked by then. */
static void check_names(struct judge *judge)
{
	struct result *result = judge->result;
	struct table *table = pipeline_table(judge->pipeline);
	uint64_t raised_ns = judge->naming_due_ns - NAMED_AFTER_NS;

	judge->naming_due_ns = NEVER_NS;
	result->has_named = true;
	for (const struct naming *naming = judge->namings; naming; naming = naming->next) {
		result->named += naming->count;
		for (uint32_t i = 0; i < naming->count; i++)
			result->named_rightly += is_leaked(judge->world, naming->suspects[i]);
	}
	for (uint32_t i = 0; i < judge->world->leak_count; i++) {
		const struct leak_record *leak = &judge->world->leaks[i];
		const struct conn *conn = table_find_conn(table, leak->conn);

		/* Of those that were open before the observation nobody can know. */
		if (leak->t_ns > raised_ns || !conn || conn->silent_since_seen)
			continue;
		result->due++;
		result->found += is_named(judge, leak->conn);
	}
}

static void take_leak(struct judge *judge, const struct verdict *verdict)
{
	struct result *result = judge->result;

	if (!is_right(judge, verdict)) {
		result->false_leaks++;
		keep_first(&result->first_false_s, verdict);
		copy_name(result->false_evidence, verdict);
		return;
	}
	if (!isnan(result->detected_s))
		return;
	result->detected_s = seconds_of(verdict->t_ns);
	result->leaked_at_detection = judge->world->leak_count;
	judge->naming_due_ns = verdict->t_ns + NAMED_AFTER_NS;
}

static void take_suspect(struct judge *judge, const struct verdict *verdict)
{
	struct result *result = judge->result;

	if (verdict->kind == VERDICT_LEAK && is_right(judge, verdict)) {
		keep_first(&result->suspect_s, verdict);
		return;
	}
	result->suspect_count++;
	keep_first(&result->first_suspect_s, verdict);
	copy_name(result->suspect_evidence, verdict);
}

/* The first line that names 8 (16) connections tells when it ends; kept until the end is known. */
static void take_forecast(struct judge *judge, const struct verdict *verdict)
{
	for (unsigned int i = 0; i < TTE_POINTS; i++) {
		if (verdict->suspect_count < 8u << i || judge->tte_at_ns[i] ||
		    isnan(verdict->exhausts_in_s) || !is_right(judge, verdict))
			continue;
		judge->tte_at_ns[i] = verdict->t_ns;
		judge->tte_s[i] = verdict->exhausts_in_s;
	}
}

/* A surge that is too much for a pool that nothing is wrong with. */
static bool is_surge(const struct judge *judge, const struct verdict *verdict)
{
	return verdict->kind == VERDICT_SATURATED && result_is_healthy(judge->result) &&
	       judge->scenario->counted && census_is_saturated(judge->scenario->counted);
}

static int on_verdict(void *userdata, const struct verdict *verdict)
{
	struct judge *judge = userdata;
	struct result *result = judge->result;

	if (verdict->t_ns > judge->naming_due_ns)
		check_names(judge);
	if (verdict->kind == VERDICT_LEAK && keep_names(judge, verdict) < 0)
		return -ENOMEM;
	if (verdict->state == VERDICT_SUSPECT) {
		take_suspect(judge, verdict);
		return 0;
	}
	if (verdict->state == VERDICT_CLEARED)
		return 0;
	if (verdict->kind == VERDICT_LEAK)
		take_forecast(judge, verdict);
	if (verdict->state != VERDICT_RAISED || is_surge(judge, verdict))
		return 0;
	if (verdict->kind == VERDICT_SATURATED && !result->raised_count[verdict->kind])
		result->was_saturated =
			judge->scenario->counted && census_is_saturated(judge->scenario->counted);
	result->raised_count[verdict->kind]++;
	keep_first(&result->first_raised_s[verdict->kind], verdict);
	if (verdict->kind == VERDICT_LEAK)
		take_leak(judge, verdict);
	return 0;
}

/* --- at times of our own ---------------------------------------------------------------------- */

static void step_baselines(struct judge *judge, uint64_t t_ns)
{
	struct result *result = judge->result;
	uint32_t alarms = baselines_step(judge->baselines, pipeline_table(judge->pipeline), t_ns);

	judge->baseline_due_ns = t_ns + BASELINE_PERIOD_NS;
	for (unsigned int i = 0; i < BASELINE_COUNT; i++) {
		if (!(alarms & 1u << i))
			continue;
		result->baseline_alarmed[i] = true;
		if (judge->has_begun && isnan(result->baseline_s[i])) {
			result->baseline_s[i] = seconds_of(t_ns);
			result->baseline_leaked[i] = judge->world->leak_count;
		}
	}
}

static void note_begin(struct judge *judge)
{
	const struct pool_model *pool = judge->scenario->pools;

	judge->has_begun = true;
	judge->result->first_leak_s = seconds_of(judge->world->leaks[0].t_ns);
	judge->result->was_cold = judge->result->first_leak_s < COLD_S;
	judge->result->surplus = pool ? pool->idle_count : 0;
}

static int feed(void *userdata, const struct event *event)
{
	struct judge *judge = userdata;
	struct world *world = judge->world;
	int r;

	if (world->leak_count > 0 && !judge->has_begun)
		note_begin(judge);
	if (event->type == EVENT_OPEN)
		bound_weigh_open(&judge->bound, world, &judge->options.settings);
	if (judge->has_begun && event->type == EVENT_OPEN)
		bound_observe_open(&judge->bound, world, &judge->options.settings,
				   judge->result->was_cold);
	bound_advance(&judge->bound, world);
	if (event->type == EVENT_IO) {
		stopped_observe(&judge->stopped, event->last_send_ns);
		stopped_observe(&judge->stopped, event->last_recv_ns);
	}
	if (event->t_ns >= judge->baseline_due_ns)
		step_baselines(judge, event->t_ns);
	r = pipeline_feed(judge->pipeline, event);
	if (event->t_ns >= judge->naming_due_ns)
		check_names(judge);
	if (r > 0)
		(void)fprintf(stderr, "eval: event %d at %.6f was refused: %s\n", event->type,
			      (double)event->t_ns / 1e9, strerror(r));
	return r > 0 ? -r : r;
}

/* Once a second, and from the end of the pool on it looks what its load would have been. */
static void watch_end(void *self, uint64_t arg)
{
	struct judge *judge = self;
	const struct world *world = judge->world;

	(void)arg;
	if (world->exhausted_ns <= world->now_ns)
		stopped_sample(&judge->stopped, &judge->scenario->pools->load, world);
	if (judge->stopped.count < STOPPED_SECONDS)
		scenario_at(judge->scenario, 1, watch_end, judge);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* What somebody who knows all leaks until then would have said: the bound of principle. */
static double oracle_s(const struct judge *judge, uint32_t wanted)
{
	const struct world *world = judge->world;
	double span_s;

	if (world->leak_count < wanted || wanted < 2)
		return NAN;
	span_s = seconds_of(world->leaks[wanted - 1].t_ns) - seconds_of(world->leaks[0].t_ns);
	return seconds_of(world->leaks[wanted - 1].t_ns) +
	       span_s / (wanted - 1) * (judge->scenario->capacity - wanted);
}

static void settle_forecasts(struct judge *judge)
{
	struct result *result = judge->result;
	double end_s = seconds_of(judge->world->exhausted_ns);

	for (unsigned int i = 0; i < TTE_POINTS; i++) {
		double at_s = seconds_of(judge->tte_at_ns[i]);
		uint32_t wanted = 8u << i;
		double from_s;

		if (isnan(end_s) || !judge->tte_at_ns[i] || end_s <= at_s)
			continue;
		result->tte_error[i] = judge->tte_s[i] / (end_s - at_s) - 1;
		from_s = seconds_of(judge->world->leaks[wanted - 1].t_ns);
		result->tte_oracle[i] = (oracle_s(judge, wanted) - from_s) / (end_s - from_s) - 1;
	}
}

static double process_days(const struct world *world)
{
	double sum_s = 0;

	for (const struct sim_client *client = world->clients; client; client = client->next) {
		uint64_t end_ns =
			client->exited_ns < world->end_ns ? client->exited_ns : world->end_ns;

		if (end_ns > client->born_ns)
			sum_s += (double)(end_ns - client->born_ns) / 1e9;
	}
	return sum_s / 86400;
}

static void settle(struct judge *judge)
{
	struct result *result = judge->result;
	const struct world *world = judge->world;
	uint32_t half = (judge->scenario->capacity + 1) / 2;

	result->process_days = process_days(world);
	result->event_count = world->event_count;
	result->leaked_count = world->leak_count;
	result->capacity = judge->scenario->capacity;
	result->is_fixed = judge->scenario->is_fixed;
	result->exhausted_s = seconds_of(world->exhausted_ns);
	result->end_s = seconds_of(world->end_ns);
	if (half > 0 && world->leak_count >= half)
		result->half_s = seconds_of(world->leaks[half - 1].t_ns);
	result->onset_s = judge->scenario->onset_ns ? seconds_of(judge->scenario->onset_ns)
						    : result->exhausted_s;
	result->bound_leaked = judge->bound.leaked_count;
	if (judge->bound.leaked_count > 0)
		result->bound_s = seconds_of(judge->bound.reached_ns);
	result->held_leaked = judge->bound.held_count;
	result->odds_leaked = judge->bound.odds_count;
	result->stopped_s = result->exhausted_s + stopped_told_after_s(&judge->stopped);
	if (judge->scenario->family->build == build_exhausted)
		result->ending_odds = ending_odds(world, &judge->scenario->pools->leak);
	settle_forecasts(judge);
}

static void clear_result(struct result *result)
{
	result->suspect_s = result->detected_s = result->first_leak_s = NAN;
	result->first_false_s = result->first_suspect_s = NAN;
	result->bound_s = result->half_s = result->ending_odds = NAN;
	for (unsigned int i = 0; i < VERDICT_KIND_COUNT; i++)
		result->first_raised_s[i] = NAN;
	for (unsigned int i = 0; i < BASELINE_COUNT; i++)
		result->baseline_s[i] = NAN;
	for (unsigned int i = 0; i < TTE_POINTS; i++)
		result->tte_error[i] = result->tte_oracle[i] = NAN;
}

static int add_limit(struct judge *judge)
{
	const struct endpoint *endpoint = &judge->world->endpoints[0];
	char rule[96], error[200];
	const uint8_t *ip = endpoint->remote.ip;

	if (!judge->scenario->is_limit_known)
		return 0;
	(void)snprintf(rule, sizeof(rule), "db=%u.%u.%u.%u:%u,limit=%u", ip[12], ip[13], ip[14],
		       ip[15], endpoint->remote.port, judge->scenario->capacity);
	return dbkind_add_endpoint(judge->options.databases, rule, error, sizeof(error));
}

static double wall_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int judge_run(const struct family *family, const char *params, const struct settings *settings,
	      struct result *result)
{
	struct judge *judge = calloc(1, sizeof(*judge));
	double began_s = wall_s();
	int r = -ENOMEM;

	if (!judge)
		return r;
	clear_result(result);
	judge->result = result;
	judge->naming_due_ns = NEVER_NS;
	judge->options.settings = *settings;
	judge->options.databases = dbkind_new();
	judge->scenario = scenario_new(family, params, result->seed, feed, judge);
	if (!judge->scenario)
		r = -EINVAL; /* or out of memory, which is as rare as the sentence is clear */
	if (judge->options.databases && judge->scenario) {
		judge->world = judge->scenario->world;
		judge->baselines = baselines_new(judge->scenario->static_limit);
		r = add_limit(judge);
		if (r == 0)
			judge->pipeline = pipeline_new(&judge->options, true, on_verdict, judge);
		if (family->build == build_exhausted)
			scenario_at(judge->scenario, 1, watch_end, judge);
		if (judge->pipeline)
			r = world_run(judge->world);
	}
	if (r == 0)
		settle(judge);
	result->wall_s = wall_s() - began_s;
	bound_clear(&judge->bound);
	while (judge->namings)
		free_naming(&judge->namings);
	pipeline_free(judge->pipeline);
	baselines_free(judge->baselines);
	scenario_free(judge->scenario);
	dbkind_free(judge->options.databases);
	free(judge);
	return r;
}
