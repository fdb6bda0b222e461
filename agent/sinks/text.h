/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts for people, on a stream that stays the caller's.
 */
#ifndef CONNLEAK_SINKS_TEXT_H
#define CONNLEAK_SINKS_TEXT_H

#include <stdio.h>

#include "core/verdict.h"

/*
 * Writes a verdict: when and what in the first line, then indented why, where and which. Nothing
 * that a process calls itself reaches the terminal as a control character. realtime_at_zero_ns is
 * the wall clock at t = 0 with the zone's offset added; 0 = unknown. Written through at once;
 * returns 0 or -errno.
 */
int text_write_verdict(FILE *stream, const struct verdict *verdict, int64_t realtime_at_zero_ns);

#endif
