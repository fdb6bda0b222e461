/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pool does, span by span of time: the history against which "more than usual" is judged,
 * and the figures that rule a rival explanation in or out.
 *
 * An operation is seen as payload that moved: a source looks every second or so, so many operations
 * on one connection between two looks count as one. The count is a lower bound, and comparable with
 * itself over time as long as connections are not all busy all the time. The payload sent has no
 * such bound. Heartbeats are nobody's work: a client that is never closed would look like traffic,
 * and a server that answers a monitor after ten seconds, as they do, like a slow one.
 */
#ifndef CONNLEAK_CORE_METER_H
#define CONNLEAK_CORE_METER_H

#include "span_log.h"
#include "stock.h"
#include "table.h"

/* The last five minutes in spans of 10 s, the last hour in spans of 2 min, then 8 h by 20 min. */
#define METER_FINE_NS (10 * NS_PER_SEC)
#define METER_FINE_COUNT 30
#define METER_COARSE_NS (120 * NS_PER_SEC)
#define METER_COARSE_COUNT 30
#define METER_LONG_NS (1200 * NS_PER_SEC)
#define METER_LONG_COUNT 24
/* The spans that a course can have. */
#define METER_SPANS_MAX 30

/* The rings of spans, and how long one of each lasts. */
enum meter_ring { METER_FINE, METER_COARSE, METER_LONG, METER_RINGS };

/* The first retransmission of a SYN is due after 1 s, so a connect this slow has lost one. */
#define METER_SLOW_CONNECT_NS (900 * NS_PER_MS)

/*
 * The kernel stamps sends and receives in jiffies of 1 to 10 ms: below this, exchange times cannot
 * be told from each other.
 */
#define METER_EXCHANGE_FLOOR_NS NS_PER_MS

/*
 * What of the pool's totals has been counted into the spans: the low halves, since between two
 * samples there are no 2^32 of anything.
 */
struct meter_told {
	uint32_t opened_count, closed_count, failed_count, unreached_count, refused_count;
	uint32_t early_close_count, retransmit_count;
};

/* Zeroed memory is a valid new meter; meter_clear() frees what it has allocated since. */
struct meter {
	struct meter_span now; /* the fine span that runs */
	struct span_logs past; /* those that are over, of each ring */
	struct meter_told told;
	float busy[12]; /* the last samples, a ring */
	uint32_t busy_count; /* samples ever */
	uint8_t coarse_count; /* uses whole tenths of a second apart, up to a few; 255 = not all */
	uint32_t clock_phase_ns; /* and what they have beyond those */
	uint64_t first_ns; /* of the first change or sample; 0 = none yet */
	uint64_t last_ns; /* of the last one */
};

/* Sums over a stretch of time. NAN where nothing was measured. */
struct meter_figures {
	uint64_t observed_ns; /* length of the spans with a sample in them */
	double opened_per_minute, closed_per_minute;
	double operations_per_second;
	double sent_bytes_per_second;
	double exchange_us, connect_us, rtt_us; /* geometric means */
	double connect_p99_us; /* INFINITY: more than one in a hundred lost its SYN */
	double busy; /* 0 to 1; NAN where the clock is coarse, too */
	double open_max, stale_max;
	uint64_t opened_count, closed_count, failed_count, unreached_count, refused_count;
	uint64_t early_close_count;
	uint64_t operation_count, exchange_count, connect_count, slow_connect_count, rtt_count;
	uint64_t retransmit_count, sample_count;
	uint64_t opened_peak; /* most opens in 10 s */
};

/* The spans of a ring, oldest first, with the one that runs; a span in which nothing was is not in
 * it.
 */
struct meter_course {
	struct meter_span spans[METER_SPANS_MAX];
	uint32_t count;
};

/* Frees its past. */
void meter_clear(struct meter *meter);

/*
 * After heartbeat_observe(). Without memory a span that is over is left out of the history, as if
 * nobody had looked.
 */
void meter_observe(struct meter *meter, const struct change *change);

/* To be called on each tick. stale_count: of pool, as the detector counts it. */
void meter_sample(struct meter *meter, const struct pool *pool, uint32_t stale_count,
		  uint64_t now_ns);

/* What a ring holds. */
void meter_recall(const struct meter *meter, enum meter_ring ring, struct meter_course *ret_course);

/* The span of t_ns / length of the ring's spans; NULL when there is none. */
const struct meter_span *meter_course_find(const struct meter_course *course, uint64_t index);

/*
 * The spans that lie between from_ns and to_ns, of the ring that covers most of it; of equals the
 * finer one. A span counts with the part in which the meter ran.
 */
void meter_sum(const struct meter *meter, uint64_t from_ns, uint64_t to_ns,
	       struct meter_figures *ret_figures);

/*
 * Bytes a second that the pool sent in its low tide: of the spans of two minutes in the last hour
 * that were over at to_ns and had anything sent in them, share (0 to 1) had no more. NAN where
 * there are fewer than three.
 */
double meter_low_tide(const struct meter *meter, double share, uint64_t to_ns);

/* The share of a pool's open connections to which an answer is owed now. */
float meter_busy_share(const struct pool *pool);

/* Since when the busy share is at least share, span by span; last_ns where it is not. */
uint64_t meter_busy_since_ns(const struct meter *meter, double share);

/*
 * True when all times of sends and receives are whole tenths of a second apart, and answers come
 * at the time of their question: so the clock of a recording ticks, and whether an answer was owed
 * between two ticks cannot be told from it.
 */
bool meter_clock_is_coarse(const struct meter *meter);

/* Mean busy share of the last count (at most 12) samples; NAN with fewer. */
double meter_busy(const struct meter *meter, uint32_t count);

#endif
