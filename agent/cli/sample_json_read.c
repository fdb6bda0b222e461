// SPDX-License-Identifier: Apache-2.0
/*
 * Reads a sample that came through a socket or a file. Whoever sent it is not trusted: a number out
 * of its range, a word that does not exist and a name that could move a cursor are refused, with
 * the place.
 *
 * Invariant: what is handed on keeps every promise of sample.h but that the five counts of a row
 * add up to its open ones; that is for the sender to know.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "core/json_read.h"
#include "core/trace.h"
#include "core/words.h"
#include "sample_json.h"

#define COUNT_MAX (INT64_MAX / 16) /* sums over reasons do not overflow */

/* One object that is read, and where faults are told. */
struct reader {
	struct sample *sample;
	const json_t *object;
	const char *place; /* "pools[3]." */
	int failure; /* the first one; 0 = none */
	char *error;
	size_t error_size;
};

static void refuse(struct reader *reader, const char *key, const char *what)
{
	if (reader->failure)
		return;
	reader->failure = -EINVAL;
	(void)snprintf(reader->error, reader->error_size, "%s%s %s", reader->place, key, what);
}

/* NULL where there is nothing to read: missing, null, or a fault before. */
static const json_t *get(struct reader *reader, const char *key)
{
	const json_t *value = json_object_get(reader->object, key);

	return reader->failure || json_is_null(value) ? NULL : value;
}

static uint64_t read_count(struct reader *reader, const char *key, uint64_t max)
{
	const json_t *value = get(reader, key);
	json_int_t count;

	if (!value)
		return 0;
	count = json_integer_value(value);
	if (!json_is_integer(value) || count < 0 || (uint64_t)count > max) {
		refuse(reader, key, "is not a count");
		return 0;
	}
	return (uint64_t)count;
}

static double read_figure(struct reader *reader, const char *key)
{
	const json_t *value = get(reader, key);

	if (!value)
		return NAN;
	if (!json_is_number(value)) {
		refuse(reader, key, "is not a number");
		return NAN;
	}
	return json_number_value(value);
}

static uint64_t read_seconds(struct reader *reader, const char *key)
{
	double seconds = read_figure(reader, key);

	if (isnan(seconds))
		return 0;
	if (seconds < 0 || seconds > (double)TRACE_SECONDS_MAX) {
		refuse(reader, key, "is not a time in seconds");
		return 0;
	}
	/* Live times are whole microseconds: a double says them exactly only when rounded. */
	return (uint64_t)llround(seconds * 1e6) * NS_PER_US;
}

static const char *read_text(struct reader *reader, const char *key)
{
	const json_t *value = get(reader, key);
	const char *text = json_string_value(value), *copy = NULL;

	if (!value)
		return NULL;
	/* Jansson refuses \u0000 unless asked not to, so that the text ends where it ends. */
	if (!text || !format_is_safe(text))
		refuse(reader, key, "is not a printable text");
	else if (sample_copy_safe(reader->sample, text, &copy) < 0)
		reader->failure = -ENOMEM;
	return copy;
}

/* The number of the word that a value is, of count words; 0 and refused where it is none. */
static unsigned int read_word(struct reader *reader, const char *key,
			      const char *(*name)(unsigned int number), unsigned int count)
{
	const char *word = json_string_value(get(reader, key));

	for (unsigned int i = 0; word && i < count; i++)
		if (strcmp(word, name(i)) == 0)
			return i;
	refuse(reader, key, "is not a word of this place");
	return 0;
}

static const char *kind_word(unsigned int number)
{
	return verdict_kind_name((enum verdict_kind)number);
}

static const char *state_word(unsigned int number)
{
	return verdict_state_name((enum verdict_state)number);
}

static const char *severity_word(unsigned int number)
{
	return severity_name((enum severity)number);
}

static const char *limit_word(unsigned int number)
{
	return sample_limit_name((enum sample_limit)number);
}

/* A reader of an object inside; its fault becomes the outer one's. */
static struct reader enter(const struct reader *outer, const json_t *object, const char *place)
{
	struct reader inner = *outer;

	inner.object = object;
	inner.place = place;
	return inner;
}

static void read_totals(struct reader *reader, struct pool_totals *totals, const char *place)
{
	struct reader failed = enter(reader, get(reader, "failed"), place);
	struct reader closed = enter(reader, get(reader, "closed"), place);

	totals->counts.opened_count = read_count(reader, "opened", COUNT_MAX);
	totals->counts.established_count = read_count(reader, "established", COUNT_MAX);
	for (int i = 0; i < FAIL_REASON_COUNT; i++)
		totals->failed_count[i] =
			read_count(&failed, fail_reason_name((enum fail_reason)i), COUNT_MAX);
	for (int i = 0; i < CLOSE_BY_COUNT; i++)
		totals->counts.closed_count[i] =
			read_count(&closed, close_by_name((enum close_by)i), COUNT_MAX);
	if (!reader->failure)
		reader->failure = failed.failure ? failed.failure : closed.failure;
}

static void read_history(struct reader *reader, struct sample_row *row)
{
	const json_t *array = get(reader, "history");
	size_t count = json_array_size(array);

	if (!array)
		return;
	if (!json_is_array(array) || count > SAMPLE_HISTORY_COUNT) {
		refuse(reader, "history", "is not a list of that length");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_array_get(array, i);
		json_int_t open = json_integer_value(value);

		if (json_is_null(value))
			continue;
		if (!json_is_integer(value) || open < 0 || open >= SAMPLE_UNKNOWN)
			refuse(reader, "history", "has something that is not a count");
		else
			row->history[SAMPLE_HISTORY_COUNT - count + i] = (uint32_t)open;
	}
}

static void read_verdict(struct reader *reader, struct sample_verdict *verdict, const char *place)
{
	const json_t *object = get(reader, "verdict_detail");
	struct reader inner = enter(reader, object, place);

	if (!object)
		return;
	if (!json_is_object(object)) {
		refuse(reader, "verdict_detail", "is not an object");
		return;
	}
	verdict->id = read_count(&inner, "id", INT64_MAX);
	verdict->kind = (enum verdict_kind)read_word(&inner, "kind", kind_word, VERDICT_KIND_COUNT);
	verdict->state =
		(enum verdict_state)read_word(&inner, "state", state_word, VERDICT_CLEARED);
	verdict->severity =
		(enum severity)read_word(&inner, "severity", severity_word, SEVERITY_CRITICAL + 1);
	verdict->since_ns = read_seconds(&inner, "since_t");
	verdict->suspect_count = (uint32_t)read_count(&inner, "suspects", UINT32_MAX);
	verdict->growth_per_hour = read_figure(&inner, "growth_per_hour");
	verdict->exhausts_in_s = read_figure(&inner, "exhausts_in_s");
	verdict->exhausts_in_low_s = read_figure(&inner, "exhausts_in_low_s");
	verdict->exhausts_in_high_s = read_figure(&inner, "exhausts_in_high_s");
	verdict->summary = read_text(&inner, "summary");
	if (!verdict->id)
		refuse(&inner, "id", "is missing");
	reader->failure = inner.failure;
}

static void read_sites(struct reader *reader, struct sample_row *row, const char *place)
{
	const json_t *array = get(reader, "sites");
	size_t count = json_array_size(array);
	struct sample_site *sites;

	if (!array)
		return;
	if (!json_is_array(array) || count > SAMPLE_SITES_MAX + 1) {
		refuse(reader, "sites", "is not a list of that length");
		return;
	}
	sites = sample_alloc(reader->sample, count * sizeof(*sites));
	if (!sites) {
		reader->failure = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct reader inner = enter(reader, json_array_get(array, i), place);

		sites[i].site = read_text(&inner, "site");
		sites[i].open_count = (uint32_t)read_count(&inner, "open", UINT32_MAX);
		sites[i].stale_count = (uint32_t)read_count(&inner, "stale", UINT32_MAX);
		reader->failure = inner.failure;
	}
	row->sites = sites;
	row->site_count = (uint32_t)count;
}

static void read_names(struct reader *reader, struct sample_row *row)
{
	const char *remote = json_string_value(get(reader, "remote"));

	row->client.pid = (uint32_t)read_count(reader, "pid", UINT32_MAX);
	row->client.start_ns = read_seconds(reader, "pstart");
	row->comm = read_text(reader, "comm");
	row->workload = read_text(reader, "workload");
	row->namespace = read_text(reader, "namespace");
	row->pod = read_text(reader, "pod");
	row->container = read_text(reader, "container");
	row->unit = read_text(reader, "unit");
	row->exe = read_text(reader, "exe");
	row->endpoint = read_text(reader, "endpoint");
	row->database = read_text(reader, "database");
	row->netns = (uint32_t)read_count(reader, "netns", UINT32_MAX);
	if (!remote || parse_netaddr(remote, &row->remote) < 0)
		refuse(reader, "remote", "is not an address with a port");
}

static void read_row(struct reader *reader, struct sample_row *row, const char *place)
{
	read_names(reader, row);
	row->open_count = (uint32_t)read_count(reader, "open", UINT32_MAX);
	row->connecting_count = (uint32_t)read_count(reader, "connecting", UINT32_MAX);
	row->busy_count = (uint32_t)read_count(reader, "busy", UINT32_MAX);
	row->idle_count = (uint32_t)read_count(reader, "idle", UINT32_MAX);
	row->stale_count = (uint32_t)read_count(reader, "stale", UINT32_MAX);
	row->peer_closed_count = (uint32_t)read_count(reader, "peer_closed", UINT32_MAX);
	row->limit = read_count(reader, "limit", INT64_MAX);
	if (get(reader, "limit_kind"))
		row->limit_kind = (enum sample_limit)read_word(reader, "limit_kind", limit_word,
							       SAMPLE_LIMIT_LEARNED + 1);
	row->first_ns = read_seconds(reader, "first_t");
	read_totals(reader, &row->totals, place);
	row->opens_per_s = read_figure(reader, "opens_per_s");
	row->closes_per_s = read_figure(reader, "closes_per_s");
	row->fails_per_s = read_figure(reader, "fails_per_s");
	read_history(reader, row);
	read_verdict(reader, &row->verdict, place);
	read_sites(reader, row, place);
	row->exited_ns = read_seconds(reader, "exited_t");
	row->exited = json_is_true(get(reader, "exited"));
}

static void read_losses(struct reader *reader)
{
	const char *reason;
	json_t *value;

	/* The iterator of the library wants an object that it could change, and changes none. */
	json_object_foreach((json_t *)get(reader, "lost_by_reason"), reason, value)
	{
		if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		    !format_is_safe(reason))
			refuse(reader, "lost_by_reason", "has something that is not a count");
		else if (sample_add_loss(reader->sample, reason,
					 (uint64_t)json_integer_value(value)) < 0)
			reader->failure = -ENOMEM;
		if (reader->failure)
			return;
	}
}

static void read_header(struct reader *reader)
{
	struct sample *sample = reader->sample;
	const json_t *realtime = get(reader, "realtime_at_zero_ns");
	uint64_t observed_ns = read_seconds(reader, "observed_s");

	sample->now_ns = read_seconds(reader, "t");
	sample->since_ns = observed_ns < sample->now_ns ? sample->now_ns - observed_ns : 0;
	sample->realtime_at_zero_ns = json_integer_value(realtime);
	if (realtime && !json_is_integer(realtime))
		refuse(reader, "realtime_at_zero_ns", "is not a number of nanoseconds");
	sample->lost_count = read_count(reader, "lost", INT64_MAX);
	read_losses(reader);
}

static void read_sample(struct reader *reader)
{
	const json_t *pools = json_object_get(reader->object, "pools");
	size_t count = json_array_size(pools);

	read_header(reader);
	if (!json_is_array(pools) || count > UINT32_MAX)
		refuse(reader, "pools", "is not a list");
	if (!reader->failure)
		reader->failure = sample_reserve(reader->sample, (uint32_t)count);
	for (size_t i = 0; !reader->failure && i < count; i++) {
		struct sample_row *row = sample_add_row(reader->sample);
		struct reader inner;
		char place[40];

		(void)snprintf(place, sizeof(place), "pools[%zu].", i);
		inner = enter(reader, json_array_get(pools, i), place);
		read_row(&inner, row, place);
		reader->failure = inner.failure;
		reader->sample->conn_count += row->open_count;
	}
}

int sample_json_decode(const char *text, size_t length, struct sample **ret_sample, char *ret_error,
		       size_t error_size)
{
	json_error_t error;
	json_t *object = NULL;
	struct reader reader = {.place = "", .error = ret_error, .error_size = error_size};

	if (json_read(text, length, &object, &error) == -ENOMEM)
		return -ENOMEM;
	if (!json_is_object(object)) {
		(void)snprintf(ret_error, error_size, "not a JSON object");
		json_decref(object);
		return -EINVAL;
	}
	reader.object = object;
	reader.sample = sample_new();
	if (reader.sample)
		read_sample(&reader);
	else
		reader.failure = -ENOMEM;
	json_decref(object);
	if (reader.failure) {
		sample_free(reader.sample);
		return reader.failure;
	}
	*ret_sample = reader.sample;
	return 0;
}
