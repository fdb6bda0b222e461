// SPDX-License-Identifier: Apache-2.0
/*
 * The agent explains a process as JSON; the screen shows one pool of it. Who sent it is not
 * trusted: names that could move a cursor are made harmless, figures that are none are unknown.
 */
#include "detail_json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/format.h"
#include "core/json_read.h"
#include "core/trace.h"

/* Text of the answer is escaped already; what is not safe for all that is escaped once more. */
static const char *text_of(struct detail *detail, const json_t *object, const char *key, int *r)
{
	const char *text = json_string_value(json_object_get(object, key)), *copy = NULL;

	if (text && format_is_safe(text))
		*r |= sample_copy_safe(detail->store, text, &copy);
	else
		*r |= sample_copy_text(detail->store, text, &copy);
	return copy;
}

static double figure_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static double seconds_of(const json_t *object, const char *key)
{
	double seconds = figure_of(object, key);

	return seconds >= 0 && seconds <= (double)TRACE_SECONDS_MAX ? seconds : 0;
}

static uint64_t count_of(const json_t *object, const char *key)
{
	json_int_t count = json_integer_value(json_object_get(object, key));

	return count > 0 ? (uint64_t)count : 0;
}

/* --- the verdict ------------------------------------------------------------------------------ */

static bool find_rival(const char *name, const char **ret_title)
{
	for (int i = 0; name && i < RIVAL_COUNT; i++)
		if (!strcmp(rival_name((enum rival)i), name)) {
			*ret_title = rival_title((enum rival)i);
			return true;
		}
	return false;
}

static enum ruling ruling_of(const char *name)
{
	for (int i = RULING_CANNOT_TELL; name && i <= RULING_RULED_IN; i++)
		if (!strcmp(ruling_name((enum ruling)i), name))
			return (enum ruling)i;
	return RULING_CANNOT_TELL;
}

static int read_rivals(struct detail *detail, const json_t *array)
{
	size_t count = json_array_size(array);
	int r = 0;

	detail->rivals = sample_alloc(detail->store, count * sizeof(*detail->rivals) + 1);
	if (!detail->rivals)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const json_t *object = json_array_get(array, i);
		const char *name = json_string_value(json_object_get(object, "name"));
		struct detail_rival *rival = &detail->rivals[detail->rival_count];

		if (!find_rival(name, &rival->title))
			continue;
		rival->ruling = ruling_of(json_string_value(json_object_get(object, "ruling")));
		rival->text = text_of(detail, object, "text", &r);
		detail->rival_count++;
	}
	return r;
}

static int read_evidence(struct detail *detail, const json_t *array)
{
	size_t count = json_array_size(array);
	int r = 0;

	detail->evidence = sample_alloc(detail->store, count * sizeof(*detail->evidence) + 1);
	if (!detail->evidence)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const char *text = text_of(detail, json_array_get(array, i), "text", &r);

		if (text)
			detail->evidence[detail->evidence_count++] = text;
	}
	return r;
}

/* The last one that has not been cleared. */
static int read_verdict(struct detail *detail, const json_t *verdicts)
{
	const json_t *found = NULL;
	int r;

	for (size_t i = 0; i < json_array_size(verdicts); i++) {
		const json_t *verdict = json_array_get(verdicts, i);
		const char *state = json_string_value(json_object_get(verdict, "state"));

		if (state && strcmp(state, "cleared") != 0)
			found = verdict;
	}
	r = read_evidence(detail, json_object_get(found, "evidence"));
	return r ? r : read_rivals(detail, json_object_get(found, "rivals"));
}

/* --- course and connections ------------------------------------------------------------------- */

static void read_course(struct detail *detail, const json_t *timeline)
{
	const json_t *columns = json_object_get(timeline, "columns");
	size_t count = json_array_size(columns);

	if (count > DETAIL_SPANS_MAX)
		count = DETAIL_SPANS_MAX;
	detail->begin_ns = (uint64_t)(seconds_of(timeline, "begin_t") * NS_PER_SEC);
	detail->span_ns = (uint64_t)(seconds_of(timeline, "column_s") * NS_PER_SEC);
	if (json_is_number(json_object_get(timeline, "step_s"))) {
		detail->step_ns = (uint64_t)(seconds_of(timeline, "step_s") * NS_PER_SEC);
		detail->step_until_ns =
			(uint64_t)(seconds_of(timeline, "step_until_t") * NS_PER_SEC);
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *column = json_array_get(columns, i);
		struct detail_span *span = &detail->spans[i];

		span->open = figure_of(column, "open");
		span->stale = figure_of(column, "stale");
		span->busy = figure_of(column, "busy") * span->open;
		span->opens = figure_of(column, "opens");
		span->closes = figure_of(column, "closes");
	}
	detail->span_count = (uint32_t)count;
}

static int read_conns(struct detail *detail, const json_t *array)
{
	size_t count = json_array_size(array);
	int r = 0;

	if (count > UINT32_MAX)
		return -EINVAL;
	detail->conns = sample_alloc(detail->store, count * sizeof(*detail->conns) + 1);
	if (!detail->conns)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const json_t *object = json_array_get(array, i);

		detail->conns[i] = (struct detail_conn){
			.id = count_of(object, "conn"),
			.state = text_of(detail, object, "state", &r),
			.group = text_of(detail, object, "group", &r),
			.site = text_of(detail, object, "site", &r),
			.last_site = text_of(detail, object, "last_site", &r),
			.local = text_of(detail, object, "local", &r),
			.tid = (uint32_t)count_of(object, "tid"),
			.age_s = seconds_of(object, "age_s"),
			.idle_s = seconds_of(object, "idle_s"),
			.age_is_bound = json_is_true(json_object_get(object, "age_is_bound")),
			.idle_is_bound = json_is_true(json_object_get(object, "idle_is_bound")),
			.sent_bytes = count_of(object, "sent"),
			.received_bytes = count_of(object, "received"),
		};
	}
	detail->conn_count = (uint32_t)count;
	detail_order(detail);
	return r;
}

/* --- the pool --------------------------------------------------------------------------------- */

static bool is_pool(const json_t *object, const struct sample_row *row)
{
	const char *remote = json_string_value(json_object_get(object, "remote"));
	struct netaddr addr;

	if (!remote || parse_netaddr(remote, &addr) < 0)
		return false;
	return addr.port == row->remote.port &&
	       memcmp(addr.ip, row->remote.ip, sizeof(addr.ip)) == 0 &&
	       count_of(object, "netns") == row->netns &&
	       count_of(object, "pid") == row->client.pid;
}

static int read_pool(struct detail *detail, const json_t *object, const struct sample_row *row)
{
	int r;

	detail->pool.client = row->client;
	detail->pool.remote = row->remote;
	detail->pool.netns = row->netns;
	r = read_verdict(detail, json_object_get(object, "verdicts"));
	if (r == 0)
		r = read_conns(detail, json_object_get(object, "connections"));
	read_course(detail, json_object_get(object, "timeline"));
	return r;
}

int detail_json_decode(const char *text, size_t length, const struct sample_row *row,
		       struct detail **ret_detail, char *ret_error, size_t error_size)
{
	json_error_t error;
	json_t *object = NULL;
	const json_t *pools, *found = NULL;
	struct detail *detail;
	int r = json_read(text, length, &object, &error);

	if (r == -ENOMEM)
		return r;
	pools = json_object_get(object, "pools");
	if (!json_is_array(pools)) {
		(void)snprintf(ret_error, error_size, "no JSON object with pools");
		json_decref(object);
		return -EINVAL;
	}
	for (size_t i = 0; i < json_array_size(pools) && !found; i++)
		if (is_pool(json_array_get(pools, i), row))
			found = json_array_get(pools, i);
	detail = found ? detail_new() : NULL;
	r = !found ? -ENOENT : (detail ? read_pool(detail, found, row) : -ENOMEM);
	json_decref(object);
	if (r < 0) {
		(void)snprintf(ret_error, error_size, "the process has no such pool");
		detail_free(detail);
		return r;
	}
	*ret_detail = detail;
	return 0;
}
