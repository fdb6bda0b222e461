// SPDX-License-Identifier: Apache-2.0
/*
 * A storm is a change: a process that opens a connection for each request does so all day, and
 * that is its way of life. So what counts is how many connects there are against this process's
 * own past, and that they come to nothing:
 *
 *	connects in 10 s >= max(STORM_MIN, FACTOR x average + 5 sqrt(average))	a surge
 *	and FAILED of them fail, are closed by the server at once, or sent
 *	   something and have had no answer for two seconds or for good		it is turned away
 *	 or most live for less than 5 s						it is churn
 *	 or three times as many are open as before and most of the new ones idle	a stampede
 *
 * A server that turns away most of a few connects, and goes on doing so, is refusal.c's to find.
 *
 * Being turned away speaks for itself. The other two are also what a burst of honest work does in
 * a pool that keeps few connections; there the past has to be known for WARM, and the surge has to
 * be twice the highest one that passed. In either case it has to last: two halves of the 10 s each
 * have their share, and it began before them, so that neither a burst nor a server that restarts
 * within a few seconds is one.
 *
 * A storm of which nothing is turned away, and that comes again before long, is a way of life as
 * well: the second one is learned when it is over.
 *
 * Invariant: what is learned of the past does not contain a storm that is younger than NORMAL, but
 * for those.
 * Counts come from the pool's totals, so connections too short to be seen one by one count as well.
 */
#include "storm.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "figures.h"
#include "format.h"
#include "judgement.h"
#include "report.h"

#define SLOT_S 5.0f
#define WINDOW_S 10.0f
/* The slot before the two may have seen the storm begin; it is taken in part. */
#define BEGUN_SHARE 32
#define YOUNG_NS (5 * NS_PER_SEC)
/* No server that is well takes as long for its first word. */
#define ANSWER_NS (2 * NS_PER_SEC)
/* Given up: what has lived for less may have had its answer between two looks. */
#define GIVEN_UP_NS NS_PER_SEC
#define AVERAGE_S 1800.0f
#define PEAK_S (86400.0f / 0.7f)
#define PEAK_FACTOR 2
/* Load that is quiet for half an hour and busy for minutes has shown both by then. */
#define WARM_NS (2700 * NS_PER_SEC)
#define RIPE_NS (60 * NS_PER_SEC)
#define OVER_NS (60 * NS_PER_SEC)
#define NORMAL_NS (1800 * NS_PER_SEC)
#define AGAIN_NS (6 * 3600 * NS_PER_SEC)
#define CRITICAL_SHARE 0.5
#define OPEN_FACTOR 3
#define DURATION_SIZE 32

/* The last 10 s, and what they are held against. */
struct surge {
	double opened; /* in 10 s */
	double opened_low; /* the same by the quieter half */
	double opened_earlier; /* the same by the 5 s before */
	double turned_away; /* share of them that came to nothing in one of these ways */
	double failed, early, unanswered; /* counts in the window */
	double young; /* share that lived for less than 5 s */
	double threshold, threshold_soft;
};

static struct storm_totals totals_of(const struct pool *pool)
{
	return (struct storm_totals){
		.opened = pool->counts[COUNT_OPENED],
		.failed = (uint32_t)totals_failed_count(pool),
		.early = pool->counts[COUNT_EARLY_PEER_CLOSE],
		.closed = (uint32_t)totals_closed_count(pool),
	};
}

void storm_begin(struct judgement *judgement, uint64_t t_ns)
{
	struct storm *storm = &judgement->storm;

	storm->first_ns = t_ns;
	storm->ticked_ns = t_ns;
	storm->told = totals_of(judgement->pool);
}

/* It said something to the server and was not answered. */
static bool is_unanswered(const struct conn *conn)
{
	return !conn->age_is_bound && conn_sent_bytes(conn) > 0 && conn_received_bytes(conn) == 0;
}

void storm_observe(struct judgement *judgement, const struct change *change)
{
	struct storm_ends *ends = &judgement->storm.ends;
	const struct conn *conn = change->conn;
	int64_t age_ns;

	if (change->type != CHANGE_CLOSED)
		return;
	age_ns = (int64_t)change->t_ns - conn->open_ns;
	ends->closed++;
	if (!conn->age_is_bound && age_ns < (int64_t)YOUNG_NS)
		ends->closed_young++;
	if (is_unanswered(conn) && conn_peer_closed_ns(conn) == 0 && age_ns >= (int64_t)GIVEN_UP_NS)
		ends->unanswered++;
}

/* --- the past --------------------------------------------------------------------------------- */

/* A peak counts as benign when a minute has passed and it was no storm. */
static void learn_peak(struct storm *storm, float opened, float span_s, uint64_t t_ns)
{
	storm->peak *= PEAK_S / (PEAK_S + span_s);
	if (t_ns - storm->candidate_ns >= RIPE_NS) {
		if (storm->ripening > storm->peak)
			storm->peak = storm->ripening;
		storm->ripening = storm->candidate;
		storm->candidate = 0;
		storm->candidate_ns = t_ns;
	}
	if (opened > storm->candidate)
		storm->candidate = opened;
}

static void learn(struct storm *storm, const struct storm_lesson *lesson, uint64_t t_ns)
{
	float known_s = (float)(t_ns - storm->first_ns) / NS_PER_SEC;
	float weight = lesson->span_s / (known_s < AVERAGE_S ? known_s : AVERAGE_S);

	storm->average += weight * (lesson->opened - storm->average);
	storm->open_average += weight * (lesson->open - storm->open_average);
	learn_peak(storm, lesson->opened, lesson->span_s, t_ns);
}

/* Each lesson waits for its turn, for as long as it takes to know a storm. */
static void take_lesson(struct judgement *judgement, const struct surge *surge, uint64_t t_ns)
{
	struct storm *storm = &judgement->storm;
	struct storm_lesson *lesson = &storm->lessons[storm->lesson_count++ % STORM_LESSONS];

	if (lesson->span_s > 0)
		learn(storm, lesson, t_ns);
	*lesson = (struct storm_lesson){.opened = (float)surge->opened,
					.open = (float)judgement->pool->conn_count,
					.span_s = storm->last.span_s};
}

static void skip_lessons(struct storm *storm)
{
	memset(storm->lessons, 0, sizeof(storm->lessons));
	storm->candidate = 0;
	storm->ripening = 0;
}

/* --- the last ten seconds --------------------------------------------------------------------- */

/* Returns false while the slot is not full. */
static bool turn_slot(struct judgement *judgement, uint64_t t_ns)
{
	struct storm *storm = &judgement->storm;
	struct storm_totals told = storm->told, now = totals_of(judgement->pool);
	float span_s = (float)(t_ns - storm->ticked_ns) / NS_PER_SEC;
	uint32_t closed = now.closed - told.closed;

	if (span_s < 0.9f * SLOT_S)
		return false;
	if (closed > storm->ends.closed) /* too short to be seen one by one */
		storm->ends.closed_young += closed - storm->ends.closed;
	storm->earlier =
		storm->before.span_s > 0 ? (float)storm->before.opened / storm->before.span_s : 0;
	storm->before = storm->last;
	storm->last = (struct storm_slot){
		.opened = now.opened - told.opened,
		.failed = now.failed - told.failed,
		.early = now.early - told.early,
		.unanswered = storm->ends.unanswered,
		.closed_young = storm->ends.closed_young,
		.span_s = span_s,
	};
	storm->ends = (struct storm_ends){0};
	storm->told = now;
	storm->ticked_ns = t_ns;
	return true;
}

static double share(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static void measure(const struct bench *bench, const struct storm *storm, struct surge *ret_surge)
{
	const struct settings *settings = bench->settings;
	const struct storm_slot *last = &storm->last, *before = &storm->before;
	double a = share(last->opened, last->span_s), b = share(before->opened, before->span_s);
	double opened = (double)last->opened + before->opened;
	double past = settings->storm_factor * storm->average + 5 * sqrt(storm->average);
	double peak = PEAK_FACTOR * storm->peak;
	struct surge *surge = ret_surge;

	surge->opened = WINDOW_S * share(opened, (double)last->span_s + before->span_s);
	surge->opened_low = WINDOW_S * (a < b ? a : b);
	surge->opened_earlier = WINDOW_S * storm->earlier;
	surge->failed = (double)last->failed + before->failed;
	surge->early = (double)last->early + before->early;
	surge->turned_away = share(surge->failed + surge->early, opened);
	surge->young = share((double)last->closed_young + before->closed_young, opened);
	surge->threshold = past > settings->storm_min ? past : settings->storm_min;
	surge->threshold_soft = peak > surge->threshold ? peak : surge->threshold;
}

/* Of those that are open. */
static uint32_t count_unanswered(const struct pool *pool, uint64_t t_ns)
{
	uint32_t count = 0;

	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
		int64_t age_ns = (int64_t)t_ns - conn->open_ns;

		count += is_unanswered(conn) && conn->state == CONN_OPEN &&
			 age_ns >= (int64_t)ANSWER_NS && age_ns < (int64_t)(WINDOW_S * NS_PER_SEC);
	}
	return count;
}

static void measure_answers(const struct storm *storm, const struct pool *pool, uint64_t t_ns,
			    struct surge *surge)
{
	double opened = (double)storm->last.opened + storm->before.opened;

	surge->unanswered = (double)storm->last.unanswered + storm->before.unanswered +
			    count_unanswered(pool, t_ns);
	surge->turned_away = share(surge->failed + surge->early + surge->unanswered, opened);
	if (surge->turned_away > 1)
		surge->turned_away = 1;
}

static bool reaches(const struct surge *surge, double threshold)
{
	return surge->opened >= threshold && 2 * surge->opened_low >= threshold &&
	       BEGUN_SHARE * surge->opened_earlier >= threshold;
}

/* A pool that grows under load uses what it opens. */
static bool is_stampede(const struct judgement *judgement, uint64_t t_ns)
{
	uint32_t new_count = 0, idle_count = 0;

	if (judgement->pool->conn_count < OPEN_FACTOR * judgement->storm.open_average)
		return false;
	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn_newer(conn)) {
		int64_t age_ns = (int64_t)t_ns - conn->open_ns;

		if (conn->age_is_bound || age_ns > (int64_t)OVER_NS || age_ns < (int64_t)YOUNG_NS)
			continue;
		new_count++;
		idle_count += !conn->has_returned;
	}
	return new_count > 0 && 2 * idle_count > new_count;
}

/* A leak that has filled the server up has every further connect turned away. */
static bool is_explained(const struct judgement *judgement)
{
	const struct leak *leak = &judgement->leak;

	/* All that it names, also what others have inherited. */
	return judgement->exhausted.standing.verdict ||
	       (leak->stage != LEAK_NONE &&
		2 * leak->verdict->suspect_count >= judgement->pool->conn_count);
}

static bool is_met(const struct bench *bench, const struct judgement *judgement,
		   const struct surge *surge, uint64_t t_ns)
{
	const struct settings *settings = bench->settings;
	const struct storm *storm = &judgement->storm;

	if (!reaches(surge, surge->threshold) || is_explained(judgement))
		return false;
	if (surge->turned_away >= settings->storm_failed)
		return true;
	if (t_ns - storm->first_ns < WARM_NS || !reaches(surge, surge->threshold_soft))
		return false;
	return surge->young >= 0.5 || is_stampede(judgement, t_ns);
}

/* --- what is said ----------------------------------------------------------------------------- */

static void format_thousands(double value, char *buffer, size_t size)
{
	uint64_t count = (uint64_t)(value + 0.5);

	if (count < 1000)
		(void)snprintf(buffer, size, "%" PRIu64, count);
	else
		(void)snprintf(buffer, size, "%" PRIu64 ",%03" PRIu64, count / 1000, count % 1000);
}

/* "failed" may be a network; "refused" is a server that is not there. */
static const char *failed_word(const struct judgement *judgement, uint64_t t_ns)
{
	uint64_t span_ns = (uint64_t)(2 * WINDOW_S * NS_PER_SEC);
	struct meter_figures figures;

	meter_sum(&judgement->meter, t_ns > span_ns ? t_ns - span_ns : 0, t_ns, &figures);
	return figures.refused_count == figures.failed_count ? "refused" : "failed";
}

static void append_cause(const struct judgement *judgement, const struct surge *surge,
			 uint64_t t_ns, struct verdict *draft)
{
	const struct {
		double count;
		const char *word;
	} ways[] = {
		{surge->failed, failed_word(judgement, t_ns)},
		{surge->early, "closed at once"},
		{surge->unanswered, "not answered"},
	};
	const char *before = " (";

	if (surge->turned_away >= 0.01) {
		report_append(draft, ", %.0f%% turned away", 100 * surge->turned_away);
		for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
			if (ways[i].count < 1)
				continue;
			report_append(draft, "%s%.0f %s", before, ways[i].count, ways[i].word);
			before = ", ";
		}
		report_append(draft, ")");
	}
	if (surge->young >= 0.01)
		report_append(draft, ", %.0f%% closed within 5 s", 100 * surge->young);
}

static int tell(struct bench *bench, struct judgement *judgement, const struct surge *surge,
		uint64_t t_ns)
{
	struct storm *storm = &judgement->storm;
	struct standing *standing = &storm->standing;
	const struct verdict *before = standing->verdict;
	uint64_t window_ns = 2 * (uint64_t)(SLOT_S * NS_PER_SEC);
	char opened[32], known[DURATION_SIZE];
	struct verdict draft;

	standing_draft(bench, judgement, VERDICT_STORM, t_ns, &draft);
	draft.since_ns = before ? before->since_ns : t_ns > window_ns ? t_ns - window_ns : 0;
	draft.severity =
		surge->turned_away >= CRITICAL_SHARE ? SEVERITY_CRITICAL : SEVERITY_WARNING;
	(void)format_duration(t_ns - storm->first_ns, known, sizeof(known));
	format_thousands(surge->opened, opened, sizeof(opened));
	verdict_add_evidence(&draft, "connects",
			     "%s connects in the last 10 s; %.1f on average and %.0f at most in "
			     "%s of observation; %.0f would be a storm",
			     opened, storm->average, storm->peak, known, surge->threshold);
	verdict_add_evidence(&draft, "turned_away",
			     "%.0f of them failed, %.0f were closed by the server within a "
			     "second, and %.0f had no answer (%.0f%%)",
			     surge->failed, surge->early, surge->unanswered,
			     100 * surge->turned_away);
	verdict_add_evidence(&draft, "lifetime", "%.0f%% were closed within 5 s",
			     100 * surge->young);
	verdict_add_evidence(&draft, "open", "%u are open, %.1f on average before",
			     judgement->pool->conn_count, storm->open_average);
	report_begin(&draft, "STORM");
	report_append(&draft, "%s connects in 10 s (normally %.0f)", opened, storm->average);
	append_cause(judgement, surge, t_ns, &draft);
	report_append(&draft, ", %u open (normally %.0f).", judgement->pool->conn_count,
		      storm->open_average);
	if (!before) {
		skip_lessons(storm);
		storm->passed = 0;
	}
	storm->refusal.is_told = false;
	if (surge->turned_away >= bench->settings->storm_failed)
		storm->passed = INFINITY;
	else if ((float)surge->opened > storm->passed)
		storm->passed = (float)surge->opened;
	report_differential(bench, judgement, draft.since_ns, &draft);
	return standing_tell(bench, standing, &draft);
}

/* What each process that it turns away would say is said by one of them. */
static int tell_refusal(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	struct storm *storm = &judgement->storm;
	struct verdict draft;

	standing_draft(bench, judgement, VERDICT_STORM, t_ns, &draft);
	draft.since_ns = storm->refusal.since_ns;
	draft.severity = SEVERITY_CRITICAL;
	refusal_write(bench, judgement, &draft);
	report_differential(bench, judgement, draft.since_ns, &draft);
	if (!storm->standing.verdict)
		skip_lessons(storm);
	storm->passed = INFINITY;
	storm->refusal.is_told = true;
	judgement->dossier->membership.fleet->server->refusal_teller = judgement->dossier;
	return standing_tell(bench, &storm->standing, &draft);
}

static int clear_refusal(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	struct refusal *refusal = &judgement->storm.refusal;

	if (!refusal_is_over(judgement, t_ns))
		return 0;
	refusal->is_told = false;
	judgement->dossier->membership.fleet->server->served_ns = t_ns;
	return standing_clear(bench, &judgement->storm.standing, t_ns, "%s.",
			      refusal->is_served ? "the server takes connections again"
						 : "no connect was closed at once for a minute");
}

/* Nothing came of it twice within hours. */
static void learn_passed(struct storm *storm, uint64_t t_ns)
{
	bool is_again = storm->passed_ns > 0 && t_ns - storm->passed_ns < AGAIN_NS;

	if (isinf(storm->passed))
		return;
	if (is_again && storm->passed > storm->peak)
		storm->peak = storm->passed;
	storm->passed_ns = t_ns;
}

int storm_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	struct storm *storm = &judgement->storm;
	struct standing *standing = &storm->standing;
	uint64_t limit = figures_limit(bench, judgement->pool);
	struct surge surge;

	refusal_count(judgement, t_ns);
	if (!turn_slot(judgement, t_ns))
		return 0;
	refusal_sample(judgement, storm->last.opened, storm->last.early, storm->last.failed, t_ns);
	measure(bench, storm, &surge);
	if (reaches(&surge, surge.threshold))
		measure_answers(storm, judgement->pool, t_ns, &surge);
	if (!standing->verdict || t_ns - standing->verdict->since_ns >= NORMAL_NS)
		take_lesson(judgement, &surge, t_ns);
	if (is_met(bench, judgement, &surge, t_ns)) {
		standing->since_ns = 0;
		return tell(bench, judgement, &surge, t_ns);
	}
	if (refusal_is_met(judgement, limit, t_ns)) {
		standing->since_ns = 0;
		return tell_refusal(bench, judgement, t_ns);
	}
	if (!standing->verdict)
		return 0;
	if (storm->refusal.is_told)
		return clear_refusal(bench, judgement, t_ns);
	if (standing_lasts(&standing->since_ns, 2 * surge.opened < surge.threshold, t_ns,
			   OVER_NS)) {
		learn_passed(storm, t_ns);
		return standing_clear(bench, standing, t_ns,
				      "the storm is over, %.0f connects in 10 s.", surge.opened);
	}
	return 0;
}
