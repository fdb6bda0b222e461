// SPDX-License-Identifier: Apache-2.0
/*
 * From the table and what the detector knows of it to flat rows.
 *
 * Invariant: connecting + busy + idle + stale + peer_closed = open in every row. Losses by reason
 * are the caller's to add: they are the source's.
 */
#include "sample_take.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cgroup.h"
#include "core/dbkind.h"
#include "core/format.h"

/* The sites of one pool while they are counted. */
struct site_tally {
	const char *sites[SAMPLE_SITES_MAX];
	uint32_t open[SAMPLE_SITES_MAX + 1], stale[SAMPLE_SITES_MAX + 1]; /* the last: all others */
	uint32_t count;
};

static void tally_site(struct site_tally *tally, const char *site, bool is_stale)
{
	uint32_t i = 0;

	while (i < tally->count && tally->sites[i] != site && site &&
	       strcmp(tally->sites[i], site) != 0)
		i++;
	if (!site || (i == tally->count && i == SAMPLE_SITES_MAX))
		i = SAMPLE_SITES_MAX;
	else if (i == tally->count)
		tally->sites[tally->count++] = site;
	tally->open[i]++;
	tally->stale[i] += is_stale;
}

static int compare_sites(const void *x, const void *y)
{
	const struct sample_site *a = x, *b = y;

	if (a->open_count != b->open_count)
		return a->open_count < b->open_count ? 1 : -1;
	if (!a->site || !b->site)
		return !a->site - !b->site;
	return strcmp(a->site, b->site);
}

static int keep_sites(struct sample *sample, const struct site_tally *tally, struct sample_row *row)
{
	uint32_t count = tally->count + (tally->open[SAMPLE_SITES_MAX] > 0);
	struct sample_site *sites;

	if (!count)
		return 0;
	sites = sample_alloc(sample, count * sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	for (uint32_t i = 0; i < tally->count; i++) {
		if (sample_copy_text(sample, tally->sites[i], &sites[i].site) < 0)
			return -ENOMEM;
		sites[i].open_count = tally->open[i];
		sites[i].stale_count = tally->stale[i];
	}
	if (count > tally->count) {
		sites[tally->count].open_count = tally->open[SAMPLE_SITES_MAX];
		sites[tally->count].stale_count = tally->stale[SAMPLE_SITES_MAX];
	}
	qsort(sites, count, sizeof(*sites), compare_sites);
	row->sites = sites;
	row->site_count = count;
	return 0;
}

/* Counts a connection; true when it is stale. */
static bool count_conn(const struct conn *conn, bool is_silent, struct sample_row *row)
{
	if (conn->state == CONN_CONNECTING) {
		row->connecting_count++;
	} else if (conn->state == CONN_PEER_CLOSED) {
		row->peer_closed_count++;
	} else if (is_silent) {
		row->stale_count++;
		return true;
	} else if (conn_is_owed(conn)) {
		row->busy_count++;
	} else {
		row->idle_count++;
	}
	return false;
}

static int count_conns(struct sample *sample, const struct sample_scene *scene,
		       const struct pool *pool, struct sample_row *row)
{
	bool may_be_stale = scene->detector != NULL, is_owed, is_stale;
	struct site_tally tally = {0};

	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
		is_owed = conn_is_owed(conn);
		is_stale = may_be_stale &&
			   detector_conn_is_stale(scene->detector, conn, scene->now_ns);
		/* The longest silent come first; to whom an answer is owed may be silent longer. */
		if (!is_stale && !is_owed && conn->state == CONN_OPEN)
			may_be_stale = false;
		is_stale = count_conn(conn, is_stale, row);
		row->open_count++;
		if (scene->with_sites)
			tally_site(&tally, table_site(scene->table, conn->site), is_stale);
	}
	return keep_sites(sample, &tally, row);
}

static int copy_names(struct sample *sample, const struct sample_scene *scene,
		      const struct pool *pool, struct sample_row *row)
{
	const struct client *client = pool->client;
	const struct endpoint_rule *rule = NULL;
	char text[COMM_SIZE * 4 + 1], label[256];
	struct workload workload;
	int r;

	workload_parse(client->cgroup, &workload);
	(void)client_workload(client, label, sizeof(label));
	r = sample_copy_safe(sample, format_comm(client->comm, text, sizeof(text)), &row->comm);
	r |= sample_copy_safe(sample, label, &row->workload);
	r |= sample_copy_text(sample, client->namespace, &row->namespace);
	r |= sample_copy_text(sample, client->pod, &row->pod);
	r |= sample_copy_text(sample, client->container, &row->container);
	r |= sample_copy_text(sample, client->exe, &row->exe);
	if (workload.unit[0])
		r |= sample_copy_text(sample, workload.unit, &row->unit);
	if (scene->databases) {
		rule = dbkind_endpoint(scene->databases, &pool->remote);
		r |= sample_copy_text(sample, dbkind_name(scene->databases, pool->remote.port),
				      &row->database);
	}
	if (rule)
		r |= sample_copy_text(sample, rule->name, &row->endpoint);
	if (rule && rule->limit) {
		row->limit = rule->limit;
		row->limit_kind = SAMPLE_LIMIT_CONFIGURED;
	}
	return r ? -ENOMEM : 0;
}

static int copy_verdict(struct sample *sample, const struct verdict *verdict,
			struct sample_row *row)
{
	row->verdict = (struct sample_verdict){
		.id = verdict->id,
		.kind = verdict->kind,
		.state = verdict->state,
		.severity = verdict->severity,
		.since_ns = verdict->since_ns,
		.suspect_count = verdict->suspect_count,
		.growth_per_hour = verdict->growth_per_hour,
		.exhausts_in_s = verdict->exhausts_in_s,
		.exhausts_in_low_s = verdict->exhausts_in_low_s,
		.exhausts_in_high_s = verdict->exhausts_in_high_s,
	};
	/* It is safe as it is: once more would escape the escapes. */
	return sample_copy_safe(sample, verdict->summary, &row->verdict.summary);
}

/* Of the span that runs and the one before: 10 to 20 s, less where it has just begun. */
static void copy_rates(const struct meter *meter, const struct meter_course *course,
		       uint64_t now_ns, struct sample_row *row)
{
	uint64_t last = now_ns / METER_FINE_NS, begin_ns = last ? (last - 1) * METER_FINE_NS : 0;
	uint64_t opened = 0, closed = 0, failed = 0;
	double seconds;

	if (begin_ns < meter->first_ns)
		begin_ns = meter->first_ns;
	seconds = (double)(now_ns - begin_ns) / NS_PER_SEC;
	if (!meter->first_ns || begin_ns > now_ns || seconds < 1)
		return;
	for (uint64_t i = 0; i < 2 && i <= last; i++) {
		const struct meter_span *span = meter_course_find(course, last - i);

		if (!span)
			continue;
		opened += span->opened_count;
		closed += span->closed_count;
		failed += span->failed_count;
	}
	row->opens_per_s = (double)opened / seconds;
	row->closes_per_s = (double)closed / seconds;
	row->fails_per_s = (double)failed / seconds;
}

/* The spans of the meter that end now, and what went through the pool in the last of them. */
static void copy_course(const struct meter *meter, uint64_t now_ns, struct sample_row *row)
{
	uint64_t last = now_ns / METER_FINE_NS;
	struct meter_course course;

	meter_recall(meter, METER_FINE, &course);
	for (uint64_t i = 0; i < SAMPLE_HISTORY_COUNT && i <= last; i++) {
		const struct meter_span *span = meter_course_find(&course, last - i);

		if (span && span->sample_count)
			row->history[SAMPLE_HISTORY_COUNT - 1 - i] = span->open_max;
	}
	/* A tick may be due that has not been made: the count of now is the better one. */
	if (row->history[SAMPLE_HISTORY_COUNT - 1] == SAMPLE_UNKNOWN ||
	    row->history[SAMPLE_HISTORY_COUNT - 1] < row->open_count)
		row->history[SAMPLE_HISTORY_COUNT - 1] = row->open_count;
	copy_rates(meter, &course, now_ns, row);
}

static int take_pool(struct sample *sample, const struct sample_scene *scene,
		     const struct pool *pool)
{
	struct sample_row *row = sample_add_row(sample);
	const struct verdict *verdict;
	const struct meter *meter;
	struct verdict told;
	int r;

	row->client = pool->client->id;
	row->remote = pool->remote;
	row->netns = pool->netns;
	row->first_ns = pool->first_ns;
	row->totals = totals_now(pool);
	r = copy_names(sample, scene, pool, row);
	if (r == 0)
		r = count_conns(sample, scene, pool, row);
	if (pool->client->exited) {
		row->exited = true;
		row->exited_ns = pool->changed_ns; /* the end of its last connection */
	}
	sample->conn_count += row->open_count;
	meter = scene->detector ? detector_pool_meter(scene->detector, pool) : NULL;
	if (!meter)
		return r;
	copy_course(meter, scene->now_ns, row);
	if (!row->limit) {
		row->limit = detector_pool_ceiling(scene->detector, pool);
		if (row->limit)
			row->limit_kind = SAMPLE_LIMIT_LEARNED;
	}
	verdict = detector_pool_verdict(scene->detector, pool);
	if (verdict && verdict->state != VERDICT_CLEARED) {
		ledger_translate(scene->ledger, verdict, &told);
		verdict = &told;
	} else {
		verdict = NULL;
	}
	/* What has not been found again since a restart stands beside what has. */
	verdict = verdict_worse(verdict,
				ledger_carried(scene->ledger, pool->client->id, &pool->remote));
	return r < 0 || !verdict ? r : copy_verdict(sample, verdict, row);
}

int sample_take(const struct sample_scene *scene, struct sample **ret_sample)
{
	struct sample *sample = sample_new();
	int r = sample ? sample_reserve(sample, table_pool_count(scene->table)) : -ENOMEM;

	if (r < 0) {
		sample_free(sample);
		return r;
	}
	sample->now_ns = scene->now_ns;
	sample->since_ns = scene->since_ns;
	sample->realtime_at_zero_ns = scene->realtime_at_zero_ns;
	sample->lost_count = scene->lost_count;
	for (const struct pool *pool = table_first_pool(scene->table);
	     pool && r == 0 && sample->row_count < sample->row_capacity; pool = pool->next)
		r = take_pool(sample, scene, pool);
	if (r < 0) {
		sample_free(sample);
		return r;
	}
	*ret_sample = sample;
	return 0;
}
