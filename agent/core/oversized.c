// SPDX-License-Identifier: Apache-2.0
/*
 * A deploy that raises the size of a pool looks healthy in every process and takes the server down
 * when all have been rolled out. It shows in three ways:
 * - a step: the new process settles at FACTOR times the former one's plateau, with little of it
 *   busy, from its start on (so that no later need explains it) and with no more traffic;
 * - a smaller step, after which the server begins to turn connections away;
 * - no step, but more connections from this host than the endpoint's configured limit.
 *
 * Deploys overlap, caches are cold and traffic moves over, so nothing is said of a process in
 * its first OVERLAP, nor while one that was there before it is still there.
 *
 * Invariant: at most one process of a fleet, and one pool of a server, has this verdict.
 * Does not speak of a pool that leaks, is exhausted or saturated, or of one in a storm.
 */
#include "oversized.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "format.h"
#include "judgement.h"
#include "report.h"

#define BUSY_SAMPLES 12
/* As much as a larger step, where the server shows that it is too much. */
#define REFUSED_FACTOR 1.2
#define REFUSED_MORE 5
#define REFUSED_MIN 5
/* Of what it settled at, this share was open when it was first looked at. */
#define FIRST_SHARE 0.8
#define TRAFFIC_FACTOR 1.5
#define FITS_SHARE 0.25
/* Processes that begin within this are of one start. */
#define TOGETHER_NS (120 * NS_PER_SEC)
#define LIMIT_NS (60 * NS_PER_SEC)
/* How far it must have got better to be over. */
#define RELIEF 0.8

enum reason { NO_REASON, BY_STEP, BY_REFUSALS, BY_LIMIT };

static uint32_t former_plateau(const struct judgement *judgement)
{
	const struct baseline *baseline = fleet_baseline(judgement->dossier->membership.fleet);

	return baseline->plateau > baseline->plateau_before ? baseline->plateau
							    : baseline->plateau_before;
}

static bool is_explained(const struct judgement *judgement)
{
	return judgement->leak.stage != LEAK_NONE || judgement->exhausted.standing.verdict ||
	       judgement->saturated.standing.verdict || judgement->storm.standing.verdict;
}

/*
 * It came in place of those before it. Not so while a process that was there before it is still
 * there, nor where another one has the verdict; and of one that was there before anybody watched
 * nothing is known.
 */
static bool is_successor(const struct judgement *judgement)
{
	uint64_t joined_ns = judgement->dossier->membership.joined_ns;
	const struct dossier *other = judgement->dossier->membership.fleet->first;

	if (judgement->career.began_before)
		return false;
	/* The one that went came after this one, or together with it: this one is no successor. */
	if (fleet_baseline(judgement->dossier->membership.fleet)->joined_ns + TOGETHER_NS >
	    joined_ns)
		return false;
	for (; other; other = other->membership.next) {
		if (other == judgement->dossier || other->pool->conn_count == 0)
			continue;
		if (other->membership.joined_ns + TOGETHER_NS < joined_ns ||
		    (other->judgement && other->judgement->oversized.standing.verdict))
			return false;
	}
	return true;
}

static double busy_of(const struct judgement *judgement)
{
	double busy = meter_busy(&judgement->meter, BUSY_SAMPLES);

	return isnan(busy) ? NAN : fmax(busy, (double)judgement->career.busy);
}

static bool is_larger(const struct judgement *judgement, double factor, double more)
{
	double open = judgement->plateau.open, former = former_plateau(judgement);

	return former > 0 && open >= factor * former && open >= former + more;
}

/*
 * More traffic than any process before had may need more connections; but not those of a pool
 * that is at its size from the start, with work for a fraction of what the former one had.
 */
static bool is_from_traffic(const struct judgement *judgement)
{
	const struct fleet *fleet = judgement->dossier->membership.fleet;
	double open = judgement->plateau.open;

	if ((double)judgement->coverage.rate <= TRAFFIC_FACTOR * fleet_baseline(fleet)->rate)
		return false;
	return judgement->career.first_count < open ||
	       busy_of(judgement) * open > former_plateau(judgement) * FITS_SHARE;
}

static bool is_step(const struct bench *bench, const struct judgement *judgement, uint64_t t_ns)
{
	const struct settings *settings = bench->settings;

	return t_ns - judgement->dossier->membership.joined_ns >= settings->overlap_ns &&
	       plateau_stands(&judgement->plateau, settings, t_ns) &&
	       is_larger(judgement, settings->oversized_factor, settings->oversized_more) &&
	       judgement->career.first_count >= FIRST_SHARE * judgement->plateau.open &&
	       !is_from_traffic(judgement) && busy_of(judgement) < settings->oversized_busy;
}

static bool is_refused(const struct bench *bench, const struct judgement *judgement)
{
	const struct server *server = judgement->dossier->membership.fleet->server;

	return judgement->career.early_close_count == 0 &&
	       server->early_close_count >= REFUSED_MIN &&
	       is_larger(judgement, REFUSED_FACTOR, REFUSED_MORE) &&
	       busy_of(judgement) < bench->settings->oversized_busy;
}

static bool is_beyond_limit(const struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	const struct server *server = judgement->dossier->membership.fleet->server;
	bool is_met = server->limit > 0 && server->open_count > server->limit &&
		      server->largest == judgement->dossier && server->suspect_count == 0 &&
		      busy_of(judgement) < bench->settings->oversized_busy;

	return standing_lasts(&judgement->oversized.standing.since_ns, is_met, t_ns, LIMIT_NS);
}

static enum reason reason_of(const struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	bool is_beyond = is_beyond_limit(bench, judgement, t_ns);

	if (is_explained(judgement))
		return NO_REASON;
	if (is_successor(judgement) && is_step(bench, judgement, t_ns))
		return BY_STEP;
	if (is_successor(judgement) && is_refused(bench, judgement))
		return BY_REFUSALS;
	return is_beyond ? BY_LIMIT : NO_REASON;
}

/* --- what is said ----------------------------------------------------------------------------- */

static void add_step(const struct bench *bench, const struct judgement *judgement,
		     struct verdict *draft)
{
	const struct baseline *baseline = fleet_baseline(judgement->dossier->membership.fleet);
	char known[48];

	(void)format_clock(baseline->known_ns, bench->realtime_at_zero_ns, known, sizeof(known));
	verdict_add_evidence(draft, "former_plateau",
			     "the processes of this workload before kept at most %u connections "
			     "(the last until %s), this one keeps %u, %u of them from its first "
			     "seconds on",
			     former_plateau(judgement), known, judgement->plateau.open,
			     judgement->career.first_count);
	verdict_add_evidence(draft, "traffic",
			     "it sends %.0f bytes/s, the former ones sent up to %.0f",
			     (double)judgement->coverage.rate, baseline->rate);
}

static void write_draft(const struct bench *bench, const struct judgement *judgement,
			enum reason reason, struct verdict *draft)
{
	const struct server *server = judgement->dossier->membership.fleet->server;
	double busy = 100 * busy_of(judgement);

	report_begin(draft, "OVERSIZED");
	if (reason == BY_LIMIT)
		report_append(
			draft,
			"this host has %u connections open where %u are the limit; the largest "
			"pool holds %u, of which %.0f%% are busy.",
			server->open_count, server->limit, judgement->plateau.open, busy);
	else
		report_append(
			draft,
			"%u connections where the process before needed %u, of which %.0f%% are "
			"busy.",
			judgement->plateau.open, former_plateau(judgement), busy);
	if (reason != BY_LIMIT)
		add_step(bench, judgement, draft);
	verdict_add_evidence(draft, "busy", "an answer is owed on %.0f%% of %u open connections",
			     busy, judgement->plateau.open);
	if (server->limit > 0)
		verdict_add_evidence(draft, "open_on_host",
				     "%u connections of this host are open to this endpoint, its "
				     "limit is %u",
				     server->open_count, server->limit);
	if (reason == BY_REFUSALS) {
		report_append(draft, " The server has begun to turn connections away.");
		verdict_add_evidence(draft, "early_closes",
				     "the server closed %" PRIu64 " connections within a second of "
				     "their opening since this process is there, and none before",
				     server->early_close_count);
	}
}

static int tell(struct bench *bench, struct judgement *judgement, enum reason reason, uint64_t t_ns)
{
	struct standing *standing = &judgement->oversized.standing;
	const struct server *server = judgement->dossier->membership.fleet->server;
	struct verdict draft;

	standing_draft(bench, judgement, VERDICT_OVERSIZED, t_ns, &draft);
	draft.severity = SEVERITY_WARNING;
	if (reason == BY_REFUSALS || (server->limit > 0 && server->open_count > server->limit))
		draft.severity = SEVERITY_CRITICAL;
	draft.since_ns = standing->verdict ? standing->verdict->since_ns
					   : judgement->dossier->membership.joined_ns;
	if (draft.since_ns == 0)
		draft.since_ns = t_ns;
	write_draft(bench, judgement, reason, &draft);
	judgement->oversized.is_by_step = reason != BY_LIMIT;
	report_differential(bench, judgement, draft.since_ns, &draft);
	return standing_tell(bench, standing, &draft);
}

/* --- its life --------------------------------------------------------------------------------- */

static bool is_over(const struct bench *bench, const struct judgement *judgement)
{
	const struct server *server = judgement->dossier->membership.fleet->server;

	if (is_explained(judgement) ||
	    !(RELIEF * busy_of(judgement) < bench->settings->oversized_busy))
		return true;
	if (judgement->oversized.is_by_step)
		return judgement->plateau.open <
		       RELIEF * bench->settings->oversized_factor * former_plateau(judgement);
	return server->open_count <= server->limit;
}

int oversized_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	struct oversized *oversized = &judgement->oversized;
	struct standing *standing = &oversized->standing;
	enum reason reason;

	if (!judgement->dossier->membership.fleet)
		return 0;
	if (!standing->verdict) {
		reason = reason_of(bench, judgement, t_ns);
		return reason == NO_REASON ? 0 : tell(bench, judgement, reason, t_ns);
	}
	if (judgement->pool->conn_count == 0)
		return standing_clear(bench, standing, t_ns, "no connection is open any more.");
	if (!standing_lasts(&standing->since_ns, is_over(bench, judgement), t_ns,
			    bench->settings->clear_ns))
		return 0;
	return standing_clear(bench, standing, t_ns, "%u connections are open now, %.0f%% busy.",
			      judgement->plateau.open, 100 * busy_of(judgement));
}
