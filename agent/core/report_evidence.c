// SPDX-License-Identifier: Apache-2.0
/*
 * What a leak verdict rests on, sentence by sentence: each carries a figure that can be checked
 * with other tools.
 *
 * Invariant: says nothing that was not measured.
 * Does not write the summary (report.c), and does not compute figures (figures.c).
 */
#include "report_evidence.h"

#include <inttypes.h>
#include <string.h>

#include "apart.h"
#include "deserted.h"
#include "figures.h"
#include "format.h"
#include "openers.h"
#include "spread.h"

#define DURATION_SIZE 32
#define CLOCK_SIZE 48

static void add_stock(const struct bench *bench, const struct judgement *judgement,
		      const struct finding *finding, struct verdict *verdict)
{
	char limit[DURATION_SIZE], began[CLOCK_SIZE];
	char text[sizeof(verdict->evidence[0].text)];

	(void)format_duration(finding->limits.idle_ns, limit, sizeof(limit));
	(void)format_clock(finding->base_ns > 0 ? finding->base_ns : finding->began_ns,
			   bench->realtime_at_zero_ns, began, sizeof(began));
	if (finding->explain) {
		finding->explain(finding, text, sizeof(text));
		verdict_add_evidence(verdict, finding->evidence, "%s", text);
	} else if (finding->limits.kind == STOCK_PEER_CLOSED)
		verdict_add_evidence(verdict, "close_wait_at_fins",
				     "%u connections were in CLOSE_WAIT for longer than %s at the "
				     "last FIN of the server, %u at %s (e-value %.3g)",
				     finding->stock, limit, finding->base, began, finding->value);
	else if (strcmp(finding->test, "evictions") == 0)
		verdict_add_evidence(verdict, "silent_stock_at_evictions",
				     "%u connections were silent for longer than %s when the pool "
				     "last closed an idle one, %u at %s (e-value %.3g)",
				     finding->stock, limit, finding->base, began, finding->value);
	else
		verdict_add_evidence(verdict, "silent_stock_at_opens",
				     "%u connections were silent for longer than %s when the "
				     "process last needed a new one, %u at %s (e-value %.3g, "
				     "%" PRIu64 " opens tested)",
				     finding->stock, limit, finding->base, began, finding->value,
				     judgement->opens.test_count);
}

static void add_benign(const struct judgement *judgement, struct verdict *verdict)
{
	const struct silences *benign = &judgement->opens.benign;
	char longest[DURATION_SIZE], most[DURATION_SIZE];

	if (benign->total == 0) {
		verdict_add_evidence(verdict, "longest_benign_silence",
				     "no connection of this pool was silent while another was "
				     "opened and was used or closed afterwards");
		return;
	}
	(void)format_duration(benign->longest_ns, longest, sizeof(longest));
	(void)format_duration(silence_quantile_ns(benign, 0.99), most, sizeof(most));
	if (benign->total == 1)
		verdict_add_evidence(verdict, "longest_benign_silence",
				     "one silence spanned an open and ended in use or close, and "
				     "lasted for %s",
				     longest);
	else
		verdict_add_evidence(verdict, "longest_benign_silence",
				     "of %u silences that spanned an open and ended in use or "
				     "close, the longest was %s%s%s",
				     benign->total, longest,
				     benign->total < REPORT_BENIGN_MANY ? ""
									: ", 99 of 100 at most ",
				     benign->total < REPORT_BENIGN_MANY ? "" : most);
}

static void add_suspects(const struct bench *bench, const struct judgement *judgement,
			 struct verdict *verdict)
{
	char first[CLOCK_SIZE], silent[DURATION_SIZE];

	(void)format_clock(verdict->since_ns, bench->realtime_at_zero_ns, first, sizeof(first));
	(void)format_duration(verdict->t_ns - verdict->since_ns, silent, sizeof(silent));
	if (verdict->suspect_count > judgement->leak.suspect_count)
		verdict_add_evidence(verdict, "suspects",
				     "%u connections, %u of them in other processes; the first "
				     "fell silent at %s, %s ago",
				     verdict->suspect_count,
				     verdict->suspect_count - judgement->leak.suspect_count, first,
				     silent);
	else
		verdict_add_evidence(
			verdict, "suspects",
			"%u of %u open connections; the first fell silent at %s, %s ago",
			verdict->suspect_count, verdict->open_count, first, silent);
}

/* Who counts the silent ones finds more of them than are named, and asks why. */
static void add_resting(const struct bench *bench, const struct judgement *judgement,
			const struct finding *finding, struct verdict *verdict)
{
	uint32_t spare_count = 0, together_count = 0;
	char until[CLOCK_SIZE], gap[DURATION_SIZE];
	struct stock_walk walk;
	struct apart apart;
	struct conn *conn;

	if (!apart_is_asked(finding))
		return;
	apart_find(&apart, judgement->pool, &finding->limits, &bench->losses);
	stock_begin(&walk, judgement->pool, &finding->limits, &bench->losses);
	while ((conn = stock_next(&walk))) {
		spare_count += apart_has(&apart, conn) && apart_is_spare(conn);
		together_count += apart_has(&apart, conn) && !apart_is_spare(conn);
	}
	if (spare_count > 0)
		verdict_add_evidence(verdict, "unused_replacements",
				     "silent besides: %u opened in place of closed ones and never "
				     "used; no request can have lost what it never had",
				     spare_count);
	if (together_count == 0)
		return;
	(void)format_clock((uint64_t)apart.until_ns, bench->realtime_at_zero_ns, until,
			   sizeof(until));
	verdict_add_evidence(verdict, "resting_together",
			     "silent besides: %u that fell silent together by %s, and then none "
			     "did for %s; what rests like that may be another pool of the process",
			     together_count, until,
			     format_duration((uint64_t)apart.gap_ns, gap, sizeof(gap)));
}

static void add_process(const struct bench *bench, const struct judgement *judgement,
			struct verdict *verdict)
{
	const struct pool *pool = judgement->pool;
	char since[CLOCK_SIZE], span[DURATION_SIZE];

	(void)format_clock(pool->first_ns, bench->realtime_at_zero_ns, since, sizeof(since));
	(void)format_duration(verdict->t_ns - pool->first_ns, span, sizeof(span));
	verdict_add_evidence(verdict, "process_opened",
			     "the process opened %" PRIu64 " connections to this endpoint and "
			     "%" PRIu64 " were closed since %s",
			     totals_count_of(pool, COUNT_OPENED), totals_closed_count(pool), since);
	verdict_add_evidence(verdict, "observed_since", "observed since %s, for %s", since, span);
	if (bench->losses.count > 0)
		verdict_add_evidence(verdict, "records_lost",
				     "%" PRIu64 " records were lost; as many connections that "
				     "were silent by then are not counted",
				     bench->losses.count);
	if (figures_open_on_host(pool) != verdict->open_count)
		verdict_add_evidence(verdict, "open_on_host",
				     "%" PRIu64 " connections of this host are open to this "
				     "endpoint, all processes together%s",
				     figures_open_on_host(pool),
				     pool->peer_closed_count ? ", without CLOSE_WAIT" : "");
}

/* Who looks at one process only would take its share for all that leaks. */
static void add_workload(const struct judgement *judgement, struct verdict *verdict)
{
	const struct fleet *fleet = judgement->dossier->membership.fleet;
	uint32_t count, process_count;

	if (!fleet)
		return;
	count = spread_suspects(fleet, &process_count);
	if (count > judgement->leak.suspect_count)
		verdict_add_evidence(verdict, "suspects_of_workload",
				     "%u connections are suspected in %u of %u processes of this "
				     "workload",
				     count, process_count, fleet->member_count);
}

/* Only what stands out: threads that left theirs behind. Helpers of a pool have ended as well. */
static void add_openers(const struct bench *bench, const struct judgement *judgement,
			struct verdict *verdict)
{
	struct openers openers;

	openers_count(judgement->pool, &openers);
	if (openers.ended_count > 0 &&
	    deserted_value(judgement->deserted) >= bench->settings->suspect)
		verdict_add_evidence(verdict, "opener_threads",
				     "of %u suspects, the threads that opened %u have ended",
				     openers.suspect_count, openers.ended_count);
	else if (openers_are_gone(&openers))
		verdict_add_evidence(verdict, "opener_threads",
				     "the %u suspects were opened by %u threads, none of which has "
				     "another connection here",
				     openers.suspect_count, openers.thread_count);
}

void report_add_evidence(const struct bench *bench, const struct judgement *judgement,
			 const struct finding *finding, struct verdict *verdict)
{
	add_stock(bench, judgement, finding, verdict);
	add_benign(judgement, verdict);
	add_suspects(bench, judgement, verdict);
	add_workload(judgement, verdict);
	add_resting(bench, judgement, finding, verdict);
	plateau_add_evidence(bench, judgement, verdict);
	add_process(bench, judgement, verdict);
	add_openers(bench, judgement, verdict);
}
