// SPDX-License-Identifier: Apache-2.0
/*
 * "When does it end?" is what decides whether somebody gets up at night, so the estimate rests on
 * the moments at which the suspects fell silent, which are the moments of the leaks, and not on
 * when the detector came to see them: a surplus that leaked for an hour before the first open
 * has to read as an hour's leak.
 *
 * Invariant: an unknown figure is NAN or 0 as verdict.h has it, never a guess.
 * Does not decide anything.
 */
#include "figures.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dbkind.h"
#include "heartbeat.h"
#include "inherited.h"

/* One in a century: what is left of a sum that has been taken away again. */
#define GROWTH_MIN 1e-6

/* NULL = it is not judged, and no server knows of it. */
static const struct server *server_of(const struct pool *pool)
{
	return pool->dossier ? pool->dossier->membership.fleet->server : NULL;
}

uint64_t figures_open_on_host(const struct pool *pool)
{
	const struct server *server = server_of(pool);

	if (!server)
		return pool_held_count(pool);
	return (uint64_t)server->open_count - pool->dossier->counted_open + pool_held_count(pool);
}

uint64_t figures_limit(const struct bench *bench, const struct pool *pool)
{
	const struct endpoint_rule *rule = NULL;

	if (bench->databases)
		rule = dbkind_endpoint(bench->databases, &pool->remote);
	return rule ? rule->limit : 0;
}

/* --- the suspects ----------------------------------------------------------------------------- */

/* The marked ones of the pool, then those that others have inherited of it. */
struct suspects {
	const struct table *table;
	const struct conn *next; /* of the pool */
	const struct inherited *inherited;
	uint32_t left; /* of those that are marked */
	uint32_t at, end; /* of those that are inherited */
};

uint32_t figures_elsewhere(const struct finding *finding)
{
	return finding->inherited ? finding->elsewhere : 0;
}

/* What others had inherited before the evidence began is not part of the growth. */
static void suspects_begin(struct suspects *suspects, const struct bench *bench,
			   const struct judgement *judgement, const struct finding *finding)
{
	uint32_t elsewhere = figures_elsewhere(finding);

	*suspects = (struct suspects){
		.table = bench->table,
		.next = judgement->pool->oldest,
		.inherited = finding->inherited,
		.left = judgement->leak.suspect_count,
		.at = elsewhere > 0 ? finding->stock - elsewhere : 0,
		.end = elsewhere > 0 ? finding->stock : 0,
	};
}

static const struct conn *suspects_next(struct suspects *suspects)
{
	const struct conn *conn = suspects->next;

	while (suspects->left > 0 && conn && !conn->is_suspect)
		conn = conn_newer(conn);
	if (suspects->left > 0 && conn) {
		suspects->left--;
		suspects->next = conn_newer(conn);
		return conn;
	}
	suspects->next = NULL;
	while (suspects->at < suspects->end) {
		conn = inherited_conn(suspects->inherited, suspects->table, suspects->at++);
		if (conn)
			return conn;
	}
	return NULL;
}

/* --- how fast, and how long ------------------------------------------------------------------- */

/*
 * The last leaks, by when they fell silent. What leaked before them says less of how fast it leaks
 * now, and so many tell that to a third (2 / sqrt).
 */
#define RECENT_MAX 36

struct recent {
	int64_t worked_ns[RECENT_MAX]; /* ascending */
	uint32_t count;
};

static void recent_add(struct recent *recent, int64_t worked_ns)
{
	uint32_t at = recent->count;

	if (at == RECENT_MAX) {
		if (worked_ns <= recent->worked_ns[0])
			return;
		at--;
		memmove(recent->worked_ns, recent->worked_ns + 1, at * sizeof(worked_ns));
	} else {
		recent->count++;
	}
	for (; at > 0 && recent->worked_ns[at - 1] > worked_ns; at--)
		recent->worked_ns[at] = recent->worked_ns[at - 1];
	recent->worked_ns[at] = worked_ns;
}

/*
 * Where that many are due, so few as count come in one of a thousand cases: it is asked of many
 * times, over and over.
 */
static double most_due(double count)
{
	return count + 3.1 * sqrt(count) + 6.9;
}

static double rate_of(double count, int64_t from_ns, int64_t to_ns)
{
	return to_ns > from_ns ? count * 3600 * NS_PER_SEC / (double)(to_ns - from_ns) : INFINITY;
}

/*
 * From the first of them to the end of what can be seen of it: what fell silent later than the
 * limit allows is not counted yet. A leak that has slowed down or ended is no faster than any time
 * up to that end allows.
 */
static double growth_of(const struct recent *recent, const struct finding *finding)
{
	int64_t seen_ns = finding->limits.known_ns - (int64_t)finding->limits.idle_ns;
	uint32_t gaps = recent->count - 1;
	int64_t end_ns = recent->worked_ns[gaps];
	double growth;

	if (end_ns < seen_ns)
		end_ns = seen_ns;
	growth = rate_of(gaps, recent->worked_ns[0], end_ns);
	if (gaps == 0 || finding->is_one_time || isinf(growth))
		return NAN;
	for (uint32_t i = 0; i <= gaps; i++)
		growth = fmin(growth, rate_of(most_due(gaps - i), recent->worked_ns[i], end_ns));
	return growth;
}

static void fill_growth(const struct bench *bench, const struct judgement *judgement,
			const struct finding *finding, struct verdict *verdict)
{
	struct recent recent = {.count = 0};
	int64_t first_ns = INT64_MAX;
	const struct conn *conn;
	struct suspects suspects;

	verdict->growth_per_hour = NAN;
	suspects_begin(&suspects, bench, judgement, finding);
	while ((conn = suspects_next(&suspects))) {
		int64_t worked_ns = heartbeat_worked_ns(conn);

		if (worked_ns < first_ns)
			first_ns = worked_ns;
		recent_add(&recent, worked_ns);
	}
	if (recent.count == 0)
		return;
	verdict->since_ns = first_ns > 0 ? (uint64_t)first_ns : 0;
	verdict->growth_per_hour = growth_of(&recent, finding);
}

/* What the server has ended takes a place in the process and none on the server. */
static double held_share(const struct judgement *judgement)
{
	const struct conn *conn = judgement->pool->oldest;
	uint32_t count = 0, ended_count = 0;

	for (; conn; conn = conn_newer(conn)) {
		count += conn->is_suspect;
		ended_count += conn->is_suspect && conn->state == CONN_PEER_CLOSED;
	}
	return count > 0 ? 1 - (double)ended_count / count : 1;
}

/* Nothing in so many times its mean is a chance of one in twenty. */
#define RULE_OF_THREE 3.0

/*
 * How fast a pool can still take places on the server, in opens an hour: where it has opened
 * nothing for long it is at its end, or was fixed, and goes on being a leak all the same.
 */
static double opens_per_hour_max(const struct judgement *judgement)
{
	const struct pool *pool = judgement->pool;
	const struct conn *conn = pool->oldest;
	int64_t opened_ns = (int64_t)pool->first_ns, now_ns = (int64_t)judgement->meter.last_ns;

	for (; conn; conn = conn_newer(conn))
		if (!conn->age_is_bound && conn->open_ns > opened_ns)
			opened_ns = conn->open_ns;
	return rate_of(RULE_OF_THREE, opened_ns, now_ns);
}

static double leak_growth(const struct judgement *judgement)
{
	const struct leak *leak = &judgement->leak;
	double growth;

	if (leak->stage != LEAK_RAISED || !(leak->verdict->growth_per_hour > 0))
		return 0;
	growth = leak->verdict->growth_per_hour * held_share(judgement);
	/* What others have inherited it does not hold. */
	return leak->basis->inherited ? growth : fmin(growth, opens_per_hour_max(judgement));
}

void figures_count_leak(struct judgement *judgement)
{
	struct server *server = judgement->dossier->membership.fleet->server;
	double growth = leak_growth(judgement);

	server->growth_per_hour += growth - judgement->leak.counted_growth;
	judgement->leak.counted_growth = growth;
}

double figures_growth_of_others(const struct bench *bench, const struct judgement *judgement)
{
	const struct server *server = server_of(judgement->pool);
	double growth;

	if (!server || figures_limit(bench, judgement->pool) == 0)
		return 0;
	growth = server->growth_per_hour - judgement->leak.counted_growth;
	return growth > GROWTH_MIN ? growth : 0;
}

static double seconds_left(uint64_t limit, double used, double per_hour)
{
	double left = (double)limit - used;

	return left > 0 ? left * 3600 / per_hour : 0;
}

/* What others hold takes no place in the pool. 0 = none is known. */
static uint32_t own_ceiling(const struct judgement *judgement, const struct finding *finding)
{
	uint32_t ceiling = plateau_ceiling(&judgement->plateau);

	if (finding->inherited || finding->is_one_time || ceiling < judgement->pool->conn_count)
		return 0;
	return ceiling;
}

/* A pool at a ceiling of its own goes on working until the last connection is leaked. */
static double own_seconds_left(const struct judgement *judgement, const struct finding *finding,
			       uint64_t ceiling, double per_hour)
{
	return seconds_left(ceiling, judgement->leak.suspect_count + figures_elsewhere(finding),
			    per_hour);
}

bool figures_server_refuses(const struct pool *pool)
{
	const struct server *server = server_of(pool);

	return server && server->refusal_teller;
}

/* What a server takes is used up by what is open and by what leaks, whoever has opened it. */
static double server_seconds_left(const struct bench *bench, const struct judgement *judgement,
				  const struct finding *finding, double per_hour)
{
	const struct pool *pool = judgement->pool;
	uint64_t limit = figures_limit(bench, pool);

	/* Of other hosts, and of what it keeps for others, nothing is known here. */
	if (figures_server_refuses(pool))
		return 0;
	if (finding->limits.kind != STOCK_PEER_CLOSED && finding->stock >= limit)
		return 0;
	if (pool_held_count(pool) >= limit)
		return own_seconds_left(judgement, finding, limit, per_hour);
	return seconds_left(limit, (double)figures_open_on_host(pool),
			    per_hour * held_share(judgement) +
				    figures_growth_of_others(bench, judgement));
}

/*
 * Whichever limit comes first: the server's or the pool's own. The leaks are counted events: their
 * rate is known to 2 / sqrt(count) either way.
 */
static void fill_exhaustion(const struct bench *bench, const struct judgement *judgement,
			    const struct finding *finding, struct verdict *verdict)
{
	uint32_t count = judgement->leak.suspect_count + figures_elsewhere(finding);
	double spread = 2 / sqrt(count < RECENT_MAX ? count : RECENT_MAX);
	uint64_t ceiling = own_ceiling(judgement, finding);
	double per_hour = verdict->growth_per_hour;
	double seconds = INFINITY, own = INFINITY;

	verdict->limit = figures_limit(bench, judgement->pool);
	verdict->exhausts_in_s = verdict->exhausts_in_low_s = verdict->exhausts_in_high_s = NAN;
	if (verdict->limit > 0 && !isnan(per_hour))
		seconds = server_seconds_left(bench, judgement, finding, per_hour);
	if (ceiling > 0 && !isnan(per_hour))
		own = own_seconds_left(judgement, finding, ceiling, per_hour);
	if (verdict->limit == 0 || own < seconds)
		verdict->limit = ceiling;
	seconds = fmin(seconds, own);
	if (isinf(seconds))
		return;
	verdict->exhausts_in_s = seconds;
	verdict->exhausts_in_low_s = seconds / (1 + spread);
	if (spread < 1)
		verdict->exhausts_in_high_s = seconds / (1 - spread);
}

void figures_fill(const struct bench *bench, const struct judgement *judgement,
		  const struct finding *finding, struct verdict *verdict)
{
	verdict->open_count = judgement->pool->conn_count;
	verdict->stale_count = finding->stock;
	if (verdict->stale_count < judgement->leak.suspect_count)
		verdict->stale_count = judgement->leak.suspect_count;
	fill_growth(bench, judgement, finding, verdict);
	fill_exhaustion(bench, judgement, finding, verdict);
}

static int compare_sites(const void *a, const void *b)
{
	const char *first = *(const char *const *)a, *second = *(const char *const *)b;

	/* Equal ones are mostly one text of the table. */
	return first == second ? 0 : strcmp(first, second);
}

#define SITES_A_ROLE (VERDICT_SITES_MAX / 2)

/* Keeps the most frequent ones of a role, most frequent first; its sites begin at first. */
static int keep_site(struct verdict *verdict, uint32_t first, const char *role, const char *site,
		     uint32_t count)
{
	uint32_t at = verdict->site_count;
	char *copy;

	while (at > first && verdict->sites[at - 1].open_count < count)
		at--;
	if (at == first + SITES_A_ROLE)
		return 0;
	copy = strdup(site);
	if (!copy)
		return -ENOMEM;
	if (verdict->site_count == first + SITES_A_ROLE)
		free(verdict->sites[--verdict->site_count].site);
	memmove(&verdict->sites[at + 1], &verdict->sites[at],
		(verdict->site_count - at) * sizeof(verdict->sites[0]));
	verdict->sites[at] = (struct verdict_site){.site = copy, .open_count = count, .role = role};
	verdict->site_count++;
	return 0;
}

static int group_sites(struct verdict *verdict, const char *role, const char **sites,
		       uint32_t count)
{
	uint32_t first = verdict->site_count;

	qsort(sites, count, sizeof(*sites), compare_sites);
	for (uint32_t i = 0, end; i < count; i = end) {
		end = i + 1;
		while (end < count && compare_sites(&sites[i], &sites[end]) == 0)
			end++;
		if (keep_site(verdict, first, role, sites[i], end - i) < 0)
			return -ENOMEM;
	}
	for (uint32_t i = first; i < verdict->site_count; i++)
		verdict->sites[i].known_count = count;
	return 0;
}

int figures_fill_sites(const struct table *table, struct verdict *verdict)
{
	static const char *const roles[] = {"last_send", "open"};
	int error = 0;
	const char **sites = calloc(verdict->suspect_count + 1, sizeof(*sites));

	if (!sites)
		return -ENOMEM;
	for (unsigned role = 0; role < 2 && error == 0; role++) {
		uint32_t count = 0;

		for (uint32_t i = 0; i < verdict->suspect_count; i++) {
			const struct conn *conn = table_find_conn(table, verdict->suspects[i]);
			const char *site =
				conn ? table_site(table, role == 0 ? conn->last_site : conn->site)
				     : NULL;

			if (site)
				sites[count++] = site;
		}
		error = group_sites(verdict, roles[role], sites, count);
	}
	free(sites);
	return error;
}

int figures_fill_suspects(const struct bench *bench, const struct judgement *judgement,
			  const struct finding *finding, struct verdict *verdict)
{
	uint32_t count = judgement->leak.suspect_count + figures_elsewhere(finding);
	struct suspects suspects;
	const struct conn *conn;

	if (count == 0)
		return 0;
	if (verdict_make_room(verdict, count) < 0)
		return -ENOMEM;
	suspects_begin(&suspects, bench, judgement, finding);
	while (verdict->suspect_count < count && (conn = suspects_next(&suspects)))
		verdict_name(verdict, conn->id, conn->local_port);
	return figures_fill_sites(bench->table, verdict);
}
