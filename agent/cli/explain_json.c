// SPDX-License-Identifier: Apache-2.0
/*
 * The same explanation for programs: one line, one object, nothing rounded and nothing left out.
 * Does not collect (explain.c).
 */
#include "explain.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "core/format.h"
#include "core/meter.h"
#include "sinks/jsonl.h"
#include "snapshot.h"

#define SECONDS(ns) ((double)(ns) / NS_PER_SEC)

static json_t *real_or_null(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *string_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *whole(uint64_t count)
{
	return json_integer((json_int_t)count);
}

static json_t *timeline_json(const struct timeline *timeline)
{
	json_t *object = json_object(), *columns = json_array();
	int r = 0;

	r |= json_object_set_new(object, "begin_t", json_real(SECONDS(timeline->begin_ns)));
	r |= json_object_set_new(object, "column_s", json_real(SECONDS(timeline->column_ns)));
	for (uint32_t i = 0; i < timeline->count; i++) {
		const struct timeline_column *column = &timeline->columns[i];
		json_t *item = column->sample_count ? json_object() : json_null();

		if (column->sample_count) {
			r |= json_object_set_new(item, "opens", whole(column->opened_count));
			r |= json_object_set_new(item, "closes", whole(column->closed_count));
			r |= json_object_set_new(item, "open", whole(column->open_max));
			r |= json_object_set_new(item, "stale", whole(column->stale_max));
			r |= json_object_set_new(
				item, "busy",
				real_or_null(column->busy_sum / column->sample_count));
		}
		r |= json_array_append_new(columns, item);
	}
	r |= json_object_set_new(object, "columns", columns);
	if (!r)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *figures_json(const struct explain *explain, const struct pool *pool)
{
	const struct meter *meter =
		pool ? detector_pool_meter(pipeline_detector(explain->view.pipeline), pool) : NULL;
	struct meter_figures figures;

	if (!meter)
		return json_null();
	meter_sum(meter, meter->first_ns, meter->last_ns, &figures);
	return json_pack("{s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "observed_s", SECONDS(figures.observed_ns), "operations_per_s",
			 real_or_null(figures.operations_per_second), "sent_bytes_per_s",
			 real_or_null(figures.sent_bytes_per_second), "exchange_us",
			 real_or_null(figures.exchange_us), "connect_us",
			 real_or_null(figures.connect_us), "rtt_us", real_or_null(figures.rtt_us),
			 "busy", real_or_null(figures.busy), "opened", whole(figures.opened_count),
			 "closed", whole(figures.closed_count), "failed",
			 whole(figures.failed_count), "unreachable", whole(figures.unreached_count),
			 "early_peer_closes", whole(figures.early_close_count), "retransmits",
			 whole(figures.retransmit_count));
}

static json_t *verdicts_json(const struct explain *explain, const struct explained_pool *known)
{
	json_t *array = json_array();
	int r = 0;

	for (size_t i = 0; i < explain->verdict_count; i++)
		if (explain_concerns(&explain->verdicts[i], known))
			r |= json_array_append_new(array,
						   jsonl_verdict_json(&explain->verdicts[i]));
	if (!r)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *site_json(const char *site)
{
	char text[1200];

	return site ? json_string(format_utf8(site, 390, text, sizeof(text))) : json_null();
}

static json_t *connections_json(const struct explain *explain, const struct pool *pool)
{
	const struct table *table = pipeline_table(explain->view.pipeline);
	json_t *array = json_array();
	struct snapshot_process process = {0};
	int r = 0;

	for (const struct conn *conn = pool ? pool->oldest : NULL; conn; conn = conn->newer) {
		json_t *object = snapshot_conn(&explain->view, conn, &process);
		enum explain_group group = explain_group_of(explain, conn);
		r |= json_object_set_new(object, "group", json_string(explain_group_name(group)));
		r |= json_object_set_new(object, "site", site_json(table_site(table, conn->site)));
		r |= json_object_set_new(object, "last_site",
					 site_json(table_site(table, conn->last_site)));
		r |= json_array_append_new(array, object);
	}
	if (!r)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *start_json(struct client_id client)
{
	return client.start_ns ? json_real(SECONDS(client.start_ns)) : json_null();
}

static json_t *pool_json(const struct explain *explain, const struct explained_pool *known)
{
	const struct dbkind *kinds = explain->options->databases;
	const struct endpoint_rule *rule = dbkind_endpoint(kinds, &known->remote);
	char comm[COMM_SIZE * 4 + 1], remote[ADDR_TEXT_SIZE];
	const struct pool *pool = known->pool;

	return json_pack("{s:I, s:o, s:s, s:s, s:s, s:o, s:o, s:I, s:b, s:I, s:o, s:o, s:o, s:o}",
			 "pid", (json_int_t)known->client.pid, "pstart", start_json(known->client),
			 "comm", format_comm(known->comm, comm, sizeof(comm)), "workload",
			 known->workload, "remote",
			 format_netaddr(&known->remote, remote, sizeof(remote)), "endpoint",
			 string_or_null(rule ? rule->name : NULL), "database",
			 string_or_null(dbkind_name(kinds, known->remote.port)), "netns",
			 (json_int_t)known->netns, "exited", (int)known->exited, "open",
			 (json_int_t)(pool ? pool->conn_count : 0), "verdicts",
			 verdicts_json(explain, known), "timeline", timeline_json(&known->timeline),
			 "figures", figures_json(explain, pool), "connections",
			 connections_json(explain, pool));
}

int explain_print_json(const struct explain *explain)
{
	json_t *object = json_object(), *pools = json_array();
	int r = 0;

	for (size_t i = 0; i < explain->pool_count; i++)
		r |= json_array_append_new(pools, pool_json(explain, &explain->pools[i]));
	r |= json_object_set_new(object, "t", json_real(SECONDS(explain->now_ns)));
	r |= json_object_set_new(object, "pid", whole(explain->options->subject_pid));
	r |= json_object_set_new(object, "observed_s",
				 json_real(SECONDS(explain->now_ns - explain->begin_ns)));
	r |= json_object_set_new(object, "lost", whole(explain->lost_count));
	r |= json_object_set_new(object, "pools", pools);
	if (!r)
		return snapshot_write(explain->stream, object);
	json_decref(object);
	return -ENOMEM;
}
