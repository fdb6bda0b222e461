/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing half of the trace format: one event, one line.
 *
 * Invariant: what is written here, trace_parse_event() reads back as the same event, as long as its
 * names are UTF-8 and its times are as trace.c says; and it is one line of valid JSON whatever
 * bytes the names are made of.
 *
 * It does not allocate, and it does not write files: the line goes into the caller's buffer.
 * Written by hand, not with the JSON library, because live tracing does this for every connection.
 */
#include <errno.h>
#include <string.h>

#include "format.h"
#include "rfc3339.h"
#include "trace.h"
#include "words.h"

/* The line as it grows; what does not fit sets full and is lost. */
struct out {
	char *buffer;
	size_t size, used;
	bool full;
};

static void put(struct out *out, const char *text, size_t length)
{
	if (out->full || length >= out->size - out->used) {
		out->full = true;
		return;
	}
	memcpy(out->buffer + out->used, text, length);
	out->used += length;
}

static void put_text(struct out *out, const char *text)
{
	put(out, text, strlen(text));
}

static void put_number(struct out *out, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put(out, digits + at, sizeof(digits) - at);
}

/* ".5", ".000000001"; nothing for 0. */
static void put_fraction(struct out *out, uint32_t ns)
{
	char digits[10] = ".";
	size_t length = sizeof(digits);

	for (size_t i = sizeof(digits) - 1; i > 0; i--, ns /= 10)
		digits[i] = (char)('0' + ns % 10);
	while (length > 1 && digits[length - 1] == '0')
		length--;
	if (length > 1)
		put(out, digits, length);
}

/* Seconds with as many digits as it takes. */
static void put_seconds(struct out *out, uint64_t ns)
{
	put_number(out, ns / NS_PER_SEC);
	if (ns % NS_PER_SEC)
		put_fraction(out, (uint32_t)(ns % NS_PER_SEC));
	else
		put(out, ".0", 2);
}

static void put_escaped(struct out *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (c == '"' || c == '\\') {
		text[1] = (char)c;
		put(out, text, 2);
	} else {
		put(out, text, sizeof(text));
	}
}

/* A JSON string of at most max bytes up to a NUL. */
static void put_string(struct out *out, const char *text, size_t max)
{
	size_t length = strnlen(text, max), step;
	uint32_t code;

	put(out, "\"", 1);
	for (size_t i = 0; i < length; i += step) {
		step = utf8_decode(text + i, length - i, &code);
		if (!step) {
			put(out, "\xef\xbf\xbd", 3);
			step = 1;
		} else if (code < 0x20 || code == '"' || code == '\\') {
			put_escaped(out, (uint8_t)code);
		} else {
			put(out, text + i, step);
		}
	}
	put(out, "\"", 1);
}

static void put_key(struct out *out, const char *key)
{
	put(out, ",\"", 2);
	put_text(out, key);
	put(out, "\":", 2);
}

static void put_number_of(struct out *out, const char *key, uint64_t number)
{
	put_key(out, key);
	put_number(out, number);
}

static void put_seconds_of(struct out *out, const char *key, uint64_t ns)
{
	put_key(out, key);
	put_seconds(out, ns);
}

/* NULL is unknown and left out. */
static void put_string_of(struct out *out, const char *key, const char *text)
{
	if (!text)
		return;
	put_key(out, key);
	put_string(out, text, SIZE_MAX);
}

static void put_netaddr_of(struct out *out, const char *key, const struct netaddr *addr)
{
	char text[ADDR_TEXT_SIZE];

	put_string_of(out, key, format_netaddr(addr, text, sizeof(text)));
}

static void put_client(struct out *out, struct client_id client)
{
	put_number_of(out, "pid", client.pid);
	put_seconds_of(out, "pstart", client.start_ns);
}

static void put_open(struct out *out, const struct event *event)
{
	put_client(out, event->client);
	if (event->tid)
		put_number_of(out, "tid", event->tid);
	if (event->netns)
		put_number_of(out, "netns", event->netns);
	if (event->comm[0]) {
		put_key(out, "comm");
		put_string(out, event->comm, COMM_SIZE);
	}
	put_netaddr_of(out, "remote", &event->remote);
	if (event->local.port)
		put_netaddr_of(out, "local", &event->local);
	put_string_of(out, "cgroup", event->cgroup);
	put_string_of(out, "exe", event->exe);
	put_string_of(out, "site", event->site);
	put_string_of(out, "namespace", event->namespace);
	put_string_of(out, "pod", event->pod);
	put_string_of(out, "container", event->container);
	if (event->ns_pid)
		put_number_of(out, "ns_pid", event->ns_pid);
}

static void put_seen(struct out *out, const struct event *event)
{
	static const char *const states[] = {
		[SEEN_ESTABLISHED] = "established",
		[SEEN_CONNECTING] = "connecting",
		[SEEN_PEER_CLOSED] = "peer_closed",
	};

	put_open(out, event);
	put_string_of(out, "state", states[event->seen_state]);
	if (event->has_idle)
		put_seconds_of(out, "idle", event->idle_ns);
	if (event->age_is_exact)
		put_seconds_of(out, "exact_age", event->age_ns);
	else if (event->age_ns)
		put_seconds_of(out, "age", event->age_ns);
}

static void put_io(struct out *out, const struct event *event)
{
	put_number_of(out, "sent", event->sent_bytes);
	put_number_of(out, "received", event->received_bytes);
	put_seconds_of(out, "last_send", event->last_send_ns);
	put_seconds_of(out, "last_recv", event->last_recv_ns);
	if (event->rtt_us)
		put_number_of(out, "rtt_us", event->rtt_us);
	if (event->retransmit_count)
		put_number_of(out, "retrans", event->retransmit_count);
	put_string_of(out, "site", event->site);
	put_string_of(out, "last_site", event->last_site);
	if (event->opener != OPENER_UNKNOWN)
		put_string_of(out, "opener", opener_state_name(event->opener));
}

static void put_details(struct out *out, const struct event *event)
{
	switch (event->type) {
	case EVENT_OPEN:
		put_open(out, event);
		break;
	case EVENT_SEEN:
		put_seen(out, event);
		break;
	case EVENT_FAILED:
		put_string_of(out, "error", event->error);
		break;
	case EVENT_IO:
		put_io(out, event);
		break;
	case EVENT_CLOSE:
		put_string_of(out, "by", close_by_name((enum close_by)event->by));
		if (event->segment_count)
			put_number_of(out, "segments", event->segment_count);
		break;
	case EVENT_EXIT:
		put_client(out, event->client);
		break;
	case EVENT_LOST:
		put_number_of(out, "count", event->lost_count);
		break;
	default:
		break;
	}
}

/* The line's end and its length, or -ENOSPC. */
static int finish(struct out *out)
{
	put(out, "}\n", 2);
	if (out->full)
		return -ENOSPC;
	out->buffer[out->used] = '\0';
	return (int)out->used;
}

int trace_format_event(const struct event *event, char *buffer, size_t size)
{
	struct out out = {.buffer = buffer, .size = size, .full = !size};
	const char *word = word_of(word_events, (int)event->type);

	if (!word)
		return 0;
	put_text(&out, "{\"t\":");
	put_seconds(&out, event->t_ns);
	put_string_of(&out, "ev", word);
	if (event->type != EVENT_EXIT && event->type != EVENT_LOST && event->type != EVENT_END)
		put_number_of(&out, "conn", event->conn);
	put_details(&out, event);
	return finish(&out);
}

int trace_format_header(const struct trace_header *header, char *buffer, size_t size)
{
	struct out out = {.buffer = buffer, .size = size, .full = !size};
	char realtime[RFC3339_SIZE];

	put_text(&out, "{\"connleak_trace\":");
	put_number(&out, (uint64_t)header->version);
	if (header->host[0]) {
		put_key(&out, "host");
		put_string(&out, header->host, sizeof(header->host));
	}
	if (header->realtime_at_zero_ns > 0) {
		put_string_of(&out, "realtime",
			      rfc3339_format((uint64_t)header->realtime_at_zero_ns,
					     header->utc_offset_s, realtime, sizeof(realtime)));
	}
	return finish(&out);
}
