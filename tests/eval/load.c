// SPDX-License-Identifier: Apache-2.0
/*
 * Arrivals of all sorts from one generator: a rate that changes with time, by thinning, or exact
 * moments for the sorts that have a clock of their own.
 *
 * Invariant: the next arrival is later than now. Knows nothing of what is done with a request.
 */
#include "load.h"

#include <string.h>

#define DAY_S 86400.0
#define CALM_S 600.0
#define BUSY_S 90.0

enum load_kind load_kind_of(const char *word)
{
	static const char *const words[] = {
		[LOAD_POISSON] = "poisson",   [LOAD_DIURNAL] = "diurnal",
		[LOAD_NIGHT] = "night",	      [LOAD_MMPP] = "mmpp",
		[LOAD_ONOFF] = "onoff",	      [LOAD_BURSTS] = "bursts",
		[LOAD_BATCH] = "batch",	      [LOAD_CRON] = "cron",
		[LOAD_SAWTOOTH] = "sawtooth",
	};
	int kind = 0;

	while (kind < LOAD_KIND_COUNT && strcmp(word, words[kind]) != 0)
		kind++;
	return (enum load_kind)kind;
}

void load_init(struct load *load, enum load_kind kind, double rate, struct rng rng)
{
	memset(load, 0, sizeof(*load));
	load->kind = kind;
	load->rate = rate;
	load->low = 0.15;
	load->factor = 3;
	load->period_s = 900;
	load->size = 10;
	load->rng = rng;
	load->phase_s = rng_between(&load->rng, 0, DAY_S);
}

static double sine(const struct load *load, double t_s)
{
	return 0.5 - 0.5 * cos(2 * M_PI * (t_s + load->phase_s) / DAY_S);
}

static double rate_at(const struct load *load, uint64_t t_ns)
{
	double t_s = (double)t_ns / 1e9;
	double phase;

	switch (load->kind) {
	case LOAD_DIURNAL:
		return load->rate * (load->low + (1 - load->low) * sine(load, t_s));
	case LOAD_NIGHT:
		return sine(load, t_s) < 0.25 ? 0 : load->rate * sine(load, t_s);
	case LOAD_ONOFF:
		phase = fmod(t_s + load->phase_s, 2 * load->period_s);
		return phase < load->period_s ? load->rate : 0;
	case LOAD_SAWTOOTH:
		phase = fmod(t_s + load->phase_s, load->period_s) / load->period_s;
		return 2 * load->rate * phase;
	default:
		return load->rate;
	}
}

double load_rate(const struct load *load, const struct world *world)
{
	double rate = rate_at(load, world->now_ns);

	if (load->kind == LOAD_BATCH || load->kind == LOAD_CRON)
		return 0;
	if (load->kind == LOAD_MMPP)
		rate *= load->is_busy ? load->factor : 0.5;
	return rate * window_factor(&world->spike, world->now_ns);
}

static double peak_rate(const struct load *load)
{
	return load->kind == LOAD_SAWTOOTH ? 2 * load->rate : load->rate;
}

static uint64_t next_by_rate(struct load *load, const struct world *world, uint64_t until_ns)
{
	double peak = peak_rate(load) * (world->spike.factor > 1 ? world->spike.factor : 1);
	uint64_t t_ns = world->now_ns;

	if (peak <= 0)
		return NEVER_NS;
	for (;;) {
		t_ns += ns_of(rng_exp(&load->rng, 1 / peak)) + NS_PER_US;
		if (t_ns >= until_ns)
			return NEVER_NS;
		if (rng_unit(&load->rng) * peak <
		    rate_at(load, t_ns) * window_factor(&world->spike, t_ns))
			return t_ns;
	}
}

/* State by state: where one ends before the next arrival, it is drawn anew from there. */
static uint64_t next_of_states(struct load *load, const struct world *world)
{
	uint64_t t_ns = world->now_ns;

	while (t_ns < world->end_ns) {
		double rate = load->rate * (load->is_busy ? load->factor : 0.5) *
			      window_factor(&world->spike, t_ns);
		uint64_t next_ns = t_ns + ns_of(rng_exp(&load->rng, 1 / rate)) + NS_PER_US;
		uint64_t turn_ns = load->turn_ns;

		if (world->spike.from_ns > t_ns && world->spike.from_ns < turn_ns)
			turn_ns = world->spike.from_ns;
		else if (world->spike.to_ns > t_ns && world->spike.to_ns < turn_ns)
			turn_ns = world->spike.to_ns;
		if (next_ns < turn_ns)
			return next_ns;
		t_ns = turn_ns;
		if (t_ns < load->turn_ns)
			continue;
		load->is_busy = !load->is_busy;
		load->turn_ns +=
			ns_of(rng_exp(&load->rng, load->is_busy ? BUSY_S : CALM_S)) + NS_PER_US;
	}
	return NEVER_NS;
}

static uint64_t next_by_clock(struct load *load, const struct world *world, uint32_t size)
{
	uint64_t now_ns = world->now_ns;

	if (load->left > 0) {
		load->left--;
		return now_ns + ns_of(rng_exp(&load->rng, 0.002)) + NS_PER_US;
	}
	if (load->turn_ns == 0)
		load->turn_ns = now_ns + ns_of(fmod(load->phase_s, load->period_s)) + NS_PER_US;
	while (load->turn_ns <= now_ns)
		load->turn_ns += ns_of(load->period_s);
	load->left = size - 1;
	return load->turn_ns;
}

static uint64_t next_of_bursts(struct load *load, const struct world *world)
{
	uint64_t t_ns;

	if (load->left > 0) {
		load->left--;
		return world->now_ns + NS_PER_US;
	}
	if (load->turn_ns <= world->now_ns)
		load->turn_ns =
			world->now_ns + ns_of(rng_exp(&load->rng, load->period_s)) + NS_PER_US;
	t_ns = next_by_rate(load, world, load->turn_ns);
	if (t_ns != NEVER_NS)
		return t_ns;
	load->left = 1 + rng_below(&load->rng, 2 * load->size);
	return load->turn_ns;
}

uint64_t load_next_ns(struct load *load, const struct world *world)
{
	switch (load->kind) {
	case LOAD_BATCH:
		return next_by_clock(load, world, load->size);
	case LOAD_CRON:
		return next_by_clock(load, world, 1);
	case LOAD_MMPP:
		return next_of_states(load, world);
	case LOAD_BURSTS:
		return next_of_bursts(load, world);
	default:
		return next_by_rate(load, world, world->end_ns);
	}
}
