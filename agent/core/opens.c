// SPDX-License-Identifier: Apache-2.0
/*
 * The test on opens, the strongest there is for pools that grow on demand.
 *
 * An open is a test event unless a close paid for it. The stock is what has been silent for longer
 * than T = max(T0, 4 x the 99th percentile of the benign silences that spanned an open): silences
 * between two statements do not span one, so T is short where the pool is busy and long where its
 * connections are held for long on purpose.
 *
 * An open is tested when all activity up to it is known: a deep connection of a LIFO pool that was
 * borrowed a moment before the open would otherwise pass for one that lies idle at the open.
 *
 * Six things differ from the plain form of this test:
 * - It runs on several schedules at once, at most one test a second, 8 s and 64 s, and the e-value
 *   is their mean (a mean of e-values is one). A process that opens all the time, like Go's pool
 *   with its two idle connections, makes a hundred tests for one that a leak could make a record,
 *   and at one a second those hundred outweigh it.
 * - A pool that has what it needs does not open for hours, and would begin cold on the day it
 *   leaks. So moments without an open count as history, where not more was silent than at any test
 *   so far: whatever is held at such a moment is among that. Nothing is bet on them.
 * - Where some always lie idle that is hardly ever so. A fourth schedule, the ceiling, takes all
 *   that was silent at such a moment for held: it needs a stock that the pool has never had, idle
 *   or not, and has an hour of moments to set it against. When it speaks, what is held is what the
 *   opens say, though; that of the idle was counted only to be on the safe side.
 * - Where hardly any work is done but with connections that have not come back since, all requests
 *   may be waiting for the same thing, and a leak must wait as well (turnover.c).
 * - In a process that is hardly older than a long limit, what rests since the beginning outgrows it
 *   one by one, so there a record is history.
 * - The gaps of a heartbeat set a limit of their own, closer above them, for they are steady; those
 *   of a client's monitors, which nobody ever has in hand, set none. What may be the first gaps of
 *   a monitor of MongoDB is learned when the next exchange has told that it was none.
 *
 * Invariant: what is counted and the samples that set T are both known silences (moment.h).
 * Where part of a pool rests for long, T is long for all of it; ladder.c is asked beside.
 * Does not see evictions (evictions.c) nor CLOSE_WAIT (closewait.c).
 */
#include "opens.h"

#include <stdlib.h>
#include <string.h>

#include "heartbeat.h"

/* A statement may run for minutes: a peer that owes an answer is believed for this long. */
#define OWED_NS (300 * NS_PER_SEC)
/* A request gives its connection back within so long of its last statement. */
#define RETURN_NS ((int64_t)(2 * NS_PER_SEC))
#define LIMIT_FACTOR 4
#define BEAT_FACTOR 1.5
#define LIMIT_QUANTILE 0.99
/* As in evictions.c: a process that is hardly older than the limit has had no time for a record. */
#define AGE_FACTOR 2
/* With a shorter limit the wait is, too; a pool of 100 can be dry within as long. */
#define YOUNG_LIMIT_NS (600 * NS_PER_SEC)
/* A day; silences beyond it must not make the limit overflow. */
#define SAMPLE_MAX_NS (24 * 3600 * NS_PER_SEC)
/* What evidence is worth after one of the connections that it rests on came back. */
#define COMEBACK_FACTOR 0.1
/* Moments as far apart tell something new: nearly all requests end within. */
#define CALM_GAP_NS (30 * NS_PER_SEC)

/* The last of the schedules; its tests are rarer than those of the first, for what lies idle makes
 * less of each open. */
#define CEILING 3
/* Of a bet that has not lost yet what it won. */
#define EVIDENCE_MIN 1.01
/* Of HOLD: time-outs of 30 s and of 60 s are common, and those that wait for them come back. */
#define STALL_FACTOR 4

static const uint64_t gaps_ns[OPENS_SCALES] = {NS_PER_SEC, 8 * NS_PER_SEC, 64 * NS_PER_SEC,
					       4 * NS_PER_SEC};

void opens_clear(struct opens *opens)
{
	for (unsigned int i = 0; i < OPENS_SCALES; i++)
		eprocess_clear(&opens->scales[i]);
	ladder_free(opens->ladder);
	opens->ladder = NULL;
	free(opens->waiting_ns);
	opens->waiting_ns = NULL;
	opens->waiting_count = 0;
}

struct stock_limits opens_limits(const struct opens *opens, const struct settings *settings)
{
	struct stock_limits limits = {.kind = STOCK_IDLE, .known_ns = opens->tested_ns};
	uint64_t beat_ns;

	limits.idle_ns = LIMIT_FACTOR * silence_quantile_ns(&opens->benign, LIMIT_QUANTILE);
	beat_ns = (uint64_t)(BEAT_FACTOR * (double)opens->longest_beat_ns);
	if (limits.idle_ns < beat_ns)
		limits.idle_ns = beat_ns;
	if (limits.idle_ns < settings->t0_ns)
		limits.idle_ns = settings->t0_ns;
	limits.owed_ns = LIMIT_FACTOR * opens->longest_owed_ns;
	if (limits.owed_ns < OWED_NS)
		limits.owed_ns = OWED_NS;
	if (limits.owed_ns < limits.idle_ns)
		limits.owed_ns = limits.idle_ns;
	return limits;
}

/* The most that opens had shown to be held, when the bets began that have not lost since. */
static void note_held(struct opens *opens)
{
	opens->ceiling_base = eprocess_record(&opens->scales[0]);
	opens->ceiling_base_ns = opens->scales[0].known_ns;
	(void)eprocess_find_earliest(&opens->scales[0], EVIDENCE_MIN, &opens->ceiling_base,
				     &opens->ceiling_base_ns); /* or else that */
}

/*
 * What rests since the process began will have done so for longer than any limit one day, one
 * connection after the other: while that goes on a record is history and no evidence.
 */
static bool is_in_its_youth(const struct stock_limits *limits, const struct pool *pool,
			    uint64_t open_ns)
{
	return limits->idle_ns >= YOUNG_LIMIT_NS &&
	       open_ns < pool->first_ns + AGE_FACTOR * limits->idle_ns;
}

static void test_open(struct opens *opens, const struct moment *moment, const struct pool *pool,
		      uint64_t open_ns)
{
	const struct settings *settings = moment->settings;
	struct stock_limits limits;
	bool is_young;
	uint32_t stock;

	if (eprocess_value(&opens->scales[CEILING]) <= 1)
		note_held(opens);
	if (opens_value(opens) <= 1)
		turnover_begin(&opens->turnover);
	opens->tested_ns = (int64_t)open_ns;
	opens->test_count++;
	limits = opens_limits(opens, settings);
	stock = stock_count(pool, &limits, &moment->losses);
	is_young = is_in_its_youth(&limits, pool, open_ns);
	for (unsigned int i = 0; i < OPENS_SCALES; i++) {
		if (!eprocess_is_due(&opens->scales[i], open_ns, gaps_ns[i]))
			continue;
		if (is_young && stock > eprocess_record(&opens->scales[i]))
			eprocess_remember(&opens->scales[i], settings->i0, stock, open_ns);
		else
			eprocess_test(&opens->scales[i], settings->i0, settings->p_min, stock,
				      open_ns);
	}
	ladder_test(&opens->ladder, moment, pool, &limits, open_ns);
}

bool opens_advance(struct opens *opens, const struct moment *moment, const struct pool *pool)
{
	uint32_t done = 0;

	while (done < opens->waiting_count && (int64_t)opens->waiting_ns[done] <= moment->known_ns)
		test_open(opens, moment, pool, opens->waiting_ns[done++]);
	if (done == 0)
		return false;
	opens->waiting_count -= done;
	if (opens->waiting_count == 0) {
		free(opens->waiting_ns);
		opens->waiting_ns = NULL;
		return true;
	}
	memmove(opens->waiting_ns, opens->waiting_ns + done,
		opens->waiting_count * sizeof(opens->waiting_ns[0]));
	return true;
}

void opens_witness(struct opens *opens, const struct moment *moment, const struct pool *pool)
{
	struct stock_limits limits;
	uint32_t stock;

	if (opens->calm_ns == 0)
		opens->calm_ns = moment->t_ns;
	if (moment->t_ns - opens->calm_ns < CALM_GAP_NS)
		return;
	if (opens_value(opens) > 1 && !opens->ladder)
		return;
	opens->calm_ns = moment->t_ns;
	limits = opens_limits(opens, moment->settings);
	limits.known_ns = moment->known_ns;
	ladder_remember(opens->ladder, moment, pool, &limits);
	if (opens_value(opens) > 1)
		return;
	stock = stock_count(pool, &limits, &moment->losses);
	for (unsigned int i = 0; i < CEILING; i++)
		eprocess_witness(&opens->scales[i], moment->settings->i0, stock, moment->t_ns);
	eprocess_remember(&opens->scales[CEILING], moment->settings->i0, stock, moment->t_ns);
}

static void observe_open(struct opens *opens, const struct moment *moment, const struct conn *conn)
{
	uint32_t count = opens->waiting_count;

	if (conn->is_replacement || count == OPENS_WAITING_MAX)
		return;
	if (count > 0 && moment->t_ns - opens->waiting_ns[count - 1] < gaps_ns[0])
		return;
	/* Without memory it goes untested, as one of too many does. */
	if (!opens->waiting_ns)
		opens->waiting_ns = calloc(OPENS_WAITING_MAX, sizeof(*opens->waiting_ns));
	if (opens->waiting_ns)
		opens->waiting_ns[opens->waiting_count++] = moment->t_ns;
}

/* One that counted and came back: so may the others. */
static void take_back(struct opens *opens, const struct moment *moment, const struct conn *conn,
		      int64_t since_ns, uint64_t silence_ns)
{
	uint64_t seen_ns = (uint64_t)opens->tested_ns - (uint64_t)since_ns;

	ladder_take_back(opens->ladder, conn, silence_ns);
	if (seen_ns > silence_ns)
		seen_ns = silence_ns;
	if (seen_ns <= moment->settings->t0_ns || opens_value(opens) <= 1)
		return;
	if (seen_ns <= opens_limits(opens, moment->settings).idle_ns)
		return;
	for (unsigned int i = 0; i < OPENS_SCALES; i++)
		eprocess_discount(&opens->scales[i], COMEBACK_FACTOR);
}

/* Before the third one nobody can know that they are beats; those of MongoDB have waited. */
static void forget_first_beats(struct opens *opens, const struct conn *conn)
{
	int64_t since_ns = (int64_t)(conn->beat_since_s * NS_PER_SEC);

	if (conn->beat_count == HEARTBEAT_MIN && opens->tested_ns > since_ns &&
	    !heartbeat_is_mongo(conn))
		silence_remove(&opens->benign, heartbeat_gap_ns(conn), HEARTBEAT_MIN - 1);
}

static void learn_silence(struct opens *opens, const struct moment *moment,
			  const struct change *change)
{
	uint64_t silence_ns = moment_silence_ns(moment, change);

	if (silence_ns > SAMPLE_MAX_NS)
		silence_ns = SAMPLE_MAX_NS;
	if (change->answer_was_owed) {
		if (silence_ns > opens->longest_owed_ns)
			opens->longest_owed_ns = silence_ns;
		return;
	}
	if (change->type == CHANGE_ACTIVE && heartbeat_is_monitor(change->conn)) {
		forget_first_beats(opens, change->conn);
		return;
	}
	if (opens->test_count == 0 || change->silent_since_ns >= opens->tested_ns)
		return;
	if (change->silent_since_ns > opens->tested_ns - RETURN_NS)
		return; /* at the open somebody had it still, and it may have been free ever since
			 */
	if (change->type == CHANGE_ACTIVE && heartbeat_is_beating(change->conn)) {
		if (silence_ns > opens->longest_beat_ns)
			opens->longest_beat_ns = silence_ns;
		return;
	}
	if (change->type == CHANGE_ACTIVE && heartbeat_is_undecided(change->conn)) {
		opens->undecided_ns = opens->tested_ns;
		return;
	}
	take_back(opens, moment, change->conn, change->silent_since_ns, silence_ns);
	silence_add(&opens->benign, silence_ns);
}

/* What might have been the first beats of a monitor was a silence after all. */
static void learn_refuted(struct opens *opens, const struct moment *moment,
			  const struct change *change, uint64_t silence_ns)
{
	int64_t since_ns = change->silent_since_ns - (int64_t)silence_ns;

	if (silence_ns == 0 || opens->undecided_ns <= since_ns + RETURN_NS)
		return;
	take_back(opens, moment, change->conn, since_ns, silence_ns);
	silence_add(&opens->benign, silence_ns);
}

static void observe_close(struct opens *opens, const struct moment *moment,
			  const struct change *change)
{
	/* One in CLOSE_WAIT was not counted, and how long it lay there says nothing of reuse. */
	if (change_is_own_close(change) && conn_peer_closed_ns(change->conn) == 0)
		learn_silence(opens, moment, change);
}

bool opens_observe(struct opens *opens, const struct moment *moment,
		   const struct heartbeat *heartbeat, const struct change *change)
{
	bool has_tested = opens_advance(opens, moment, change->pool);

	learn_refuted(opens, moment, change, heartbeat->refuted_ns);
	turnover_observe(&opens->turnover, change);
	if (change->type == CHANGE_OPENED)
		observe_open(opens, moment, change->conn);
	else if (change->type == CHANGE_ACTIVE)
		learn_silence(opens, moment, change);
	else if (change->type == CHANGE_CLOSED)
		observe_close(opens, moment, change);
	return has_tested;
}

double opens_value(const struct opens *opens)
{
	double sum = 0;

	for (unsigned int i = 0; i < OPENS_SCALES; i++)
		sum += eprocess_value(&opens->scales[i]);
	return sum / OPENS_SCALES;
}

/*
 * Begins the finding there if that is earlier. Where the ceiling speaks, what was held before is
 * what the opens had shown by then.
 */
static void begin_with(const struct opens *opens, unsigned int scale, uint32_t base,
		       uint64_t began_ns, struct finding *finding)
{
	uint64_t base_ns = began_ns;

	if (scale == CEILING && opens->ceiling_base < base) {
		base = opens->ceiling_base;
		base_ns = opens->ceiling_base_ns;
	}
	if (base >= finding->base)
		return;
	finding->base = base;
	finding->base_ns = base_ns;
	finding->began_ns = began_ns;
}

void opens_find(const struct opens *opens, const struct moment *moment, const struct pool *pool,
		struct finding *ret_finding)
{
	unsigned int best = 0;

	for (unsigned int i = 1; i < OPENS_SCALES; i++)
		if (eprocess_value(&opens->scales[i]) > eprocess_value(&opens->scales[best]))
			best = i;
	ret_finding->test = "opens";
	ret_finding->value = opens_value(opens);
	ret_finding->base = UINT32_MAX;
	begin_with(opens, best, eprocess_base(&opens->scales[best]),
		   eprocess_began_ns(&opens->scales[best]), ret_finding);
	for (unsigned int i = 0; i < OPENS_SCALES; i++) {
		uint64_t began_ns;
		uint32_t base;

		if (eprocess_find_earliest(&opens->scales[i], moment->settings->alarm, &base,
					   &began_ns))
			begin_with(opens, i, base, began_ns, ret_finding);
	}
	if (turnover_has_stopped(&opens->turnover))
		ret_finding->hold_factor = STALL_FACTOR;
	ret_finding->limits = opens_limits(opens, moment->settings);
	ret_finding->stock = stock_count(pool, &ret_finding->limits, &moment->losses);
	ret_finding->excess = finding_excess(ret_finding->stock, ret_finding->base);
}
