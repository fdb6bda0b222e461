// SPDX-License-Identifier: Apache-2.0
/*
 * That nothing is done any more is seen only where something should be: after ten operations that
 * were to be expected. A detector has to learn from the past how many that are; somebody who knows
 * the rate at which requests come needs no past, and yet has to wait for as long as ten of them
 * take, by night for a minute or more. A request that was under way when the last connection was
 * leaked goes on, too, and what it does at its end is an operation.
 *
 * Invariant: knows the load and when there was an operation, and nothing of how the pool got there.
 * May be beaten where most of a pool is held and the rest works without a pause.
 */
#include "stopped.h"

#include <math.h>

#define EXPECTED 10

void stopped_sample(struct stopped *stopped, const struct load *load, const struct world *world)
{
	if (stopped->end_ns == 0)
		stopped->end_ns = world->now_ns;
	if (stopped->count < STOPPED_SECONDS)
		stopped->rate[stopped->count++] = (float)load_rate(load, world);
}

void stopped_observe(struct stopped *stopped, uint64_t t_ns)
{
	uint64_t second;

	if (stopped->end_ns == 0 || t_ns < stopped->end_ns)
		return;
	second = (t_ns - stopped->end_ns) / NS_PER_SEC;
	if (second < STOPPED_SECONDS)
		stopped->has_worked[second] = true;
}

double stopped_told_after_s(const struct stopped *stopped)
{
	double expected = 0;

	for (uint32_t i = 0; i < stopped->count; i++) {
		expected = stopped->has_worked[i] ? 0 : expected + (double)stopped->rate[i];
		if (expected >= EXPECTED)
			return i + 1;
	}
	return NAN;
}
