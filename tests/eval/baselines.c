// SPDX-License-Identifier: Apache-2.0
/*
 * A figure without something beside it says little. These five see the same pools at the same
 * times as a scrape would, every 15 s, and alarm when any pool meets their condition.
 *
 * Invariant: bounded memory; the state of a pool that has gone is given to another one. They are
 * written as their users write them, not improved.
 */
#include "baselines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 1024
#define PROBES 16
#define HOUR_SAMPLES 240
#define PREDICT_MIN 40 /* samples */
#define PREDICT_FOR 20
#define AHEAD_SAMPLES (4 * HOUR_SAMPLES)
#define WINDOW_SAMPLES 40
#define WINDOWS 6
#define LEARN_SAMPLES 120
#define SILENT_NS (60 * NS_PER_SEC)
#define SILENT_COUNT 5
#define CUSUM_SLACK 0.5
#define CUSUM_ALARM 8.0

struct state {
	struct client_id client;
	struct netaddr remote;
	uint64_t step; /* of the last sample; 0 = free */
	uint32_t sample_count;
	uint16_t samples[HOUR_SAMPLES]; /* ring */
	uint32_t predicted_for;
	double window_sum, last_mean;
	uint32_t window_fill, grown;
	double mean, square, cusum;
};

struct baselines {
	struct state *states; /* owned */
	uint32_t limit;
	uint64_t step;
};

const char *baseline_name(enum baseline baseline)
{
	static const char *const names[] = {
		[BASELINE_STATIC] = "static 80% of the limit",
		[BASELINE_SILENT] = "5 silent > 60 s",
		[BASELINE_PREDICT] = "predict_linear 1 h -> 4 h",
		[BASELINE_WINDOWS] = "six monotone windows",
		[BASELINE_CUSUM] = "CUSUM on the count",
	};

	return names[baseline];
}

struct baselines *baselines_new(uint32_t limit)
{
	struct baselines *baselines = calloc(1, sizeof(*baselines));

	if (baselines)
		baselines->states = calloc(SLOTS, sizeof(*baselines->states));
	if (!baselines || !baselines->states)
		abort();
	baselines->limit = limit;
	return baselines;
}

void baselines_free(struct baselines *baselines)
{
	if (!baselines)
		return;
	free(baselines->states);
	free(baselines);
}

static bool is_same(const struct state *state, const struct pool *pool)
{
	return client_id_equal(state->client, pool->client->id) &&
	       state->remote.port == pool->remote.port &&
	       memcmp(state->remote.ip, pool->remote.ip, sizeof(state->remote.ip)) == 0;
}

/* NULL where all places that the pool could have are taken by others. */
static struct state *take_state(struct baselines *baselines, const struct pool *pool)
{
	uint64_t hash = index_mix(pool->client->id.pid * 256ULL + pool->remote.ip[15] +
				  (pool->client->id.start_ns << 20));
	struct state *free_one = NULL;

	for (unsigned int i = 0; i < PROBES; i++) {
		struct state *state = &baselines->states[(hash + i) % SLOTS];

		if (state->step && is_same(state, pool))
			return state;
		if (!free_one && state->step + 1 < baselines->step)
			free_one = state;
	}
	if (free_one) {
		memset(free_one, 0, sizeof(*free_one));
		free_one->client = pool->client->id;
		free_one->remote = pool->remote;
	}
	return free_one;
}

static bool has_silent(const struct pool *pool, uint64_t now_ns)
{
	const struct conn *conn = pool->oldest;
	unsigned int count = 0;

	for (; conn && count < SILENT_COUNT && conn_silence_ns(conn, now_ns) > SILENT_NS;
	     conn = conn_newer(conn))
		count++;
	return count >= SILENT_COUNT;
}

static bool predicts(struct state *state, uint32_t limit)
{
	uint32_t n = state->sample_count < HOUR_SAMPLES ? state->sample_count : HOUR_SAMPLES;
	double mean_x = (n - 1) / 2.0, sum = 0, sum_xy = 0, sum_xx = 0, slope;

	if (n < PREDICT_MIN)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		double y = state->samples[(state->sample_count - n + i) % HOUR_SAMPLES];

		sum += y;
		sum_xy += (i - mean_x) * y;
		sum_xx += (i - mean_x) * (i - mean_x);
	}
	slope = sum_xy / sum_xx;
	if (sum / n + slope * (mean_x + AHEAD_SAMPLES) > limit)
		state->predicted_for++;
	else
		state->predicted_for = 0;
	return state->predicted_for >= PREDICT_FOR;
}

static bool keeps_growing(struct state *state, double count)
{
	double mean;

	state->window_sum += count;
	if (++state->window_fill < WINDOW_SAMPLES)
		return state->grown >= WINDOWS;
	mean = state->window_sum / WINDOW_SAMPLES;
	state->grown = mean > state->last_mean ? state->grown + 1 : 0;
	state->last_mean = mean;
	state->window_sum = 0;
	state->window_fill = 0;
	return state->grown >= WINDOWS;
}

static bool drifts(struct state *state, double count)
{
	double deviation;

	if (state->sample_count <= LEARN_SAMPLES) {
		state->mean += count / LEARN_SAMPLES;
		state->square += count * count / LEARN_SAMPLES;
		return false;
	}
	deviation = sqrt(fmax(state->square - state->mean * state->mean, 0));
	state->cusum += (count - state->mean) / fmax(deviation, 1) - CUSUM_SLACK;
	state->cusum = fmax(state->cusum, 0);
	return state->cusum > CUSUM_ALARM;
}

static uint32_t step_pool(struct baselines *baselines, struct state *state, const struct pool *pool,
			  uint64_t now_ns)
{
	double count = pool->conn_count;
	uint32_t alarms = 0;

	state->samples[state->sample_count++ % HOUR_SAMPLES] =
		(uint16_t)(count < UINT16_MAX ? count : UINT16_MAX);
	if (count >= 0.8 * baselines->limit)
		alarms |= 1u << BASELINE_STATIC;
	if (has_silent(pool, now_ns))
		alarms |= 1u << BASELINE_SILENT;
	if (predicts(state, baselines->limit))
		alarms |= 1u << BASELINE_PREDICT;
	if (keeps_growing(state, count))
		alarms |= 1u << BASELINE_WINDOWS;
	if (drifts(state, count))
		alarms |= 1u << BASELINE_CUSUM;
	return alarms;
}

uint32_t baselines_step(struct baselines *baselines, const struct table *table, uint64_t now_ns)
{
	uint32_t alarms = 0;

	baselines->step++;
	for (const struct pool *pool = table_first_pool(table); pool; pool = pool->next) {
		struct state *state = take_state(baselines, pool);

		if (!state)
			continue;
		state->step = baselines->step;
		alarms |= step_pool(baselines, state, pool, now_ns);
	}
	return alarms;
}
