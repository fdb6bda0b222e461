/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts and pipelines read connleak through these lines, so their keys are a contract: in this
 * order, always all of them, null where a figure is unknown.
 *
 * Invariant: each line is one valid JSON object in UTF-8, whatever bytes a process has put in its
 * name; and a line that could not be written is an error to the caller, not a gap in the file.
 *
 * It does not open, rotate or close files, and it does not decide what is worth a line.
 */
#include "jsonl.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "core/format.h"

/* 15 digits hold every time to the microsecond for 31 years, and no 0.1 becomes 0.1000...01. */
#define DUMP_FLAGS (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15))

static json_t *seconds_json(uint64_t ns)
{
	return json_real((double)ns / 1e9);
}

/* Of bytes that need not be UTF-8; "" and NULL are unknown. */
static json_t *text_json(const char *text, size_t max)
{
	char clean[3 * 1024 + 1];
	json_t *whole;

	if (!text || !max || !*text)
		return json_null();
	/* The library takes what is UTF-8 as it is and at any length. */
	whole = max == SIZE_MAX ? json_string(text) : NULL;
	return whole ? whole : json_string(format_utf8(text, max, clean, sizeof(clean)));
}

static json_t *string_json(const char *text)
{
	return text_json(text, SIZE_MAX);
}

static json_t *count_json(uint64_t count)
{
	return json_integer((json_int_t)count);
}

static json_t *rate_json(double rate)
{
	return isfinite(rate) ? json_real(rate) : json_null();
}

static json_t *whole_seconds_json(double seconds)
{
	if (!isfinite(seconds) || fabs(seconds) > 1e15)
		return json_null();
	return json_integer((json_int_t)llround(seconds));
}

static json_t *netaddr_json(const struct netaddr *addr)
{
	char text[ADDR_TEXT_SIZE];

	return json_string(format_netaddr(addr, text, sizeof(text)));
}

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

static json_t *suspects_json(const struct verdict *verdict, int *r)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < verdict->suspect_count; i++)
		append(array, count_json(verdict->suspects[i]), r);
	return array;
}

/* What the server calls the same, in the same order. */
static json_t *suspect_ports_json(const struct verdict *verdict, int *r)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < verdict->suspect_count; i++) {
		uint16_t port = verdict->suspect_ports ? verdict->suspect_ports[i] : 0;

		append(array, port ? count_json(port) : json_null(), r);
	}
	return array;
}

static json_t *sites_json(const struct verdict *verdict, int *r)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < verdict->site_count; i++) {
		const struct verdict_site *site = &verdict->sites[i];
		json_t *object = json_object();

		add(object, "site", string_json(site->site), r);
		add(object, "open", count_json(site->open_count), r);
		add(object, "role", string_json(site->role), r);
		append(array, object, r);
	}
	return array;
}

static json_t *evidence_json(const struct verdict *verdict, int *r)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < verdict->evidence_count; i++) {
		const struct evidence *evidence = &verdict->evidence[i];
		json_t *object = json_object();

		add(object, "name", string_json(evidence->name), r);
		add(object, "text", text_json(evidence->text, sizeof(evidence->text)), r);
		append(array, object, r);
	}
	return array;
}

static json_t *rivals_json(const struct verdict *verdict, int *r)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < verdict->rival_count; i++) {
		const struct rival_ruling *ruling = &verdict->rivals[i];
		json_t *object = json_object();

		add(object, "name", string_json(rival_name(ruling->rival)), r);
		add(object, "ruling", string_json(ruling_name(ruling->ruling)), r);
		add(object, "text", text_json(ruling->text, sizeof(ruling->text)), r);
		append(array, object, r);
	}
	return array;
}

static void add_subject(json_t *line, const struct verdict *verdict, int *r)
{
	struct client_id client = verdict->client;

	add(line, "pid", count_json(client.pid), r);
	add(line, "pstart", client.start_ns ? seconds_json(client.start_ns) : json_null(), r);
	add(line, "comm", text_json(verdict->comm, sizeof(verdict->comm)), r);
	add(line, "remote", netaddr_json(&verdict->remote), r);
	add(line, "database", text_json(verdict->database, sizeof(verdict->database)), r);
}

static void add_figures(json_t *line, const struct verdict *verdict, int *r)
{
	add(line, "open", count_json(verdict->open_count), r);
	add(line, "stale", count_json(verdict->stale_count), r);
	add(line, "limit", verdict->limit ? count_json(verdict->limit) : json_null(), r);
	add(line, "growth_per_hour", rate_json(verdict->growth_per_hour), r);
	add(line, "exhausts_in_s", whole_seconds_json(verdict->exhausts_in_s), r);
	add(line, "exhausts_in_low_s", whole_seconds_json(verdict->exhausts_in_low_s), r);
	add(line, "exhausts_in_high_s", whole_seconds_json(verdict->exhausts_in_high_s), r);
	add(line, "since_t", seconds_json(verdict->since_ns), r);
}

json_t *jsonl_verdict_json(const struct verdict *verdict)
{
	json_t *line = json_object();
	int r = 0;

	add(line, "t", seconds_json(verdict->t_ns), &r);
	add(line, "ev", json_string("verdict"), &r);
	add(line, "id", count_json(verdict->id), &r);
	add(line, "kind", json_string(verdict_kind_name(verdict->kind)), &r);
	add(line, "state", json_string(verdict_state_name(verdict->state)), &r);
	add(line, "severity", json_string(severity_name(verdict->severity)), &r);
	add_subject(line, verdict, &r);
	add_figures(line, verdict, &r);
	add(line, "suspects", suspects_json(verdict, &r), &r);
	add(line, "sites", sites_json(verdict, &r), &r);
	add(line, "evidence", evidence_json(verdict, &r), &r);
	add(line, "summary", text_json(verdict->summary, sizeof(verdict->summary)), &r);
	add(line, "workload", text_json(verdict->workload, sizeof(verdict->workload)), &r);
	add(line, "namespace", text_json(verdict->namespace, sizeof(verdict->namespace)), &r);
	add(line, "pod", text_json(verdict->pod, sizeof(verdict->pod)), &r);
	add(line, "container", text_json(verdict->container, sizeof(verdict->container)), &r);
	add(line, "ns_pid", verdict->ns_pid ? count_json(verdict->ns_pid) : json_null(), &r);
	add(line, "endpoint", text_json(verdict->endpoint, sizeof(verdict->endpoint)), &r);
	add(line, "rivals", rivals_json(verdict, &r), &r);
	add(line, "suspect_ports", suspect_ports_json(verdict, &r), &r);
	if (!r)
		return line;
	json_decref(line);
	return NULL;
}

/* stdio need not set errno where the stream already stood in error. */
static int stream_error(void)
{
	return errno ? -errno : -EIO;
}

static int write_all(FILE *stream, const char *text, size_t length)
{
	errno = 0;
	if (ferror(stream) || fwrite(text, 1, length, stream) != length)
		return stream_error();
	return 0;
}

int jsonl_flush(FILE *stream)
{
	errno = 0;
	return ferror(stream) || fflush(stream) ? stream_error() : 0;
}

static int dump_piece(const char *text, size_t length, void *stream)
{
	return write_all(stream, text, length) ? -1 : 0;
}

int jsonl_write_verdict(FILE *stream, const struct verdict *verdict)
{
	json_t *line = jsonl_verdict_json(verdict);
	int r;

	if (!line)
		return -ENOMEM;
	errno = 0;
	r = json_dump_callback(line, dump_piece, stream, DUMP_FLAGS) ? stream_error() : 0;
	json_decref(line);
	if (!r)
		r = write_all(stream, "\n", 1);
	return r ? r : jsonl_flush(stream);
}

/* A line's length, or what trace_format_*() refused; -ENOSPC would be read as a full disk. */
static int write_line(FILE *stream, const char *line, int length)
{
	if (length < 0)
		return length == -ENOSPC ? -EMSGSIZE : length;
	return write_all(stream, line, (size_t)length);
}

int jsonl_write_header(FILE *stream, const struct trace_header *header)
{
	char line[2048];

	return write_line(stream, line, trace_format_header(header, line, sizeof(line)));
}

int jsonl_write_event(FILE *stream, const struct event *event)
{
	char line[TRACE_LINE_MAX];

	return write_line(stream, line, trace_format_event(event, line, sizeof(line)));
}
