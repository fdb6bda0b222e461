/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace format makes an incident portable: what one host saw, another can judge again. This is
 * the reading half; trace_write.c is the other.
 *
 * Invariant: *ret_event is set only when the whole line is right, and a line that is wrong gets one
 * sentence that names the key and the value. A time in whole microseconds comes out to the digit,
 * and so does one in nanoseconds in the first 97 days of the clock, whichever way the line is read.
 *
 * It does not know files or line numbers, nor whether an event fits those before it: the order of
 * time is the source's to check, the life of a connection the table's.
 */
#include "trace.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "kube.h"
#include "rfc3339.h"
#include "trace_line.h"
#include "words.h"

#define SHOWN_SIZE 48

struct trace_reader {
	struct trace_line *line;
};

/* One line while it is being understood. */
struct parse {
	const struct trace_line *line;
	char *error;
	size_t error_size;
};

static int refuse(const struct parse *parse, enum trace_key key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "KEY VALUE" and then what is wrong with it. */
static int refuse(const struct parse *parse, enum trace_key key, const char *format, ...)
{
	char shown[SHOWN_SIZE];
	va_list args;
	int used;

	used = snprintf(parse->error, parse->error_size, "%s %s", trace_key_name(key),
			trace_line_show(trace_line_value(parse->line, key), shown, sizeof(shown)));
	if (used < 0 || (size_t)used >= parse->error_size)
		return -EINVAL;
	va_start(args, format);
	(void)vsnprintf(parse->error + used, parse->error_size - (size_t)used, format, args);
	va_end(args);
	return -EINVAL;
}

static int refuse_missing(const struct parse *parse, enum trace_key key)
{
	(void)snprintf(parse->error, parse->error_size, "key '%s' is missing", trace_key_name(key));
	return -EINVAL;
}

/*
 * The take functions set the output and return 0 where the key is there and right. An absent key
 * leaves the output alone: -EINVAL where it is needed, else 0.
 */
enum need { OPTIONAL, NEEDED };

static int take_integer(const struct parse *parse, enum trace_key key, enum need need, uint64_t low,
			uint64_t high, uint64_t *ret_number)
{
	const struct trace_value *value = trace_line_value(parse->line, key);

	if (value->kind == VALUE_ABSENT)
		return need == NEEDED ? refuse_missing(parse, key) : 0;
	if (value->kind != VALUE_INTEGER)
		return refuse(parse, key, ": not an integer");
	if (value->integer < 0 || (uint64_t)value->integer < low || (uint64_t)value->integer > high)
		return refuse(parse, key, ": not in %llu-%llu", (unsigned long long)low,
			      (unsigned long long)high);
	*ret_number = (uint64_t)value->integer;
	return 0;
}

static int take_string(const struct parse *parse, enum trace_key key, enum need need,
		       const char **ret_string)
{
	const struct trace_value *value = trace_line_value(parse->line, key);

	if (value->kind == VALUE_ABSENT)
		return need == NEEDED ? refuse_missing(parse, key) : 0;
	if (value->kind != VALUE_STRING)
		return refuse(parse, key, ": not a string");
	*ret_string = value->string;
	return 0;
}

/* An absent word leaves *ret_value alone. */
static int take_word(const struct parse *parse, enum trace_key key, enum need need,
		     const struct word *words, int *ret_value)
{
	const struct word *row;
	const char *text = NULL;
	int r = take_string(parse, key, need, &text);

	if (r || !text)
		return r;
	row = word_find(words, text);
	if (!row)
		return refuse(parse, key, " is unknown");
	*ret_value = row->value;
	return 0;
}

/*
 * A double next to a decimal with few digits is that decimal: dividing the whole number of units
 * rounds to the same double as reading the text did, which proves the guess.
 */
static uint64_t real_to_ns(double seconds)
{
	double us = round(seconds * 1e6), ns = round(seconds * 1e9);

	if (us < 0x1p53 && us / 1e6 == seconds)
		return (uint64_t)us * NS_PER_US;
	/* The product was rounded too; what that took away or added comes back here. */
	return (uint64_t)(ns + round(fma(seconds, 1e9, -ns)));
}

/* Nanoseconds of a value in seconds; false where it is negative or beyond TRACE_SECONDS_MAX. */
static bool value_to_ns(const struct trace_value *value, uint64_t *ret_ns)
{
	static const uint32_t powers[] = {1,	  10,	   100,	     1000,	10000,
					  100000, 1000000, 10000000, 100000000, 1000000000};
	uint64_t scale, whole;

	if (value->kind == VALUE_REAL) {
		if (!(value->real >= 0 && value->real <= (double)TRACE_SECONDS_MAX))
			return false;
		*ret_ns = real_to_ns(value->real);
		return true;
	}
	if (value->integer < 0)
		return false;
	scale = powers[value->kind == VALUE_DECIMAL ? value->fraction_digits : 0];
	whole = (uint64_t)value->integer / scale;
	if (whole >= TRACE_SECONDS_MAX)
		return false;
	*ret_ns = whole * NS_PER_SEC + (uint64_t)value->integer % scale * (NS_PER_SEC / scale);
	return true;
}

static int take_time(const struct parse *parse, enum trace_key key, enum need need,
		     uint64_t *ret_ns)
{
	const struct trace_value *value = trace_line_value(parse->line, key);

	if (value->kind == VALUE_ABSENT)
		return need == NEEDED ? refuse_missing(parse, key) : 0;
	if (value->kind == VALUE_STRING || value->kind == VALUE_OTHER)
		return refuse(parse, key, ": not a number of seconds");
	if (!value_to_ns(value, ret_ns))
		return refuse(parse, key, ": not in 0-%llu s",
			      (unsigned long long)TRACE_SECONDS_MAX);
	return 0;
}

/* Of the past: what happened before the clock's origin is as good as never. */
static int take_past_time(const struct parse *parse, enum trace_key key, uint64_t *ret_ns)
{
	const struct trace_value *value = trace_line_value(parse->line, key);

	if ((value->kind == VALUE_INTEGER && value->integer < 0) ||
	    (value->kind == VALUE_REAL && value->real < 0))
		return 0;
	return take_time(parse, key, OPTIONAL, ret_ns);
}

static int take_netaddr(const struct parse *parse, enum trace_key key, enum need need,
			struct netaddr *ret_addr)
{
	const char *text = NULL;
	int r = take_string(parse, key, need, &text);

	if (r || !text)
		return r;
	if (parse_netaddr(text, ret_addr))
		return refuse(parse, key, ": not ADDR:PORT or [V6]:PORT");
	return 0;
}

/* A comm of the kernel has 15 bytes; a longer one is cut at a whole character. */
static int take_comm(const struct parse *parse, char ret_comm[static COMM_SIZE])
{
	const char *text = NULL;
	size_t length;
	int r = take_string(parse, KEY_COMM, OPTIONAL, &text);

	if (r || !text)
		return r;
	length = strlen(text);
	if (length > COMM_SIZE - 1) {
		length = COMM_SIZE - 1;
		while (length && ((uint8_t)text[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(ret_comm, text, length);
	return 0;
}

static int take_errno_name(const struct parse *parse, char *ret_name, size_t size)
{
	const char *text = NULL;
	size_t length;
	int r = take_string(parse, KEY_ERROR, NEEDED, &text);

	if (r)
		return r;
	length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
	if (text[0] != 'E' || length < 2 || text[length] || length >= size)
		return refuse(parse, KEY_ERROR, ": not the name of an errno");
	memcpy(ret_name, text, length + 1);
	return 0;
}

static int take_client(const struct parse *parse, struct client_id *ret_client)
{
	uint64_t pid = 0;
	int r = take_integer(parse, KEY_PID, NEEDED, 1, UINT32_MAX, &pid);

	if (r)
		return r;
	ret_client->pid = (uint32_t)pid;
	return take_time(parse, KEY_PSTART, NEEDED, &ret_client->start_ns);
}

static int take_u32(const struct parse *parse, enum trace_key key, uint32_t *ret_number)
{
	uint64_t number = 0;
	int r = take_integer(parse, key, OPTIONAL, 0, UINT32_MAX, &number);

	if (!r)
		*ret_number = (uint32_t)number;
	return r;
}

/* A name that Kubernetes would not have given is not one. */
static int take_kube_name(const struct parse *parse, enum trace_key key,
			  bool (*is_valid)(const char *text, size_t length), const char **ret_name)
{
	const char *text = NULL;
	int r = take_string(parse, key, OPTIONAL, &text);

	if (r || !text)
		return r;
	if (!is_valid(text, strlen(text)))
		return refuse(parse, key, ": not a name of Kubernetes");
	*ret_name = text;
	return 0;
}

static int take_container(const struct parse *parse, struct event *event)
{
	int r = take_kube_name(parse, KEY_NAMESPACE, kube_is_label, &event->namespace);

	if (!r)
		r = take_kube_name(parse, KEY_POD, kube_is_subdomain, &event->pod);
	if (!r)
		r = take_kube_name(parse, KEY_CONTAINER, kube_is_label, &event->container);
	if (!r)
		r = take_u32(parse, KEY_NS_PID, &event->ns_pid);
	return r;
}

static int take_open(const struct parse *parse, struct event *event)
{
	int r = take_client(parse, &event->client);

	if (!r)
		r = take_netaddr(parse, KEY_REMOTE, NEEDED, &event->remote);
	if (!r)
		r = take_netaddr(parse, KEY_LOCAL, OPTIONAL, &event->local);
	if (!r)
		r = take_u32(parse, KEY_TID, &event->tid);
	if (!r)
		r = take_u32(parse, KEY_NETNS, &event->netns);
	if (!r)
		r = take_comm(parse, event->comm);
	if (!r)
		r = take_string(parse, KEY_CGROUP, OPTIONAL, &event->cgroup);
	if (!r)
		r = take_string(parse, KEY_EXE, OPTIONAL, &event->exe);
	if (!r)
		r = take_string(parse, KEY_SITE, OPTIONAL, &event->site);
	if (!r)
		r = take_container(parse, event);
	return r;
}

static int take_seen(const struct parse *parse, struct event *event)
{
	int state = SEEN_ESTABLISHED;
	int r = take_open(parse, event);

	if (!r)
		r = take_word(parse, KEY_STATE, OPTIONAL, word_seen_states, &state);
	event->seen_state = (enum seen_state)state;
	event->has_idle = trace_line_value(parse->line, KEY_IDLE)->kind != VALUE_ABSENT;
	if (!r)
		r = take_time(parse, KEY_IDLE, OPTIONAL, &event->idle_ns);
	event->age_is_exact = trace_line_value(parse->line, KEY_EXACT_AGE)->kind != VALUE_ABSENT;
	if (!r)
		r = take_time(parse, event->age_is_exact ? KEY_EXACT_AGE : KEY_AGE, OPTIONAL,
			      &event->age_ns);
	return r;
}

static int take_io(const struct parse *parse, struct event *event)
{
	int opener = OPENER_UNKNOWN;
	int r = take_integer(parse, KEY_SENT, NEEDED, 0, INT64_MAX, &event->sent_bytes);

	if (!r)
		r = take_integer(parse, KEY_RECEIVED, NEEDED, 0, INT64_MAX, &event->received_bytes);
	if (!r)
		r = take_past_time(parse, KEY_LAST_SEND, &event->last_send_ns);
	if (!r)
		r = take_past_time(parse, KEY_LAST_RECV, &event->last_recv_ns);
	if (!r)
		r = take_u32(parse, KEY_RTT_US, &event->rtt_us);
	if (!r)
		r = take_u32(parse, KEY_RETRANS, &event->retransmit_count);
	if (!r)
		r = take_string(parse, KEY_SITE, OPTIONAL, &event->site);
	if (!r)
		r = take_string(parse, KEY_LAST_SITE, OPTIONAL, &event->last_site);
	if (!r)
		r = take_word(parse, KEY_OPENER, OPTIONAL, word_openers, &opener);
	event->opener = (uint8_t)opener;
	return r;
}

static int take_close(const struct parse *parse, struct event *event)
{
	int by = 0;
	uint32_t segment_count = 0;
	int r = take_word(parse, KEY_BY, NEEDED, word_closes, &by);

	event->by = (uint8_t)by;
	if (!r)
		r = take_u32(parse, KEY_SEGMENTS, &segment_count);
	event->segment_count = segment_count < UINT16_MAX ? (uint16_t)segment_count : UINT16_MAX;
	return r;
}

static bool concerns_conn(enum event_type type)
{
	return type != EVENT_EXIT && type != EVENT_LOST && type != EVENT_END;
}

static int take_event(const struct parse *parse, struct event *event)
{
	int type = EVENT_END;
	int r = take_time(parse, KEY_T, NEEDED, &event->t_ns);

	if (!r)
		r = take_word(parse, KEY_EV, NEEDED, word_events, &type);
	event->type = (enum event_type)type;
	if (!r && concerns_conn(event->type))
		r = take_integer(parse, KEY_CONN, NEEDED, 0, INT64_MAX, &event->conn);
	if (r)
		return r;
	switch (event->type) {
	case EVENT_OPEN:
		return take_open(parse, event);
	case EVENT_SEEN:
		return take_seen(parse, event);
	case EVENT_FAILED:
		return take_errno_name(parse, event->error, sizeof(event->error));
	case EVENT_IO:
		return take_io(parse, event);
	case EVENT_CLOSE:
		return take_close(parse, event);
	case EVENT_EXIT:
		return take_client(parse, &event->client);
	case EVENT_LOST:
		return take_integer(parse, KEY_COUNT, NEEDED, 0, INT64_MAX, &event->lost_count);
	default:
		return 0;
	}
}

struct trace_reader *trace_reader_new(void)
{
	struct trace_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->line = trace_line_new();
	if (!reader->line) {
		free(reader);
		return NULL;
	}
	return reader;
}

void trace_reader_free(struct trace_reader *reader)
{
	if (!reader)
		return;
	trace_line_free(reader->line);
	free(reader);
}

int trace_parse_event(struct trace_reader *reader, const char *line, size_t length,
		      struct event *ret_event, char *ret_error, size_t error_size)
{
	struct parse parse = {reader->line, ret_error, error_size};
	struct event event = {.t_ns = 0};
	int r;

	/* A wrong line is read a second time: only the library knows how to show what is wrong. */
	if (!trace_line_scan(reader->line, line, length) || take_event(&parse, &event)) {
		event = (struct event){.t_ns = 0};
		r = trace_line_parse(reader->line, line, length, ret_error, error_size);
		if (!r)
			r = take_event(&parse, &event);
		if (r)
			return r;
	}
	*ret_event = event;
	return 0;
}

static int take_header(const struct parse *parse, struct trace_header *header)
{
	uint64_t version = 0;
	const char *host = "", *realtime = NULL;
	int r;

	if (trace_line_value(parse->line, KEY_CONNLEAK_TRACE)->kind == VALUE_ABSENT) {
		(void)snprintf(parse->error, parse->error_size,
			       "not the header of a trace: key 'connleak_trace' is missing");
		return -EINVAL;
	}
	r = take_integer(parse, KEY_CONNLEAK_TRACE, NEEDED, 0, INT64_MAX, &version);
	if (r)
		return r;
	if (version != TRACE_VERSION)
		return refuse(parse, KEY_CONNLEAK_TRACE, ": only version %d of the format is known",
			      TRACE_VERSION);
	header->version = (int)version;
	r = take_string(parse, KEY_HOST, OPTIONAL, &host);
	if (!r)
		r = take_string(parse, KEY_REALTIME, OPTIONAL, &realtime);
	if (r)
		return r;
	if (strlen(host) >= sizeof(header->host))
		return refuse(parse, KEY_HOST, ": longer than %zu bytes", sizeof(header->host) - 1);
	memcpy(header->host, host, strlen(host) + 1);
	if (realtime &&
	    !rfc3339_parse(realtime, &header->realtime_at_zero_ns, &header->utc_offset_s))
		return refuse(parse, KEY_REALTIME, ": not a time like 2026-11-20T08:00:00Z");
	return 0;
}

int trace_parse_header(const char *line, size_t length, struct trace_header *ret_header,
		       char *ret_error, size_t error_size)
{
	struct trace_header header = {.version = 0};
	struct trace_line *fields = trace_line_new();
	struct parse parse = {fields, ret_error, error_size};
	int r;

	if (!fields)
		return -ENOMEM;
	r = trace_line_parse(fields, line, length, ret_error, error_size);
	if (!r)
		r = take_header(&parse, &header);
	trace_line_free(fields);
	if (!r)
		*ret_header = header;
	return r;
}
