// SPDX-License-Identifier: Apache-2.0
/*
 * A pool can be too small at other times than the scenario meant: where load comes in surges, the
 * first of them may fill it. So what "saturated" is due for is counted, not planned.
 *
 * Invariant: in_use[] has the last CENSUS_SPAN samples of a pool that is counted. Changes nothing
 * in the pool.
 */
#include "census.h"

/* As the verdict is defined: the share that is in use, mean of a minute; less what sampling blurs.
 */
#define SATURATED_SHARE 0.8

static void on_census(void *self, uint64_t arg)
{
	struct pool_model *pool = self;

	pool->in_use[arg % CENSUS_SPAN] = (uint16_t)(pool->open_count - pool->idle_count);
	timers_add(&pool->world->timers, pool->world->now_ns + NS_PER_SEC, on_census, pool,
		   arg + 1);
}

void census_begin(struct pool_model *pool)
{
	timers_add(&pool->world->timers, pool->world->now_ns + NS_PER_SEC, on_census, pool, 0);
}

bool census_is_saturated(const struct pool_model *pool)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < CENSUS_SPAN; i++)
		sum += pool->in_use[i];
	return pool->open_count >= pool->profile.max &&
	       sum >= SATURATED_SHARE * CENSUS_SPAN * pool->profile.max;
}
