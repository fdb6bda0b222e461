/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The time from one moment to another in 32 bits: 28 of it, and 4 that say how many times 4 were
 * dropped below them. To the nanosecond up to a quarter of a second, after that to one part in 16
 * million, however long it is.
 *
 * Invariant: a later end never has a lesser span, and none has 0, which is free to mean that there
 * was no end yet.
 */
#ifndef CONNLEAK_SPAN_H
#define CONNLEAK_SPAN_H

#include "abi.h"

#define SPAN_KEPT_BITS 28
#define SPAN_STEP_BITS 4

/* Of a nanosecond where the end is no later than the beginning. */
static inline __attribute__((always_inline)) __u32 span_between(__u64 begin_ns, __u64 end_ns)
{
	__u64 kept = end_ns > begin_ns ? end_ns - begin_ns : 1;
	__u32 steps = 0;

	for (int i = 0; i < (64 - SPAN_KEPT_BITS) / SPAN_STEP_BITS && kept >> SPAN_KEPT_BITS; i++) {
		kept >>= SPAN_STEP_BITS;
		steps++;
	}
	return steps << SPAN_KEPT_BITS | (__u32)kept;
}

/* When a span that began then was over, rounded down; 0 where span is. */
static inline __attribute__((always_inline)) __u64 span_end_ns(__u64 begin_ns, __u32 span)
{
	__u64 kept = span & ((1u << SPAN_KEPT_BITS) - 1);

	return span ? begin_ns + (kept << (span >> SPAN_KEPT_BITS) * SPAN_STEP_BITS) : 0;
}

#endif
