// SPDX-License-Identifier: Apache-2.0
/*
 * A verdict has to convince somebody who would rather believe in traffic or the network, so each
 * sentence carries a figure that can be checked with other tools.
 *
 * Invariant: every name from outside goes through format_safe() or format_comm(); a summary is
 * one line. Says nothing that was not measured.
 * Does not compute figures (figures.c).
 */
#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "apart.h"
#include "dbkind.h"
#include "deserted.h"
#include "differential.h"
#include "figures.h"
#include "format.h"
#include "openers.h"
#include "site.h"
#include "spread.h"

#define DURATION_SIZE 32
#define CLOCK_SIZE 48
/* Of fewer silences the longest says what can be said; "99 of 100" is of as many. */
#define BENIGN_MANY 100

static void copy_name(char *to, size_t size, const char *name)
{
	(void)snprintf(to, size, "%s", name ? name : "");
}

void report_subject(const struct bench *bench, const struct pool *pool, struct verdict *verdict)
{
	const struct client *client = pool->client;
	const struct endpoint_rule *rule = NULL;

	verdict->client = client->id;
	memcpy(verdict->comm, client->comm, sizeof(verdict->comm));
	verdict->remote = pool->remote;
	verdict->ns_pid = client->ns_pid;
	if (client->cgroup || client->exe || client->pod)
		(void)client_workload(client, verdict->workload, sizeof(verdict->workload));
	copy_name(verdict->namespace, sizeof(verdict->namespace), client->namespace);
	copy_name(verdict->pod, sizeof(verdict->pod), client->pod);
	copy_name(verdict->container, sizeof(verdict->container), client->container);
	if (!bench->databases)
		return;
	copy_name(verdict->database, sizeof(verdict->database),
		  dbkind_name(bench->databases, pool->remote.port));
	rule = dbkind_endpoint(bench->databases, &pool->remote);
	if (rule)
		(void)snprintf(verdict->endpoint, sizeof(verdict->endpoint), "%s", rule->name);
}

/* --- evidence --------------------------------------------------------------------------------- */

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
				     benign->total < BENIGN_MANY ? "" : ", 99 of 100 at most ",
				     benign->total < BENIGN_MANY ? "" : most);
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

/* --- summary ---------------------------------------------------------------------------------- */

static void append(struct verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void append(struct verdict *verdict, const char *format, ...)
{
	size_t length = strlen(verdict->summary);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(verdict->summary + length, sizeof(verdict->summary) - length, format, args);
	va_end(args);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void append_subject(struct verdict *verdict, const char *word)
{
	char comm[4 * COMM_SIZE + 1], remote[ADDR_TEXT_SIZE], name[4 * 64 + 1];
	char pod[2 * KUBE_LABEL_SIZE + KUBE_POD_SIZE + 2];

	(void)format_comm(verdict->comm, comm, sizeof(comm));
	(void)format_netaddr(&verdict->remote, remote, sizeof(remote));
	append(verdict, comm[0] != '\0' ? "%s %s[%u]" : "%s %spid %u", word, comm,
	       verdict->client.pid);
	if (verdict->pod[0] != '\0')
		append(verdict, " in %s",
		       kube_label(verdict->namespace, verdict->pod, verdict->container, pod,
				  sizeof(pod)));
	append(verdict, " -> ");
	if (verdict->endpoint[0] != '\0')
		append(verdict, "%s ",
		       format_safe(verdict->endpoint, sizeof(verdict->endpoint), name,
				   sizeof(name)));
	append(verdict, "%s", remote);
	if (verdict->database[0])
		append(verdict, " (%s)",
		       format_safe(verdict->database, sizeof(verdict->database), name,
				   sizeof(name)));
	append(verdict, ": ");
}

void report_begin(struct verdict *verdict, const char *word)
{
	verdict->summary[0] = '\0';
	append_subject(verdict, word);
}

void report_append(struct verdict *verdict, const char *format, ...)
{
	size_t length = strlen(verdict->summary);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(verdict->summary + length, sizeof(verdict->summary) - length, format, args);
	va_end(args);
}

static uint32_t newer_count(const struct pool *pool, uint64_t since_ns)
{
	uint32_t count = 0;

	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn))
		count += !conn->age_is_bound && conn->open_ns > (int64_t)since_ns;
	return count;
}

/* What some suspects have in common: whichever test found them, it says who forgot, or who beats.
 */
struct suspect_traits {
	uint32_t peer_closed; /* given up by the server already */
	uint32_t beating;
};

static struct suspect_traits count_traits(const struct pool *pool)
{
	struct suspect_traits traits = {0};

	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
		traits.peer_closed += conn->is_suspect && conn->state == CONN_PEER_CLOSED;
		traits.beating += conn->is_suspect && heartbeat_is_beating(conn);
	}
	return traits;
}

static void append_silence(const struct bench *bench, const struct judgement *judgement,
			   struct verdict *verdict)
{
	struct suspect_traits traits = count_traits(judgement->pool);
	uint32_t count = verdict->suspect_count;
	char since[CLOCK_SIZE];

	(void)format_clock(verdict->since_ns, bench->realtime_at_zero_ns, since, sizeof(since));
	if (traits.beating == count)
		append(verdict, "%u connection%s carried nothing but heartbeats since %s", count,
		       plural(count), since);
	else
		append(verdict, "%u connection%s went silent since %s and never came back", count,
		       plural(count), since);
	if (traits.beating > 0 && traits.beating < count)
		append(verdict, ", %u of them but for heartbeats", traits.beating);
	if (traits.peer_closed == count)
		append(verdict, ", nor were closed after the server had closed them");
	else if (traits.peer_closed > 0)
		append(verdict, ", nor were %u of them closed after the server had closed them",
		       traits.peer_closed);
	/* The silent ones are among them. */
	append(verdict, ", while the process opened %u of the %u that are open now. ",
	       newer_count(judgement->pool, verdict->since_ns), verdict->open_count);
}

static void append_workload(const struct judgement *judgement, struct verdict *verdict)
{
	const struct fleet *fleet = judgement->dossier->membership.fleet;
	uint32_t own_count = judgement->leak.suspect_count, count, process_count;

	if (!fleet)
		return;
	count = spread_suspects(fleet, &process_count);
	if (count > own_count)
		append(verdict, "So did %u more in %u other process%s of %s. ", count - own_count,
		       process_count - 1, process_count == 2 ? "" : "es",
		       verdict->workload[0] ? verdict->workload : "this workload");
}

static void append_inherited(const struct bench *bench, const struct finding *finding,
			     struct verdict *verdict)
{
	char since[CLOCK_SIZE];

	(void)format_clock(finding->began_ns, bench->realtime_at_zero_ns, since, sizeof(since));
	append(verdict,
	       "%u connection%s that it opened and closed %s held by other processes that "
	       "inherited them, and have used none of them since %s. ",
	       verdict->suspect_count, plural(verdict->suspect_count),
	       verdict->suspect_count == 1 ? "is" : "are", since);
}

static void append_left(const struct bench *bench, const struct judgement *judgement,
			struct verdict *verdict)
{
	char since[CLOCK_SIZE], remote[ADDR_TEXT_SIZE];

	(void)format_clock((uint64_t)judgement->exhausted.last_active_ns,
			   bench->realtime_at_zero_ns, since, sizeof(since));
	append(verdict,
	       "%u connection%s went silent at %s, when the process turned to %s, and %s left "
	       "open. ",
	       verdict->suspect_count, plural(verdict->suspect_count), since,
	       format_netaddr(&judgement->failover.heir, remote, sizeof(remote)),
	       verdict->suspect_count == 1 ? "was" : "were");
}

static void append_benign(const struct judgement *judgement, const struct finding *finding,
			  struct verdict *verdict)
{
	const struct silences *benign = &judgement->opens.benign;
	char text[DURATION_SIZE];

	if (benign->total == 0)
		return;
	if (benign->longest_ns <= finding->limits.idle_ns || benign->total < BENIGN_MANY)
		append(verdict, "The longest benign silence in this pool is %s. ",
		       format_duration(benign->longest_ns, text, sizeof(text)));
	else
		append(verdict, "99 of 100 benign silences in this pool end within %s. ",
		       format_duration(silence_quantile_ns(benign, 0.99), text, sizeof(text)));
}

static void append_differential(struct verdict *verdict)
{
	char tail[256];

	append(verdict, "%s", differential_tail(verdict, tail, sizeof(tail)));
}

void report_differential(const struct bench *bench, const struct judgement *judgement,
			 uint64_t began_ns, struct verdict *verdict)
{
	size_t length;

	differential_fill(bench, judgement, began_ns, verdict);
	append(verdict, " ");
	append_differential(verdict);
	length = strlen(verdict->summary);
	if (length > 0 && verdict->summary[length - 1] == ' ')
		verdict->summary[length - 1] = '\0';
}

/* Three times in one unit, so that they can be compared at a glance: "39 min (25-90)". */
static void append_exhaustion(const struct judgement *judgement, struct verdict *verdict)
{
	static const struct {
		const char *name;
		double seconds, below;
	} units[] = {
		{"s", 1, 120},
		{"min", 60, 120 * 60},
		{"h", 3600, 48 * 3600},
		{"d", 86400, INFINITY},
	};
	size_t unit = 0;

	if (isnan(verdict->exhausts_in_s))
		return;
	if (verdict->exhausts_in_s <= 0) {
		append(verdict, figures_server_refuses(judgement->pool)
					? ", and the server turns connections away"
					: ", exhausted now");
		return;
	}
	while (verdict->exhausts_in_s >= units[unit].below)
		unit++;
	append(verdict, ", exhausted in %.0f %s (%.0f",
	       verdict->exhausts_in_s / units[unit].seconds, units[unit].name,
	       verdict->exhausts_in_low_s / units[unit].seconds);
	if (isnan(verdict->exhausts_in_high_s))
		append(verdict, " %s or more)", units[unit].name);
	else
		append(verdict, "-%.0f)", verdict->exhausts_in_high_s / units[unit].seconds);
}

static const char *format_rate(double per_hour, char *text, size_t size)
{
	bool is_fast = per_hour >= 30;

	(void)snprintf(text, size, is_fast ? "%+.1f/min" : "%+.1f/h",
		       is_fast ? per_hour / 60 : per_hour);
	return text;
}

/*
 * What others have inherited is open in no pool of this process, and what a server takes is used up
 * by every process.
 */
static void append_open(const struct bench *bench, const struct judgement *judgement,
			const struct finding *finding, struct verdict *verdict)
{
	uint64_t on_host = figures_open_on_host(judgement->pool);
	bool is_shared = verdict->limit > 0 &&
			 verdict->limit == figures_limit(bench, judgement->pool) &&
			 (on_host > verdict->open_count || judgement->pool->peer_closed_count > 0);

	if (is_shared && !finding->inherited)
		append(verdict, "%u here, ", verdict->open_count);
	if (is_shared && !finding->inherited && judgement->pool->peer_closed_count > 0)
		append(verdict, "%u of them closed by the server, ",
		       judgement->pool->peer_closed_count);
	append(verdict, "%" PRIu64,
	       is_shared || finding->inherited ? on_host : verdict->open_count);
	if (verdict->limit > 0)
		append(verdict, " of %" PRIu64, verdict->limit);
	append(verdict, " open%s", is_shared || finding->inherited ? " on this host" : "");
}

static void append_growth(const struct bench *bench, const struct judgement *judgement,
			  const struct finding *finding, struct verdict *verdict)
{
	double others = figures_growth_of_others(bench, judgement);
	char rate[32];

	append_open(bench, judgement, finding, verdict);
	if (!isnan(verdict->growth_per_hour))
		append(verdict, ", %s", format_rate(verdict->growth_per_hour, rate, sizeof(rate)));
	if (others > 0 && verdict->limit == figures_limit(bench, judgement->pool))
		append(verdict, " and %s by other leaks", format_rate(others, rate, sizeof(rate)));
	append_exhaustion(judgement, verdict);
	append(verdict, ".");
}

static const struct verdict_site *first_site(const struct verdict *verdict, const char *role)
{
	for (uint32_t i = 0; i < verdict->site_count; i++)
		if (strcmp(verdict->sites[i].role, role) == 0)
			return &verdict->sites[i];
	return NULL;
}

static void append_site(struct verdict *verdict, const char *role, const char *words)
{
	const struct verdict_site *site = first_site(verdict, role);
	char lead[128], safe[2 * sizeof(lead)], unknown[32] = "";

	if (!site)
		return;
	(void)site_lead(site->site, lead, sizeof(lead));
	/* Else they would be taken for those of other places. */
	if (site->known_count < verdict->suspect_count)
		(void)snprintf(unknown, sizeof(unknown), ", %u unknown",
			       verdict->suspect_count - site->known_count);
	append(verdict, " %s: %s (%u of %u%s).", words,
	       format_safe(lead, sizeof(lead), safe, sizeof(safe)), site->open_count,
	       verdict->suspect_count, unknown);
}

void report_sites(struct verdict *verdict)
{
	append_site(verdict, "last_send", "Last sender");
	append_site(verdict, "open", "Opened by");
}

void report_write(const struct bench *bench, const struct judgement *judgement,
		  const struct finding *finding, struct verdict *verdict)
{
	/* The last test without a record can lie hours before the first leak. */
	uint64_t began_ns =
		verdict->since_ns > finding->began_ns ? verdict->since_ns : finding->began_ns;

	differential_fill(bench, judgement, began_ns, verdict);
	add_stock(bench, judgement, finding, verdict);
	add_benign(judgement, verdict);
	add_suspects(bench, judgement, verdict);
	add_workload(judgement, verdict);
	add_resting(bench, judgement, finding, verdict);
	plateau_add_evidence(bench, judgement, verdict);
	add_process(bench, judgement, verdict);
	add_openers(bench, judgement, verdict);
	append_subject(verdict, verdict->state == VERDICT_SUSPECT ? "SUSPECT" : "LEAK");
	if (finding->inherited) {
		append_inherited(bench, finding, verdict);
	} else if (finding->is_one_time) {
		append_left(bench, judgement, verdict);
	} else {
		append_silence(bench, judgement, verdict);
		append_workload(judgement, verdict);
		append_benign(judgement, finding, verdict);
	}
	append_differential(verdict);
	append_growth(bench, judgement, finding, verdict);
	report_sites(verdict);
}

void report_write_cleared(const struct bench *bench, const struct judgement *judgement,
			  enum report_reason reason, struct verdict *verdict)
{
	uint32_t told = judgement->leak.told.count, left = judgement->leak.suspect_count;
	uint32_t used = judgement->leak.came_back_count;
	char clear[DURATION_SIZE];

	verdict->summary[0] = '\0';
	append_subject(verdict, "CLEARED");
	switch (reason) {
	case REPORT_RELEASED:
		append(verdict, "all %u suspects were released.", told);
		break;
	case REPORT_CAME_BACK:
		append(verdict, "each of the %u suspects was used again or closed.", told);
		break;
	case REPORT_NO_GROWTH:
		append(verdict, "no new evidence for %s",
		       format_duration(bench->settings->clear_ns, clear, sizeof(clear)));
		if (used > 0)
			append(verdict, ", and %u of those named were used again", used);
		append(verdict, "; %u suspect%s still silent.", left, left == 1 ? " is" : "s are");
		break;
	case REPORT_EXITED:
		append(verdict, "the process has exited.");
		break;
	}
}
