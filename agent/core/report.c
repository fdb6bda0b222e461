// SPDX-License-Identifier: Apache-2.0
/*
 * A verdict has to convince somebody who would rather believe in traffic or the network, so its one
 * line carries figures that can be checked with other tools.
 *
 * Invariant: every name from outside goes through format_safe() or format_comm(); a summary is
 * one line. Says nothing that was not measured.
 * Does not compute figures (figures.c), and does not say what a verdict rests on
 * (report_evidence.c).
 */
#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dbkind.h"
#include "differential.h"
#include "figures.h"
#include "format.h"
#include "report_evidence.h"
#include "site.h"
#include "spread.h"

#define DURATION_SIZE 32
#define CLOCK_SIZE 48

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

/* --- summary ---------------------------------------------------------------------------------- */

void report_append(struct verdict *verdict, const char *format, ...)
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
	report_append(verdict, comm[0] != '\0' ? "%s %s[%u]" : "%s %spid %u", word, comm,
		      verdict->client.pid);
	if (verdict->pod[0] != '\0')
		report_append(verdict, " in %s",
			      kube_label(verdict->namespace, verdict->pod, verdict->container, pod,
					 sizeof(pod)));
	report_append(verdict, " -> ");
	if (verdict->endpoint[0] != '\0')
		report_append(verdict, "%s ",
			      format_safe(verdict->endpoint, sizeof(verdict->endpoint), name,
					  sizeof(name)));
	report_append(verdict, "%s", remote);
	if (verdict->database[0])
		report_append(verdict, " (%s)",
			      format_safe(verdict->database, sizeof(verdict->database), name,
					  sizeof(name)));
	report_append(verdict, ": ");
}

void report_begin(struct verdict *verdict, const char *word)
{
	verdict->summary[0] = '\0';
	append_subject(verdict, word);
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
		report_append(verdict, "%u connection%s carried nothing but heartbeats since %s",
			      count, plural(count), since);
	else
		report_append(verdict, "%u connection%s went silent since %s and never came back",
			      count, plural(count), since);
	if (traits.beating > 0 && traits.beating < count)
		report_append(verdict, ", %u of them but for heartbeats", traits.beating);
	if (traits.peer_closed == count)
		report_append(verdict, ", nor were closed after the server had closed them");
	else if (traits.peer_closed > 0)
		report_append(verdict,
			      ", nor were %u of them closed after the server had closed them",
			      traits.peer_closed);
	/* The silent ones are among them. */
	report_append(verdict, ", while the process opened %u of the %u that are open now. ",
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
		report_append(verdict, "So did %u more in %u other process%s of %s. ",
			      count - own_count, process_count - 1, process_count == 2 ? "" : "es",
			      verdict->workload[0] ? verdict->workload : "this workload");
}

static void append_inherited(const struct bench *bench, const struct finding *finding,
			     struct verdict *verdict)
{
	char since[CLOCK_SIZE];

	(void)format_clock(finding->began_ns, bench->realtime_at_zero_ns, since, sizeof(since));
	report_append(verdict,
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
	report_append(
		verdict,
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
	if (benign->longest_ns <= finding->limits.idle_ns || benign->total < REPORT_BENIGN_MANY)
		report_append(verdict, "The longest benign silence in this pool is %s. ",
			      format_duration(benign->longest_ns, text, sizeof(text)));
	else
		report_append(
			verdict, "99 of 100 benign silences in this pool end within %s. ",
			format_duration(silence_quantile_ns(benign, 0.99), text, sizeof(text)));
}

static void append_differential(struct verdict *verdict)
{
	char tail[256];

	report_append(verdict, "%s", differential_tail(verdict, tail, sizeof(tail)));
}

void report_differential(const struct bench *bench, const struct judgement *judgement,
			 uint64_t began_ns, struct verdict *verdict)
{
	size_t length;

	differential_fill(bench, judgement, began_ns, verdict);
	report_append(verdict, " ");
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
		report_append(verdict, figures_server_refuses(judgement->pool)
					       ? ", and the server turns connections away"
					       : ", exhausted now");
		return;
	}
	while (verdict->exhausts_in_s >= units[unit].below)
		unit++;
	report_append(verdict, ", exhausted in %.0f %s (%.0f",
		      verdict->exhausts_in_s / units[unit].seconds, units[unit].name,
		      verdict->exhausts_in_low_s / units[unit].seconds);
	if (isnan(verdict->exhausts_in_high_s))
		report_append(verdict, " %s or more)", units[unit].name);
	else
		report_append(verdict, "-%.0f)", verdict->exhausts_in_high_s / units[unit].seconds);
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
		report_append(verdict, "%u here, ", verdict->open_count);
	if (is_shared && !finding->inherited && judgement->pool->peer_closed_count > 0)
		report_append(verdict, "%u of them closed by the server, ",
			      judgement->pool->peer_closed_count);
	report_append(verdict, "%" PRIu64,
		      is_shared || finding->inherited ? on_host : verdict->open_count);
	if (verdict->limit > 0)
		report_append(verdict, " of %" PRIu64, verdict->limit);
	report_append(verdict, " open%s", is_shared || finding->inherited ? " on this host" : "");
}

static void append_growth(const struct bench *bench, const struct judgement *judgement,
			  const struct finding *finding, struct verdict *verdict)
{
	double others = figures_growth_of_others(bench, judgement);
	char rate[32];

	append_open(bench, judgement, finding, verdict);
	if (!isnan(verdict->growth_per_hour))
		report_append(verdict, ", %s",
			      format_rate(verdict->growth_per_hour, rate, sizeof(rate)));
	if (others > 0 && verdict->limit == figures_limit(bench, judgement->pool))
		report_append(verdict, " and %s by other leaks",
			      format_rate(others, rate, sizeof(rate)));
	append_exhaustion(judgement, verdict);
	report_append(verdict, ".");
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
	report_append(verdict, " %s: %s (%u of %u%s).", words,
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
	report_add_evidence(bench, judgement, finding, verdict);
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
		report_append(verdict, "all %u suspects were released.", told);
		break;
	case REPORT_CAME_BACK:
		report_append(verdict, "each of the %u suspects was used again or closed.", told);
		break;
	case REPORT_NO_GROWTH:
		report_append(verdict, "no new evidence for %s",
			      format_duration(bench->settings->clear_ns, clear, sizeof(clear)));
		if (used > 0)
			report_append(verdict, ", and %u of those named were used again", used);
		report_append(verdict, "; %u suspect%s still silent.", left,
			      left == 1 ? " is" : "s are");
		break;
	case REPORT_EXITED:
		report_append(verdict, "the process has exited.");
		break;
	}
}
