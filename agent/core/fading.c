// SPDX-License-Identifier: Apache-2.0
/*
 * Fewer and fewer connections do the work. Where that is since there is less and less of it, the
 * work says so:
 *
 *	used up   ##########	as much as ever, to the end
 *	          ##_#_##_#_	or as little as it often was: a load that goes up and down
 *	ended     ####==--__	by each worker that ends, by each hour of the evening
 *
 * A mean is no measure of a load that goes up and down: in its low tide it is always below it. But
 * it was as low before, again and again, and one that fades or leaves was not.
 *
 * Invariant: looks at bytes sent, and knows no connections. Does not know whether the pool has
 * stopped, nor whether it was full (standstill.c).
 */
#include "fading.h"

#include <math.h>

/* So low it was in that share of the time, and chance takes a fifth more of some dozens. */
#define LOW_TIDE 0.25
#define USUAL_SHARE 0.8
/* What falls from a high tide passes the low one: so much of that is still done in the end. */
#define LAST_NS (30 * (int64_t)NS_PER_SEC)
#define LAST_SHARE 0.6
/* Less than this share of the bytes of before, and it is the load that went. */
#define FADED_SHARE 0.6
/* What was usual just before: a load that goes up and down does so within minutes. */
#define BEFORE_NS (600 * (int64_t)NS_PER_SEC)
/* Workers that end one by one do half of their work on the way; those who share a pool, all. */
#define SHARED_WORK 0.66
#define SHARED_NS (60 * (int64_t)NS_PER_SEC)

/* Bytes a second from from_ns to the end; NAN where the meter knows less than half of that time. */
static double sent_to_the_end(const struct meter *meter, int64_t from_ns, int64_t end_ns)
{
	/* The span of the end counts, but not the time after the end. */
	int64_t to_ns = end_ns + (int64_t)METER_FINE_NS - end_ns % (int64_t)METER_FINE_NS;
	struct meter_figures sent;
	double worked_ns;

	meter_sum(meter, (uint64_t)from_ns, (uint64_t)to_ns, &sent);
	worked_ns = (double)sent.observed_ns - (double)(to_ns - end_ns);
	if (2 * worked_ns < (double)(end_ns - from_ns))
		return NAN;
	return sent.sent_bytes_per_second * (double)sent.observed_ns / worked_ns;
}

bool fading_is_usual(const struct meter *meter, int64_t since_ns, int64_t end_ns)
{
	int64_t last_ns = end_ns - LAST_NS;
	double low;

	if (last_ns <= 0 || since_ns <= 0)
		return false;
	low = meter_low_tide(meter, LOW_TIDE, (uint64_t)since_ns);
	return sent_to_the_end(meter, last_ns, end_ns) >= LAST_SHARE * low &&
	       sent_to_the_end(meter, since_ns < last_ns ? since_ns : last_ns, end_ns) >=
		       USUAL_SHARE * low;
}

double fading_share(const struct meter *meter, double tide, int64_t since_ns, int64_t end_ns)
{
	int64_t last_ns = end_ns - LAST_NS;
	double share;

	if (last_ns <= 0 || since_ns <= 0)
		return NAN;
	share = sent_to_the_end(meter, since_ns < last_ns ? since_ns : last_ns, end_ns) /
		meter_low_tide(meter, tide, (uint64_t)since_ns);
	return share > 1 ? 1 : share;
}

double fading_share_kept(const struct meter *meter, int64_t since_ns, int64_t end_ns)
{
	/* The last span of the meter that has half of its time. */
	int64_t fine_ns = (int64_t)METER_FINE_NS;
	int64_t last_ns = (end_ns - fine_ns / 2) / fine_ns * fine_ns;
	struct meter_figures before;
	double share, last;

	if (since_ns <= 0)
		return NAN;
	meter_sum(meter, since_ns > BEFORE_NS ? (uint64_t)(since_ns - BEFORE_NS) : 0,
		  (uint64_t)since_ns, &before);
	share = sent_to_the_end(meter, since_ns, end_ns);
	last = sent_to_the_end(meter, last_ns, end_ns);
	/* Some seconds may have no span of their own; fmin() would take NAN for more. */
	if (!(last >= share))
		share = last;
	share /= before.sent_bytes_per_second;
	return share > 1 ? 1 : share;
}

bool fading_has_faded(const struct meter *meter, int64_t since_ns, int64_t end_ns)
{
	struct meter_figures since, before;

	if (since_ns <= 0 || end_ns - since_ns < FADING_NS)
		return false;
	meter_sum(meter, (uint64_t)since_ns, (uint64_t)end_ns, &since);
	meter_sum(meter, 0, (uint64_t)since_ns, &before);
	return since.sent_bytes_per_second < FADED_SHARE * before.sent_bytes_per_second;
}

bool fading_went_one_by_one(const struct meter *meter, int64_t since_ns, int64_t end_ns)
{
	int64_t span_ns = end_ns - since_ns;
	int64_t before_ns = since_ns - (span_ns > SHARED_NS ? span_ns : SHARED_NS);
	struct meter_figures before;

	if (before_ns <= 0)
		return false;
	meter_sum(meter, (uint64_t)before_ns, (uint64_t)since_ns, &before);
	return sent_to_the_end(meter, since_ns, end_ns) <
		       SHARED_WORK * before.sent_bytes_per_second &&
	       !fading_is_usual(meter, since_ns, end_ns);
}
