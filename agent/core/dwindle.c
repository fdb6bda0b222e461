// SPDX-License-Identifier: Apache-2.0
/*
 * A load that stops finds its pool as it was at any other time. A pool that was emptied comes to
 * its end in steps, each of which it had never taken before:
 *
 *	#1 *-*--*---*-*--------------	two were never enough for longer than some seconds,
 *	#2 -*--*--*-------*----------	then they were for twenty,
 *	#3 *--*-*--*-*-**-****-------	and at the last one was for ten
 *	#4 -*-*--*--*--*-*---**-*-*-*
 *
 * For some ranks k it keeps for how long fewer than k connections have done all of the work by now,
 * and for how long they did so at the most before. One such record may be chance, or a request that
 * has become faster; it takes two, of ranks that began at different times: what has changed at once
 * has not dwindled. Or all of them together are too rare: a load that stops does so at some moment
 * of such times, each of which ends by chance, and what has changed at once is weighed once.
 * Where a pool is known to leak a single record of any rank will do: that it was emptied needs no
 * further proof, only that it was not its load that ended.
 *
 * Invariant: longest is of times that were over when the present one began, and does not fade while
 * that is a record. So a leak does not raise its own measure, however slow it is, and
 * a process that has worked for a minute has a past.
 * Does not know whether the pool is full or has stopped (standstill.c).
 */
#include "dwindle.h"

#include <math.h>

#include "fading.h"
#include "heartbeat.h"

#define UNIT_NS (NS_PER_SEC / 16)
/* The past fades by a thirty-second an epoch: half of it in an hour. */
#define EPOCH_NS (128 * NS_PER_SEC)
#define FADE_SHIFT 5
/* So often it must have been seen to be over. */
#define COUNT_MIN 5
#define COUNT_MAX 1000
/* One of them is so many times as long as ever, the other one so many. */
#define RECORD_FACTOR 3.0
#define SECOND_FACTOR 1.5
/* What is shorter than half a second may be so by chance. */
#define LONGEST_MIN_NS (NS_PER_SEC / 2)
#define SPAN_MIN_NS (2 * NS_PER_SEC)
/* Workers that are told to stop do so within seconds of each other. */
#define EARLIER_MIN_NS (20 * NS_PER_SEC)
/* They began at different times when one lasts for so many times as long as the other. */
#define APART_FACTOR 1.3
#define APART_NS NS_PER_SEC

/* Against the median of what was done in spans of the last hour. */
#define TIDE 0.5
/*
 * A pool is looked at when it is silent for twice as long as ever before: eleven times from a
 * minute to a day. So of 10,000 days of loads that come by chance one has such a moment, and one of
 * 1,000 where they come in bursts, which is ten times as often.
 */
#define CHANCE_MAX 1e-5

/*
 * Where a pool is known to leak one in 3,000 will do, and less of a past: the longest of twenty is
 * three times their mean. Workers that end together take seconds, and the meter sees no shorter
 * ones.
 */
#define LEFT_EVIDENCE 8
#define LEFT_COUNT_MIN 20
#define LEFT_MIN_NS (5 * NS_PER_SEC)

static const uint32_t ranks[DWINDLE_RANKS] = {2, 3, 4, 6, 9, 13};

/* Since when fewer than so many did all of the work, for each rank that the pool has. */
static uint32_t take_ranks(const struct pool *pool, int64_t resumed_ns,
			   int64_t since_ns[DWINDLE_RANKS])
{
	uint32_t count = 0, found = 0;

	for (const struct conn *conn = pool->newest; conn && found < DWINDLE_RANKS;
	     conn = conn_older(conn)) {
		if (conn->state != CONN_OPEN || heartbeat_is_beating(conn) ||
		    ++count < ranks[found])
			continue;
		since_ns[found++] =
			conn->last_active_ns > resumed_ns ? conn->last_active_ns : resumed_ns;
	}
	return found;
}

static uint16_t units_of(int64_t span_ns)
{
	uint64_t units = span_ns > 0 ? (uint64_t)span_ns / UNIT_NS : 0;

	return units < UINT16_MAX ? (uint16_t)units : UINT16_MAX;
}

static void learn(struct dwindle_rank *rank, int64_t since_ns, int64_t last_ns)
{
	uint32_t since = since_ns > 0 ? (uint32_t)((uint64_t)since_ns / UNIT_NS) : 0;

	if (since != rank->since) {
		if (rank->since > 0 && rank->run > rank->longest)
			rank->longest = rank->run;
		rank->count += rank->since > 0 && rank->count < COUNT_MAX;
		rank->since = since;
	}
	rank->run = units_of(last_ns - since_ns);
}

static void fade(struct dwindle *dwindle, uint32_t epoch)
{
	if (epoch == dwindle->epoch)
		return;
	dwindle->epoch = epoch;
	for (unsigned int i = 0; i < DWINDLE_RANKS; i++) {
		struct dwindle_rank *rank = &dwindle->ranks[i];

		if (rank->run <= rank->longest)
			rank->longest -= rank->longest >> FADE_SHIFT;
	}
}

void dwindle_sample(struct dwindle *dwindle, const struct pool *pool, int64_t resumed_ns,
		    int64_t last_ns)
{
	int64_t since_ns[DWINDLE_RANKS];
	uint32_t count = take_ranks(pool, resumed_ns, since_ns);

	fade(dwindle, (uint32_t)((uint64_t)last_ns / EPOCH_NS));
	for (uint32_t i = 0; i < count; i++)
		learn(&dwindle->ranks[i], since_ns[i], last_ns);
	/* A pool that has shrunk begins anew where it grows again. */
	for (uint32_t i = count; i < DWINDLE_RANKS; i++)
		dwindle->ranks[i].since = 0;
}

/* How many times as long as ever; 0 = there is no past to tell. */
static double factor_of(const struct dwindle_rank *rank, uint32_t left, int64_t span_ns,
			struct dwindle_step *ret_step)
{
	uint64_t longest_ns = rank->longest * UNIT_NS;

	if (rank->since == 0 || rank->count < COUNT_MIN || span_ns < (int64_t)SPAN_MIN_NS)
		return 0;
	if (longest_ns < LONGEST_MIN_NS)
		longest_ns = LONGEST_MIN_NS;
	*ret_step = (struct dwindle_step){
		.left = left,
		.span_ns = (uint64_t)span_ns,
		.longest_ns = longest_ns,
		.count = rank->count,
	};
	return (double)span_ns / (double)longest_ns;
}

static bool are_apart(const struct dwindle_step *first, const struct dwindle_step *second)
{
	uint64_t shorter_ns = first->span_ns, longer_ns = second->span_ns;

	if (shorter_ns > longer_ns) {
		shorter_ns = second->span_ns;
		longer_ns = first->span_ns;
	}
	return longer_ns >= EARLIER_MIN_NS && longer_ns - shorter_ns >= APART_NS &&
	       (double)longer_ns >= APART_FACTOR * (double)shorter_ns;
}

bool dwindle_find(const struct dwindle *dwindle, const struct pool *pool, int64_t resumed_ns,
		  int64_t last_ns, struct dwindle_end *ret_end)
{
	struct dwindle_step steps[DWINDLE_RANKS] = {0};
	double factors[DWINDLE_RANKS];
	int64_t since_ns[DWINDLE_RANKS];
	uint32_t count = take_ranks(pool, resumed_ns, since_ns), best = 0;

	for (uint32_t i = 0; i < count; i++) {
		factors[i] = factor_of(&dwindle->ranks[i], ranks[i] - 1, last_ns - since_ns[i],
				       &steps[i]);
		if (factors[i] > factors[best])
			best = i;
	}
	if (count == 0 || factors[best] < RECORD_FACTOR)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (factors[i] < SECOND_FACTOR || !are_apart(&steps[i], &steps[best]))
			continue;
		ret_end->last = steps[i < best ? i : best];
		ret_end->earlier = steps[i < best ? best : i];
		return true;
	}
	return false;
}

/* Two requests meet with the square of their rate: so much shorter it would have been with it. */
static double usual_factor(const struct dwindle_step *step, double share)
{
	return share * share * (double)step->span_ns / (double)step->longest_ns;
}

bool dwindle_find_left(const struct dwindle *dwindle, const struct pool *pool, int64_t resumed_ns,
		       int64_t last_ns, struct dwindle_step *ret_step)
{
	int64_t since_ns[DWINDLE_RANKS];
	uint32_t count = take_ranks(pool, resumed_ns, since_ns);
	double most = 0;

	for (uint32_t i = 0; i < count; i++) {
		int64_t span_ns = last_ns - since_ns[i];
		struct dwindle_step step = {0};
		double factor = factor_of(&dwindle->ranks[i], ranks[i] - 1, span_ns, &step);

		if (factor <= most || step.count < LEFT_COUNT_MIN || span_ns < (int64_t)LEFT_MIN_NS)
			continue;
		most = factor;
		*ret_step = step;
	}
	return most > 0;
}

bool dwindle_is_left(const struct dwindle_step *step, double share)
{
	return usual_factor(step, share) * log(step->count) >= LEFT_EVIDENCE;
}

bool dwindle_are_beyond(const struct dwindle_end *end, double last_share, double earlier_share)
{
	double last = usual_factor(&end->last, last_share);
	double earlier = usual_factor(&end->earlier, earlier_share);

	return last >= SECOND_FACTOR && earlier >= SECOND_FACTOR &&
	       (last >= RECORD_FACTOR || earlier >= RECORD_FACTOR);
}

static double log_factorial(double x)
{
	int sign;

	return lgamma_r(x + 1, &sign);
}

/*
 * Where times end by chance, a further one is factor times as long as the longest of count with a
 * chance of count! factor! / (count + factor)!. The logarithm of that is by how many means it was
 * too long.
 */
static double means_of(double factor, uint32_t count)
{
	return log_factorial(count + factor) - log_factorial(count) - log_factorial(factor);
}

/* That so many times, each of which ends by chance, have so many means in sum or more (Erlang). */
static double chance_of(double means, uint32_t count)
{
	double term = exp(-means), sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		sum += term;
		term *= means / (i + 1);
	}
	return sum;
}

void dwindle_weigh(const struct dwindle *dwindle, const struct pool *pool,
		   const struct meter *meter, int64_t resumed_ns, int64_t last_ns,
		   struct dwindle_end *ret_end)
{
	int64_t since_ns[DWINDLE_RANKS], before_ns = 0;
	uint32_t count = take_ranks(pool, resumed_ns, since_ns), known = 0;
	struct dwindle_end end = {.chance = 1};
	double means = 0, most = 0;

	for (uint32_t i = 0; i < count; i++) {
		int64_t span_ns = last_ns - since_ns[i];
		double share = fading_share(meter, TIDE, since_ns[i], last_ns), factor;
		struct dwindle_step step = {0};

		factor = factor_of(&dwindle->ranks[i], ranks[i] - 1, span_ns, &step);
		/* Where no tide is known it may be a team that ends; and a day may end for so long.
		 */
		if (factor == 0 || isnan(share) || span_ns >= FADING_NS)
			continue;
		if (end.last.left == 0)
			end.last = step;
		if (factor > most) {
			most = factor;
			end.earlier = step;
		}
		/*
		 * One that goes on is as a new one: it counts from where the rank below began. So
		 * many at a time meet with that power of the rate of requests: so much longer it
		 * would have taken with less of them.
		 */
		factor *= pow(share, ranks[i]) * (double)(span_ns - before_ns) / (double)span_ns;
		means += means_of(factor, step.count);
		end.chance = chance_of(means, ++known);
		before_ns = span_ns;
	}
	*ret_end = end;
}

bool dwindle_is_rare(const struct dwindle_end *end)
{
	return end->chance <= CHANCE_MAX && end->earlier.span_ns >= EARLIER_MIN_NS;
}
