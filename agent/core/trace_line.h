/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of JSON taken apart into the fields that the trace format knows. Private to the trace
 * reader: what stands behind it, a library or not, is of no concern to anybody else.
 */
#ifndef CONNLEAK_CORE_TRACE_LINE_H
#define CONNLEAK_CORE_TRACE_LINE_H

#include "types.h"

enum trace_key {
	KEY_T,
	KEY_EV,
	KEY_BY,
	KEY_PID,
	KEY_TID,
	KEY_EXE,
	KEY_POD,
	KEY_AGE,
	KEY_CONN,
	KEY_COMM,
	KEY_SENT,
	KEY_SITE,
	KEY_IDLE,
	KEY_HOST,
	KEY_LOCAL,
	KEY_STATE,
	KEY_NETNS,
	KEY_ERROR,
	KEY_COUNT,
	KEY_PSTART,
	KEY_OPENER,
	KEY_REMOTE,
	KEY_CGROUP,
	KEY_NS_PID,
	KEY_RTT_US,
	KEY_RETRANS,
	KEY_RECEIVED,
	KEY_REALTIME,
	KEY_SEGMENTS,
	KEY_EXACT_AGE,
	KEY_LAST_SEND,
	KEY_LAST_RECV,
	KEY_LAST_SITE,
	KEY_NAMESPACE,
	KEY_CONTAINER,
	KEY_CONNLEAK_TRACE,
	TRACE_KEY_COUNT,
};

enum trace_value_kind {
	VALUE_ABSENT, /* or null: nobody knows */
	VALUE_STRING,
	VALUE_INTEGER,
	VALUE_DECIMAL, /* integer / 10^fraction_digits, exactly as written */
	VALUE_REAL,
	VALUE_OTHER,
};

struct trace_value {
	enum trace_value_kind kind;
	uint8_t fraction_digits; /* DECIMAL: 1-9 */
	uint32_t length; /* STRING */
	int64_t integer;
	double real;
	const char *string; /* NUL-terminated valid UTF-8 without a NUL in it */
	const void *origin; /* for trace_line_show() */
};

struct trace_line;

struct trace_line *trace_line_new(void);
void trace_line_free(struct trace_line *line);

/*
 * The common case, fast: a flat object of known keys with plain values. Returns true and sets the
 * fields, or false where somebody slower and stricter has to look.
 */
bool trace_line_scan(struct trace_line *line, const char *text, size_t length);

/*
 * The same for any JSON object; unknown keys are dropped. Returns 0, -EBADMSG with a sentence where
 * the text is not one JSON object, or -ENOMEM.
 */
int trace_line_parse(struct trace_line *line, const char *text, size_t length, char *ret_error,
		     size_t error_size);

/* Value of a key; never NULL. Its strings live until the next scan or parse. */
const struct trace_value *trace_line_value(const struct trace_line *line, enum trace_key key);

const char *trace_key_name(enum trace_key key);

/* The value as JSON, cut to size and safe for a terminal; after trace_line_parse() only. */
const char *trace_line_show(const struct trace_value *value, char *buffer, size_t size);

#endif
