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
 * with them, and those that are left do no more than they did: hence work_at_end, work_each_at_end,
 * has_had_slack and workers_ended_ns.
 *
 * Invariant: a verdict names connections that are open and silent.
 * Does not test opens (leak.c does), and says nothing where a pool may still grow.
 */
#include "exhausted.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "fading.h"
#include "figures.h"
#include "format.h"
#include "held.h"
#include "judgement.h"
#include "maximum.h"
#include "report.h"
#include "standstill.h"
#include "totals.h"

#define WARM_OPERATIONS 20
/* So many connects of the last minute came to nothing. */
#define REFUSED_MIN 5
#define CUT_OFF_SHARE 0.8f
/* One is left, of so many at least, and does most of the work of the busiest hour. */
#define LAST_OF_MIN 5
#define LAST_WORK_SHARE 0.8f
#define LAST_NS (30 * NS_PER_SEC)
#define OVER_NS (60 * NS_PER_SEC)
#define CLOCK_SIZE 48
#define DURATION_SIZE 32

/* Why the pool is exhausted, beyond that most of it is held. */
enum cause {
	CAUSE_NONE,
	CAUSE_STOPPED,
	CAUSE_DRAINED,
	CAUSE_UNRETURNED,
	CAUSE_OVERDUE,
	CAUSE_SPENT,
	CAUSE_DWINDLED,
	CAUSE_PASSED,
	CAUSE_BUSY,
	CAUSE_TURNED_AWAY,
	CAUSE_LAST,
};

/* Nothing is done any more, so all of its connections are named. */
static bool has_ended(enum cause cause)
{
	return cause == CAUSE_STOPPED || cause == CAUSE_DRAINED || cause == CAUSE_UNRETURNED ||
	       cause == CAUSE_OVERDUE || cause == CAUSE_SPENT || cause == CAUSE_DWINDLED ||
	       cause == CAUSE_PASSED;
}

/* --- what is learned -------------------------------------------------------------------------- */

/* What the pool closes was free. A connect that comes to nothing was not: nobody had it in hand. */
static bool was_free(const struct change *change)
{
	return change_is_own_close(change) && conn_peer_closed_ns(change->conn) == 0 &&
	       !totals_is_early(change->conn, change->t_ns);
}

void exhausted_observe(struct judgement *judgement, const struct change *change)
{
	struct exhausted *exhausted = &judgement->exhausted;
	int64_t active_ns, before_ns = exhausted->last_active_ns;

	if (was_free(change))
		exhausted->closed_ns = (int64_t)change->t_ns;
	/* A heartbeat keeps a connection from being held, and is no operation. */
	if (change->type != CHANGE_ACTIVE || heartbeat_is_beating(change->conn))
		return;
	active_ns = change->conn->last_active_ns;
	held_learn(change->conn, change->silence_ns);
	if (exhausted->operation_count < UINT32_MAX)
		exhausted->operation_count++;
	/* What a new connection sends is its handshake for the most part, and no work. */
	if (change->conn->has_returned)
		exhausted->sent_bytes += change->sent_bytes;
	if (active_ns <= before_ns)
		return;
	exhausted->last_active_ns = active_ns;
	exhausted->steady_count += exhausted->steady_count < EXHAUSTED_STEADY_OPERATIONS;
	exhausted->warm_count += exhausted->warm_count < WARM_OPERATIONS;
	/* A statement that runs is no pause, and what comes after it goes on as before. */
	if (change->answer_was_owed)
		return;
	if (standstill_is_pause(exhausted, (uint64_t)(active_ns - before_ns))) {
		exhausted->steady_count = 0;
		exhausted->resumed_ns = active_ns;
	}
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

static void learn_rates(struct exhausted *exhausted, const struct settings *settings,
			const struct pool *pool)
{
	float step_s = (float)settings->tick_ns / NS_PER_SEC;
	float rate = (float)exhausted->operation_count / step_s;
	float work = (float)exhausted->sent_bytes / step_s;

	if (exhausted->sent_bytes > 0)
		dwindle_sample(&exhausted->dwindle, pool, exhausted->resumed_ns,
			       exhausted->last_active_ns);
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
	exhausted->work_kept_at_end =
		exhausted->work_before > 0 ? exhausted->work / exhausted->work_before : 1;
	exhausted->work_each_at_end =
		exhausted->crew > 0
			? exhausted->work_at_end * exhausted->crew_peak / exhausted->crew
			: 0;
}

bool exhausted_is_cut_off(const struct exhausted *exhausted)
{
	return exhausted->work_at_end >= CUT_OFF_SHARE ||
	       exhausted->work_each_at_end >= EXHAUSTED_EACH_FACTOR;
}

/* --- how the pool came to rest ---------------------------------------------------------------- */

/* Those in use, and how busy they are. Where nothing moves an open statement is no work. */
static void sample_busy(struct exhausted *exhausted, const struct settings *settings,
			const struct held *held)
{
	bool is_quiet = held->at_ns - exhausted->last_active_ns > (int64_t)STANDSTILL_QUIET_NS;
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
 * night one is enough for a pool, the work must be what it was with more of them, and one alone
 * must never have been enough for so long: a load that fades over hours takes its peak with it. A
 * pool that uses all in turn has no use for one alone, whatever the load. Where monitors tell of
 * clients, the one that works may be another client's.
 */
static bool is_down_to_one(const struct bench *bench, const struct judgement *judgement,
			   const struct held *held)
{
	const struct exhausted *exhausted = &judgement->exhausted;

	return held->monitors == 0 && held->open >= LAST_OF_MIN && held->count + 1 == held->open &&
	       held->fresh == 1 && exhausted->work_at_end >= LAST_WORK_SHARE &&
	       exhausted->work_each_at_end >= EXHAUSTED_EACH_FACTOR &&
	       held_is_most(bench, judgement, held) && standstill_is_short(bench, judgement, held);
}

/* --- what is said ----------------------------------------------------------------------------- */

static int name_suspects(const struct judgement *judgement, const struct held *held,
			 enum cause cause, struct verdict *draft)
{
	if (verdict_make_room(draft, held->open) < 0)
		return -ENOMEM;
	for (const struct conn *conn = judgement->pool->oldest;
	     conn && draft->suspect_count < held->open; conn = conn_newer(conn))
		if (held_is_of_pool(conn) && (has_ended(cause) || held_has(held, conn)))
			verdict_name(draft, conn->id, conn->local_port);
	return 0;
}

/* What the pool does with idle connections, and does not do with these. */
static void add_overdue(const struct overdue_end *end, struct verdict *draft)
{
	char idle[DURATION_SIZE], limit[DURATION_SIZE];

	(void)format_duration(end->idle_ns, idle, sizeof(idle));
	(void)format_duration(end->limit_ns, limit, sizeof(limit));
	verdict_add_evidence(
		draft, "not_closed",
		"%u connections are silent for longer than %s and still open; %u times "
		"this pool has closed one that was idle for %s, and kept no more than "
		"%u: these are not idle, they are held",
		end->count, limit, end->close_count, idle, end->kept);
}

static void add_dwindled(const struct held *held, struct verdict *draft)
{
	const struct dwindle_step *last = &held->dwindle.last, *earlier = &held->dwindle.earlier;
	char span[DURATION_SIZE], before[DURATION_SIZE], first[DURATION_SIZE], most[DURATION_SIZE];

	(void)format_duration(last->span_ns, span, sizeof(span));
	(void)format_duration(last->longest_ns, most, sizeof(most));
	if (earlier->left == last->left) {
		verdict_add_evidence(
			draft, "dwindled",
			"%u of %u connections did all of the work for the last %s of it; so few "
			"were enough at least %u times before, and never for longer than %s",
			last->left, held->open, span, last->count, most);
		return;
	}
	(void)format_duration(earlier->span_ns, first, sizeof(first));
	(void)format_duration(earlier->longest_ns, before, sizeof(before));
	verdict_add_evidence(draft, "dwindled",
			     "%u of %u connections did all of the work for the last %s of it, and "
			     "%u for the last %s; before, %u were never enough for longer than %s, "
			     "and %u for %s",
			     earlier->left, held->open, first, last->left, span, earlier->left,
			     before, last->left, most);
}

/* How its connections fell silent. */
static void add_course(const struct bench *bench, const struct held *held, enum cause cause,
		       struct verdict *draft)
{
	char first[CLOCK_SIZE], span[DURATION_SIZE];

	(void)format_clock(draft->since_ns, bench->realtime_at_zero_ns, first, sizeof(first));
	if (cause == CAUSE_DRAINED) {
		(void)format_duration(held->drained.span_ns, span, sizeof(span));
		verdict_add_evidence(draft, "drained",
				     "%u of %u connections were used in the last %s of work, one "
				     "after the other, where never more than %u were in as long, "
				     "and none came back",
				     held->drained.count, held->open, span, held->drained.usual);
	} else if (cause == CAUSE_UNRETURNED) {
		(void)format_duration(held->unreturned.span_ns, span, sizeof(span));
		verdict_add_evidence(draft, "not_given_back",
				     "%u times in the last %s of work the pool opened a "
				     "connection, though it needs one only when none is free; at "
				     "the last, %u of %u had been used for the last time by then",
				     held->unreturned.open_count, span,
				     held->unreturned.silent_count, held->unreturned.had_count);
	} else if (cause == CAUSE_OVERDUE) {
		add_overdue(&held->overdue, draft);
	} else if (cause == CAUSE_SPENT) {
		(void)format_duration(held->spent.span_ns, span, sizeof(span));
		verdict_add_evidence(draft, "spent",
				     "all %u connections that the endpoint takes are this pool's; "
				     "%u of them were used for one request and never again, one "
				     "after the other within %s",
				     held->spent.count, held->spent.once_count, span);
	} else if (cause == CAUSE_PASSED) {
		verdict_add_evidence(draft, "passed_over",
				     "%u of %u connections are silent while the pool used others "
				     "that had come back before them; %u times it took what came "
				     "back last first, %u times not: they are not free",
				     held->passed.count, held->open, held->passed.waited_count,
				     held->passed.back_count);
	} else if (cause != CAUSE_DWINDLED) {
		verdict_add_evidence(draft, "held",
				     "%u of %u connections are silent for more than %d times as "
				     "long as they ever were of late; they fell silent one by one "
				     "since %s",
				     held->count, held->open, HELD_FACTOR, first);
	}
	if (held->dwindle.last.left > 0)
		add_dwindled(held, draft);
}

/* What was done to the end: a load that fades takes its work with it. */
static void add_work(const struct judgement *judgement, const struct held *held,
		     struct verdict *draft)
{
	const struct exhausted *exhausted = &judgement->exhausted;

	if (exhausted_is_cut_off(exhausted))
		verdict_add_evidence(draft, "work",
				     "%.0f%% of the usual bytes were sent in the last minute of "
				     "work, by each connection %.1f times as many: it did not run "
				     "out, it was cut off",
				     100 * exhausted->work_at_end, exhausted->work_each_at_end);
	else if (fading_is_usual(&judgement->meter, held->first_ns, held->at_ns))
		verdict_add_evidence(draft, "work",
				     "%.0f%% of the usual bytes were sent in the last minute of "
				     "work, no less than in a quarter of the time before: it had "
				     "no more to do, and did not run out of it",
				     100 * exhausted->work_at_end);
	else
		verdict_add_evidence(draft, "work",
				     "%.0f%% of the usual bytes were sent in the last minute of "
				     "work, and %.0f%% of those of the last ten: it had less to do "
				     "by then, and did not run out of it",
				     100 * exhausted->work_at_end,
				     100 * exhausted->work_kept_at_end);
}

/* Where all were used once, connects that come to nothing may go on. */
static uint64_t quiet_ns_of(const struct judgement *judgement, const struct held *held,
			    enum cause cause, uint64_t t_ns)
{
	int64_t last_ns = cause == CAUSE_SPENT ? held->spent.first_ns + (int64_t)held->spent.span_ns
					       : judgement->exhausted.last_active_ns;

	return t_ns - (uint64_t)last_ns;
}

/* It has not grown, where it could be seen to grow at all. */
static void add_plateau(const struct bench *bench, const struct judgement *judgement,
			const struct held *held, struct verdict *draft)
{
	bool is_usual = figures_limit(bench, judgement->pool) == 0 &&
			plateau_ceiling(&judgement->plateau) == 0 && maximum_is_usual(held->open);
	uint64_t flat_ns = judgement->plateau.flat_ns;
	char flat[DURATION_SIZE];

	if (flat_ns == 0)
		return;
	(void)format_duration(draft->t_ns - flat_ns, flat, sizeof(flat));
	verdict_add_evidence(draft, "plateau",
			     "%u connections, as many as ever, and none opened for %s but in place "
			     "of a closed one%s",
			     judgement->plateau.open, flat,
			     is_usual ? "; no limit is known, but so many are a usual maximum"
				      : "");
}

static void add_evidence(const struct bench *bench, const struct judgement *judgement,
			 const struct held *held, enum cause cause, struct verdict *draft)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	char quiet[DURATION_SIZE], longest[DURATION_SIZE];
	uint64_t quiet_ns = quiet_ns_of(judgement, held, cause, draft->t_ns);

	(void)format_duration(quiet_ns, quiet, sizeof(quiet));
	(void)format_duration(exhausted->longest_quiet_ns, longest, sizeof(longest));
	add_course(bench, held, cause, draft);
	if (cause == CAUSE_SPENT) {
		verdict_add_evidence(draft, "no_operation",
				     "none of them was used for %s, more than twice as long as the "
				     "pool had worked",
				     quiet);
	} else if (has_ended(cause)) {
		verdict_add_evidence(draft, "no_operation",
				     "no operation for %s, in which %.0f were to be expected; the "
				     "longest pause before was %s",
				     quiet, exhausted->expected * (float)quiet_ns / NS_PER_SEC,
				     longest);
		add_work(judgement, held, draft);
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
	add_plateau(bench, judgement, held, draft);
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
	if (!has_ended(cause))
		plateau_push(&judgement->plateau, t_ns);
	standing_draft(bench, judgement, VERDICT_EXHAUSTED, t_ns, &draft);
	draft.severity = SEVERITY_CRITICAL;
	draft.exhausts_in_s = draft.exhausts_in_low_s = draft.exhausts_in_high_s = 0;
	draft.since_ns = held->first_ns > 0 ? (uint64_t)held->first_ns : 0;
	error = name_suspects(judgement, held, cause, &draft);
	if (error == 0)
		error = figures_fill_sites(bench->table, &draft);
	if (error < 0) {
		verdict_clear(&draft);
		return error;
	}
	if (draft.stale_count < draft.suspect_count)
		draft.stale_count = draft.suspect_count;
	add_evidence(bench, judgement, held, cause, &draft);
	report_begin(&draft, "EXHAUSTED");
	(void)format_clock(draft.since_ns, bench->realtime_at_zero_ns, first, sizeof(first));
	(void)format_duration(quiet_ns_of(judgement, held, cause, t_ns), span, sizeof(span));
	report_append(&draft,
		      "%u of %u connections fell silent one by one since %s and never came back, "
		      "and none was opened. ",
		      draft.suspect_count, held->open, first);
	if (cause == CAUSE_SPENT)
		report_append(&draft, "None was used for %s.", span);
	else if (has_ended(cause))
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
	report_sites(&draft);
	return standing_tell(bench, &judgement->exhausted.standing, &draft);
}

static bool is_over(const struct bench *bench, const struct judgement *judgement,
		    const struct held *held, int64_t known_ns)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	int64_t quiet_ns = known_ns - exhausted->last_active_ns;

	if (standstill_had_free(exhausted))
		return true;
	if (quiet_ns >= (int64_t)STANDSTILL_QUIET_NS)
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

	if (standstill_is_drained(bench, judgement, moment->known_ns, ret_held))
		return CAUSE_DRAINED;
	if (standstill_was_unreturned(bench, judgement, moment->known_ns, ret_held))
		return CAUSE_UNRETURNED;
	if (standstill_is_overdue(bench, judgement, moment->known_ns, ret_held))
		return CAUSE_OVERDUE;
	if (standstill_is_spent(bench, judgement, moment->known_ns, ret_held))
		return CAUSE_SPENT;
	if (!plateau_stands(&judgement->plateau, bench->settings, moment->t_ns) &&
	    !maximum_is_there(judgement, moment->known_ns))
		return CAUSE_NONE;
	if (standstill_was_held(bench, judgement, moment->known_ns, ret_held))
		return standstill_ended_with_its_users(judgement, ret_held) ? CAUSE_NONE
									    : CAUSE_STOPPED;
	if (standstill_has_dwindled(bench, judgement, moment->known_ns, ret_held))
		return standstill_ended_with_its_users(judgement, ret_held) ? CAUSE_NONE
									    : CAUSE_DWINDLED;
	if (standstill_was_passed(bench, judgement, moment->known_ns, ret_held))
		return standstill_ended_with_its_users(judgement, ret_held) ? CAUSE_NONE
									    : CAUSE_PASSED;
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
	bool has_worked;

	has_worked = exhausted->operation_count > 0;
	learn_rates(exhausted, settings, judgement->pool);
	if (judgement->pool->conn_count == 0)
		return standing_clear(bench, standing, t_ns, "no connection is open any more.");
	held_take(bench, judgement, moment.known_ns, &now);
	exhausted->fresh = now.fresh;
	/* What a rest needs says nothing about what work does. */
	if (has_worked)
		drained_sample(&exhausted->drained, judgement->pool, moment.known_ns);
	sample_busy(exhausted, settings, &now);
	cause = find_cause(bench, judgement, &moment, &now, &then);
	if (cause != CAUSE_NONE)
		return tell(bench, judgement, &then, cause, t_ns);
	if (standing->verdict &&
	    standing_lasts(&standing->since_ns, is_over(bench, judgement, &now, moment.known_ns),
			   t_ns, OVER_NS))
		return standing_clear(bench, standing, t_ns,
				      standstill_had_free(exhausted)
					      ? "the pool has closed one that was free, %u of %u "
						"are still silent."
					      : "connections are used again, %u of %u are still "
						"silent.",
				      now.count, now.open);
	return 0;
}
