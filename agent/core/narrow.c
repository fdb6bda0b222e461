// SPDX-License-Identifier: Apache-2.0
/*
 * A pool that is full and loses one connection after the other does the same work with fewer and
 * fewer of them, and at last with one. That it may do by night as well, or when its load fades; but
 * then it does less, and it did so before:
 *
 *	#1 *-*--*---*-*-----------	with three it never took more than some seconds
 *	#2 -*--*--*-------*-------	until each of them was used; now one was
 *	#3 *--*-*--*-*-**-****-***	enough for twenty, and the work is the same
 *
 * For each of some ranks k it keeps the longest time in which fewer than k connections did all of
 * the work. A pool that hands out the one that came back last gets along with few of them for long,
 * so with those ranks it says nothing. A rest counts for nobody.
 *
 * Invariant: usual is of times that ended an epoch ago and more, so a leak that lasts for less does
 * not raise its own measure. Does not know whether the pool is full or has stopped (standstill.c).
 */
#include "narrow.h"

#include "heartbeat.h"

#define UNIT_NS (NS_PER_SEC / 16)
#define EPOCH_NS (128 * NS_PER_SEC)
/* The past fades by a thirty-second an epoch: half of it in an hour. */
#define FADE_SHIFT 5
/* So many epochs of work are a past: a quarter of an hour. Of a shorter one more is asked, */
#define EPOCHS_ENOUGH 7
#define EPOCHS_MIN 4
#define YOUNG_FACTOR 2
/* A few requests may happen to meet the same ones, and no more of them in a short time. */
#define SPAN_MIN_NS (4 * NS_PER_SEC)
/* What lasts for longer has become usual meanwhile. */
#define SPAN_MAX_NS (2 * EPOCH_NS)
/* As much as it used to be, but for what chance does to some seconds of it. */
#define WORK_SHARE 0.5
#define BEFORE_TICKS_MIN 3

static const uint32_t ranks[NARROW_RANKS] = {2, 3, 4, 6, 9, 13};

/* Since when fewer than so many of its connections do all of the work; -1 = it has fewer. */
static int64_t since(const struct narrow *narrow, const struct pool *pool, uint32_t rank)
{
	uint32_t count = 0;

	for (const struct conn *conn = pool->newest; conn; conn = conn_older(conn)) {
		if (conn->state != CONN_OPEN || heartbeat_is_beating(conn) || ++count < rank)
			continue;
		return conn->last_active_ns > narrow->resumed_ns ? conn->last_active_ns
								 : narrow->resumed_ns;
	}
	return -1;
}

static void turn_rank(struct narrow_rank *rank, uint8_t worked_count)
{
	uint16_t usual = rank->usual - (rank->usual >> FADE_SHIFT);

	if (2 * rank->tick_count < worked_count) {
		*rank = (struct narrow_rank){0};
		return;
	}
	rank->usual = rank->most_before > usual ? rank->most_before : usual;
	rank->most_before = rank->most;
	rank->most = 0;
	rank->tick_count = 0;
	rank->epoch_count += rank->epoch_count < UINT8_MAX;
}

static void turn_epoch(struct narrow *narrow, uint32_t epoch)
{
	if (epoch == narrow->epoch)
		return;
	for (unsigned int i = 0; i < NARROW_RANKS; i++)
		turn_rank(&narrow->ranks[i], narrow->worked_count);
	narrow->worked_count = 0;
	narrow->epoch = epoch;
}

void narrow_sample(struct narrow *narrow, const struct pool *pool, int64_t last_ns,
		   uint64_t sent_bytes)
{
	if (sent_bytes == 0) {
		narrow->idle_count += narrow->idle_count < NARROW_TICKS;
		return;
	}
	for (; narrow->idle_count > 0; narrow->idle_count--)
		narrow->sent_bytes[narrow->tick_count++ % NARROW_TICKS] = 0;
	narrow->sent_bytes[narrow->tick_count++ % NARROW_TICKS] = (float)sent_bytes;
	turn_epoch(narrow, (uint32_t)((uint64_t)last_ns / EPOCH_NS));
	narrow->worked_count += narrow->worked_count < UINT8_MAX;
	for (unsigned int i = 0; i < NARROW_RANKS; i++) {
		struct narrow_rank *rank = &narrow->ranks[i];
		int64_t since_ns = since(narrow, pool, ranks[i]);
		uint64_t units = since_ns < last_ns ? (uint64_t)(last_ns - since_ns) / UNIT_NS : 0;

		if (since_ns < 0)
			break; /* nor has it more */
		rank->tick_count += rank->tick_count < UINT8_MAX;
		if (units > rank->most)
			rank->most = units < UINT16_MAX ? (uint16_t)units : UINT16_MAX;
	}
}

/* What was sent in the last ticks of work that span takes, a second. */
static double sent_rate(const struct narrow *narrow, const struct settings *settings,
			uint64_t span_ns)
{
	uint64_t ticks = span_ns / settings->tick_ns + 1;
	double sum = 0;

	if (ticks > NARROW_TICKS)
		ticks = NARROW_TICKS;
	if (ticks > narrow->tick_count)
		ticks = narrow->tick_count;
	for (uint32_t i = 1; i <= ticks; i++)
		sum += narrow->sent_bytes[(narrow->tick_count - i) % NARROW_TICKS];
	/* The last one may have ended at any time of it. */
	return ticks ? sum / ((double)ticks - 0.5) / ((double)settings->tick_ns / NS_PER_SEC) : 0;
}

bool narrow_has_kept_up(const struct narrow *narrow, const struct settings *settings,
			uint64_t span_ns)
{
	uint32_t kept = narrow->tick_count < NARROW_TICKS ? narrow->tick_count : NARROW_TICKS;
	uint64_t ticks = span_ns / settings->tick_ns + 1;
	double before = 0;

	if (ticks + BEFORE_TICKS_MIN > kept)
		return true;
	for (uint64_t i = ticks + 1; i <= kept; i++)
		before += (double)narrow->sent_bytes[(narrow->tick_count - i) % NARROW_TICKS];
	before /= (double)(kept - ticks) * (double)settings->tick_ns / NS_PER_SEC;
	return sent_rate(narrow, settings, span_ns) >= WORK_SHARE * before;
}

/* So many times as long as usual; 0 = there is no past to tell. */
static double factor_of(const struct narrow_rank *rank, const struct narrow_question *question)
{
	if (rank->epoch_count >= EPOCHS_ENOUGH)
		return question->factor;
	return rank->epoch_count >= EPOCHS_MIN ? YOUNG_FACTOR * question->factor : 0;
}

bool narrow_find(const struct narrow *narrow, const struct settings *settings,
		 const struct pool *pool, const struct narrow_question *question,
		 struct narrow_end *ret_end)
{
	double best = 1;
	bool is_found = false;

	for (unsigned int i = 0; i < NARROW_RANKS && question->rate > 0; i++) {
		int64_t since_ns = since(narrow, pool, ranks[i]);
		struct narrow_end end = {
			.left = ranks[i] - 1,
			.span_ns = (uint64_t)(question->last_ns - since_ns),
			.usual_ns = (narrow->ranks[i].usual + 1) * UNIT_NS,
		};
		double factor;

		if (since_ns < 0 || since_ns < question->flat_ns || end.span_ns > SPAN_MAX_NS ||
		    end.span_ns < SPAN_MIN_NS)
			continue;
		factor = factor_of(&narrow->ranks[i], question);
		if (factor == 0 || (double)end.span_ns < best * factor * (double)end.usual_ns)
			continue;
		end.work = sent_rate(narrow, settings, end.span_ns) / question->rate;
		if (end.work < WORK_SHARE)
			continue;
		best = (double)end.span_ns / (double)end.usual_ns / factor;
		*ret_end = end;
		is_found = true;
	}
	return is_found;
}
