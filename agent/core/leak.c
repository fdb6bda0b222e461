// SPDX-License-Identifier: Apache-2.0
/*
 * The tests weigh evidence at single moments; a verdict is a statement that stands for a time,
 * under one id, and is taken back when it is over. This is the machine in between:
 *
 *	none --value >= A_SUSPECT, excess >= LMIN_SUSPECT--> suspect
 *	suspect for HOLD --value >= A, excess >= LMIN, with habits or EXPOSURE--> raised
 *	raised --severity changed, or the suspects (told.h)--> updated (raised)
 *	any --client gone; no suspect left--> cleared (none)
 *	any --value low for CLEAR, and what was raised came back, a fifth of it--> cleared (none)
 *	(not while most of it lies there and the pool grows: a suspect is right to wait)
 *
 * A path that leaks no more does not give back what it has leaked: the evidence of growth fades
 * with each open that finds no more of it, and what was named stands as long as it lies there.
 *
 * Invariant: the connections marked (marks.c) are the suspects that a line names.
 * Does not compute figures or sentences (report.c).
 */
#include "leak.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "findings.h"
#include "habits.h"
#include "marks.h"
#include "report.h"
#include "spread.h"

#define NEVER UINT64_MAX
/* A fifth of the peak: single tests without a record halve a bet, so half of it would flicker. */
#define LOW_SHARE 0.2
/* As with that share. To begin it takes twice as many (evictions.c, ladder.c). */
#define HELD_RATIO 4
#define CRITICAL_S 1800.0
#define CRITICAL_SHARE 0.5
/* How far a critical verdict must have got better to be a warning again. */
#define RELIEF 0.5

/* --- lines ------------------------------------------------------------------------------------ */

static enum severity severity_of(const struct leak *leak, const struct verdict *verdict)
{
	bool is_critical = leak->verdict && leak->verdict->severity == SEVERITY_CRITICAL;
	double relief = is_critical ? RELIEF : 1;

	if (leak->stage == LEAK_SUSPECT)
		return SEVERITY_INFO;
	if (verdict->exhausts_in_s * relief <= CRITICAL_S)
		return SEVERITY_CRITICAL;
	if (verdict->limit > 0 &&
	    verdict->stale_count >= CRITICAL_SHARE * relief * (double)verdict->limit)
		return SEVERITY_CRITICAL;
	return SEVERITY_WARNING;
}

static int begin_verdict(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	struct leak *leak = &judgement->leak;

	leak->verdict = calloc(1, sizeof(*leak->verdict));
	if (!leak->verdict)
		return -ENOMEM;
	leak->basis = calloc(1, sizeof(*leak->basis));
	if (!leak->basis) {
		free(leak->verdict);
		leak->verdict = NULL;
		return -ENOMEM;
	}
	leak->verdict->id = ++bench->last_id;
	leak->verdict->kind = VERDICT_LEAK;
	leak->stage = LEAK_SUSPECT;
	leak->peak = 0;
	leak->told = (struct told){0};
	leak->came_back_count = 0;
	leak->suspect_ns = t_ns;
	leak->waited_count = judgement->pool->conn_count;
	leak->met_ns = NEVER;
	leak->low_ns = NEVER;
	return 0;
}

static void end_verdict(struct bench *bench, struct judgement *judgement)
{
	struct leak *leak = &judgement->leak;

	if (leak->stage == LEAK_RAISED)
		bench->standing_count[VERDICT_LEAK]--;
	leak_destroy(judgement);
	figures_count_leak(judgement);
}

/* Makes the verdict one of the pool as it is now, for those who ask without a line. */
static int renew(const struct bench *bench, struct judgement *judgement,
		 const struct finding *finding, enum verdict_state state, uint64_t t_ns)
{
	struct leak *leak = &judgement->leak;
	struct verdict fresh = {
		.t_ns = t_ns,
		.id = leak->verdict->id,
		.kind = VERDICT_LEAK,
		.state = state,
	};
	int error;

	figures_fill(bench, judgement, finding, &fresh);
	fresh.severity = severity_of(leak, &fresh);
	error = figures_fill_suspects(bench, judgement, finding, &fresh);
	if (error < 0) {
		verdict_clear(&fresh);
		return error;
	}
	report_subject(bench, judgement->pool, &fresh);
	report_write(bench, judgement, finding, &fresh);
	verdict_clear(leak->verdict);
	*leak->verdict = fresh;
	figures_count_leak(judgement);
	return 0;
}

static int say(struct bench *bench, struct judgement *judgement, const struct finding *finding,
	       enum verdict_state state, uint64_t t_ns)
{
	int error = renew(bench, judgement, finding, state, t_ns);

	if (error < 0)
		return error;
	if (state == VERDICT_RAISED)
		judgement->leak.told.raised_ns = t_ns;
	told_take(&judgement->leak.told, judgement->pool, figures_elsewhere(finding),
		  judgement->leak.verdict->exhausts_in_high_s, t_ns);
	return verdict_queue_push(&bench->queue, judgement->leak.verdict);
}

/* The last line once more, with the pool as it is now. */
static int say_cleared(struct bench *bench, struct judgement *judgement, enum report_reason reason,
		       uint64_t t_ns)
{
	struct verdict *verdict = judgement->leak.verdict;
	int error;

	verdict->t_ns = t_ns;
	verdict->state = VERDICT_CLEARED;
	verdict->open_count = judgement->pool->conn_count;
	verdict->stale_count = judgement->leak.suspect_count;
	report_write_cleared(bench, judgement, reason, verdict);
	error = verdict_queue_push(&bench->queue, verdict);
	end_verdict(bench, judgement);
	return error;
}

/* --- decisions -------------------------------------------------------------------------------- */

static bool is_leak(const struct bench *bench, const struct judgement *judgement,
		    const struct finding *finding, uint64_t t_ns)
{
	const struct settings *settings = bench->settings;
	uint64_t limit;

	if (finding->is_hint || finding->value < settings->alarm ||
	    finding->excess + finding->elsewhere < finding_least_excess(finding, settings) ||
	    judgement->leak.suspect_count + finding->elsewhere < settings->leak_min)
		return false;
	/* What is left behind is a whole pool, spares and all; its own uses are the evidence. */
	if (finding->inherited || finding->is_one_time || habits_vouch(judgement, finding))
		return true;
	limit = figures_limit(bench, judgement->pool);
	return (habits_are_outlasted(judgement, finding, limit, settings->exposure_ns, t_ns) &&
		(settings->exposure_ns == 0 || finding->elsewhere > 0 ||
		 spread_is_apart(judgement))) ||
	       spread_outlasts(judgement, settings, limit, t_ns);
}

/* What a growing number of small pools leaves behind, and is no growth of a leak. */
static bool are_spares(const struct judgement *judgement, const struct finding *finding)
{
	return !finding->counts && !finding->is_one_time && marks_are_spares(judgement);
}

/* How long it takes to believe the evidence, for tests that the pool's own acts trigger. */
static uint64_t hold_ns_of(const struct settings *settings, const struct finding *finding)
{
	uint64_t hold_ns = settings->hold_ns;

	if (hold_ns < finding->hold_ns)
		hold_ns = finding->hold_ns;
	if (finding->hold_factor > 0)
		hold_ns = (uint64_t)((double)hold_ns * finding->hold_factor);
	return hold_ns;
}

/*
 * A warning that comes after the end is none. Where work goes on beside what is silent, and the
 * end may come before the wait is over, there is nothing to wait for.
 */
static bool ends_within(const struct bench *bench, const struct judgement *judgement,
			const struct finding *finding, uint64_t left_ns)
{
	struct verdict figures = {0};

	if (finding->hold_ns > 0 || finding->hold_factor > 0)
		return false;
	figures_fill(bench, judgement, finding, &figures);
	return figures.exhausts_in_low_s <= (double)left_ns / NS_PER_SEC;
}

static bool is_held_for_long(const struct bench *bench, const struct judgement *judgement,
			     const struct finding *finding, uint64_t t_ns)
{
	const struct leak *leak = &judgement->leak;
	uint64_t hold_ns = hold_ns_of(bench->settings, finding);
	/* Tests that only time triggers must go on saying it; for the others the pool has acted. */
	uint64_t held_ns = t_ns - (finding->hold_ns ? leak->met_ns : leak->suspect_ns);

	return held_ns >= hold_ns || ends_within(bench, judgement, finding, hold_ns - held_ns);
}

/* Where the evidence has faded, the verdict says what it rested on. */
static int renew_suspect(const struct bench *bench, struct judgement *judgement,
			 const struct finding *finding, uint64_t t_ns)
{
	if (judgement->leak.low_ns != NEVER)
		return 0;
	return renew(bench, judgement, finding, judgement->leak.verdict->state, t_ns);
}

static int review_suspect(struct bench *bench, struct judgement *judgement,
			  const struct finding *finding, const struct moment *moment)
{
	struct leak *leak = &judgement->leak;
	uint64_t t_ns = moment->t_ns;

	if (!is_leak(bench, judgement, finding, t_ns) || are_spares(judgement, finding)) {
		leak->met_ns = NEVER;
		return renew_suspect(bench, judgement, finding, t_ns);
	}
	if (leak->met_ns == NEVER)
		leak->met_ns = t_ns;
	if (!is_held_for_long(bench, judgement, finding, t_ns))
		return renew_suspect(bench, judgement, finding, t_ns);
	leak->stage = LEAK_RAISED;
	*leak->basis = *finding;
	marks_add_raised(judgement, finding, moment);
	marks_add_kept(judgement);
	bench->standing_count[VERDICT_LEAK]++;
	return say(bench, judgement, finding, VERDICT_RAISED, t_ns);
}

static int review_raised(struct bench *bench, struct judgement *judgement,
			 const struct finding *finding, uint64_t t_ns)
{
	struct leak *leak = &judgement->leak;
	struct verdict figures = {.t_ns = t_ns};
	bool is_news;

	figures_fill(bench, judgement, finding, &figures);
	is_news = told_is_news(&leak->told, bench->settings, leak->suspect_count,
			       figures_elsewhere(finding), t_ns) ||
		  severity_of(leak, &figures) != leak->verdict->severity;
	if (is_news)
		return say(bench, judgement, finding, VERDICT_UPDATED, t_ns);
	return renew(bench, judgement, finding, leak->verdict->state, t_ns);
}

/*
 * Beyond A (for a suspect, A_SUSPECT) the peak does not count: more certainty than it takes to
 * speak must not make silence come sooner. A stock that benign silences, learned since, explain is
 * no evidence either.
 */
static bool is_low(struct leak *leak, const struct settings *settings,
		   const struct finding *finding, uint64_t t_ns)
{
	double value = finding->value;
	double most = leak->stage == LEAK_RAISED ? settings->alarm : settings->suspect;
	double peak = value < most ? value : most;

	if (peak > leak->peak)
		leak->peak = peak;
	if (value >= LOW_SHARE * leak->peak &&
	    finding->excess + finding->elsewhere >= settings->suspect_min)
		leak->low_ns = NEVER;
	else if (leak->low_ns == NEVER)
		leak->low_ns = t_ns;
	return leak->low_ns != NEVER && t_ns - leak->low_ns >= settings->clear_ns;
}

/*
 * Of those named more lie there than came back, in a silence that no other ever came back from; and
 * so few came back that it is not how the others will end.
 */
static bool is_held(const struct judgement *judgement, const struct settings *settings,
		    uint32_t elsewhere, const struct moment *moment)
{
	uint64_t benign_ns = opens_limits(&judgement->opens, settings).idle_ns;
	uint64_t longest_ns = judgement->opens.benign.longest_ns;
	uint32_t held = elsewhere, came_back = judgement->leak.came_back_count;

	/* Evidence keeps its distance from what was benign; to lie there is enough to be held. */
	if (longest_ns < settings->t0_ns)
		longest_ns = settings->t0_ns;
	if (benign_ns > longest_ns)
		benign_ns = longest_ns;

	/* Its growth does not come back, whatever others of the pool do. */
	if (strcmp(judgement->leak.basis->test, "ladder") == 0)
		benign_ns = judgement->leak.basis->limits.idle_ns;

	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn_newer(conn))
		held += conn->is_suspect &&
			(heartbeat_is_beating(conn) ||
			 moment->known_ns - conn->last_active_ns > (int64_t)benign_ns);
	return held >= settings->suspect_min && held > came_back &&
	       judgement->leak.suspect_count + elsewhere > HELD_RATIO * came_back;
}

/*
 * The limit of a test may have outgrown the silences that it counted, so it finds nothing new. Yet
 * what a suspect named lies there, and the pool opens more and more.
 */
static bool may_wait(struct judgement *judgement, const struct settings *settings)
{
	uint32_t open_count = judgement->pool->conn_count;
	struct leak *leak = &judgement->leak;

	if (leak->stage != LEAK_SUSPECT || leak->suspect_count < settings->suspect_min ||
	    leak->suspect_count <= leak->told.gone_count || open_count <= leak->waited_count)
		return false;
	leak->waited_count = open_count;
	leak->low_ns = NEVER;
	return true;
}

/* Where the evidence has faded, a verdict that stands rests on what it was. */
static void keep_basis(struct leak *leak, const struct moment *moment, struct finding *finding)
{
	if (leak->low_ns == NEVER || finding->inherited || leak->basis->inherited) {
		*leak->basis = *finding;
		return;
	}
	*finding = *leak->basis;
	finding->limits.known_ns = moment->known_ns;
}

int leak_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	const struct settings *settings = bench->settings;
	struct leak *leak = &judgement->leak;
	struct finding finding;
	struct moment moment;
	int error;

	moment = moment_of(settings, bench->table, &bench->losses, t_ns);
	if (leak->stage == LEAK_NONE && findings_value(judgement, &moment) < settings->suspect)
		return 0;
	findings_best(judgement, &moment, &finding);
	if (leak->stage == LEAK_NONE) {
		if (finding.excess + finding.elsewhere < settings->suspect_min)
			return 0;
		marks_add(judgement, &finding, &bench->losses);
		if (leak->suspect_count + figures_elsewhere(&finding) == 0 ||
		    leak->suspect_count + finding.elsewhere < settings->suspect_min ||
		    are_spares(judgement, &finding)) {
			marks_clear(judgement);
			return 0;
		}
		error = begin_verdict(bench, judgement, t_ns);
		if (error == 0)
			error = say(bench, judgement, &finding, VERDICT_SUSPECT, t_ns);
		if (error < 0)
			return error;
	}
	if (is_low(leak, settings, &finding, t_ns) &&
	    !(leak->stage == LEAK_RAISED &&
	      is_held(judgement, settings, figures_elsewhere(&finding), &moment)) &&
	    !may_wait(judgement, settings))
		return say_cleared(bench, judgement, REPORT_NO_GROWTH, t_ns);
	if (leak->stage == LEAK_SUSPECT || leak->low_ns == NEVER) {
		marks_add(judgement, &finding, &bench->losses);
		marks_add_proven(judgement, &finding, &moment);
	}
	if (leak->stage == LEAK_SUSPECT)
		return review_suspect(bench, judgement, &finding, &moment);
	if (leak->low_ns == NEVER)
		marks_add_raised(judgement, &finding, &moment);
	marks_add_exhausted(judgement, bench->table);
	keep_basis(leak, &moment, &finding);
	return review_raised(bench, judgement, &finding, t_ns);
}

/* Why there are no suspects any more. The end of a process closes them before it is told. */
static enum report_reason reason_of(const struct change *change)
{
	if (change->type == CHANGE_ACTIVE)
		return REPORT_CAME_BACK;
	return change->type == CHANGE_CLOSED && change->by == CLOSE_EXIT ? REPORT_EXITED
									 : REPORT_RELEASED;
}

int leak_observe(struct bench *bench, struct judgement *judgement, const struct change *change)
{
	struct leak *leak = &judgement->leak;

	if (leak->stage == LEAK_NONE || !change->conn || !change->conn->is_suspect)
		return 0;
	switch (change->type) {
	case CHANGE_ACTIVE:
		if (heartbeat_is_beating(change->conn))
			return 0;
		if (leak->stage == LEAK_RAISED)
			marks_note_return(leak, change->conn);
		break;
	case CHANGE_CLOSED:
	case CHANGE_FAILED:
	case CHANGE_MOVED:
		break;
	default:
		return 0;
	}
	marks_remove(leak, change->conn);
	if (leak->suspect_count > 0)
		return 0;
	return say_cleared(bench, judgement, reason_of(change), change->t_ns);
}

int leak_client_exited(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	if (judgement->leak.stage == LEAK_NONE)
		return 0;
	return say_cleared(bench, judgement, REPORT_EXITED, t_ns);
}

void leak_destroy(struct judgement *judgement)
{
	struct leak *leak = &judgement->leak;

	marks_clear(judgement);
	if (leak->verdict)
		verdict_clear(leak->verdict);
	free(leak->verdict);
	free(leak->basis);
	leak->verdict = NULL;
	leak->basis = NULL;
	leak->stage = LEAK_NONE;
}
