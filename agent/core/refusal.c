// SPDX-License-Identifier: Apache-2.0
/*
 * A full server takes a connect and closes it at once ("too many clients"). Who has a pool that
 * opens a connection now and then does not storm it, and cannot work all the same. That most
 * connects of a minute come to nothing says so; what it must not be is a way of life:
 *
 *	a server that restarts		is back within the minute
 *	a health check, one statement	is closed by the server each time, and always was: of at
 *	 and good-bye			 least BEFORE_MIN connects before hardly any may have been
 *
 * Where the operator has said what the server takes, and as many are open, no past is needed.
 *
 * A process that leaks is told of as that, also of what it was refused by then: when it ends, or
 * gives back what it has leaked, the server has room.
 *
 * Invariant: what a verdict stood for, of this or of another pool, is no part of how it was before.
 * Counts come from the pool's totals, so connections too short to be seen one by one count as well.
 */
#include "refusal.h"

#include <inttypes.h>
#include <stdio.h>

#include "figures.h"
#include "format.h"
#include "judgement.h"
#include "report.h"

#define LASTS_NS (60 * NS_PER_SEC)
#define NOW_NS (20 * NS_PER_SEC)
#define EARLY_MIN 10
/* How many of the connects before it say what is usual, and one in how many may be closed so. */
#define BEFORE_MIN 20
#define BEFORE_PART 20
#define CLOCK_SIZE 48

static struct server *server_of(const struct judgement *judgement)
{
	return judgement->dossier->membership.fleet->server;
}

/* Whether it is, or was, part of what the verdict of one pool says of the server. */
static bool is_told_of(const struct judgement *judgement)
{
	const struct server *server = server_of(judgement);

	return judgement->storm.standing.verdict || server->refusal_teller ||
	       judgement->storm.refusal.since_ns <= server->served_ns;
}

static void end(struct judgement *judgement)
{
	struct refusal *refusal = &judgement->storm.refusal;

	if (is_told_of(judgement)) {
		refusal->told_opened += refusal->opened;
		refusal->told_early += refusal->early;
	}
	refusal->since_ns = 0;
	refusal->opened = refusal->early = 0;
}

/* The low halves: no past that matters has 2^32 connects. */
static void count_before(const struct judgement *judgement, uint32_t *ret_opened,
			 uint32_t *ret_early)
{
	const struct refusal *refusal = &judgement->storm.refusal;
	const uint32_t *counts = judgement->pool->counts;

	*ret_opened = counts[COUNT_OPENED] - refusal->opened - refusal->told_opened;
	*ret_early = counts[COUNT_EARLY_PEER_CLOSE] - refusal->early - refusal->told_early;
}

static bool was_served_before(const struct judgement *judgement)
{
	uint32_t opened, early;

	count_before(judgement, &opened, &early);
	return opened >= BEFORE_MIN && early <= opened / BEFORE_PART;
}

/* Who leaks has been told of, and has filled it itself. */
static bool is_explained(const struct judgement *judgement)
{
	return judgement->leak.stage != LEAK_NONE || judgement->exhausted.standing.verdict;
}

void refusal_sample(struct judgement *judgement, uint32_t opened, uint32_t early, uint32_t failed,
		    uint64_t t_ns)
{
	struct refusal *refusal = &judgement->storm.refusal;

	if (is_explained(judgement))
		refusal->explained_ns = t_ns;
	if (early > 0) {
		if (refusal->since_ns == 0)
			refusal->since_ns = t_ns;
		refusal->last_ns = t_ns;
		refusal->is_served = false;
	}
	refusal->is_served |= opened > early + failed;
	if (refusal->since_ns == 0)
		return;
	refusal->opened += opened;
	refusal->early += early;
	/* Some were opened just before. */
	if (refusal->opened < refusal->early)
		refusal->opened = refusal->early;
	/* Another's verdict on it is over: what comes now is another matter. */
	if (t_ns - refusal->last_ns >= LASTS_NS || 2 * (uint64_t)refusal->early < refusal->opened ||
	    refusal->since_ns <= server_of(judgement)->served_ns)
		end(judgement);
	else if (early > 0 && was_served_before(judgement))
		server_of(judgement)->turned_away_ns = t_ns;
}

void refusal_count(const struct judgement *judgement, uint64_t t_ns)
{
	struct server *server = server_of(judgement);

	if (server->refused_ns != t_ns) {
		server->refused_count = server->refused_now;
		server->refused_now = 0;
		server->refused_ns = t_ns;
	}
	server->refused_now += judgement->storm.refusal.since_ns != 0;
}

bool refusal_is_met(const struct judgement *judgement, uint64_t limit, uint64_t t_ns)
{
	const struct refusal *refusal = &judgement->storm.refusal;
	const struct dossier *teller = server_of(judgement)->refusal_teller;
	uint64_t from_ns = refusal->since_ns > refusal->explained_ns ? refusal->since_ns
								     : refusal->explained_ns;

	if (refusal->since_ns == 0 || refusal->last_ns < from_ns + LASTS_NS ||
	    t_ns - refusal->last_ns > NOW_NS || refusal->early < EARLY_MIN)
		return false;
	if (teller && teller != judgement->dossier)
		return false;
	return (limit > 0 && figures_open_on_host(judgement->pool) >= limit) ||
	       was_served_before(judgement);
}

bool refusal_is_over(const struct judgement *judgement, uint64_t t_ns)
{
	return judgement->storm.refusal.since_ns == 0 &&
	       t_ns - server_of(judgement)->turned_away_ns > NOW_NS;
}

static void append_holder(const struct judgement *judgement, struct verdict *draft)
{
	const struct dossier *largest = server_of(judgement)->largest;
	char comm[4 * COMM_SIZE + 1];
	const struct client *client;

	if (!largest || largest == judgement->dossier)
		return;
	client = largest->pool->client;
	report_append(draft, ", most by %s[%" PRIu32 "] (%u)",
		      format_comm(client->comm, comm, sizeof(comm)), client->id.pid,
		      largest->pool->conn_count);
}

static void append_server(const struct bench *bench, const struct judgement *judgement,
			  struct verdict *draft)
{
	const struct server *server = server_of(judgement);
	uint64_t limit = figures_limit(bench, judgement->pool);

	report_append(draft, " %u here, %" PRIu64, judgement->pool->conn_count,
		      figures_open_on_host(judgement->pool));
	if (limit > 0)
		report_append(draft, " of %" PRIu64, limit);
	report_append(draft, " open on this host");
	append_holder(judgement, draft);
	if (server->suspect_count > 0)
		report_append(draft, "; %" PRIu32 " %s, or %s suspected to", server->suspect_count,
			      server->suspect_count == 1 ? "process leaks" : "processes leak",
			      server->suspect_count == 1 ? "is" : "are");
	report_append(draft, ".");
}

void refusal_write(const struct bench *bench, const struct judgement *judgement,
		   struct verdict *draft)
{
	const struct refusal *refusal = &judgement->storm.refusal;
	uint32_t opened, early, others = server_of(judgement)->refused_count;
	char since[CLOCK_SIZE];

	others -= others > 0; /* itself */
	count_before(judgement, &opened, &early);
	(void)format_clock(refusal->since_ns, bench->realtime_at_zero_ns, since, sizeof(since));
	verdict_add_evidence(draft, "turned_away",
			     "%u of %u connects since %s were closed by the server within a "
			     "second, %u of %u before",
			     refusal->early, refusal->opened, since, early, opened);
	if (others > 0)
		verdict_add_evidence(draft, "others_turned_away",
				     "%u other process%s of this host %s turned away as well",
				     others, others == 1 ? "" : "es", others == 1 ? "is" : "are");
	verdict_add_evidence(draft, "open_on_host",
			     "%" PRIu64 " connections of this host are open to this endpoint, all "
			     "processes together",
			     figures_open_on_host(judgement->pool));
	report_begin(draft, "STORM");
	report_append(draft,
		      "the server turns connections away: %u of %u connects since %s were closed "
		      "at once, %u of %u before",
		      refusal->early, refusal->opened, since, early, opened);
	if (others > 0)
		report_append(draft, "; so are those of %u more process%s of this host", others,
			      others == 1 ? "" : "es");
	report_append(draft, ".");
	append_server(bench, judgement, draft);
}
