// SPDX-License-Identifier: Apache-2.0
/*
 * One pool as it is looked at: copied once, so that the page can be scrolled while the table goes
 * on.
 *
 * Invariant: connections are grouped by site, so a page can name each site once. Does not draw
 * (screen_detail.c).
 */
#include "detail.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "core/timeline.h"
#include "core/view.h"

struct detail *detail_new(void)
{
	struct detail *detail = calloc(1, sizeof(*detail));

	if (!detail)
		return NULL;
	detail->store = sample_new();
	if (detail->store)
		return detail;
	free(detail);
	return NULL;
}

void detail_free(struct detail *detail)
{
	if (!detail)
		return;
	sample_free(detail->store);
	free(detail);
}

/* --- connections ------------------------------------------------------------------------------ */

/* What is unknown comes last. */
static int compare_text(const char *a, const char *b)
{
	if (!a || !b)
		return !a - !b;
	return strcmp(a, b);
}

static int compare_by_site(const void *x, const void *y)
{
	const struct detail_conn *a = x, *b = y;
	int r = compare_text(a->site, b->site);

	if (!r && (a->idle_s < b->idle_s || a->idle_s > b->idle_s))
		r = a->idle_s < b->idle_s ? 1 : -1;
	return r ? r : (a->id < b->id ? -1 : a->id > b->id);
}

/* A run of connections of one site. */
struct run {
	uint32_t first, count;
};

static int compare_runs(const void *x, const void *y)
{
	const struct run *a = x, *b = y;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return a->first < b->first ? -1 : a->first > b->first;
}

void detail_order(struct detail *detail)
{
	uint32_t count = detail->conn_count, run_count = 0, at = 0;
	struct detail_conn *ordered = calloc(count ? count : 1, sizeof(*ordered));
	struct run *runs = calloc(count ? count : 1, sizeof(*runs));

	qsort(detail->conns, count, sizeof(*detail->conns), compare_by_site);
	if (!ordered || !runs) /* by name of the site is an order, too */
		goto out;
	for (uint32_t i = 0; i < count; i++) {
		if (!i || compare_text(detail->conns[i].site, detail->conns[i - 1].site) != 0)
			runs[run_count++].first = i;
		runs[run_count - 1].count++;
	}
	qsort(runs, run_count, sizeof(*runs), compare_runs);
	for (uint32_t i = 0; i < run_count; i++) {
		memcpy(ordered + at, detail->conns + runs[i].first,
		       runs[i].count * sizeof(*ordered));
		at += runs[i].count;
	}
	memcpy(detail->conns, ordered, count * sizeof(*ordered));
out:
	free(ordered);
	free(runs);
}

static const char *group_of(const struct detector *detector, const struct conn *conn,
			    uint64_t now_ns)
{
	if (conn->is_suspect)
		return "suspect";
	if (conn->state == CONN_CONNECTING)
		return "connecting";
	if (conn->state == CONN_PEER_CLOSED)
		return "peer_closed";
	if (detector && detector_conn_is_stale(detector, conn, now_ns))
		return "stale";
	return conn_is_owed(conn) ? "busy" : "idle";
}

static int take_conn(struct detail *detail, const struct sample_scene *scene,
		     const struct conn *conn, struct detail_conn *ret_conn)
{
	struct netaddr local = table_local(scene->table, conn);
	char text[ADDR_TEXT_SIZE];
	int r = 0;

	*ret_conn = (struct detail_conn){
		.id = conn->id,
		.state = conn_state_name(conn->state),
		.group = group_of(scene->detector, conn, scene->now_ns),
		.tid = conn->tid,
		.age_s = (double)((int64_t)scene->now_ns - conn->open_ns) / NS_PER_SEC,
		.idle_s = (double)conn_silence_ns(conn, scene->now_ns) / NS_PER_SEC,
		.age_is_bound = conn->age_is_bound,
		.idle_is_bound = conn->idle_is_bound,
		.sent_bytes = conn_sent_bytes(conn),
		.received_bytes = conn_received_bytes(conn),
	};
	r |= sample_copy_text(detail->store, table_site(scene->table, conn->site), &ret_conn->site);
	r |= sample_copy_text(detail->store, table_site(scene->table, conn->last_site),
			      &ret_conn->last_site);
	if (local.port)
		r |= sample_copy_safe(detail->store, format_netaddr(&local, text, sizeof(text)),
				      &ret_conn->local);
	return r ? -ENOMEM : 0;
}

static int take_conns(struct detail *detail, const struct sample_scene *scene,
		      const struct pool *pool)
{
	const struct conn *conn = pool->oldest;
	int r = 0;

	detail->conns = sample_alloc(detail->store, pool->conn_count * sizeof(*detail->conns));
	if (!detail->conns)
		return -ENOMEM;
	for (; conn && r == 0 && detail->conn_count < pool->conn_count; conn = conn_newer(conn))
		r = take_conn(detail, scene, conn, &detail->conns[detail->conn_count++]);
	detail_order(detail);
	return r;
}

/* --- course ----------------------------------------------------------------------------------- */

static void take_course(struct detail *detail, const struct meter *meter, uint64_t now_ns)
{
	struct timeline timeline = {0};

	(void)timeline_recall(&timeline, meter, now_ns); /* else there is no course */
	detail->begin_ns = timeline.begin_ns;
	detail->span_ns = timeline.column_ns;
	detail->step_ns = timeline.step_ns;
	detail->step_until_ns = timeline.step_until_ns;
	detail->span_count = timeline.count;
	for (uint32_t i = 0; i < timeline.count; i++) {
		const struct timeline_column *column = &timeline.columns[i];
		double busy = column->busy_sum / column->sample_count;

		detail->spans[i] = (struct detail_span){NAN, NAN, NAN, NAN, NAN};
		if (column->sample_count)
			detail->spans[i] = (struct detail_span){
				.open = column->open_max,
				.stale = column->stale_max,
				.busy = busy * column->open_max,
				.opens = (double)column->opened_count,
				.closes = (double)column->closed_count,
			};
	}
}

_Static_assert(TIMELINE_COLUMNS <= DETAIL_SPANS_MAX, "each column has room");

/* --- verdict ---------------------------------------------------------------------------------- */

static int take_verdict(struct detail *detail, const struct verdict *verdict)
{
	struct sample *store = detail->store;
	int r = 0;

	if (!verdict || verdict->state == VERDICT_CLEARED)
		return 0;
	detail->evidence =
		sample_alloc(store, verdict->evidence_count * sizeof(*detail->evidence) + 1);
	detail->rivals = sample_alloc(store, verdict->rival_count * sizeof(*detail->rivals) + 1);
	if (!detail->evidence || !detail->rivals)
		return -ENOMEM;
	for (uint32_t i = 0; i < verdict->evidence_count; i++)
		r |= sample_copy_safe(store, verdict->evidence[i].text,
				      &detail->evidence[detail->evidence_count++]);
	for (uint32_t i = 0; i < verdict->rival_count; i++) {
		const struct rival_ruling *ruling = &verdict->rivals[i];
		struct detail_rival *rival = &detail->rivals[detail->rival_count++];

		rival->title = rival_title(ruling->rival);
		rival->ruling = ruling->ruling;
		r |= sample_copy_safe(store, ruling->text, &rival->text);
	}
	return r ? -ENOMEM : 0;
}

static const struct pool *find_pool(const struct table *table, const struct sample_row *row)
{
	const struct client *client = table_find_client(table, row->client);
	const struct pool *pool = client ? client->pools : NULL;

	while (pool && !(pool->netns == row->netns && pool->remote.port == row->remote.port &&
			 !memcmp(pool->remote.ip, row->remote.ip, sizeof(row->remote.ip))))
		pool = pool->next_of_client;
	return pool;
}

int detail_take(const struct sample_scene *scene, const struct sample_row *row,
		struct detail **ret_detail)
{
	const struct pool *pool = find_pool(scene->table, row);
	const struct meter *meter;
	struct detail *detail;
	int r;

	if (!pool)
		return -ENOENT;
	detail = detail_new();
	if (!detail)
		return -ENOMEM;
	detail->pool.client = row->client;
	detail->pool.remote = row->remote;
	detail->pool.netns = row->netns;
	r = take_conns(detail, scene, pool);
	if (r == 0 && scene->detector)
		r = take_verdict(detail, detector_pool_verdict(scene->detector, pool));
	if (r < 0) {
		detail_free(detail);
		return r;
	}
	meter = scene->detector ? detector_pool_meter(scene->detector, pool) : NULL;
	if (meter)
		take_course(detail, meter, scene->now_ns);
	*ret_detail = detail;
	return 0;
}
