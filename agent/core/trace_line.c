/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay reads lines by the million, and nearly all of them are flat objects of known keys with
 * plain numbers and ASCII strings. Those are scanned here in one pass without an allocation; every
 * other line, and every line that turns out to be wrong, goes to the JSON library, which alone
 * decides what is valid and what is said about it.
 *
 * Invariant: what trace_line_scan() accepts, trace_line_parse() accepts with the same values, but
 * for digits that a double has no room for, which the scanner keeps. It may always answer "not
 * mine"; a fuzz target holds the two against each other.
 *
 * It does not know which keys an event needs: that is trace.c.
 */
#include "trace_line.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "json_read.h"
#include "trace.h"

/* In the order of their length: a key is only held against those of its own length. */
static const char *const key_names[TRACE_KEY_COUNT] = {
	[KEY_T] = "t",
	[KEY_EV] = "ev",
	[KEY_BY] = "by",
	[KEY_PID] = "pid",
	[KEY_TID] = "tid",
	[KEY_EXE] = "exe",
	[KEY_POD] = "pod",
	[KEY_AGE] = "age",
	[KEY_CONN] = "conn",
	[KEY_COMM] = "comm",
	[KEY_SENT] = "sent",
	[KEY_SITE] = "site",
	[KEY_IDLE] = "idle",
	[KEY_HOST] = "host",
	[KEY_LOCAL] = "local",
	[KEY_STATE] = "state",
	[KEY_NETNS] = "netns",
	[KEY_ERROR] = "error",
	[KEY_COUNT] = "count",
	[KEY_PSTART] = "pstart",
	[KEY_OPENER] = "opener",
	[KEY_REMOTE] = "remote",
	[KEY_CGROUP] = "cgroup",
	[KEY_NS_PID] = "ns_pid",
	[KEY_RTT_US] = "rtt_us",
	[KEY_RETRANS] = "retrans",
	[KEY_RECEIVED] = "received",
	[KEY_REALTIME] = "realtime",
	[KEY_SEGMENTS] = "segments",
	[KEY_EXACT_AGE] = "exact_age",
	[KEY_LAST_SEND] = "last_send",
	[KEY_LAST_RECV] = "last_recv",
	[KEY_LAST_SITE] = "last_site",
	[KEY_NAMESPACE] = "namespace",
	[KEY_CONTAINER] = "container",
	[KEY_CONNLEAK_TRACE] = "connleak_trace",
};

#define KEY_LENGTH_MAX 14

/* First key of each length; the one behind the last is where the next length begins. */
static const uint8_t first_of_length[KEY_LENGTH_MAX + 2] = {
	[0] = KEY_T,
	[1] = KEY_T,
	[2] = KEY_EV,
	[3] = KEY_PID,
	[4] = KEY_CONN,
	[5] = KEY_LOCAL,
	[6] = KEY_PSTART,
	[7] = KEY_RETRANS,
	[8] = KEY_RECEIVED,
	[9] = KEY_EXACT_AGE,
	[10] = KEY_CONNLEAK_TRACE,
	[11] = KEY_CONNLEAK_TRACE,
	[12] = KEY_CONNLEAK_TRACE,
	[13] = KEY_CONNLEAK_TRACE,
	[14] = KEY_CONNLEAK_TRACE,
	[15] = TRACE_KEY_COUNT,
};

_Static_assert(TRACE_KEY_COUNT <= 64, "one bit a key");

struct trace_line {
	uint64_t present; /* bit per key */
	struct trace_value values[TRACE_KEY_COUNT]; /* only those of present are set */
	json_t *root; /* owner of the strings after a parse; NULL after a scan */
	char strings[TRACE_LINE_MAX + 1]; /* of a scan; each is shorter here than with its quotes */
	size_t strings_used;
};

static const struct trace_value absent = {.kind = VALUE_ABSENT};

struct trace_line *trace_line_new(void)
{
	return calloc(1, sizeof(struct trace_line));
}

static void reset(struct trace_line *line)
{
	json_decref(line->root);
	line->root = NULL;
	line->present = 0;
	line->strings_used = 0;
}

void trace_line_free(struct trace_line *line)
{
	if (!line)
		return;
	reset(line);
	free(line);
}

const char *trace_key_name(enum trace_key key)
{
	return key_names[key];
}

const struct trace_value *trace_line_value(const struct trace_line *line, enum trace_key key)
{
	return line->present & 1ULL << key ? &line->values[key] : &absent;
}

static enum trace_key find_key(const char *name, size_t length)
{
	if (length > KEY_LENGTH_MAX)
		return TRACE_KEY_COUNT;
	for (unsigned int key = first_of_length[length]; key < first_of_length[length + 1]; key++)
		if (key_names[key][0] == name[0] && !memcmp(key_names[key], name, length))
			return (enum trace_key)key;
	return TRACE_KEY_COUNT;
}

/* --- the scanner: each step moves *at and returns false for "not mine" --------------------------
 */

static const char *skip_spaces(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
		at++;
	return at;
}

static bool skip_char(const char **at, const char *end, char c)
{
	*at = skip_spaces(*at, end);
	if (*at == end || **at != c)
		return false;
	(*at)++;
	return true;
}

/* Behind the opening quote: up to the closing one, over plain ASCII without escapes. */
static bool scan_string(const char **at, const char *end, const char **ret_text, size_t *ret_length)
{
	const char *c = *at;

	while (c < end && *c != '"') {
		if (*c < 0x20 || *c > 0x7e || *c == '\\')
			return false;
		c++;
	}
	if (c == end)
		return false;
	*ret_text = *at;
	*ret_length = (size_t)(c - *at);
	*at = c + 1;
	return true;
}

/*
 * Digits, a fraction of up to 9, at most 18 in all so that they fit. No sign, no exponent: those
 * are for the library.
 */
static bool scan_number(const char **at, const char *end, struct trace_value *value)
{
	const char *start = *at, *c = start, *point = NULL;
	int64_t number = 0;
	size_t digits = 0;

	for (; c < end; c++) {
		if (*c == '.' && !point) {
			point = c;
			continue;
		}
		if (*c < '0' || *c > '9')
			break;
		if (++digits > 18)
			return false;
		number = number * 10 + (*c - '0');
	}
	if (!digits || point == start || point == c - 1 || (point && c - point > 10))
		return false;
	if (*start == '0' && c - start > 1 && start + 1 != point)
		return false;
	value->kind = point ? VALUE_DECIMAL : VALUE_INTEGER;
	value->fraction_digits = point ? (uint8_t)(c - point - 1) : 0;
	value->integer = number;
	*at = c;
	return true;
}

static bool scan_value(struct trace_line *line, const char **at, const char *end,
		       struct trace_value *value)
{
	const char *text;
	size_t length;
	char *copy;

	*at = skip_spaces(*at, end);
	if (*at == end)
		return false;
	if (**at != '"')
		return scan_number(at, end, value);
	(*at)++;
	if (!scan_string(at, end, &text, &length))
		return false;
	copy = line->strings + line->strings_used;
	memcpy(copy, text, length);
	copy[length] = '\0';
	line->strings_used += length + 1;
	value->kind = VALUE_STRING;
	value->string = copy;
	value->length = (uint32_t)length;
	return true;
}

static bool scan_member(struct trace_line *line, const char **at, const char *end)
{
	enum trace_key key;
	const char *name;
	size_t length;

	if (!skip_char(at, end, '"') || !scan_string(at, end, &name, &length))
		return false;
	key = find_key(name, length);
	if (key == TRACE_KEY_COUNT || line->present & 1ULL << key)
		return false;
	if (!skip_char(at, end, ':') || !scan_value(line, at, end, &line->values[key]))
		return false;
	line->present |= 1ULL << key;
	return true;
}

bool trace_line_scan(struct trace_line *line, const char *text, size_t length)
{
	const char *at = text, *end = text + length;

	reset(line);
	if (length > TRACE_LINE_MAX || !skip_char(&at, end, '{'))
		return false;
	do {
		if (!scan_member(line, &at, end))
			return false;
	} while (skip_char(&at, end, ','));
	return skip_char(&at, end, '}') && skip_spaces(at, end) == end;
}

/* --- the library --------------------------------------------------------------------------------
 */

static struct trace_value value_of(json_t *json)
{
	struct trace_value value = {.kind = VALUE_OTHER, .origin = json};

	switch (json_typeof(json)) {
	case JSON_STRING:
		value.kind = VALUE_STRING;
		value.string = json_string_value(json);
		value.length = (uint32_t)json_string_length(json);
		break;
	case JSON_INTEGER:
		value.kind = VALUE_INTEGER;
		value.integer = json_integer_value(json);
		break;
	case JSON_REAL:
		value.kind = VALUE_REAL;
		value.real = json_real_value(json);
		break;
	case JSON_NULL:
		value.kind = VALUE_ABSENT;
		break;
	default:
		break;
	}
	return value;
}

int trace_line_parse(struct trace_line *line, const char *text, size_t length, char *ret_error,
		     size_t error_size)
{
	json_error_t error;
	const char *name;
	char shown[120];
	json_t *member;
	int r;

	reset(line);
	/* jansson 2.14 reads over a NUL byte that comes right after a number. */
	if (memchr(text, '\0', length)) {
		(void)snprintf(ret_error, error_size, "not a JSON object: it has a NUL byte");
		return -EBADMSG;
	}
	r = json_read(text, length, &line->root, &error);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		(void)snprintf(ret_error, error_size, "not a JSON object: %s",
			       format_safe(error.text, sizeof(error.text), shown, sizeof(shown)));
		return -EBADMSG;
	}
	if (!json_is_object(line->root)) {
		(void)snprintf(ret_error, error_size, "not a JSON object but %s",
			       json_is_array(line->root) ? "an array" : "a single value");
		return -EBADMSG;
	}
	json_object_foreach(line->root, name, member)
	{
		enum trace_key key = find_key(name, strlen(name));

		if (key == TRACE_KEY_COUNT)
			continue;
		line->values[key] = value_of(member);
		line->present |= 1ULL << key;
	}
	return 0;
}

const char *trace_line_show(const struct trace_value *value, char *buffer, size_t size)
{
	char text[48];
	size_t length;

	if (value->kind == VALUE_STRING) {
		length = value->length < sizeof(text) - 2 ? value->length : sizeof(text) - 2;
		(void)snprintf(text, sizeof(text), "'%.*s'", (int)length, value->string);
		return format_safe(text, sizeof(text), buffer, size);
	}
	/* Cut where the text is full: the library returns the length that it would have taken. */
	length = json_dumpb(value->origin, text, sizeof(text),
			    JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(12));
	return format_safe(text, length < sizeof(text) ? length : sizeof(text), buffer, size);
}
