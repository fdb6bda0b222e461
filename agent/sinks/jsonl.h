/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine-readable output: verdicts and events as JSON Lines on a stream, which stays the caller's.
 * Every function returns 0 or -errno; an error of the stream (full disk, closed pipe) is never
 * lost.
 */
#ifndef CONNLEAK_SINKS_JSONL_H
#define CONNLEAK_SINKS_JSONL_H

#include <stdio.h>

#include "core/trace.h"
#include "core/verdict.h"

/* A verdict line, written through at once. What is unknown is null. */
int jsonl_write_verdict(FILE *stream, const struct verdict *verdict);

/* The same as an object; NULL when out of memory. */
struct json_t *jsonl_verdict_json(const struct verdict *verdict);

/* Trace lines: buffered by the stream until jsonl_flush(). An event without a line is skipped. */
int jsonl_write_header(FILE *stream, const struct trace_header *header);
int jsonl_write_event(FILE *stream, const struct event *event); /* -EMSGSIZE: too long a line */

/* Returns 0, or -errno where a line before could not be written either. */
int jsonl_flush(FILE *stream);

#endif
