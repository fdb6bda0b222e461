// SPDX-License-Identifier: Apache-2.0
/*
 * The screen of one process drawn by another: the agent writes this, `top` and scripts read it.
 * Keys are a contract: always all of them but "sites", null where a figure is unknown.
 *
 * Does not read (sample_json_read.c) and writes no file.
 */
#include "sample_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/format.h"
#include "core/words.h"

#define SECONDS(ns) ((double)(ns) / NS_PER_SEC)

/* 15 digits hold every time to the microsecond for 31 years, and no 0.1 becomes 0.1000...01. */
#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* Adds a value that may be NULL for lack of memory, which *r then remembers. */
static void add(json_t *object, const char *key, json_t *value, int *r)
{
	if (json_object_set_new_nocheck(object, key, value))
		*r = -ENOMEM;
}

static void append(json_t *array, json_t *value, int *r)
{
	if (json_array_append_new(array, value))
		*r = -ENOMEM;
}

static json_t *text_json(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *count_json(uint64_t count)
{
	return json_integer((json_int_t)(count > INT64_MAX ? INT64_MAX : count));
}

static json_t *figure_json(double figure)
{
	return isfinite(figure) ? json_real(figure) : json_null();
}

/* A moment that is 0 where it is not known, or has not come. */
static json_t *moment_json(uint64_t ns)
{
	return ns ? json_real(SECONDS(ns)) : json_null();
}

static void add_names(json_t *object, const struct sample_row *row, int *r)
{
	char remote[ADDR_TEXT_SIZE];

	add(object, "pid", json_integer(row->client.pid), r);
	add(object, "pstart", moment_json(row->client.start_ns), r);
	add(object, "comm", text_json(row->comm), r);
	add(object, "workload", text_json(row->workload), r);
	add(object, "namespace", text_json(row->namespace), r);
	add(object, "pod", text_json(row->pod), r);
	add(object, "container", text_json(row->container), r);
	add(object, "unit", text_json(row->unit), r);
	add(object, "exe", text_json(row->exe), r);
	add(object, "remote", json_string(format_netaddr(&row->remote, remote, sizeof(remote))), r);
	add(object, "endpoint", text_json(row->endpoint), r);
	add(object, "database", text_json(row->database), r);
	add(object, "netns", json_integer(row->netns), r);
}

/* {"ECONNREFUSED":3}: only what is not zero. */
static json_t *failed_json(const struct sample_row *row, int *r)
{
	json_t *object = json_object();

	for (int i = 0; i < FAIL_REASON_COUNT; i++)
		if (row->totals.failed_count[i])
			add(object, fail_reason_name((enum fail_reason)i),
			    count_json(row->totals.failed_count[i]), r);
	return object;
}

static json_t *closed_json(const struct sample_row *row, int *r)
{
	json_t *object = json_object();

	for (int i = 0; i < CLOSE_BY_COUNT; i++)
		add(object, close_by_name((enum close_by)i),
		    count_json(row->totals.counts.closed_count[i]), r);
	return object;
}

static json_t *history_json(const struct sample_row *row, int *r)
{
	json_t *array = json_array();

	for (int i = 0; i < SAMPLE_HISTORY_COUNT; i++)
		append(array,
		       row->history[i] == SAMPLE_UNKNOWN ? json_null()
							 : json_integer(row->history[i]),
		       r);
	return array;
}

static json_t *sites_json(const struct sample_row *row, int *r)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < row->site_count; i++) {
		json_t *object = json_object();

		add(object, "site", text_json(row->sites[i].site), r);
		add(object, "open", json_integer(row->sites[i].open_count), r);
		add(object, "stale", json_integer(row->sites[i].stale_count), r);
		append(array, object, r);
	}
	return array;
}

static json_t *verdict_json(const struct sample_verdict *verdict, int *r)
{
	json_t *object;

	if (!verdict->id)
		return json_null();
	object = json_object();
	add(object, "id", count_json(verdict->id), r);
	add(object, "kind", json_string(verdict_kind_name(verdict->kind)), r);
	add(object, "state", json_string(verdict_state_name(verdict->state)), r);
	add(object, "severity", json_string(severity_name(verdict->severity)), r);
	add(object, "since_t", json_real(SECONDS(verdict->since_ns)), r);
	add(object, "suspects", json_integer(verdict->suspect_count), r);
	add(object, "growth_per_hour", figure_json(verdict->growth_per_hour), r);
	add(object, "exhausts_in_s", figure_json(verdict->exhausts_in_s), r);
	add(object, "exhausts_in_low_s", figure_json(verdict->exhausts_in_low_s), r);
	add(object, "exhausts_in_high_s", figure_json(verdict->exhausts_in_high_s), r);
	add(object, "summary", text_json(verdict->summary), r);
	return object;
}

static json_t *row_json(const struct sample_row *row, int *r)
{
	json_t *object = json_object();

	add_names(object, row, r);
	add(object, "open", json_integer(row->open_count), r);
	add(object, "connecting", json_integer(row->connecting_count), r);
	add(object, "busy", json_integer(row->busy_count), r);
	add(object, "idle", json_integer(row->idle_count), r);
	add(object, "stale", json_integer(row->stale_count), r);
	add(object, "peer_closed", json_integer(row->peer_closed_count), r);
	add(object, "limit", row->limit ? count_json(row->limit) : json_null(), r);
	add(object, "limit_kind", json_string(sample_limit_name(row->limit_kind)), r);
	add(object, "first_t", json_real(SECONDS(row->first_ns)), r);
	add(object, "opened", count_json(row->totals.counts.opened_count), r);
	add(object, "established", count_json(row->totals.counts.established_count), r);
	add(object, "failed", failed_json(row, r), r);
	add(object, "closed", closed_json(row, r), r);
	add(object, "opens_per_s", figure_json(row->opens_per_s), r);
	add(object, "closes_per_s", figure_json(row->closes_per_s), r);
	add(object, "fails_per_s", figure_json(row->fails_per_s), r);
	add(object, "history", history_json(row, r), r);
	add(object, "verdict", text_json(sample_verdict_word(&row->verdict)), r);
	add(object, "verdict_detail", verdict_json(&row->verdict, r), r);
	if (row->site_count)
		add(object, "sites", sites_json(row, r), r);
	add(object, "exited", json_boolean(row->exited), r);
	add(object, "exited_t", moment_json(row->exited_ns), r);
	return object;
}

json_t *sample_json_encode(const struct sample *sample)
{
	json_t *object = json_object(), *array = json_array(), *losses = json_object();
	int r = 0;

	for (uint32_t i = 0; i < sample->loss_count; i++)
		add(losses, sample->losses[i].reason, count_json(sample->losses[i].count), &r);
	for (uint32_t i = 0; i < sample->row_count; i++)
		append(array, row_json(&sample->rows[i], &r), &r);
	add(object, "t", json_real(SECONDS(sample->now_ns)), &r);
	add(object, "observed_s", json_real(SECONDS(sample->now_ns - sample->since_ns)), &r);
	add(object, "realtime_at_zero_ns", json_integer(sample->realtime_at_zero_ns), &r);
	add(object, "lost", count_json(sample->lost_count), &r);
	add(object, "lost_by_reason", losses, &r);
	add(object, "history_span_s", json_real(SECONDS(SAMPLE_HISTORY_NS)), &r);
	add(object, "pools", array, &r);
	if (!r)
		return object;
	json_decref(object);
	return NULL;
}

char *sample_json_print(const struct sample *sample)
{
	json_t *object = sample_json_encode(sample);
	char *text = object ? json_dumps(object, DUMP_FLAGS) : NULL;

	json_decref(object);
	return text;
}
