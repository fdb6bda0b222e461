// SPDX-License-Identifier: Apache-2.0
/*
 * A figure that falls short of its goal says nothing about the detector until one knows how far
 * anybody could have come. A leak shows at opens only: until the pool needs a new connection,
 * nothing tells what is leaked from what lies free. And one record is no evidence: three are
 * needed where a history says how rare they are, seven where there is none (detector's A and
 * PMIN), and LMIN connections that have been silent for T0. What leaks out of a surplus leaves the
 * pool with what it needs, so it opens nothing until the surplus is gone, and where the pool has a
 * ceiling there may be fewer opens left by then than it takes.
 *
 * A history is one of opens: a pool that has had what it needs for an hour has opened five times
 * or fifteen, and the next record has odds of one to that, not of one to a hundred. And an open
 * that sets no record, because nothing has leaked since the last one, takes evidence away. So the
 * third bound bets as the detector does, on what is leaked. It may be beaten, by what moments
 * without an open tell (core/opens.c).
 *
 * HOLD is no limit of principle, but a stall of all that requests wait for looks the same for as
 * long as it lasts; so there is a second bound, of somebody who holds a suspicion for HOLD.
 *
 * Invariant: knows the truth and nothing else; evictions may tell more, and beat it.
 */
#include "bound.h"

#define RECORDS_WITH_HISTORY 3
#define RECORDS_COLD 7
#define SUSPECT_WITH_HISTORY 2
#define SUSPECT_COLD 4

static uint32_t count_silent(const struct world *world, uint64_t t0_ns)
{
	uint32_t count = 0;

	/* In the order of time. */
	for (uint32_t i = 0; i < world->leak_count; i++) {
		if (world->leaks[i].t_ns + t0_ns > world->now_ns)
			break;
		count += world->leaks[i].end_ns == NEVER_NS;
	}
	return count;
}

void bound_clear(struct bound *bound)
{
	for (unsigned int i = 0; i < BOUND_SCALES; i++)
		eprocess_clear(&bound->scales[i]);
}

void bound_weigh_open(struct bound *bound, const struct world *world,
		      const struct settings *settings)
{
	static const uint64_t gaps_ns[BOUND_SCALES] = {NS_PER_SEC, 8 * NS_PER_SEC, 64 * NS_PER_SEC};
	uint32_t stock = count_silent(world, settings->t0_ns);
	double sum = 0;

	for (unsigned int i = 0; i < BOUND_SCALES; i++) {
		struct eprocess *scale = &bound->scales[i];

		if (eprocess_is_due(scale, world->now_ns, gaps_ns[i]))
			eprocess_test(scale, settings->i0, settings->p_min, stock, world->now_ns);
		sum += eprocess_value(scale) / BOUND_SCALES;
	}
	if (bound->odds_suspect_ns == 0 && sum >= settings->suspect &&
	    stock >= settings->suspect_min)
		bound->odds_suspect_ns = world->now_ns;
	if (sum >= settings->alarm && stock >= settings->leak_min && bound->odds_ns == 0)
		bound->odds_ns = bound->odds_suspect_ns + settings->hold_ns > world->now_ns
					 ? bound->odds_suspect_ns + settings->hold_ns
					 : world->now_ns;
}

void bound_observe_open(struct bound *bound, const struct world *world,
			const struct settings *settings, bool is_cold)
{
	uint32_t stock;

	if (bound->leaked_count > 0)
		return;
	stock = count_silent(world, settings->t0_ns);
	if (stock > bound->record) {
		bound->record = stock;
		bound->record_count++;
	}
	if (bound->suspect_ns == 0 && stock >= settings->suspect_min &&
	    bound->record_count >= (is_cold ? SUSPECT_COLD : SUSPECT_WITH_HISTORY))
		bound->suspect_ns = world->now_ns;
	if (bound->record_count < (is_cold ? RECORDS_COLD : RECORDS_WITH_HISTORY) ||
	    stock < settings->leak_min)
		return;
	bound->leaked_count = world->leak_count;
	bound->reached_ns = world->now_ns;
	bound->held_ns = bound->suspect_ns + settings->hold_ns;
	if (bound->held_ns < world->now_ns)
		bound->held_ns = world->now_ns;
}

void bound_advance(struct bound *bound, const struct world *world)
{
	if (bound->odds_count == 0 && bound->odds_ns > 0 && world->now_ns >= bound->odds_ns)
		for (uint32_t i = 0; i < world->leak_count; i++)
			bound->odds_count += world->leaks[i].t_ns <= bound->odds_ns;
	if (bound->held_count > 0 || bound->held_ns == 0 || world->now_ns < bound->held_ns)
		return;
	for (uint32_t i = 0; i < world->leak_count; i++)
		bound->held_count += world->leaks[i].t_ns <= bound->held_ns;
}
