/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a line of a trace. Beyond not crashing:
 *
 *   - the scanner and the JSON library must come to the same event;
 *   - an event that was read, written and read again must be the same event;
 *   - a refusal must come with a sentence that is safe for a terminal.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* The JSON library has 53 bits for a time, the scanner all of it. */
static bool same_time(uint64_t a, uint64_t b)
{
	return a == b || fabs((double)a - (double)b) <= (double)a * 0x1p-52;
}

static bool same_addr(const struct netaddr *a, const struct netaddr *b)
{
	return !memcmp(a->ip, b->ip, sizeof(a->ip)) && a->port == b->port;
}

static bool same_event(const struct event *a, const struct event *b)
{
	return a->type == b->type && same_time(a->t_ns, b->t_ns) && a->conn == b->conn &&
	       a->client.pid == b->client.pid &&
	       same_time(a->client.start_ns, b->client.start_ns) && a->tid == b->tid &&
	       a->netns == b->netns && !memcmp(a->comm, b->comm, COMM_SIZE) &&
	       same_addr(&a->local, &b->local) && same_addr(&a->remote, &b->remote) &&
	       same_text(a->cgroup, b->cgroup) && same_text(a->exe, b->exe) &&
	       same_text(a->site, b->site) && same_text(a->namespace, b->namespace) &&
	       same_text(a->pod, b->pod) && same_text(a->container, b->container) &&
	       a->ns_pid == b->ns_pid && a->seen_state == b->seen_state &&
	       a->has_idle == b->has_idle && same_time(a->idle_ns, b->idle_ns) &&
	       same_time(a->age_ns, b->age_ns) && a->sent_bytes == b->sent_bytes &&
	       a->received_bytes == b->received_bytes &&
	       same_time(a->last_send_ns, b->last_send_ns) &&
	       same_time(a->last_recv_ns, b->last_recv_ns) && a->by == b->by &&
	       !strcmp(a->error, b->error) && a->lost_count == b->lost_count;
}

static int parse(struct trace_reader *reader, const char *line, size_t length,
		 struct event *ret_event)
{
	char error[300] = "";
	int r = trace_parse_event(reader, line, length, ret_event, error, sizeof(error));

	if (!r)
		return 0;
	require(error[0] != '\0', "a refusal has a sentence");
	for (const char *c = error; *c; c++)
		require((uint8_t)*c >= 0x20 && *c != 0x7f, "the sentence is safe");
	return r;
}

/* The same line with a first key that only the JSON library takes. */
static void check_slow_reading(const char *line, size_t length, const struct event *event)
{
	static const char unknown[] = "{\"\":0,";
	struct trace_reader *reader = trace_reader_new();
	const char *brace = memchr(line, '{', length);
	size_t rest, head = sizeof(unknown) - 1;
	struct event slow;
	char *copy;

	require(reader && brace, "memory, and an object begins with a brace");
	rest = length - (size_t)(brace + 1 - line);
	copy = malloc(head + rest);
	require(copy, "memory");
	memcpy(copy, unknown, head);
	memcpy(copy + head, brace + 1, rest);
	/* A line that has an empty key of its own now has two, which is refused. */
	if (!memmem(line, length, "\"\"", 2) || !parse(reader, copy, head + rest, &slow)) {
		require(!parse(reader, copy, head + rest, &slow), "the library reads it too");
		require(same_event(event, &slow), "the library reads the same");
	}
	free(copy);
	trace_reader_free(reader);
}

static void check_round_trip(const struct event *event, size_t length)
{
	struct trace_reader *reader = trace_reader_new();
	size_t size = 8 * length + 1000;
	char *line = malloc(size);
	struct event again;
	int written;

	require(reader && line, "memory");
	written = trace_format_event(event, line, size);
	require(written > 0 && strlen(line) == (size_t)written, "it can be written");
	require(memchr(line, '\n', (size_t)written) == line + written - 1, "it is one line");
	require(!parse(reader, line, (size_t)written - 1, &again), "it can be read back");
	require(same_event(event, &again), "it is read back the same");
	free(line);
	trace_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data;
	struct trace_reader *reader = trace_reader_new();
	struct trace_header header, again;
	char error[300], text[2048];
	struct event event;

	require(reader, "memory");
	if (!parse(reader, line, size, &event)) {
		check_slow_reading(line, size, &event);
		check_round_trip(&event, size);
	}
	trace_reader_free(reader);
	if (!trace_parse_header(line, size, &header, error, sizeof(error))) {
		int written = trace_format_header(&header, text, sizeof(text));

		require(written > 0, "a header can be written");
		require(!trace_parse_header(text, (size_t)written - 1, &again, error,
					    sizeof(error)),
			"a header can be read back");
		require(!strcmp(again.host, header.host) &&
				again.realtime_at_zero_ns == header.realtime_at_zero_ns,
			"a header is read back the same");
	}
	return 0;
}
