/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans of a meter that are over, packed: of most of them a few figures are not zero, and there are
 * some eighty of each pool.
 */
#ifndef CONNLEAK_CORE_SPAN_LOG_H
#define CONNLEAK_CORE_SPAN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct meter_span {
	uint32_t number; /* t_ns / length of the span, + 1; 0 = unused */
	uint32_t opened_count;
	uint32_t opened_peak; /* most opens in one fine span */
	uint32_t closed_count;
	uint32_t failed_count;
	uint32_t unreached_count; /* of the failed: timed out, given up, or no route */
	uint32_t refused_count; /* of the failed: the other end said no */
	uint32_t early_close_count; /* FIN or RST by the peer in 1 s, under 200 bytes received */
	uint32_t operation_count;
	uint32_t exchange_count; /* send to next receive */
	uint32_t connect_count; /* connects that were answered */
	uint32_t slow_connect_count;
	uint32_t rtt_count;
	uint32_t retransmit_count;
	uint32_t sample_count; /* ticks in this span */
	uint32_t open_max, stale_max;
	float sent_bytes;
	float exchange_log2_sum; /* log2 of microseconds: its mean is the geometric mean */
	float connect_log2_sum;
	float connect_max_us; /* of those that are not slow */
	float rtt_log2_sum;
	float busy_sum; /* of each sample the share of connections to which an answer is owed */
};

/* One log for each length of span. */
#define SPAN_LOGS 3

/* Spans of each length in the order of their numbers. Zeroed memory is empty. */
struct span_logs {
	struct span_block *block; /* owned; NULL = nothing was added yet */
};

/* At most so many spans back can be kept. */
#define SPAN_LOG_KEEP_MAX 64

/* Where one is in a log; zeroed memory is before the first. */
struct span_walk {
	struct meter_span span;
	uint16_t position;
};

/* Frees what it owns; it is empty then. */
void span_logs_clear(struct span_logs *logs);

/*
 * Adds a span whose number is above all before in that log, and forgets those whose number is keep
 * (up to SPAN_LOG_KEEP_MAX) or more below it. Without memory the span is left out, and none need be
 * forgotten: a log can have gaps, and what is too old.
 */
void span_logs_add(struct span_logs *logs, unsigned int log, const struct meter_span *span,
		   uint32_t keep);

/* Goes on to the next span of a log, which is walk->span then. Returns false when there is none. */
bool span_logs_next(const struct span_logs *logs, unsigned int log, struct span_walk *walk);

/* Bytes that the spans of all logs take. */
size_t span_logs_length(const struct span_logs *logs);

#endif
