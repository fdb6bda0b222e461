// SPDX-License-Identifier: Apache-2.0
/*
 * A pool in which nothing moves any more is exhausted, or its load rests. What tells them apart is
 * how it came to a standstill: whether its connections fell silent one by one, at a rate, while the
 * others went on with the work, and whether it was full then.
 *
 *	rest	#1 ****************-----	of a pool that leaks: what it has left stops at
 *		#2 *--*-*---*-*--*-*----	once, and it would open another one
 *		#3 *****----------------
 *	full	#1 ****************-----	one by one to the last, and it opens none
 *		#2 **********-----------
 *		#3 *****----------------
 *
 * A pool that rests again and again has to be silent for twice as long as ever before.
 *
 * Invariant: looks at what the table has, and changes nothing.
 * Does not say anything (exhausted.c does).
 */
#include "standstill.h"

#include <math.h>

#include "fading.h"
#include "figures.h"
#include "judgement.h"
#include "maximum.h"

#define FRESH_SHARE 3 /* at the end at most a third may fall silent together */
#define EXPECTED 10
#define QUIET_FACTOR 2
/* Of the bytes of the last ten minutes: what had less to do in the end may have run out of it. */
#define WORK_SHARE 0.33f
/* Fewer can be leaked in the same ten seconds; more have stopped together. */
#define TOGETHER_MIN 3
/* Time-outs of a minute are as long as any that are common; a tick or two are not known yet. */
#define DRAINED_QUIET_NS (40 * NS_PER_SEC)
#define DRAINED_NS (55 * NS_PER_SEC)
/* Between the last answer and the return of a connection. */
#define HANDS_NS NS_PER_SEC
#define HANDS_QUANTILE 0.99
#define DRAINED_WORK_SHARE 1.5f
/* So many of the longest silent may be of another time: one in six. */
#define STRAY_SHARE 6
/* The load of a leaking pool may rest before it is full: for so long nothing is said, */
#define REST_NS (1200 * NS_PER_SEC)
/* or for so long, where it has worked without a rest for long. */
#define UNSURE_NS (45 * NS_PER_SEC)
#define WORKED_NS (1800 * NS_PER_SEC)
/* So long the meter has the seconds of the end, and of some minutes before it. */
#define LEFT_NS (120 * NS_PER_SEC)
/* So many were not replaced; one may have been to spare. */
#define LOST_MIN 2
#define SHORT_COUNT_MIN 3
/* Fewer may have been silent for longer than ever by chance. */
#define BEYOND_MIN 3
/* A doubt takes ten to one, and where less was done at the end, as it had rested by then, more. */
#define DOUBT_ODDS 10.0
#define LOW_DOUBT_ODDS 100.0
/* The odds and the steps are of the same silences: half of what the one says is new to the other.
 */
#define NEW_SHARE 0.5
/* That a stack that leaks has leaked to the last. */
#define PASSED_ODDS 10.0
/* Of the usual bytes; with less to do it needs fewer connections. */
#define ENOUGH_WORK 0.7f
/* Loads go up and down: two records may be of a low tide. */
#define LOW_TIDE 0.25
/* Of all the time in which they fell silent one gap may be half, and more where there are few. */
#define GAP_SHARE 0.5
#define GAP_CHANCE 1.2
/* As many as are left, and so many at least, in a quarter of the time in which those worked. */
#define PACE_MIN 3
#define PACE_FACTOR 4

/* So long that ten operations should have been made. */
bool standstill_is_pause(const struct exhausted *exhausted, uint64_t quiet_ns)
{
	return quiet_ns >= STANDSTILL_QUIET_NS &&
	       (float)quiet_ns / NS_PER_SEC * exhausted->expected >= EXPECTED;
}

/* --- whether it was full ---------------------------------------------------------------------- */

static bool is_at_ceiling(const struct bench *bench, const struct judgement *judgement)
{
	const struct plateau *plateau = &judgement->plateau;
	uint64_t limit = figures_limit(bench, judgement->pool);

	if (limit > 0 && figures_open_on_host(judgement->pool) >= limit)
		return true;
	return plateau->ceiling > 0 && plateau->open >= plateau->ceiling;
}

/* A pool that grew until the end may have had no reason to grow further. */
static bool is_full(const struct bench *bench, const struct judgement *judgement, uint64_t since_ns)
{
	const struct plateau *plateau = &judgement->plateau;

	if (is_at_ceiling(bench, judgement))
		return true;
	return since_ns >= plateau->flat_ns &&
	       since_ns - plateau->flat_ns >= bench->settings->plateau_ns;
}

/* --- whether it is a rest ----------------------------------------------------------------------
 */

/*
 * Logarithm of the odds that those silent before the end fell silent at a rate, given the shortest
 * and the longest, with the first stray ones left out.
 */
static double rate_odds(const struct judgement *judgement, const struct held *held, uint32_t stray)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	double least_s = exhausted->expected > 0 ? 1 / (double)exhausted->expected : 1;
	double silence_s, longest_s = 0, sum = 0;

	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn_newer(conn)) {
		if (conn->state != CONN_OPEN || conn->last_active_ns >= held->at_ns)
			continue;
		if (stray > 0) {
			stray--;
			continue;
		}
		silence_s = (double)(held->at_ns - conn->last_active_ns) / NS_PER_SEC;
		if (longest_s == 0)
			longest_s = fmax(silence_s, least_s);
		else if (longest_s > least_s)
			sum += held_rate_evidence(silence_s, least_s, longest_s);
	}
	return sum;
}

/* The longest time in which no further one fell silent, against all of it. */
static bool fell_one_by_one(const struct judgement *judgement, const struct held *held)
{
	int64_t before_ns = 0, first_ns = 0, gap_ns = 0, span_ns;
	uint32_t count = 0;

	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn_newer(conn)) {
		if (conn->state != CONN_OPEN || heartbeat_is_beating(conn))
			continue;
		if (count++ == 0)
			first_ns = conn->last_active_ns;
		else if (conn->last_active_ns - before_ns > gap_ns)
			gap_ns = conn->last_active_ns - before_ns;
		before_ns = conn->last_active_ns;
	}
	span_ns = held->at_ns - first_ns;
	return count >= SHORT_COUNT_MIN &&
	       (double)gap_ns <= (GAP_SHARE + GAP_CHANCE / count) * (double)span_ns;
}

/* Each that is neither held nor was still in use; and that most were silent for as long before. */
static uint32_t doubts(const struct held *held)
{
	uint32_t known = held->count + held->fresh;

	return (held->open > known ? held->open - known : 0) + (2 * held->beyond < held->count);
}

/* When a load stops, what it has begun goes on: slow statements are answered, by fewer and fewer.
 */
static int64_t last_send_ns(const struct pool *pool)
{
	uint64_t last_ns = 0;

	for (const struct conn *conn = pool->newest; conn; conn = conn_older(conn))
		if (conn->state == CONN_OPEN && conn_last_send_ns(conn) > last_ns &&
		    !heartbeat_is_beating(conn))
			last_ns = conn_last_send_ns(conn);
	return (int64_t)last_ns;
}

static void weigh_steps(const struct judgement *judgement, struct dwindle_end *ret_end)
{
	const struct exhausted *exhausted = &judgement->exhausted;

	dwindle_weigh(&exhausted->dwindle, judgement->pool, &judgement->meter,
		      exhausted->resumed_ns, last_send_ns(judgement->pool), ret_end);
}

/*
 * Those in use at the end are among them: where they are leaked, they were so one by one, too. A
 * pool that has worked to the end with most of them silent for longer than ever has no such depth.
 * Unless those in use did more each, a doubt takes odds, and more where less was done at the end:
 * before that its depth had rested for a while. How rare it is that so few were left for so long
 * pays for that.
 */
static bool fell_at_a_rate(const struct judgement *judgement, const struct held *held)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	struct dwindle_end end;
	double least = 0;

	if (held->is_fair)
		return true;
	if (held->is_cut_off && held->beyond >= BEYOND_MIN && 2 * held->beyond >= held->count &&
	    fell_one_by_one(judgement, held))
		return true;
	if (exhausted->work_at_end < ENOUGH_WORK &&
	    exhausted->work_each_at_end < EXHAUSTED_EACH_FACTOR) {
		if (judgement->leak.stage == LEAK_NONE)
			least = doubts(held) * log(LOW_DOUBT_ODDS);
	} else {
		if (judgement->leak.stage == LEAK_NONE &&
		    exhausted->work_each_at_end < EXHAUSTED_EACH_FACTOR)
			least = doubts(held) * log(DOUBT_ODDS);
		weigh_steps(judgement, &end);
		least += NEW_SHARE * log(end.chance);
	}
	for (uint32_t stray = 0; stray <= held->open / STRAY_SHARE; stray++)
		if (rate_odds(judgement, held, stray) > least)
			return true;
	return false;
}

/* What a pool closes is free. One that closes nothing but leaves all work has none to close. */
bool standstill_had_free(const struct exhausted *exhausted)
{
	return exhausted->closed_ns > exhausted->last_active_ns;
}

/*
 * When a load stops, a few jobs go on for a while: the others fell silent at once before them.
 * Where fewer and fewer are left, the last before them fell at the pace of them. They come in the
 * order of their last operation.
 */
static bool fell_at_their_pace(const struct judgement *judgement, uint32_t left, int64_t end_ns)
{
	uint32_t earlier = left > PACE_MIN ? left : PACE_MIN, count = 0;
	int64_t alone_ns = 0, silence_ns = 0;

	for (const struct conn *conn = judgement->pool->newest; conn; conn = conn_older(conn)) {
		if (conn->state != CONN_OPEN || heartbeat_is_beating(conn) || count++ < left)
			continue;
		silence_ns = end_ns - conn->last_active_ns;
		if (count == left + 1)
			alone_ns = silence_ns;
		if (count == left + 1 + earlier)
			break;
	}
	return PACE_FACTOR * (silence_ns - alone_ns) >= alone_ns;
}

/* Nothing is done any more, where it should be, and it did not fade. */
static bool has_stopped(const struct judgement *judgement, int64_t known_ns)
{
	const struct exhausted *exhausted = &judgement->exhausted;

	if (exhausted->last_active_ns <= 0 || known_ns <= exhausted->last_active_ns ||
	    exhausted->steady_count < EXHAUSTED_STEADY_OPERATIONS ||
	    standstill_had_free(exhausted) || failover_is_left(&judgement->failover))
		return false;
	return standstill_is_pause(exhausted, (uint64_t)(known_ns - exhausted->last_active_ns)) &&
	       exhausted->work_kept_at_end >= WORK_SHARE;
}

/* Every pool rests now and then; this is longer than it ever did. */
static bool is_no_rest(const struct exhausted *exhausted, int64_t known_ns)
{
	uint64_t quiet_ns = (uint64_t)(known_ns - exhausted->last_active_ns);

	return quiet_ns >= QUIET_FACTOR * exhausted->longest_quiet_ns;
}

/* Since when it, or the process before it, has worked without such a rest. */
static int64_t worked_since_ns(const struct judgement *judgement, int64_t known_ns)
{
	const struct fleet *fleet = judgement->dossier->membership.fleet;
	uint64_t quiet_ns = (uint64_t)(known_ns - judgement->exhausted.last_active_ns);
	uint64_t since_ns = judgement->pool->first_ns;
	uint64_t joined_ns = fleet ? fleet_baseline(fleet)->joined_ns : 0;

	if (joined_ns > 0 && joined_ns < since_ns &&
	    quiet_ns >= QUIET_FACTOR * fleet->longest_quiet_ns)
		since_ns = joined_ns;
	return (int64_t)since_ns;
}

/*
 * A load that stops finds as many left as ever; a pool that has leaked to the last had fewer and
 * fewer. *held gets the step that tells it.
 */
static bool was_left_with_few(const struct judgement *judgement, struct held *held)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	struct dwindle_step step;
	int64_t since_ns;

	if (!dwindle_find_left(&exhausted->dwindle, judgement->pool, exhausted->resumed_ns,
			       last_send_ns(judgement->pool), &step))
		return false;
	since_ns = held->at_ns - (int64_t)step.span_ns;
	if (!dwindle_is_left(&step, fading_share_kept(&judgement->meter, since_ns, held->at_ns)))
		return false;
	held->dwindle.last = held->dwindle.earlier = step;
	return true;
}

/*
 * A pool that leaks and may still grow has silent connections and a rest, too. One that is full has
 * fewer and fewer left, and opens none. Where it was full with the last one there is nothing to see
 * of that but how few had been left, and a first rest is the less likely the longer it has worked
 * without.
 */
static bool is_known_full(const struct bench *bench, const struct judgement *judgement,
			  struct held *held, int64_t known_ns)
{
	int64_t quiet_ns = known_ns - held->at_ns;

	if (judgement->leak.stage == LEAK_NONE || (held->lost >= LOST_MIN && held->fresh <= 1) ||
	    is_at_ceiling(bench, judgement) || quiet_ns >= (int64_t)REST_NS)
		return true;
	if (quiet_ns < (int64_t)UNSURE_NS)
		return false;
	return held->at_ns - worked_since_ns(judgement, known_ns) >= (int64_t)WORKED_NS ||
	       (quiet_ns <= (int64_t)LEFT_NS && was_left_with_few(judgement, held));
}

/* --- how it came to that ---------------------------------------------------------------------- */

/* For how long one that was used again, or given back and closed, had been silent at an open. */
static uint64_t in_hand_ns(const struct judgement *judgement)
{
	uint64_t benign_ns = silence_quantile_ns(&judgement->opens.benign, HANDS_QUANTILE);

	return benign_ns > HANDS_NS ? benign_ns : HANDS_NS;
}

/* Requests that wait for something else hold their connections as well, until they time out. */
bool standstill_is_drained(const struct bench *bench, const struct judgement *judgement,
			   int64_t known_ns, struct held *ret_held)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	int64_t end_ns = exhausted->last_active_ns;
	struct drained_end end;
	struct held held;

	/* More work needs more connections, and then may end. */
	if (!has_stopped(judgement, known_ns) || !is_no_rest(exhausted, known_ns) ||
	    exhausted->work_at_end > DRAINED_WORK_SHARE)
		return false;
	if (judgement->plateau.flat_ns == 0 || known_ns - end_ns < (int64_t)DRAINED_QUIET_NS ||
	    !drained_find(&exhausted->drained, judgement->pool, end_ns,
			  bench->settings->exhausted_stale, exhausted->expected, &end) ||
	    known_ns - end.first_ns < (int64_t)DRAINED_NS)
		return false;
	/* One that opened for each of them may have had more to do (unreturned.c tells). */
	if (2 * end.opened >= end.count || !is_full(bench, judgement, (uint64_t)end.first_ns))
		return false;
	held_take(bench, judgement, end_ns, &held);
	held.first_ns = end.first_ns;
	held.drained = end;
	*ret_held = held;
	return held.owed == 0;
}

bool standstill_was_unreturned(const struct bench *bench, const struct judgement *judgement,
			       int64_t known_ns, struct held *ret_held)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	int64_t end_ns = exhausted->last_active_ns;
	struct unreturned_end end;

	if (!has_stopped(judgement, known_ns) || !is_no_rest(exhausted, known_ns) ||
	    judgement->plateau.flat_ns == 0 || known_ns - end_ns < (int64_t)DRAINED_QUIET_NS ||
	    !unreturned_find(judgement->pool, figures_limit(bench, judgement->pool), end_ns,
			     in_hand_ns(judgement), &end) ||
	    known_ns - end.first_ns < (int64_t)DRAINED_NS)
		return false;
	held_take(bench, judgement, end_ns, ret_held);
	ret_held->first_ns = end.first_ns;
	ret_held->unreturned = end;
	/* One that is known to leak may rest before it is full. */
	return ret_held->owed == 0 && is_known_full(bench, judgement, ret_held, known_ns);
}

/* However it came to that. A pool that has not been so large before has yet to show what it keeps.
 */
bool standstill_is_overdue(const struct bench *bench, const struct judgement *judgement,
			   int64_t known_ns, struct held *ret_held)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	int64_t end_ns = exhausted->last_active_ns;
	struct overdue_end end;

	if (!has_stopped(judgement, known_ns) || judgement->plateau.flat_ns == 0 ||
	    known_ns - end_ns < (int64_t)DRAINED_QUIET_NS ||
	    !overdue_find(&judgement->overdue, &judgement->evictions, bench->settings,
			  judgement->pool, known_ns, &end))
		return false;
	held_take(bench, judgement, end_ns, ret_held);
	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn_newer(conn))
		if (conn->state == CONN_OPEN && conn->last_active_ns < ret_held->first_ns)
			ret_held->first_ns = conn->last_active_ns;
	ret_held->overdue = end;
	return true;
}

/* A day that ends has fewer left for longer and longer. */
static double share_since(const struct judgement *judgement, uint64_t span_ns)
{
	int64_t end_ns = judgement->exhausted.last_active_ns;

	return fading_share(&judgement->meter, LOW_TIDE, end_ns - (int64_t)span_ns, end_ns);
}

/* Two steps, or an end that is too rare. */
static bool find_steps(const struct judgement *judgement, struct dwindle_end *ret_end)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	int64_t resumed_ns = exhausted->resumed_ns;
	int64_t last_ns = last_send_ns(judgement->pool);

	if (dwindle_find(&exhausted->dwindle, judgement->pool, resumed_ns, last_ns, ret_end) &&
	    ((int64_t)ret_end->earlier.span_ns < FADING_NS ||
	     dwindle_are_beyond(ret_end, share_since(judgement, ret_end->last.span_ns),
				share_since(judgement, ret_end->earlier.span_ns))))
		return true;
	weigh_steps(judgement, ret_end);
	return dwindle_is_rare(ret_end);
}

/*
 * A pool that opens whenever it is short is left with one each time, and that is no ceiling. One
 * that has lost most of its connections since it last grew does not open them.
 */
bool standstill_is_short(const struct bench *bench, const struct judgement *judgement,
			 const struct held *held)
{
	struct dwindle_end end;

	return is_at_ceiling(bench, judgement) ||
	       (2 * held->lost >= held->open && find_steps(judgement, &end));
}

/* It has rested like this before, but a known leak has left fewer and fewer of it since then. */
static bool is_short_of_all(const struct judgement *judgement, const struct held *held)
{
	struct dwindle_end end;

	return judgement->leak.stage == LEAK_RAISED && held->count + 1 >= held->open &&
	       2 * held->beyond >= held->count && find_steps(judgement, &end);
}

/* It is full, and its load does not merely rest. */
static bool has_ended(const struct bench *bench, const struct judgement *judgement,
		      struct held *held, int64_t known_ns)
{
	bool is_no_usual_rest = is_no_rest(&judgement->exhausted, known_ns);

	if (is_no_usual_rest && maximum_is_leaked(judgement, held, known_ns))
		return true;
	if (!is_full(bench, judgement, (uint64_t)held->at_ns))
		return false;
	return is_no_usual_rest ? is_known_full(bench, judgement, held, known_ns)
				: is_short_of_all(judgement, held);
}

bool standstill_was_held(const struct bench *bench, const struct judgement *judgement,
			 int64_t known_ns, struct held *ret_held)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	struct held held;

	if (!has_stopped(judgement, known_ns))
		return false;
	held_take(bench, judgement, exhausted->last_active_ns, &held);
	if (held.owed > 0 || held.fresh * FRESH_SHARE > held.open + 2)
		return false;
	if (judgement->leak.stage != LEAK_RAISED && held.fresh >= TOGETHER_MIN + held.before / 2)
		return false;
	/* How it stood before the end: now all of them are silent. */
	if (!held_is_most(bench, judgement, &held) || !fell_at_a_rate(judgement, &held) ||
	    !has_ended(bench, judgement, &held, known_ns))
		return false;
	/* By night fewer are needed. */
	if (judgement->leak.stage == LEAK_NONE &&
	    fading_has_faded(&judgement->meter, held.first_ns, exhausted->last_active_ns))
		return false;
	*ret_held = held;
	return true;
}

/*
 * One alone did as much as the pool often does, for longer than ever: that is known the best, for
 * most ends of it were seen. In a tide that is low for long more of them rest than ever did.
 */
static bool was_down_to_one(const struct judgement *judgement, const struct dwindle_end *end)
{
	int64_t end_ns = judgement->exhausted.last_active_ns;
	const struct conn *conn = judgement->pool->newest;

	/* What looks like a heartbeat may be work as well, where it is one of two. */
	for (; conn && end_ns - conn->last_active_ns < (int64_t)end->last.span_ns;
	     conn = conn_older(conn))
		if (conn->state == CONN_OPEN && heartbeat_is_beating(conn))
			return false;
	return end->last.left == 1 &&
	       fading_is_usual(&judgement->meter, end_ns - (int64_t)end->last.span_ns, end_ns) &&
	       fading_is_usual(&judgement->meter, end_ns - (int64_t)end->earlier.span_ns, end_ns);
}

bool standstill_has_dwindled(const struct bench *bench, const struct judgement *judgement,
			     int64_t known_ns, struct held *ret_held)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	int64_t end_ns = exhausted->last_active_ns;
	struct dwindle_end end;
	bool is_usual;

	if (!has_stopped(judgement, known_ns) || !is_no_rest(exhausted, known_ns) ||
	    known_ns - end_ns < (int64_t)UNSURE_NS || !find_steps(judgement, &end) ||
	    !fell_at_their_pace(judgement, end.last.left, end_ns) ||
	    !is_full(bench, judgement, (uint64_t)end_ns))
		return false;
	is_usual = was_down_to_one(judgement, &end);
	if (!is_usual && !exhausted_is_cut_off(exhausted))
		return false;
	/* A day that ends needs fewer and fewer connections, and each does no more than it did. */
	if (!is_usual && (int64_t)end.earlier.span_ns >= FADING_NS &&
	    exhausted->work_each_at_end < EXHAUSTED_EACH_FACTOR)
		return false;
	held_take(bench, judgement, end_ns, ret_held);
	ret_held->first_ns = end_ns - (int64_t)end.earlier.span_ns;
	ret_held->dwindle = end;
	return ret_held->owed == 0;
}

bool standstill_was_passed(const struct bench *bench, const struct judgement *judgement,
			   int64_t known_ns, struct held *ret_held)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	int64_t end_ns = exhausted->last_active_ns;
	struct passed_end end;

	if (!has_stopped(judgement, known_ns) || !is_no_rest(exhausted, known_ns) ||
	    known_ns - end_ns < (int64_t)UNSURE_NS ||
	    !passed_find_end(&judgement->passed, bench->settings, judgement->pool, end_ns,
			     exhausted->expected, &end) ||
	    end.odds < PASSED_ODDS || !is_full(bench, judgement, (uint64_t)end_ns))
		return false;
	held_take(bench, judgement, end_ns, ret_held);
	ret_held->first_ns = end.first_ns;
	ret_held->passed = end;
	return ret_held->owed == 0;
}

bool standstill_is_spent(const struct bench *bench, const struct judgement *judgement,
			 int64_t known_ns, struct held *ret_held)
{
	struct spent_end end;

	if (failover_is_left(&judgement->failover) ||
	    !spent_find(judgement->pool, figures_limit(bench, judgement->pool), known_ns, &end))
		return false;
	held_take(bench, judgement, judgement->exhausted.last_active_ns, ret_held);
	ret_held->first_ns = end.first_ns;
	ret_held->spent = end;
	return true;
}

bool standstill_ended_with_its_users(struct judgement *judgement, const struct held *held)
{
	struct exhausted *exhausted = &judgement->exhausted;

	if (exhausted->workers_ended_ns == exhausted->last_active_ns)
		return true;
	if (judgement->leak.stage == LEAK_RAISED ||
	    exhausted->work_each_at_end >= EXHAUSTED_EACH_FACTOR ||
	    !fading_went_one_by_one(&judgement->meter, held->first_ns, held->at_ns))
		return false;
	/* In minutes the meter knows no more of seconds. */
	exhausted->workers_ended_ns = exhausted->last_active_ns;
	return true;
}
