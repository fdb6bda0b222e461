// SPDX-License-Identifier: Apache-2.0
/*
 * A pool that is used up and a pool that nobody asks for anything are both silent from one moment
 * on, and no socket tells which of them it is. Somebody who is told of each leak when it can show,
 * and knows how often leaks and stops come, has but the odds. With j connections that were not yet
 * known as leaked at the end, of a rate r of leaks, and stops at a rate s:
 *
 *	leaked:  j - 1 leaks in a time W, and one at the end	(r W)^(j-1) / (j-1)! * r
 *	stopped: a stop at the end				s
 *
 * W is how old a leak must be to show. A steady rate of leaks is known from the start on. Where
 * they come in bursts, at some hours or faster and faster, the next ones are taken to come at the
 * rate of those told so far. The share that both have in common, that no other leak was
 * in W, cancels out (Bayes; the counts are Poisson's).
 *
 * So the last one alone is told well, and two or three that are leaked within seconds of each other
 * look like a stop. Who claims more than these odds knows more than the sockets, or is wrong more
 * often.
 */
#include "ending.h"

#include <math.h>

/* detection.md, T0: no silence that is shorter counts, as healthy ones last as long. */
#define SHOWS_NS (10 * NS_PER_SEC)
/* Once a day, as by night. */
#define STOPS_PER_S (1.0 / 86400)

/* A second. 0 where none could be told before the end. */
static double rate_so_far(const struct world *world)
{
	uint32_t told = 0;

	for (uint32_t i = 0; i < world->leak_count; i++)
		told += world->leaks[i].t_ns + SHOWS_NS <= world->exhausted_ns;
	return told > 0 ? told * (double)NS_PER_SEC /
				  (double)(world->exhausted_ns - world->leaks[0].t_ns)
			: 0;
}

double ending_odds(const struct world *world, const struct leak_spec *leak)
{
	double rate = leak->rate, odds;
	uint32_t before = 0; /* leaks within W, without the last */

	if (world->exhausted_ns == NEVER_NS)
		return NAN;
	if (leak->shape != SHAPE_POISSON)
		rate = rate_so_far(world);
	odds = rate / STOPS_PER_S;
	for (uint32_t i = 0; i < world->leak_count; i++) {
		uint64_t t_ns = world->leaks[i].t_ns;

		if (t_ns >= world->exhausted_ns || world->exhausted_ns - t_ns >= SHOWS_NS)
			continue;
		before++;
		odds *= rate * ((double)SHOWS_NS / NS_PER_SEC) / before;
	}
	return odds;
}
