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
 * Jobs that end one after the other fall silent one by one as well, but the work that is done falls
 * with them, and those that are left do no more than they did: hence work_at_end, work_each_at_end
 * and has_had_slack.
 *
 * Invariant: a verdict names connections that are open and silent.
 * Does not look at opens (leak.c does), and says nothing where a pool may still grow.
 */
#include "exhausted.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "figures.h"
#include "format.h"
#include "judgement.h"
#include "report.h"

#define CONNS_MIN 3
/* Silent for this long, and so many times longer than its habit. */
#define HELD_NS (20 * NS_PER_SEC)
#define HELD_FACTOR 3
/* Where all take turns, less time and more turns will do. */
#define HELD_FAIR_NS (10 * NS_PER_SEC)
#define HELD_FAIR_FACTOR 5
/* A habit is learned at once when it is longer than the one known, and forgotten by and by. */
#define HABIT_WEIGHT 0.15f
/* A connection that has been used only once has no habit yet. */
#define HABIT_NONE 0.001f
/* The longest silence of them is at most so many times the median. */
#define SPREAD_FACTOR 8
/* Where they fell silent so far apart, the last ones did not do so at once. */
#define SLOW_NS (600 * NS_PER_SEC)
#define GAP_SHARE 20
#define STEP_NS (10 * NS_PER_SEC)
#define STEPS_MIN 3
#define FRESH_SHARE 3 /* at the end at most a third may fall silent together */
#define EXPECTED 10
#define QUIET_FACTOR 2
#define QUIET_NS (20 * NS_PER_SEC)
#define WARM_OPERATIONS 20
/* So many connects of the last minute came to nothing. */
#define REFUSED_MIN 5
#define WORK_SHARE 0.33f
#define EACH_FACTOR 1.5f
/* One is left, of so many at least, and does most of the work of the busiest hour. */
#define LAST_OF_MIN 5
#define LAST_WORK_SHARE 0.6f
#define LAST_NS (30 * NS_PER_SEC)
/* Fewer can be leaked in the same ten seconds; more have stopped together. */
#define TOGETHER_MIN 3
#define OVER_NS (60 * NS_PER_SEC)
#define CLOCK_SIZE 48
#define DURATION_SIZE 32

/* Why the pool is exhausted, beyond that most of it is held. */
enum cause { CAUSE_STOPPED, CAUSE_BUSY, CAUSE_TURNED_AWAY, CAUSE_LAST };

/* How the connections stood at a moment. */
struct census {
	int64_t at_ns;
	uint32_t open, held, steps;
	uint32_t fresh; /* used shortly before */
	uint32_t owed; /* of those, a statement is running */
	int64_t first_ns; /* when the first of the held ones fell silent */
	bool is_fair; /* the pool uses them in turn */
};

/* --- what is learned -------------------------------------------------------------------------- */

static void learn_habit(struct conn *conn, const struct change *change)
{
	float silence_s = (float)change->silence_ns / NS_PER_SEC;

	if (!conn->has_returned)
		return;
	if (conn->habit_s == 0)
		conn->habit_s = HABIT_NONE;
	else if (silence_s > conn->habit_s)
		conn->habit_s = silence_s;
	else if (conn->habit_s > HABIT_NONE)
		conn->habit_s += HABIT_WEIGHT * (silence_s - conn->habit_s);
}

void exhausted_observe(struct judgement *judgement, const struct change *change)
{
	struct exhausted *exhausted = &judgement->exhausted;
	int64_t active_ns, before_ns = exhausted->last_active_ns;

	/* A heartbeat keeps a connection from being held, and is no operation. */
	if (change->type != CHANGE_ACTIVE || heartbeat_is_beating(change->conn))
		return;
	active_ns = change->conn->last_active_ns;
	learn_habit(change->conn, change);
	if (exhausted->operation_count < UINT32_MAX)
		exhausted->operation_count++;
	exhausted->sent_bytes += change->sent_bytes;
	if (active_ns <= before_ns)
		return;
	exhausted->last_active_ns = active_ns;
	if (before_ns > 0 && exhausted->warm_count >= WARM_OPERATIONS &&
	    (uint64_t)(active_ns - before_ns) > exhausted->longest_quiet_ns)
		exhausted->longest_quiet_ns = (uint64_t)(active_ns - before_ns);
	exhausted->warm_count += exhausted->warm_count < WARM_OPERATIONS;
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

/* --- who is held ------------------------------------------------------------------------------ */

static bool is_held(const struct conn *conn, const struct census *census)
{
	int64_t silence_ns = census->at_ns - conn->last_active_ns;
	float silence_s = (float)silence_ns / NS_PER_SEC;

	if (conn->is_suspect)
		return true;
	if (conn->habit_s <= HABIT_NONE)
		return false;
	if (census->is_fair && silence_ns >= (int64_t)HELD_FAIR_NS &&
	    silence_s >= HELD_FAIR_FACTOR * conn->habit_s)
		return true;
	return silence_ns >= (int64_t)HELD_NS && silence_s >= HELD_FACTOR * conn->habit_s;
}

/* A pool that uses all of its connections in turn has none in the depth. */
static bool is_fair(const struct bench *bench, const struct judgement *judgement, int64_t at_ns)
{
	struct moment moment =
		moment_of(bench->settings, bench->table, &bench->losses, (uint64_t)at_ns);

	return coverage_gap(&judgement->coverage, &moment, judgement->pool) > 0;
}

static bool is_owed(const struct conn *conn, const struct stock_limits *limits, int64_t at_ns)
{
	return conn->last_send_ns > conn->last_recv_ns &&
	       at_ns - conn->last_active_ns < (int64_t)limits->owed_ns;
}

static void take_census(const struct bench *bench, const struct judgement *judgement, int64_t at_ns,
			struct census *ret_census)
{
	struct stock_limits limits = opens_limits(&judgement->opens, bench->settings);
	int64_t step_ns = INT64_MIN / 2;
	struct census census = {
		.at_ns = at_ns,
		.first_ns = at_ns,
		.is_fair = is_fair(bench, judgement, at_ns),
	};

	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn->newer) {
		if (conn->state != CONN_OPEN)
			continue;
		census.open++;
		if (is_owed(conn, &limits, at_ns)) {
			census.owed++;
			census.fresh++;
		} else if (is_held(conn, &census)) {
			if (census.held++ == 0)
				census.first_ns = conn->last_active_ns;
			if (conn->last_active_ns - step_ns >= (int64_t)STEP_NS) {
				census.steps++;
				step_ns = conn->last_active_ns;
			}
		} else if (at_ns - conn->last_active_ns <= (int64_t)bench->settings->t0_ns) {
			census.fresh++;
		}
	}
	*ret_census = census;
}

/* Those in use, and how busy they are. Where nothing moves an open statement is no work. */
static void sample_busy(struct exhausted *exhausted, const struct settings *settings,
			const struct census *census)
{
	bool is_quiet = census->at_ns - exhausted->last_active_ns > (int64_t)QUIET_NS;
	float busy = 0;
	double mean;

	if (census->fresh > 0 && !is_quiet)
		busy = (float)census->owed / (float)census->fresh;
	exhausted->busy[exhausted->sample_count++ % EXHAUSTED_SAMPLES] = busy;
	mean = exhausted_busy(exhausted);
	if (census->fresh > 0 && mean < settings->busy_clear)
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

/* The silence of the last but one connection in use: the one before it was leaked then. */
static int64_t last_gap_ns(const struct judgement *judgement, const struct census *census)
{
	const struct conn *conn = judgement->pool->newest;
	bool has_last = false;

	for (; conn; conn = conn->older) {
		if (conn->state != CONN_OPEN)
			continue;
		if (has_last)
			return census->at_ns - conn->last_active_ns;
		has_last = true;
	}
	return 0;
}

/*
 * Deep connections of a LIFO pool fall silent one by one as well, but each further one down is
 * needed ten times as rarely: hours, minutes, seconds, and the last two at once when the load
 * stops. Leaks come at a rate.
 */
static bool is_at_a_rate(const struct judgement *judgement, const struct census *census)
{
	int64_t span_ns = census->at_ns - census->first_ns;
	uint32_t left = census->held / 2;
	const struct conn *conn = judgement->pool->oldest;

	if (census->is_fair)
		return true;
	for (; conn; conn = conn->newer) {
		if (conn->state != CONN_OPEN || !is_held(conn, census))
			continue;
		if (conn->is_suspect)
			return true;
		if (left-- == 0)
			break;
	}
	/* Two can stand anywhere. */
	if (census->steps < STEPS_MIN)
		return false;
	if (!conn || span_ns > SPREAD_FACTOR * (census->at_ns - conn->last_active_ns))
		return false;
	return span_ns < (int64_t)(census->steps * SLOW_NS) ||
	       last_gap_ns(judgement, census) * GAP_SHARE * census->steps >= span_ns;
}

static bool is_mostly_held(const struct bench *bench, const struct judgement *judgement,
			   const struct census *census)
{
	uint32_t steps = census->held / 3 > STEPS_MIN ? census->held / 3 : STEPS_MIN;

	return census->open >= CONNS_MIN &&
	       census->held >= bench->settings->exhausted_stale * census->open &&
	       census->steps + (census->fresh > 0) >= steps && is_at_a_rate(judgement, census);
}

/*
 * A pool that grew until the end may have had no reason to grow further; less of a plateau will do
 * where the silent stock at its opens is suspected to be leaked.
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

static bool works_without_rest(const struct bench *bench, const struct judgement *judgement,
			       const struct census *census)
{
	const struct exhausted *exhausted = &judgement->exhausted;

	return census->owed > 0 && exhausted->has_had_slack &&
	       exhausted_busy(exhausted) >= bench->settings->busy_saturated &&
	       is_mostly_held(bench, judgement, census);
}

/* The server is full, or says so. */
static bool is_turned_away(const struct bench *bench, const struct judgement *judgement,
			   const struct census *census)
{
	return judgement->plateau.refused >= REFUSED_MIN &&
	       is_mostly_held(bench, judgement, census);
}

/*
 * One connection does the work of all: the next request that is slow holds up the others. As by
 * night one is enough for a pool, the work must be what it was with more of them.
 */
static bool is_down_to_one(const struct bench *bench, const struct judgement *judgement,
			   const struct census *census)
{
	const struct exhausted *exhausted = &judgement->exhausted;

	return census->open >= LAST_OF_MIN && census->held + 1 == census->open &&
	       census->fresh == 1 && exhausted->work_at_end >= LAST_WORK_SHARE &&
	       exhausted->work_each_at_end >= EACH_FACTOR &&
	       is_mostly_held(bench, judgement, census);
}

static bool has_stopped(const struct bench *bench, const struct judgement *judgement,
			int64_t known_ns, struct census *ret_census)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	uint64_t quiet_ns;
	struct census census;

	if (exhausted->last_active_ns <= 0 || known_ns <= exhausted->last_active_ns ||
	    failover_is_left(&judgement->failover))
		return false;
	quiet_ns = (uint64_t)(known_ns - exhausted->last_active_ns);
	if (quiet_ns < QUIET_NS || quiet_ns < QUIET_FACTOR * exhausted->longest_quiet_ns ||
	    (float)quiet_ns / NS_PER_SEC * exhausted->expected < EXPECTED)
		return false;
	if (exhausted->work_at_end < WORK_SHARE && exhausted->work_each_at_end < EACH_FACTOR)
		return false;
	take_census(bench, judgement, exhausted->last_active_ns, &census);
	if (census.owed > 0 || census.fresh * FRESH_SHARE > census.open + 2)
		return false;
	if (census.fresh >= TOGETHER_MIN && exhausted->work_each_at_end < EACH_FACTOR)
		return false;
	*ret_census = census;
	return is_mostly_held(bench, judgement, &census) &&
	       is_full(bench, judgement, (uint64_t)exhausted->last_active_ns);
}

/* --- what is said ----------------------------------------------------------------------------- */

static int name_suspects(const struct judgement *judgement, const struct census *census,
			 enum cause cause, struct verdict *draft)
{
	draft->suspects = calloc(census->open, sizeof(*draft->suspects));
	if (!draft->suspects)
		return -ENOMEM;
	for (const struct conn *conn = judgement->pool->oldest;
	     conn && draft->suspect_count < census->open; conn = conn->newer)
		if (conn->state == CONN_OPEN && (cause == CAUSE_STOPPED || is_held(conn, census)))
			draft->suspects[draft->suspect_count++] = conn->id;
	return 0;
}

static void add_evidence(const struct bench *bench, const struct judgement *judgement,
			 const struct census *census, enum cause cause, struct verdict *draft)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	char first[CLOCK_SIZE], quiet[DURATION_SIZE], longest[DURATION_SIZE];
	uint64_t quiet_ns = draft->t_ns - (uint64_t)exhausted->last_active_ns;

	(void)format_clock(draft->since_ns, bench->realtime_at_zero_ns, first, sizeof(first));
	(void)format_duration(quiet_ns, quiet, sizeof(quiet));
	(void)format_duration(exhausted->longest_quiet_ns, longest, sizeof(longest));
	verdict_add_evidence(draft, "held",
			     "%u of %u connections are silent for more than %d times as long as "
			     "they ever were of late; they fell silent one by one since %s",
			     census->held, census->open, HELD_FACTOR, first);
	if (cause == CAUSE_STOPPED) {
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
				     "%.0f connects of the last minute failed or were closed by "
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
				     100 * exhausted_busy(exhausted), census->fresh);
	}
	verdict_add_evidence(draft, "plateau",
			     "%u connections, as many as ever, and none opened in the last "
			     "minute but in place of a closed one",
			     judgement->plateau.open);
	plateau_add_evidence(bench, judgement, draft);
}

static int tell(struct bench *bench, struct judgement *judgement, const struct census *census,
		enum cause cause, uint64_t t_ns)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	char span[DURATION_SIZE], first[CLOCK_SIZE];
	struct verdict draft;
	int error;

	plateau_push(&judgement->plateau, t_ns);
	standing_draft(bench, judgement, VERDICT_EXHAUSTED, t_ns, &draft);
	draft.severity = SEVERITY_CRITICAL;
	draft.exhausts_in_s = draft.exhausts_in_low_s = draft.exhausts_in_high_s = 0;
	draft.since_ns = census->first_ns > 0 ? (uint64_t)census->first_ns : 0;
	error = name_suspects(judgement, census, cause, &draft);
	if (error < 0)
		return error;
	if (draft.stale_count < draft.suspect_count)
		draft.stale_count = draft.suspect_count;
	add_evidence(bench, judgement, census, cause, &draft);
	report_begin(&draft, "EXHAUSTED");
	(void)format_clock(draft.since_ns, bench->realtime_at_zero_ns, first, sizeof(first));
	(void)format_duration(t_ns - (uint64_t)exhausted->last_active_ns, span, sizeof(span));
	report_append(&draft,
		      "%u of %u connections fell silent one by one since %s and never came back, "
		      "and none was opened. ",
		      draft.suspect_count, census->open, first);
	if (cause == CAUSE_STOPPED)
		report_append(&draft, "No operation for %s, where %.0f were to be expected.", span,
			      exhausted->expected * (float)(t_ns - (uint64_t)census->at_ns) /
				      NS_PER_SEC);
	else if (cause == CAUSE_TURNED_AWAY)
		report_append(&draft, "The server turned away %.0f connects in the last minute.",
			      judgement->plateau.refused);
	else if (cause == CAUSE_LAST)
		report_append(&draft, "The one that is left does the work of all.");
	else
		report_append(&draft, "The %u that are left are busy (%.0f%%).", census->fresh,
			      100 * exhausted_busy(exhausted));
	report_differential(bench, judgement, draft.since_ns, &draft);
	return standing_tell(bench, &judgement->exhausted.standing, &draft);
}

static bool is_over(const struct bench *bench, const struct judgement *judgement,
		    const struct census *census, int64_t known_ns)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	int64_t quiet_ns = known_ns - exhausted->last_active_ns;

	if (quiet_ns >= (int64_t)QUIET_NS)
		return false;
	if (2 * census->held < census->open)
		return true;
	if (judgement->plateau.refused >= 1 ||
	    (census->open >= LAST_OF_MIN && census->held + 1 == census->open))
		return false;
	return !(exhausted_busy(exhausted) >= bench->settings->busy_clear);
}

int exhausted_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	const struct settings *settings = bench->settings;
	struct exhausted *exhausted = &judgement->exhausted;
	struct standing *standing = &exhausted->standing;
	struct moment moment = moment_of(settings, bench->table, &bench->losses, t_ns);
	struct census now, end;

	learn_rates(exhausted, settings);
	if (judgement->pool->conn_count == 0)
		return standing_clear(bench, standing, t_ns, "no connection is open any more.");
	take_census(bench, judgement, moment.known_ns, &now);
	exhausted->fresh = now.fresh;
	sample_busy(exhausted, settings, &now);
	if (plateau_stands(&judgement->plateau, settings, t_ns)) {
		if (has_stopped(bench, judgement, moment.known_ns, &end))
			return tell(bench, judgement, &end, CAUSE_STOPPED, t_ns);
		if (works_without_rest(bench, judgement, &now))
			return tell(bench, judgement, &now, CAUSE_BUSY, t_ns);
		if (is_turned_away(bench, judgement, &now))
			return tell(bench, judgement, &now, CAUSE_TURNED_AWAY, t_ns);
		if (standing_lasts(&exhausted->last_ns, is_down_to_one(bench, judgement, &now),
				   t_ns, LAST_NS))
			return tell(bench, judgement, &now, CAUSE_LAST, t_ns);
	}
	if (standing->verdict &&
	    standing_lasts(&standing->over_ns, is_over(bench, judgement, &now, moment.known_ns),
			   t_ns, OVER_NS))
		return standing_clear(bench, standing, t_ns,
				      "connections are used again, %u of %u are still silent.",
				      now.held, now.open);
	return 0;
}
