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

/* Spans in the order of their numbers. Zeroed memory is an empty log. */
struct span_log {
	uint8_t *bytes; /* owned */
	uint16_t length, capacity;
	uint32_t last_number; /* of the span that was added last; 0 = none was */
};

/* At most so many spans back can be kept. */
#define SPAN_LOG_KEEP_MAX 64

/* Frees what it owns; it is empty then. */
void span_log_clear(struct span_log *log);

/*
 * Adds a span whose number is above all before, and forgets those whose number is keep (up to
 * SPAN_LOG_KEEP_MAX) or more below it. Without memory the span is left out: a log can have gaps.
 */
void span_log_add(struct span_log *log, const struct meter_span *span, uint32_t keep);

/* The span at *position, which begins at 0 and is moved on. Returns false when there is none. */
bool span_log_next(const struct span_log *log, size_t *position, struct meter_span *ret_span);

#endif
