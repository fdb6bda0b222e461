// SPDX-License-Identifier: Apache-2.0
/*
 * A connection is held when it is silent for much longer than it ever was of late. That is also how
 * a night begins; what tells them apart is when they fell silent:
 *
 *	leaked	#1 ****----------------------	one by one, at a rate
 *		#2 **********----------------
 *		#3 *****************---------
 *	idle	#1 *********************-----	together, or each further one ten times as
 *		#2 *--*---*--*-*--*--*--*-----	long ago, as a LIFO pool needs its depth
 *
 * Invariant: looks at what the table has, and changes nothing.
 * Does not know why the others work or have stopped (exhausted.c does).
 */
#include "held.h"

#include <math.h>

#include "heartbeat.h"
#include "judgement.h"
#include "opens.h"
#include "stock.h"
#include "table.h"

#define CONNS_MIN 3
#define UNIT_NS (NS_PER_SEC / 16)
#define UNITS_MAX UINT16_MAX /* an hour and more: that is no habit */
#define HABIT_NONE 1
/* A habit is learned at once when it is longer than the one known, and forgotten by and by. */
#define HABIT_WEIGHT 0.15f
/* What is beyond a minute is forgotten by a thousandth a use. */
#define FORGET_SHIFT 10
/* Silent for this long, and so many times longer than its habit. */
#define HELD_NS (20 * NS_PER_SEC)
/* Where all take turns, less time and more turns will do. */
#define HELD_FAIR_NS (10 * NS_PER_SEC)
#define HELD_FAIR_FACTOR 5
#define TURNS_MIN 8
/* The longest silence of them is at most so many times the median. */
#define SPREAD_FACTOR 8
/* Where they fell silent so far apart, the last ones did not do so at once. */
#define SLOW_NS (600 * NS_PER_SEC)
#define GAP_SHARE 20
#define STEP_NS (10 * NS_PER_SEC)
#define STEPS_MIN 3
#define BEYOND_MIN 2
#define BEYOND_SLOW_NS (1200 * NS_PER_SEC)
#define STEPS_ENOUGH 6
#define GROUP_SHARE 3

/* What has been used only once has no habit, but is known to have been used. */
void held_learn(struct conn *conn, uint64_t silence_ns)
{
	uint64_t units = silence_ns / UNIT_NS;
	uint16_t silence = units < UNITS_MAX ? (uint16_t)units : UNITS_MAX;

	if (!conn->has_returned)
		return;
	if (conn->habit == 0) {
		conn->habit = HABIT_NONE;
		return;
	}
	conn->longest -= conn->longest >> FORGET_SHIFT;
	if (silence > conn->longest)
		conn->longest = silence;
	if (silence > conn->habit || conn->habit == HABIT_NONE)
		conn->habit = silence > HABIT_NONE ? silence : HABIT_NONE + 1;
	else if (conn->habit > HABIT_NONE + 1)
		conn->habit -= (uint16_t)(HABIT_WEIGHT * (float)(conn->habit - silence));
}

/* Connections that fell silent at once. */
struct step {
	int64_t at_ns; /* the first of them */
	uint32_t touched_at; /* the pool's rounds by then (coverage.c) */
	uint32_t count;
};

static bool is_times(int64_t silence_ns, uint32_t factor, uint16_t units)
{
	return units < UNITS_MAX && silence_ns >= (int64_t)factor * units * (int64_t)UNIT_NS;
}

bool held_has_habit(const struct conn *conn)
{
	return conn->habit > HABIT_NONE;
}

bool held_outlasts(const struct conn *conn, uint64_t silence_ns, uint32_t factor)
{
	return held_has_habit(conn) && silence_ns <= INT64_MAX &&
	       is_times((int64_t)silence_ns, factor, conn->longest);
}

/*
 * Where the one that came last is used first, each that is opened in another one's place puts the
 * others to rest, one after the other, for as long as connections are replaced. What was in use for
 * a shorter time than it is silent by now may be of those, unless it was due to be replaced itself.
 */
static bool is_displaced(const struct held *held, const struct conn *conn)
{
	return held->replaced_from_ns > 0 && !conn->age_is_bound &&
	       conn->open_ns > held->replaced_from_ns &&
	       (held->life_ns == 0 || held->at_ns - conn->open_ns <= held->life_ns) &&
	       held->at_ns - conn->last_active_ns > conn->last_active_ns - conn->open_ns;
}

/* A client's monitors go on when its pool is empty, and no request ever had one. */
bool held_is_of_pool(const struct conn *conn)
{
	return conn->state == CONN_OPEN && !heartbeat_is_monitor(conn);
}

bool held_has(const struct held *held, const struct conn *conn)
{
	int64_t silence_ns = held->at_ns - conn->last_active_ns;

	if (silence_ns < 0)
		return false;
	if (conn->is_suspect)
		return true;
	if (conn->habit <= HABIT_NONE)
		return false;
	if (held->is_fair && silence_ns >= (int64_t)HELD_FAIR_NS &&
	    is_times(silence_ns, HELD_FAIR_FACTOR, conn->habit))
		return true;
	if (is_displaced(held, conn))
		return false;
	/* So may one that took its turn whenever it was due, and was never silent for long. */
	if (conn->fair_count >= TURNS_MIN && silence_ns >= (int64_t)HELD_FAIR_NS &&
	    is_times(silence_ns, HELD_FAIR_FACTOR, conn->longest))
		return true;
	return silence_ns >= (int64_t)HELD_NS && is_times(silence_ns, HELD_FACTOR, conn->habit);
}

/* A pool that uses all of its connections in turn has none in the depth. */
static uint32_t fair_gap(const struct bench *bench, const struct judgement *judgement,
			 int64_t at_ns)
{
	struct moment moment =
		moment_of(bench->settings, bench->table, &bench->losses, (uint64_t)at_ns);

	return coverage_gap(&judgement->coverage, &moment, judgement->pool);
}

static bool is_owed(const struct conn *conn, const struct stock_limits *limits, int64_t at_ns)
{
	return conn_is_owed(conn) && at_ns - conn->last_active_ns < (int64_t)limits->owed_ns;
}

/*
 * Not at once with the one that began the step. Where all take turns, the other one has missed its
 * turn by then, however soon that comes.
 */
static bool is_step(const struct held *held, const struct step *step, const struct conn *conn,
		    uint32_t gap)
{
	return held->count == 0 || conn->last_active_ns - step->at_ns >= (int64_t)STEP_NS ||
	       (gap > 0 && conn->touched_at - step->touched_at > gap);
}

/* Connections come in the order of their last operation. */
static void count_held(struct held *held, struct step *step, const struct conn *conn, uint32_t gap)
{
	if (is_step(held, step, conn, gap)) {
		held->steps++;
		*step = (struct step){.at_ns = conn->last_active_ns,
				      .touched_at = conn->touched_at};
	}
	if (held->count++ == 0)
		held->first_ns = conn->last_active_ns;
	if (++step->count > held->largest)
		held->largest = step->count;
}

/* Used since then, and silent for longer than between two uses: not in one rest with the last. */
static bool is_lost(const struct held *held, const struct conn *conn, int64_t flat_ns)
{
	int64_t silence_ns = held->at_ns - conn->last_active_ns;

	if (flat_ns == 0 || conn->last_active_ns <= flat_ns || silence_ns < (int64_t)HELD_FAIR_NS)
		return false;
	return is_times(silence_ns, HELD_FACTOR, conn->habit);
}

void held_take(const struct bench *bench, const struct judgement *judgement, int64_t at_ns,
	       struct held *ret_held)
{
	struct stock_limits limits = opens_limits(&judgement->opens, bench->settings);
	uint32_t gap = fair_gap(bench, judgement, at_ns);
	struct step step = {0};
	int64_t silence_ns;
	struct held held = {
		.at_ns = at_ns,
		.first_ns = at_ns,
		.is_fair = gap > 0,
		.is_cut_off = exhausted_is_cut_off(&judgement->exhausted),
	};

	if (judgement->leak.stage == LEAK_NONE)
		held.replaced_from_ns = (int64_t)judgement->plateau.flat_ns;
	held.life_ns = (int64_t)retirement_life_ns(&judgement->retirement);

	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn_newer(conn)) {
		held.monitors += heartbeat_is_monitor(conn);
		if (!held_is_of_pool(conn))
			continue;
		silence_ns = at_ns - conn->last_active_ns;
		held.open++;
		held.lost += is_lost(&held, conn, (int64_t)judgement->plateau.flat_ns);
		held.before += silence_ns > (int64_t)STEP_NS && silence_ns <= 4 * (int64_t)STEP_NS;
		if (is_owed(conn, &limits, at_ns)) {
			held.owed++;
			held.fresh++;
		} else if (held_has(&held, conn)) {
			count_held(&held, &step, conn, gap);
			held.beyond += is_times(silence_ns, HELD_FACTOR, conn->longest);
		} else if (silence_ns <= (int64_t)bench->settings->t0_ns) {
			held.fresh++;
		}
	}
	*ret_held = held;
}

/*
 * When the load of a LIFO pool stops, all of it is silent, each further one down for some times as
 * long as the one above: as many between one second and ten as between ten and a hundred. Leaks
 * come at a rate: as many in the first hundred seconds as in the next.
 */
double held_rate_evidence(double silence_s, double least_s, double longest_s)
{
	return log(fmax(silence_s, least_s) * log(longest_s / least_s) / (longest_s - least_s));
}

/* The silence of the last but one connection in use: the one before it was leaked then. */
static int64_t last_gap_ns(const struct judgement *judgement, const struct held *held)
{
	const struct conn *conn = judgement->pool->newest;
	bool has_last = false;

	for (; conn; conn = conn_older(conn)) {
		if (!held_is_of_pool(conn))
			continue;
		if (has_last)
			return held->at_ns - conn->last_active_ns;
		has_last = true;
	}
	return 0;
}

/*
 * Deep connections of a LIFO pool fall silent one by one as well, but each further one down is
 * needed ten times as rarely: hours, minutes, seconds, and the last two at once when the load
 * stops. Leaks come at a rate.
 */
static bool is_at_a_rate(const struct judgement *judgement, const struct held *held)
{
	int64_t span_ns = held->at_ns - held->first_ns;
	uint32_t left = held->count / 2;
	const struct conn *conn = judgement->pool->oldest;

	if (held->is_fair)
		return true;
	/* In the depth they have been silent for as long before, and by night there is less work.
	 */
	if (held->is_cut_off && held->beyond >= BEYOND_MIN && 2 * held->beyond >= held->count &&
	    span_ns < (int64_t)(held->steps * BEYOND_SLOW_NS))
		return true;
	for (; conn; conn = conn_newer(conn)) {
		if (conn->state != CONN_OPEN || !held_has(held, conn))
			continue;
		if (left-- == 0)
			break;
	}
	/* Two can stand anywhere. */
	if (held->steps < STEPS_MIN)
		return false;
	if (!conn || span_ns > SPREAD_FACTOR * (held->at_ns - conn->last_active_ns))
		return false;
	return span_ns < (int64_t)(held->steps * SLOW_NS) ||
	       last_gap_ns(judgement, held) * GAP_SHARE * held->steps >= span_ns;
}

bool held_is_most(const struct bench *bench, const struct judgement *judgement,
		  const struct held *held)
{
	uint32_t steps = held->count / 3;

	if (steps < STEPS_MIN)
		steps = STEPS_MIN;
	if (steps > STEPS_ENOUGH)
		steps = STEPS_ENOUGH;
	return held->open >= CONNS_MIN &&
	       held->count >= bench->settings->exhausted_stale * held->open &&
	       held->steps + (held->fresh > 0) >= steps &&
	       held->largest * GROUP_SHARE <= held->count + 2 * GROUP_SHARE &&
	       is_at_a_rate(judgement, held);
}
