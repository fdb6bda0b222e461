/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace format, version 1: JSON Lines, one event a line; reader and writer of single lines.
 * Line splitting, files and line numbers are the caller's.
 */
#ifndef CONNLEAK_CORE_TRACE_H
#define CONNLEAK_CORE_TRACE_H

#include "types.h"

#define TRACE_VERSION 1
#define TRACE_LINE_MAX (64 * 1024) /* a longer line is refused */
#define TRACE_SECONDS_MAX 9000000000ULL /* 285 years: what fits a signed 64-bit count of ns */

struct trace_header {
	int version;
	char host[256]; /* "" = not given */
	int64_t realtime_at_zero_ns; /* wall clock (Unix, UTC) at t = 0; 0 = not given */
	int32_t utc_offset_s; /* of the zone in which sentences tell the time; east is positive */
};

/* What sentences count from: the wall clock at t = 0 in the trace's own zone; 0 = not given. */
static inline int64_t trace_header_local_ns(const struct trace_header *header)
{
	if (!header->realtime_at_zero_ns)
		return 0;
	return header->realtime_at_zero_ns + header->utc_offset_s * (int64_t)NS_PER_SEC;
}

struct trace_reader;

/* Holds the strings of the last event. NULL when out of memory. */
struct trace_reader *trace_reader_new(void);
void trace_reader_free(struct trace_reader *reader);

/*
 * Parses the first line. Returns 0, -EBADMSG or -EINVAL with a sentence in ret_error that names the
 * value, or -ENOMEM.
 */
int trace_parse_header(const char *line, size_t length, struct trace_header *ret_header,
		       char *ret_error, size_t error_size);

/*
 * Parses an event line (without LF). Strings of *ret_event live until the next call. Returns 0,
 * -EBADMSG where the line is not one JSON object, -EINVAL with a sentence in ret_error that names
 * the offending key and value, or -ENOMEM. A key that is null counts as absent. Keys beyond those
 * of the contract: "netns" (integer) of open and seen, "age" or "exact_age" (seconds) of seen,
 * "rtt_us" (smoothed round trip) and "retrans" (segments sent again, cumulative) of io, "segments"
 * (sent with payload in all; above 65,535 that) of close.
 */
int trace_parse_event(struct trace_reader *reader, const char *line, size_t length,
		      struct event *ret_event, char *ret_error, size_t error_size);

/*
 * Writes one line with its LF into buffer. Returns its length without NUL, 0 for an event that the
 * format does not know (CHURN), or -ENOSPC. Bytes of names that are not UTF-8 become U+FFFD; a
 * last_send or last_recv of 0 means never.
 */
int trace_format_header(const struct trace_header *header, char *buffer, size_t size);
int trace_format_event(const struct event *event, char *buffer, size_t size);

#endif
