// SPDX-License-Identifier: Apache-2.0
/*
 * A pool that opens on demand opens its last connection shortly before that one is leaked, too, so
 * there is no plateau to know its maximum by, and mostly nobody has configured a limit. From
 * outside it has grown, and then nothing moves: it may as well have had no more to do.
 *
 * What tells is where it stopped. Maxima are round numbers. A load that stops does so anywhere:
 * around 30 one number in five is such a one, around 80 one in ten. And it takes its work with it,
 * where a pool that is emptied does all of it to the last.
 *
 * So this is for pools that are known to leak, and no proof that they do.
 *
 * Invariant: looks at what the table has, and changes nothing.
 */
#include "maximum.h"

#include "fading.h"
#include "held.h"
#include "judgement.h"

/* As long as others that leak and have never rested (standstill.c). */
#define QUIET_NS (45 * NS_PER_SEC)
/* Some minutes later the meter does not know what was done in the last one. */
#define KNOWN_NS (120 * NS_PER_SEC)
/* So much of its work it still did in the last minute. */
#define KEPT_NS (60 * (int64_t)NS_PER_SEC)
#define KEPT_SHARE 0.5
/* Between a number and twice as many lie five usual maxima: one of them it is. */
#define SHARE 0.2
/* detection.md, T0: what was used within so long is not known to be leaked. */
#define SHOWS_S 10

/*
 * Tens and quarters of a hundred, powers of two, and the same of hundreds. Of smaller numbers every
 * second one is the default of some driver, so they tell nothing.
 */
bool maximum_is_usual(uint32_t count)
{
	static const uint32_t usual[] = {10, 15, 16, 20, 25, 30, 32, 40, 50, 60, 64, 75, 80};

	while (count >= 100 && count % 10 == 0)
		count /= 10;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (count == usual[i])
			return true;
	return count >= 128 && (count & (count - 1)) == 0;
}

bool maximum_is_there(const struct judgement *judgement, int64_t known_ns)
{
	int64_t quiet_ns = known_ns - judgement->exhausted.last_active_ns;
	uint32_t count = 0;

	if (judgement->leak.stage != LEAK_RAISED || judgement->plateau.flat_ns == 0 ||
	    quiet_ns < (int64_t)QUIET_NS || quiet_ns > (int64_t)KNOWN_NS)
		return false;
	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn_newer(conn))
		count += held_is_of_pool(conn);
	return maximum_is_usual(count);
}

/*
 * Leaks come at a rate, and each may have been the last that there was room for; a load that has
 * never rested stops once in the time that it has worked. Those that were in use are leaked within
 * seconds of each other then, or have stopped together. So the odds are r u T (r W)^(j-1) / (j-1)!
 * for j in use, a rate r, a share u and a time T (Bayes; the counts are Poisson's).
 */
static double odds_of(const struct pool *pool, const struct held *held)
{
	double rate = held->count * (double)NS_PER_SEC / (double)(held->at_ns - held->first_ns);
	double worked_s = (double)(held->at_ns - (int64_t)pool->first_ns) / NS_PER_SEC;
	double odds = rate * SHARE * worked_s;

	for (uint32_t i = 1; i < held->fresh; i++)
		odds *= rate * SHOWS_S / i;
	return odds;
}

bool maximum_is_leaked(const struct judgement *judgement, const struct held *held, int64_t known_ns)
{
	return maximum_is_there(judgement, known_ns) &&
	       fading_share_kept(&judgement->meter, held->at_ns - KEPT_NS, held->at_ns) >=
		       KEPT_SHARE &&
	       odds_of(judgement->pool, held) >= 1;
}
