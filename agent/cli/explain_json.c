// SPDX-License-Identifier: Apache-2.0
/*
 * The same explanation for programs: one line, one object, nothing rounded and nothing left out.
 * Does not collect (explain.c).
 */
#include "explain.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "core/meter.h"
#include "sinks/jsonl.h"
#include "snapshot.h"
#include "sys/clock.h"

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
	r |= json_object_set_new(object, "step_s",
				 timeline->step_ns ? json_real(SECONDS(timeline->step_ns))
						   : json_null());
	r |= json_object_set_new(object, "step_until_t",
				 timeline->step_ns ? json_real(SECONDS(timeline->step_until_ns))
						   : json_null());
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
	return json_pack("{s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}",
			 "observed_s", SECONDS(figures.observed_ns), "operations_per_s",
			 real_or_null(figures.operations_per_second), "sent_bytes_per_s",
			 real_or_null(figures.sent_bytes_per_second), "exchange_us",
			 real_or_null(figures.exchange_us), "connect_us",
			 real_or_null(figures.connect_us), "rtt_us", real_or_null(figures.rtt_us),
			 "busy", real_or_null(figures.busy), "opened", whole(figures.opened_count),
			 "closed", whole(figures.closed_count), "failed",
			 whole(figures.failed_count), "unreachable", whole(figures.unreached_count),
			 "early_peer_closes", whole(figures.early_close_count), "retransmits",
			 whole(figures.retransmit_count), "owed_is_bound",
			 dbkind_is_one_way(explain->options->databases, pool->remote.port));
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

static json_t *connection_json(const struct explain *explain, const struct conn *conn,
			       struct snapshot_process *process)
{
	const struct table *table = pipeline_table(explain->view.pipeline);
	json_t *object = snapshot_conn(&explain->view, conn, process);
	const char *group = explain_group_name(explain_group_of(explain, conn));
	int r = 0;

	r |= json_object_set_new(object, "group", json_string(group));
	r |= json_object_set_new(object, "site", site_json(table_site(table, conn->site)));
	r |= json_object_set_new(object, "last_site",
				 site_json(table_site(table, conn->last_site)));
	if (!r)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *start_json(struct client_id client)
{
	return client.start_ns ? json_real(SECONDS(client.start_ns)) : json_null();
}

/* All but its connections. */
static json_t *pool_json(const struct explain *explain, const struct explained_pool *known)
{
	const struct dbkind *kinds = explain->options->databases;
	const struct endpoint_rule *rule = dbkind_endpoint(kinds, &known->remote);
	char comm[COMM_SIZE * 4 + 1], remote[ADDR_TEXT_SIZE];
	const struct pool *pool = known->pool;

	return json_pack("{s:I, s:o, s:s, s:s, s:s, s:o, s:o, s:I, s:b, s:I, s:o, s:o, s:o}", "pid",
			 (json_int_t)known->client.pid, "pstart", start_json(known->client), "comm",
			 format_comm(known->comm, comm, sizeof(comm)), "workload", known->workload,
			 "remote", format_netaddr(&known->remote, remote, sizeof(remote)),
			 "endpoint", string_or_null(rule ? rule->name : NULL), "database",
			 string_or_null(dbkind_name(kinds, known->remote.port)), "netns",
			 (json_int_t)known->netns, "exited", (int)known->exited, "open",
			 (json_int_t)(pool ? pool->conn_count : 0), "verdicts",
			 verdicts_json(explain, known), "timeline", timeline_json(&known->timeline),
			 "figures", figures_json(explain, pool));
}

/* --- in steps --------------------------------------------------------------------------------- */

/* Connections between two looks at the clock. */
#define CONNS_A_GLANCE 16

struct explain_steps {
	const struct explain *explain;
	json_t *head; /* of the whole; written with the first pool */
	json_t *pools; /* an array */
	uint64_t *ids; /* of the connections, pool by pool */
	size_t *ends; /* in ids, of each pool's */
	size_t pool, conn; /* those that are next */
	bool is_begun; /* the pool is */
	bool has_conn; /* and one of its connections is written */
	struct snapshot_process process;
};

static int collect_ids(struct explain_steps *steps)
{
	const struct explain *explain = steps->explain;
	size_t count = 0, done = 0;

	for (size_t i = 0; i < explain->pool_count; i++)
		count += explain->pools[i].pool ? explain->pools[i].pool->conn_count : 0;
	steps->ids = calloc(count + 1, sizeof(*steps->ids));
	steps->ends = calloc(explain->pool_count + 1, sizeof(*steps->ends));
	if (!steps->ids || !steps->ends)
		return -ENOMEM;
	for (size_t i = 0; i < explain->pool_count; i++) {
		const struct pool *pool = explain->pools[i].pool;
		const struct conn *conn = pool ? pool->oldest : NULL;

		for (; conn && done < count; conn = conn_newer(conn))
			steps->ids[done++] = conn->id;
		steps->ends[i] = done;
	}
	return 0;
}

int explain_steps_new(const struct explain *explain, struct explain_steps **ret_steps)
{
	struct explain_steps *steps = calloc(1, sizeof(*steps));
	int r = 0;

	if (!steps)
		return -ENOMEM;
	steps->explain = explain;
	steps->head = json_object();
	steps->pools = json_array();
	r |= json_object_set_new(steps->head, "t", json_real(SECONDS(explain->now_ns)));
	r |= json_object_set_new(steps->head, "pid", whole(explain->options->subject_pid));
	r |= json_object_set_new(steps->head, "observed_s",
				 json_real(SECONDS(explain->now_ns - explain->begin_ns)));
	r |= json_object_set_new(steps->head, "lost", whole(explain->lost_count));
	for (size_t i = 0; i < explain->pool_count; i++)
		r |= json_array_append_new(steps->pools, pool_json(explain, &explain->pools[i]));
	if (r || collect_ids(steps) < 0) {
		explain_steps_free(steps);
		return -ENOMEM;
	}
	*ret_steps = steps;
	return 0;
}

void explain_steps_free(struct explain_steps *steps)
{
	if (!steps)
		return;
	json_decref(steps->head);
	json_decref(steps->pools);
	free(steps->ids);
	free(steps->ends);
	free(steps);
}

/* Without its last brace, so that another member can follow: an array, up to its elements. */
static int begin_object(const struct explain_steps *steps, const json_t *object, const char *array)
{
	char *text = json_dumps(object, SNAPSHOT_JSON);

	if (!text)
		return -ENOMEM;
	text[strlen(text) - 1] = '\0';
	fprintf(steps->explain->stream, "%s,\"%s\":[", text, array);
	free(text);
	return 0;
}

static int print_conns(struct explain_steps *steps)
{
	const struct explain *explain = steps->explain;
	const struct table *table = pipeline_table(explain->view.pipeline);

	for (int i = 0; i < CONNS_A_GLANCE && steps->conn < steps->ends[steps->pool]; i++) {
		const struct conn *conn = table_find_conn(table, steps->ids[steps->conn++]);
		json_t *object;

		if (!conn)
			continue;
		object = connection_json(explain, conn, &steps->process);
		if (!object)
			return -ENOMEM;
		if (steps->has_conn)
			fputc(',', explain->stream);
		steps->has_conn = true;
		(void)json_dumpf(object, explain->stream, SNAPSHOT_JSON); /* ferror() tells */
		json_decref(object);
	}
	return 0;
}

static int print_some(struct explain_steps *steps)
{
	FILE *stream = steps->explain->stream;

	if (!steps->is_begun) {
		steps->is_begun = true;
		steps->has_conn = false;
		if (steps->pool)
			fputc(',', stream);
		return begin_object(steps, json_array_get(steps->pools, steps->pool),
				    "connections");
	}
	if (steps->conn < steps->ends[steps->pool])
		return print_conns(steps);
	fputs("]}", stream);
	steps->is_begun = false;
	steps->pool++;
	return 0;
}

int explain_step(struct explain_steps *steps, uint64_t until_ns)
{
	FILE *stream = steps->explain->stream;
	int r = 0;

	if (steps->head) {
		r = begin_object(steps, steps->head, "pools");
		json_decref(steps->head);
		steps->head = NULL;
	}
	while (r == 0 && steps->pool < steps->explain->pool_count) {
		r = print_some(steps);
		if (r == 0 && clock_monotonic_ns() >= until_ns)
			return 1;
	}
	if (r == 0)
		fputs("]}\n", stream);
	return r == 0 && ferror(stream) ? -EIO : r;
}

int explain_print_json(const struct explain *explain)
{
	struct explain_steps *steps;
	int r = explain_steps_new(explain, &steps);

	if (r < 0)
		return r;
	r = explain_step(steps, UINT64_MAX);
	explain_steps_free(steps);
	errno = 0;
	if (r == 0 && fflush(explain->stream) == EOF)
		r = errno ? -errno : -EIO;
	return r;
}
