/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pool does, span by span of time: the history against which "more than usual" is judged,
 * and the figures that rule a rival explanation in or out.
 *
 * An operation is seen as payload that moved: a source looks every second or so, so many operations
 * on one connection between two looks count as one. The count is a lower bound, and comparable with
 * itself over time as long as connections are not all busy all the time.
 */
#ifndef CONNLEAK_CORE_METER_H
#define CONNLEAK_CORE_METER_H

#include "stock.h"
#include "table.h"

/* The last five minutes in spans of 10 s, the last hour in spans of a minute. */
#define METER_FINE_NS (10 * NS_PER_SEC)
#define METER_FINE_COUNT 30
#define METER_COARSE_NS (60 * NS_PER_SEC)
#define METER_COARSE_COUNT 60

struct meter_span {
	uint64_t number; /* t_ns / length of the span */
	uint32_t opened_count;
	uint32_t closed_count;
	uint32_t failed_count;
	uint32_t
		early_close_count; /* FIN or RST by the peer within 1 s, under 200 bytes received */
	uint32_t operation_count;
	uint32_t exchange_count; /* send to next receive */
	uint32_t connect_count; /* connects that were answered */
	uint32_t sample_count; /* ticks in this span */
	uint32_t open_max, stale_max;
	float exchange_log2_sum; /* log2 of microseconds: its mean is the geometric mean */
	float connect_log2_sum;
	float busy_sum; /* of each sample the share of connections to which an answer is owed */
};

/* Zeroed memory is a valid new meter. */
struct meter {
	struct meter_span fine[METER_FINE_COUNT]; /* rings by number % count */
	struct meter_span coarse[METER_COARSE_COUNT];
	float busy[12]; /* the last samples, a ring */
	uint32_t busy_count; /* samples ever */
	uint64_t quiet_since_ns; /* no payload moved since */
	uint64_t first_ns; /* of the first change or sample; 0 = none yet */
};

/* Sums over a stretch of time. NAN where nothing was measured. */
struct meter_figures {
	uint64_t observed_ns; /* length of the spans with a sample in them */
	double opened_per_minute, closed_per_minute;
	double operations_per_second;
	double exchange_us, connect_us; /* geometric means */
	double busy; /* 0 to 1 */
	double open_max, stale_max;
	uint64_t opened_count, closed_count, failed_count, early_close_count;
};

void meter_observe(struct meter *meter, const struct change *change);

/* To be called on each tick. stale_count: of pool, as the detector counts it. */
void meter_sample(struct meter *meter, const struct pool *pool, uint32_t stale_count,
		  uint64_t now_ns);

/*
 * The spans that begin at or after from_ns and end at or before to_ns: fine ones where they reach
 * back to from_ns, else coarse ones.
 */
void meter_sum(const struct meter *meter, uint64_t from_ns, uint64_t to_ns,
	       struct meter_figures *ret_figures);

/* Mean busy share of the last count (at most 12) samples; NAN with fewer. */
double meter_busy(const struct meter *meter, uint32_t count);

#endif
