// SPDX-License-Identifier: Apache-2.0
/*
 * A pool of a fixed size does not grow when it leaks: nothing happens at all, until nothing works
 * any more. From outside that is silence, and so is every night. What tells them apart is how the
 * silence came about:
 *
 *	leaked	#1 ****----------------------	one by one, while the others go on working,
 *		#2 **********----------------	each after a time in which it was used as
 *		#3 *****************---------	often as the others; at last one or two are
 *		#4 *********************-----	left, and then none
 *	idle	#1 *********************-----	all at once; what was silent before was used
 *		#2 *--*---*--*-*--*--*--*-----	as rarely before
 *
 * So a connection is held when it is silent for much longer than it ever was of late, and a pool is
 * exhausted when half of it or more is held, they fell silent at several times, and either those
 * that are left work without rest, or one is left and does the work of all, or nothing has happened
 * for so long that ten operations should have, twice as long as ever before, or the server turns
 * away what the pool still tries to open.
 *
 * Where nearly every request leaks, none has been silent for long when the last one is gone. There
 * the last requests tell, each of which took another connection (drained.c).
 *
 * Jobs that end one after the other fall silent one by one as well, but the work that is done falls
 * with them, and those that are left do no more than they did: hence work_at_end, work_each_at_end
 * and has_had_slack.
 *
 * Invariant: a verdict names connections that are open and silent.
 * Does not test opens (leak.c does), and says nothing where a pool may still grow: it is flat, or
 * it grew to the last while most of it was held already.
 */
#include "exhausted.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "figures.h"
#include "format.h"
#include "held.h"
#include "judgement.h"
#include "report.h"

#define FRESH_SHARE 3 /* at the end at most a third may fall silent together */
#define EXPECTED 10
#define QUIET_FACTOR 2
#define QUIET_NS (20 * NS_PER_SEC)
#define WARM_OPERATIONS 20
/* What comes after a pause is work again when so many have come without another. */
#define STEADY_OPERATIONS 20
/* So many connects of the last minute came to nothing. */
#define REFUSED_MIN 5
#define WORK_SHARE 0.33f
#define EACH_FACTOR 1.5f
#define CUT_OFF_SHARE 0.8f
/* One is left, of so many at least, and does most of the work of the busiest hour. */
#define LAST_OF_MIN 5
#define LAST_WORK_SHARE 0.8f
#define LAST_NS (30 * NS_PER_SEC)
/* Fewer can be leaked in the same ten seconds; more have stopped together. */
#define TOGETHER_MIN 3
/* Time-outs of a minute are as long as any that are common; a tick or two are not known yet. */
#define DRAINED_QUIET_NS (40 * NS_PER_SEC)
#define DRAINED_NS (55 * NS_PER_SEC)
#define DRAINED_WORK_SHARE 1.5f
#define OVER_NS (60 * NS_PER_SEC)
/* So many of the longest silent may be of another time: one in six. */
#define STRAY_SHARE 6
#define CLOCK_SIZE 48
#define DURATION_SIZE 32

/* Why the pool is exhausted, beyond that most of it is held. */
enum cause {
	CAUSE_NONE,
	CAUSE_STOPPED,
	CAUSE_DRAINED,
	CAUSE_BUSY,
	CAUSE_TURNED_AWAY,
	CAUSE_LAST,
};

/* --- what is learned -------------------------------------------------------------------------- */

/* So long that ten operations should have been made. */
static bool is_pause(const struct exhausted *exhausted, uint64_t quiet_ns)
{
	return quiet_ns >= QUIET_NS &&
	       (float)quiet_ns / NS_PER_SEC * exhausted->expected >= EXPECTED;
}

void exhausted_observe(struct judgement *judgement, const struct change *change)
{
	struct exhausted *exhausted = &judgement->exhausted;
	int64_t active_ns, before_ns = exhausted->last_active_ns;

	/* A heartbeat keeps a connection from being held, and is no operation. */
	if (change->type != CHANGE_ACTIVE || heartbeat_is_beating(change->conn))
		return;
	active_ns = change->conn->last_active_ns;
	held_learn(change->conn, change->silence_ns);
	if (exhausted->operation_count < UINT32_MAX)
		exhausted->operation_count++;
	exhausted->sent_bytes += change->sent_bytes;
	if (active_ns <= before_ns)
		return;
	exhausted->last_active_ns = active_ns;
	exhausted->steady_count += exhausted->steady_count < STEADY_OPERATIONS;
	exhausted->warm_count += exhausted->warm_count < WARM_OPERATIONS;
	/* A statement that runs is no pause, and what comes after it goes on as before. */
	if (change->answer_was_owed)
		return;
	if (is_pause(exhausted, (uint64_t)(active_ns - before_ns)))
		exhausted->steady_count = 0;
	if (before_ns > 0 && exhausted->warm_count >= WARM_OPERATIONS &&
	    (uint64_t)(active_ns - before_ns) > exhausted->longest_quiet_ns)
		exhausted->longest_quiet_ns = (uint64_t)(active_ns - before_ns);
}

static void approach(float *mean, float value, float step_s, float span_s)
{
	*mean += (value - *mean) * step_s / (step_s + span_s);
}

/*
 * A source that looks every few seconds sees at most one operation a look. Where none of n looks
 * in a row was empty, the next one is with a chance of 1 in n + 2, so the rate is ln(n + 2).
 */
static float expected_rate(const struct exhausted *exhausted, float step_s)
{
	float seen = (exhausted->rate + exhausted->rate_before) / 2;
	float steady = (float)log(exhausted->streak + 2.0) / step_s;

	return exhausted->streak >= EXHAUSTED_SAMPLES && steady > seen ? steady : seen;
}

static void learn_rates(struct exhausted *exhausted, const struct settings *settings)
{
	float step_s = (float)settings->tick_ns / NS_PER_SEC;
	float rate = (float)exhausted->operation_count / step_s;
	float work = (float)exhausted->sent_bytes / step_s;

	exhausted->operation_count = 0;
	exhausted->sent_bytes = 0;
	approach(&exhausted->rate, rate, step_s, 60);
	approach(&exhausted->rate_before, rate, step_s, 300);
	approach(&exhausted->work, work, step_s, 60);
	approach(&exhausted->work_before, work, step_s, 600);
	exhausted->work_peak *= 3600 / (3600 + step_s);
	approach(&exhausted->crew, (float)exhausted->fresh, step_s, 60);
	approach(&exhausted->crew_before, (float)exhausted->fresh, step_s, 600);
	if (exhausted->work_before > exhausted->work_peak) {
		exhausted->work_peak = exhausted->work_before;
		exhausted->crew_peak = exhausted->crew_before;
	}
	if (rate == 0) {
		exhausted->streak = 0;
		return;
	}
	exhausted->streak += exhausted->streak < 1000;
	exhausted->expected = expected_rate(exhausted, step_s);
	exhausted->work_at_end =
		exhausted->work_peak > 0 ? exhausted->work / exhausted->work_peak : 1;
	exhausted->work_each_at_end =
		exhausted->crew > 0
			? exhausted->work_at_end * exhausted->crew_peak / exhausted->crew
			: 0;
}

bool exhausted_is_cut_off(const struct exhausted *exhausted)
{
	return exhausted->work_at_end >= CUT_OFF_SHARE ||
	       exhausted->work_each_at_end >= EACH_FACTOR;
}

/* --- how the pool came to rest ---------------------------------------------------------------- */

/* Those in use, and how busy they are. Where nothing moves an open statement is no work. */
static void sample_busy(struct exhausted *exhausted, const struct settings *settings,
			const struct held *held)
{
	bool is_quiet = held->at_ns - exhausted->last_active_ns > (int64_t)QUIET_NS;
	float busy = 0;
	double mean;

	if (held->fresh > 0 && !is_quiet)
		busy = (float)held->owed / (float)held->fresh;
	exhausted->busy[exhausted->sample_count++ % EXHAUSTED_SAMPLES] = busy;
	mean = exhausted_busy(exhausted);
	if (held->fresh > 0 && mean < settings->busy_clear)
		exhausted->has_had_slack = true;
}

double exhausted_busy(const struct exhausted *exhausted)
{
	double sum = 0;

	if (exhausted->sample_count < EXHAUSTED_SAMPLES)
		return NAN;
	for (uint32_t i = 0; i < EXHAUSTED_SAMPLES; i++)
		sum += exhausted->busy[i];
	return sum / EXHAUSTED_SAMPLES;
}

/*
 * A pool that grew until the end may have had no reason to grow further; less of a plateau will do
 * where the silent stock at its opens is suspected to be leaked. See grew_without_need() for none.
 */
static bool is_full(const struct bench *bench, const struct judgement *judgement, uint64_t since_ns)
{
	const struct plateau *plateau = &judgement->plateau;
	uint64_t limit = figures_limit(bench, judgement->pool);
	uint64_t flat_ns = bench->settings->plateau_ns;

	if (limit > 0 && figures_open_on_host(bench, judgement->pool) >= limit)
		return true;
	if (plateau->ceiling > 0 && plateau->open >= plateau->ceiling)
		return true;
	if (judgement->leak.stage != LEAK_NONE)
		flat_ns /= 2;
	return since_ns >= plateau->flat_ns && since_ns - plateau->flat_ns >= flat_ns;
}

/*
 * A pool that opens has no free connection. One that opened its last while most of the others had
 * been silent for long was not given them back.
 */
static bool grew_without_need(const struct bench *bench, const struct judgement *judgement)
{
	int64_t last_ns = 0;
	struct held held;

	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn->newer)
		if (conn->state == CONN_OPEN && !conn->age_is_bound && conn->open_ns > last_ns)
			last_ns = conn->open_ns;
	if (last_ns == 0)
		return false;
	held_take(bench, judgement, last_ns, &held);
	return held.count >= bench->settings->exhausted_stale * held.open;
}

static bool works_without_rest(const struct bench *bench, const struct judgement *judgement,
			       const struct held *held)
{
	const struct exhausted *exhausted = &judgement->exhausted;

	return held->owed > 0 && exhausted->has_had_slack &&
	       exhausted_busy(exhausted) >= bench->settings->busy_saturated &&
	       held_is_most(bench, judgement, held);
}

/* The server is full, or says so. When it has stopped to do so that was a storm, and is over. */
static bool is_turned_away(const struct bench *bench, const struct judgement *judgement,
			   const struct held *held)
{
	return judgement->plateau.is_refused && judgement->plateau.refused >= REFUSED_MIN &&
	       held_is_most(bench, judgement, held);
}

/*
 * One connection does the work of all: the next request that is slow holds up the others. As by
 * night one is enough for a pool, the work must be what it was with more of them.
 */
static bool is_down_to_one(const struct bench *bench, const struct judgement *judgement,
			   const struct held *held)
{
	const struct exhausted *exhausted = &judgement->exhausted;

	return held->open >= LAST_OF_MIN && held->count + 1 == held->open && held->fresh == 1 &&
	       exhausted->work_at_end >= LAST_WORK_SHARE &&
	       exhausted->work_each_at_end >= EACH_FACTOR && held_is_most(bench, judgement, held);
}

/*
 * When the load of a LIFO pool stops, all of it is silent, each further one down for some times as
 * long as the one above: as many between one second and ten as between ten and a hundred. Leaks
 * come at a rate: as many in the first hundred seconds as in the next. Logarithm of the odds of the
 * second against the first, given the shortest and the longest, with the first stray ones left out.
 */
static double rate_odds(const struct judgement *judgement, const struct held *held, uint32_t stray)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	double least_s = exhausted->expected > 0 ? 1 / (double)exhausted->expected : 1;
	double silence_s, longest_s = 0, sum = 0;

	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn->newer) {
		if (conn->state != CONN_OPEN || conn->last_active_ns >= held->at_ns)
			continue;
		if (stray > 0) {
			stray--;
			continue;
		}
		silence_s =
			fmax((double)(held->at_ns - conn->last_active_ns) / NS_PER_SEC, least_s);
		if (longest_s == 0)
			longest_s = silence_s;
		else if (longest_s > least_s)
			sum += log(silence_s * log(longest_s / least_s) / (longest_s - least_s));
	}
	return sum;
}

/* Those in use at the end are among them: where they are leaked, they were so one by one, too. */
static bool fell_at_a_rate(const struct judgement *judgement, const struct held *held)
{
	if (held->is_fair)
		return true;
	for (uint32_t stray = 0; stray <= held->open / STRAY_SHARE; stray++)
		if (rate_odds(judgement, held, stray) > 0)
			return true;
	return false;
}

/* Nothing is done any more, where it should be, and it did not fade. */
static bool has_stopped(const struct judgement *judgement, int64_t known_ns)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	uint64_t quiet_ns;

	if (exhausted->last_active_ns <= 0 || known_ns <= exhausted->last_active_ns ||
	    exhausted->steady_count < STEADY_OPERATIONS || failover_is_left(&judgement->failover))
		return false;
	quiet_ns = (uint64_t)(known_ns - exhausted->last_active_ns);
	if (!is_pause(exhausted, quiet_ns) || quiet_ns < QUIET_FACTOR * exhausted->longest_quiet_ns)
		return false;
	return exhausted->work_at_end >= WORK_SHARE || exhausted->work_each_at_end >= EACH_FACTOR;
}

/* Requests that wait for something else hold their connections as well, until they time out. */
static bool is_drained(const struct bench *bench, const struct judgement *judgement,
		       int64_t known_ns, struct held *ret_held)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	int64_t end_ns = exhausted->last_active_ns;
	struct drained_end end;
	struct held held;

	/* More work needs more connections, and then may end. */
	if (exhausted->work_at_end > DRAINED_WORK_SHARE)
		return false;
	if (judgement->plateau.flat_ns == 0 || known_ns - end_ns < (int64_t)DRAINED_QUIET_NS ||
	    !drained_find(&exhausted->drained, judgement->pool, end_ns,
			  bench->settings->exhausted_stale, exhausted->expected, &end) ||
	    known_ns - end.first_ns < (int64_t)DRAINED_NS)
		return false;
	/* One that opened for each of them was given none back. */
	if (2 * end.opened < end.count && !is_full(bench, judgement, (uint64_t)end.first_ns))
		return false;
	held_take(bench, judgement, end_ns, &held);
	held.first_ns = end.first_ns;
	held.drained = end;
	*ret_held = held;
	return held.owed == 0;
}

static bool was_held(const struct bench *bench, const struct judgement *judgement,
		     struct held *ret_held)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	struct held held;

	held_take(bench, judgement, exhausted->last_active_ns, &held);
	if (held.owed > 0 || held.fresh * FRESH_SHARE > held.open + 2)
		return false;
	if (judgement->leak.stage != LEAK_RAISED && held.fresh >= TOGETHER_MIN + held.before / 2 &&
	    exhausted->work_each_at_end < EACH_FACTOR)
		return false;
	*ret_held = held;
	/* How it stood before the end: now all of them are silent. */
	return held_is_most(bench, judgement, &held) && fell_at_a_rate(judgement, &held) &&
	       (is_full(bench, judgement, (uint64_t)exhausted->last_active_ns) ||
		grew_without_need(bench, judgement));
}

/* --- what is said ----------------------------------------------------------------------------- */

static int name_suspects(const struct judgement *judgement, const struct held *held,
			 enum cause cause, struct verdict *draft)
{
	draft->suspects = calloc(held->open, sizeof(*draft->suspects));
	if (!draft->suspects)
		return -ENOMEM;
	for (const struct conn *conn = judgement->pool->oldest;
	     conn && draft->suspect_count < held->open; conn = conn->newer)
		if (conn->state == CONN_OPEN &&
		    ((cause == CAUSE_STOPPED || cause == CAUSE_DRAINED) || held_has(held, conn)))
			draft->suspects[draft->suspect_count++] = conn->id;
	return 0;
}

static void add_evidence(const struct bench *bench, const struct judgement *judgement,
			 const struct held *held, enum cause cause, struct verdict *draft)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	char first[CLOCK_SIZE], quiet[DURATION_SIZE], longest[DURATION_SIZE], span[DURATION_SIZE];
	uint64_t quiet_ns = draft->t_ns - (uint64_t)exhausted->last_active_ns;

	(void)format_clock(draft->since_ns, bench->realtime_at_zero_ns, first, sizeof(first));
	(void)format_duration(quiet_ns, quiet, sizeof(quiet));
	(void)format_duration(exhausted->longest_quiet_ns, longest, sizeof(longest));
	if (cause == CAUSE_DRAINED) {
		(void)format_duration(held->drained.span_ns, span, sizeof(span));
		verdict_add_evidence(draft, "drained",
				     "%u of %u connections were used in the last %s of work, one "
				     "after the other, where never more than %u were in as long, "
				     "and none came back",
				     held->drained.count, held->open, span, held->drained.usual);
	} else {
		verdict_add_evidence(draft, "held",
				     "%u of %u connections are silent for more than %d times as "
				     "long as they ever were of late; they fell silent one by one "
				     "since %s",
				     held->count, held->open, HELD_FACTOR, first);
	}
	if (cause == CAUSE_STOPPED || cause == CAUSE_DRAINED) {
		verdict_add_evidence(draft, "no_operation",
				     "no operation for %s, in which %.0f were to be expected; the "
				     "longest pause before was %s",
				     quiet, exhausted->expected * (float)quiet_ns / NS_PER_SEC,
				     longest);
		verdict_add_evidence(draft, "work",
				     "%.0f%% of the usual bytes were sent in the last minute of "
				     "work, by each connection %.1f times as many: it did not run "
				     "out, it was cut off",
				     100 * exhausted->work_at_end, exhausted->work_each_at_end);
	} else if (cause == CAUSE_TURNED_AWAY) {
		verdict_add_evidence(draft, "turned_away",
				     "%u connects of the last minute failed or were closed by "
				     "the server at once, and none succeeded",
				     judgement->plateau.refused);
	} else if (cause == CAUSE_LAST) {
		verdict_add_evidence(draft, "last_one",
				     "one connection is left and does %.0f%% of the work that all "
				     "did, %.1f times as much as each did then",
				     100 * exhausted->work_at_end, exhausted->work_each_at_end);
	} else {
		verdict_add_evidence(draft, "busy",
				     "an answer is owed on %.0f%% of the %u connections that are "
				     "left",
				     100 * exhausted_busy(exhausted), held->fresh);
	}
	verdict_add_evidence(draft, "plateau",
			     "%u connections, as many as ever, and none opened in the last "
			     "minute but in place of a closed one",
			     judgement->plateau.open);
	plateau_add_evidence(bench, judgement, draft);
}

static int tell(struct bench *bench, struct judgement *judgement, const struct held *held,
		enum cause cause, uint64_t t_ns)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	char span[DURATION_SIZE], first[CLOCK_SIZE];
	struct verdict draft;
	int error;

	/* That nothing moves does not say that more was needed. */
	if (cause != CAUSE_STOPPED && cause != CAUSE_DRAINED)
		plateau_push(&judgement->plateau, t_ns);
	standing_draft(bench, judgement, VERDICT_EXHAUSTED, t_ns, &draft);
	draft.severity = SEVERITY_CRITICAL;
	draft.exhausts_in_s = draft.exhausts_in_low_s = draft.exhausts_in_high_s = 0;
	draft.since_ns = held->first_ns > 0 ? (uint64_t)held->first_ns : 0;
	error = name_suspects(judgement, held, cause, &draft);
	if (error < 0)
		return error;
	if (draft.stale_count < draft.suspect_count)
		draft.stale_count = draft.suspect_count;
	add_evidence(bench, judgement, held, cause, &draft);
	report_begin(&draft, "EXHAUSTED");
	(void)format_clock(draft.since_ns, bench->realtime_at_zero_ns, first, sizeof(first));
	(void)format_duration(t_ns - (uint64_t)exhausted->last_active_ns, span, sizeof(span));
	report_append(&draft,
		      "%u of %u connections fell silent one by one since %s and never came back, "
		      "and none was opened. ",
		      draft.suspect_count, held->open, first);
	if (cause == CAUSE_STOPPED || cause == CAUSE_DRAINED)
		report_append(&draft, "No operation for %s, where %.0f were to be expected.", span,
			      exhausted->expected * (float)(t_ns - (uint64_t)held->at_ns) /
				      NS_PER_SEC);
	else if (cause == CAUSE_TURNED_AWAY)
		report_append(&draft, "The server turned away %u connects in the last minute.",
			      judgement->plateau.refused);
	else if (cause == CAUSE_LAST)
		report_append(&draft, "The one that is left does the work of all.");
	else
		report_append(&draft, "The %u that are left are busy (%.0f%%).", held->fresh,
			      100 * exhausted_busy(exhausted));
	report_differential(bench, judgement, draft.since_ns, &draft);
	return standing_tell(bench, &judgement->exhausted.standing, &draft);
}

static bool is_over(const struct bench *bench, const struct judgement *judgement,
		    const struct held *held, int64_t known_ns)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	int64_t quiet_ns = known_ns - exhausted->last_active_ns;

	if (quiet_ns >= (int64_t)QUIET_NS)
		return false;
	if (2 * held->count < held->open)
		return true;
	if (judgement->plateau.refused >= 1 ||
	    (held->open >= LAST_OF_MIN && held->count + 1 == held->open))
		return false;
	return !(exhausted_busy(exhausted) >= bench->settings->busy_clear);
}

static enum cause find_cause(const struct bench *bench, struct judgement *judgement,
			     const struct moment *moment, const struct held *now,
			     struct held *ret_held)
{
	uint64_t *last_ns = &judgement->exhausted.last_ns;
	bool has_ended = has_stopped(judgement, moment->known_ns);

	if (has_ended && is_drained(bench, judgement, moment->known_ns, ret_held))
		return CAUSE_DRAINED;
	if (!plateau_stands(&judgement->plateau, bench->settings, moment->t_ns))
		return CAUSE_NONE;
	if (has_ended && was_held(bench, judgement, ret_held))
		return CAUSE_STOPPED;
	*ret_held = *now;
	if (works_without_rest(bench, judgement, now))
		return CAUSE_BUSY;
	if (is_turned_away(bench, judgement, now))
		return CAUSE_TURNED_AWAY;
	if (standing_lasts(last_ns, is_down_to_one(bench, judgement, now), moment->t_ns, LAST_NS))
		return CAUSE_LAST;
	return CAUSE_NONE;
}

int exhausted_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	const struct settings *settings = bench->settings;
	struct exhausted *exhausted = &judgement->exhausted;
	struct standing *standing = &exhausted->standing;
	struct moment moment = moment_of(settings, bench->table, &bench->losses, t_ns);
	struct held now, then;
	enum cause cause;

	learn_rates(exhausted, settings);
	if (judgement->pool->conn_count == 0)
		return standing_clear(bench, standing, t_ns, "no connection is open any more.");
	held_take(bench, judgement, moment.known_ns, &now);
	exhausted->fresh = now.fresh;
	drained_sample(&exhausted->drained, judgement->pool, moment.known_ns);
	sample_busy(exhausted, settings, &now);
	cause = find_cause(bench, judgement, &moment, &now, &then);
	if (cause != CAUSE_NONE)
		return tell(bench, judgement, &then, cause, t_ns);
	if (standing->verdict &&
	    standing_lasts(&standing->since_ns, is_over(bench, judgement, &now, moment.known_ns),
			   t_ns, OVER_NS))
		return standing_clear(bench, standing, t_ns,
				      "connections are used again, %u of %u are still silent.",
				      now.count, now.open);
	return 0;
}
