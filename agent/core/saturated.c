// SPDX-License-Identifier: Apache-2.0
/*
 * A pool that is too small for its load looks healthy to whoever counts connections: the count is
 * flat and nothing is idle. What gives it away is that an answer is owed on nearly every one of
 * them at any moment, for a minute, and that the pool does not grow.
 *
 * Silence keeps it apart from an exhausted pool, whose connections are held and do nothing, and
 * from jobs that each run one long statement: nobody waits for those.
 *
 * Threads that have a connection each and never rest look the same as a pool in front of a queue.
 * Where a pool has never been seen with room to spare, it takes COLD to say so.
 *
 * A recording whose clock ticks ten times a second or less does not show who waits for an answer.
 *
 * Invariant: while it stands, the learned ceiling is pushed at (plateau.h).
 * Does not say why the load is high (differential.c).
 */
#include "saturated.h"

#include <math.h>

#include "format.h"
#include "judgement.h"
#include "report.h"

/* Below this a single long statement makes the share. */
#define CONNS_MIN 3
#define SAMPLES 12
/* Below this it is not worth while to look for monitors. */
#define SLACK_SHARE 0.5
#define SILENT_SHARE 20 /* one in so many may be silent for longer */
#define COLD_NS (600 * NS_PER_SEC)
/* Twelve samples of two thirds come to 0.85 now and then, but not for long. */
#define LASTS_NS (10 * NS_PER_SEC)
#define DURATION_SIZE 32

/* Monitors of a client beat, and serve nobody. */
static bool is_working(const struct conn *conn)
{
	return conn->state == CONN_OPEN && !heartbeat_is_beating(conn);
}

static double busy_share(const struct judgement *judgement)
{
	double busy = meter_busy(&judgement->meter, SAMPLES);
	uint32_t working = 0;

	/* The differential says so ("pool too small": cannot tell). */
	if (meter_clock_is_coarse(&judgement->meter))
		return NAN;
	if (!(busy >= SLACK_SHARE))
		return busy;
	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn_newer(conn))
		working += is_working(conn);
	if (working == 0)
		return 0;
	busy *= (double)judgement->plateau.open / working;
	return busy < 1 ? busy : 1;
}

/* The silence that 19 of 20 open connections do not exceed, as of known_ns. */
static uint64_t spread_ns(const struct judgement *judgement, const struct moment *moment)
{
	uint32_t left = judgement->plateau.open / SILENT_SHARE;
	const struct conn *conn = judgement->pool->oldest;
	int64_t active_ns = moment->known_ns;

	for (; conn; conn = conn_newer(conn)) {
		if (!is_working(conn))
			continue;
		active_ns = conn->last_active_ns;
		if (left-- == 0)
			break;
	}
	return active_ns < moment->known_ns ? (uint64_t)(moment->known_ns - active_ns) : 0;
}

static bool is_met(const struct bench *bench, struct judgement *judgement, double busy,
		   uint64_t t_ns)
{
	const struct settings *settings = bench->settings;
	struct saturated *saturated = &judgement->saturated;
	struct moment moment;

	if (judgement->plateau.open < CONNS_MIN || isnan(busy) || busy < settings->busy_saturated)
		return false;
	if (!plateau_stands(&judgement->plateau, settings, t_ns))
		return false;
	moment = moment_of(settings, bench->table, &bench->losses, t_ns);
	saturated->spread_ns = spread_ns(judgement, &moment);
	return saturated->spread_ns <= settings->busy_silence_ns;
}

/* The samples of the mean are the time in which it came about, and then it was waited for. */
static uint64_t since_ns(const struct bench *bench, const struct judgement *judgement)
{
	const struct standing *standing = &judgement->saturated.standing;
	uint64_t span_ns = SAMPLES * bench->settings->tick_ns;

	if (standing->verdict)
		return standing->verdict->since_ns;
	return standing->since_ns > span_ns ? standing->since_ns - span_ns : 0;
}

static int tell(struct bench *bench, struct judgement *judgement, double busy, uint64_t t_ns)
{
	const struct plateau *plateau = &judgement->plateau;
	struct saturated *saturated = &judgement->saturated;
	struct standing *standing = &saturated->standing;
	const char *used = plateau->open < SILENT_SHARE ? "all" : "19 of 20";
	char span[DURATION_SIZE], flat[DURATION_SIZE], spread[DURATION_SIZE];
	struct verdict draft;

	standing_draft(bench, judgement, VERDICT_SATURATED, t_ns, &draft);
	draft.severity = SEVERITY_WARNING;
	draft.since_ns = since_ns(bench, judgement);
	(void)format_duration(t_ns - draft.since_ns, span, sizeof(span));
	(void)format_duration(t_ns - plateau->flat_ns, flat, sizeof(flat));
	/* Sends are looked at every second or so. */
	(void)format_duration(saturated->spread_ns > NS_PER_SEC ? saturated->spread_ns : NS_PER_SEC,
			      spread, sizeof(spread));
	verdict_add_evidence(&draft, "busy",
			     "an answer is owed on %.0f%% of %u open connections, mean of %d "
			     "samples",
			     100 * busy, plateau->open, SAMPLES);
	verdict_add_evidence(&draft, "plateau",
			     "%u connections, as many as ever, and none opened for %s but in "
			     "place of a closed one",
			     plateau->open, flat);
	verdict_add_evidence(&draft, "silence", "%s connections were used within the last %s", used,
			     spread);
	plateau_add_evidence(bench, judgement, &draft);
	report_begin(&draft, "SATURATED");
	report_append(&draft,
		      "all %u connections busy (%.0f%%) for %s, %s used within the last %s, and "
		      "none is opened: the pool is at its maximum and requests wait.",
		      plateau->open, 100 * busy, span, used, spread);
	report_differential(bench, judgement, draft.since_ns, &draft);
	return standing_tell(bench, standing, &draft);
}

int saturated_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	const struct settings *settings = bench->settings;
	struct saturated *saturated = &judgement->saturated;
	struct standing *standing = &saturated->standing;
	double busy = busy_share(judgement);
	bool met = is_met(bench, judgement, busy, t_ns);
	uint64_t lasts_ns = saturated->has_had_slack ? LASTS_NS : COLD_NS;

	if (met)
		plateau_push(&judgement->plateau, t_ns);
	if (judgement->plateau.open >= CONNS_MIN && busy < settings->busy_clear)
		saturated->has_had_slack = true;
	if (!standing->verdict) {
		if (!standing_lasts(&standing->since_ns, met, t_ns, lasts_ns))
			return 0;
		return tell(bench, judgement, busy, t_ns);
	}
	if (judgement->pool->conn_count == 0)
		return standing_clear(bench, standing, t_ns, "no connection is open any more.");
	/* What is exhausted has its own name, and is not "saturated" as well. */
	if (judgement->exhausted.standing.verdict)
		return standing_clear(bench, standing, t_ns, "it is exhausted now.");
	if (standing_lasts(&standing->since_ns, !(busy >= settings->busy_clear), t_ns,
			   settings->busy_clear_ns))
		return standing_clear(bench, standing, t_ns,
				      "no longer saturated, %.0f%% of %u connections busy.",
				      100 * busy, judgement->plateau.open);
	return met ? tell(bench, judgement, busy, t_ns) : 0;
}
