// SPDX-License-Identifier: Apache-2.0
/*
 * "More than usual" needs a usual. Rings of spans keep it in a fixed room: figures are means over
 * spans on both sides of a moment, so that "before" and "since" are measured the same way.
 *
 * One span is written at a time. When it is over it is packed away (span_log.h), and a span of a
 * coarser ring is made of its parts when it is over itself, or when somebody asks.
 *
 * Invariant: the spans of a ring add up to the pool's totals since the meter began (churn, which
 * is told as counts only, is added at the next sample), as far as the ring reaches back.
 * Does not decide anything.
 */
#include "meter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heartbeat.h"

/* So many times in a row that are whole steps apart are no chance. */
#define CLOCK_STEP_NS (100 * NS_PER_MS)
#define CLOCK_COUNT_MIN 20
/* Fewer spans are no past. */
#define SPANS_MIN 3
#define CLOCK_IS_FINE UINT8_MAX

static const struct ring {
	uint64_t span_ns;
	uint32_t count;
	uint32_t fine_count; /* fine spans in one of its own */
} rings[METER_RINGS] = {
	[METER_FINE] = {METER_FINE_NS, METER_FINE_COUNT, 1},
	[METER_COARSE] = {METER_COARSE_NS, METER_COARSE_COUNT, METER_COARSE_NS / METER_FINE_NS},
	[METER_LONG] = {METER_LONG_NS, METER_LONG_COUNT, METER_LONG_NS / METER_FINE_NS},
};

/* A span is made of those of the finer ring, which must still be there when it is over. */
_Static_assert(METER_COARSE_NS % METER_FINE_NS == 0 && METER_LONG_NS % METER_COARSE_NS == 0 &&
		       METER_COARSE_NS / METER_FINE_NS <= METER_FINE_COUNT &&
		       METER_LONG_NS / METER_COARSE_NS <= METER_COARSE_COUNT,
	       "rings nest");
_Static_assert(METER_FINE_COUNT <= METER_SPANS_MAX && METER_COARSE_COUNT <= METER_SPANS_MAX &&
		       METER_LONG_COUNT <= METER_SPANS_MAX && METER_SPANS_MAX <= SPAN_LOG_KEEP_MAX,
	       "a course holds a ring");
_Static_assert((int)METER_RINGS == SPAN_LOGS, "each ring has a log");

void meter_clear(struct meter *meter)
{
	span_logs_clear(&meter->past);
}

/* --- spans ------------------------------------------------------------------------------------ */

/* The number in a ring of the span that a fine one is part of. */
static uint32_t number_in(enum meter_ring ring, uint32_t fine_number)
{
	return (fine_number - 1) / rings[ring].fine_count + 1;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void merge(struct meter_span *into, const struct meter_span *from)
{
	into->opened_count += from->opened_count;
	into->opened_peak = larger(into->opened_peak, from->opened_peak);
	into->closed_count += from->closed_count;
	into->failed_count += from->failed_count;
	into->unreached_count += from->unreached_count;
	into->refused_count += from->refused_count;
	into->early_close_count += from->early_close_count;
	into->operation_count += from->operation_count;
	into->exchange_count += from->exchange_count;
	into->connect_count += from->connect_count;
	into->slow_connect_count += from->slow_connect_count;
	into->rtt_count += from->rtt_count;
	into->retransmit_count += from->retransmit_count;
	into->sample_count += from->sample_count;
	into->open_max = larger(into->open_max, from->open_max);
	into->stale_max = larger(into->stale_max, from->stale_max);
	into->sent_bytes += from->sent_bytes;
	into->exchange_log2_sum += from->exchange_log2_sum;
	into->connect_log2_sum += from->connect_log2_sum;
	if (from->connect_max_us > into->connect_max_us)
		into->connect_max_us = from->connect_max_us;
	into->rtt_log2_sum += from->rtt_log2_sum;
	into->busy_sum += from->busy_sum;
}

/* Adds to *span, a span of ring, those of the finer ring that are over. */
static void gather(const struct meter *meter, enum meter_ring ring, struct meter_span *span)
{
	uint32_t parts = rings[ring].fine_count / rings[ring - 1].fine_count;
	struct span_walk walk = {.position = 0};

	while (span_logs_next(&meter->past, ring - 1, &walk))
		if ((walk.span.number - 1) / parts + 1 == span->number)
			merge(span, &walk.span);
}

/* The span that runs is over: the next one is that of number. */
static void turn(struct meter *meter, uint32_t number)
{
	uint32_t over = meter->now.number;

	if (over)
		span_logs_add(&meter->past, METER_FINE, &meter->now, METER_FINE_COUNT);
	for (enum meter_ring ring = METER_COARSE; over && ring < METER_RINGS; ring++) {
		struct meter_span span = {.number = number_in(ring, over)};

		if (span.number == number_in(ring, number))
			break;
		gather(meter, ring, &span);
		span_logs_add(&meter->past, ring, &span, rings[ring].count);
	}
	memset(&meter->now, 0, sizeof(meter->now));
	meter->now.number = number;
}

static struct meter_span *span_at(struct meter *meter, uint64_t t_ns)
{
	uint32_t number = (uint32_t)(t_ns / METER_FINE_NS + 1);

	meter->last_ns = t_ns;
	if (meter->now.number != number)
		turn(meter, number);
	return &meter->now;
}

/* The span of a ring that runs, so far. */
static struct meter_span running(const struct meter *meter, enum meter_ring ring)
{
	struct meter_span span = {.number = number_in(ring, meter->now.number)};

	if (ring > METER_FINE) {
		struct meter_span finer = running(meter, ring - 1);

		gather(meter, ring, &span);
		merge(&span, &finer);
		return span;
	}
	return meter->now;
}

void meter_recall(const struct meter *meter, enum meter_ring ring, struct meter_course *ret_course)
{
	uint32_t last = number_in(ring, meter->now.number);
	struct span_walk walk = {.position = 0};

	ret_course->count = 0;
	if (!meter->now.number)
		return;
	while (span_logs_next(&meter->past, ring, &walk))
		if (last - walk.span.number < rings[ring].count)
			ret_course->spans[ret_course->count++] = walk.span;
	ret_course->spans[ret_course->count++] = running(meter, ring);
}

const struct meter_span *meter_course_find(const struct meter_course *course, uint64_t index)
{
	uint32_t number = (uint32_t)(index + 1), last, i;

	if (course->count == 0)
		return NULL;
	last = course->spans[course->count - 1].number;
	if (number > last)
		return NULL;
	/* Without gaps it is there; gaps only move it on. */
	i = last - number < course->count ? course->count - 1 - (last - number) : 0;
	while (course->spans[i].number < number)
		i++;
	return course->spans[i].number == number ? &course->spans[i] : NULL;
}

/* --- what the totals say ---------------------------------------------------------------------- */

static uint32_t failed_count(const struct pool *pool, enum fail_reason reason)
{
	return (uint32_t)totals_failed_count_of(pool, reason);
}

static struct meter_told told_by(const struct pool *pool)
{
	return (struct meter_told){
		.opened_count = pool->counts[COUNT_OPENED],
		.closed_count = (uint32_t)totals_closed_count(pool),
		.failed_count = (uint32_t)totals_failed_count(pool),
		.unreached_count =
			failed_count(pool, FAIL_TIMEDOUT) + failed_count(pool, FAIL_HOSTUNREACH) +
			failed_count(pool, FAIL_NETUNREACH) + failed_count(pool, FAIL_CANCELED),
		.refused_count = failed_count(pool, FAIL_REFUSED) + failed_count(pool, FAIL_RESET),
		.early_close_count = pool->counts[COUNT_EARLY_PEER_CLOSE],
		.retransmit_count = pool->counts[COUNT_RETRANSMIT],
	};
}

static void begin(struct meter *meter, const struct pool *pool, uint64_t t_ns)
{
	meter->first_ns = t_ns ? t_ns : 1;
	meter->told = told_by(pool);
}

/* Counts what the pool's totals have more than the spans. */
static void catch_up(struct meter *meter, struct meter_span *span, const struct pool *pool)
{
	struct meter_told total = told_by(pool), told = meter->told;

	span->opened_count += total.opened_count - told.opened_count;
	span->closed_count += total.closed_count - told.closed_count;
	span->failed_count += total.failed_count - told.failed_count;
	span->unreached_count += total.unreached_count - told.unreached_count;
	span->refused_count += total.refused_count - told.refused_count;
	span->early_close_count += total.early_close_count - told.early_close_count;
	span->retransmit_count += total.retransmit_count - told.retransmit_count;
	span->opened_peak = span->opened_count;
	meter->told = total;
}

/* --- changes ---------------------------------------------------------------------------------- */

static float log2_us(uint64_t ns)
{
	/* Below a microsecond nothing is measured. */
	return log2f(ns > NS_PER_US ? (float)ns / NS_PER_US : 1.0f);
}

static uint64_t exchange_ns(const struct conn *conn)
{
	uint64_t send_ns = conn_last_send_ns(conn), recv_ns = conn_last_recv_ns(conn);

	if (!send_ns || !recv_ns)
		return 0;
	return recv_ns > send_ns ? recv_ns - send_ns : send_ns - recv_ns;
}

/* An answer that takes any time at all is measured, in steps or not: it does not count. */
static void observe_clock(struct meter *meter, const struct conn *conn)
{
	uint32_t phase_ns = (uint32_t)(conn->last_active_ns % (int64_t)CLOCK_STEP_NS);
	uint64_t took_ns = exchange_ns(conn);

	if (meter->coarse_count == CLOCK_IS_FINE)
		return;
	if (meter->coarse_count == 0)
		meter->clock_phase_ns = phase_ns;
	if (phase_ns != meter->clock_phase_ns || took_ns % CLOCK_STEP_NS != 0)
		meter->coarse_count = CLOCK_IS_FINE;
	else if (meter->coarse_count < CLOCK_COUNT_MIN)
		meter->coarse_count += took_ns == 0;
}

bool meter_clock_is_coarse(const struct meter *meter)
{
	return meter->coarse_count == CLOCK_COUNT_MIN;
}

static void observe_active(struct meter_span *span, const struct change *change)
{
	const struct conn *conn = change->conn;

	span->operation_count++;
	span->sent_bytes += (float)change->sent_bytes;
	if (conn_rtt_us(conn) > 0) {
		span->rtt_count++;
		span->rtt_log2_sum += log2f((float)conn_rtt_us(conn));
	}
	if (conn_last_send_ns(conn) && conn_last_recv_ns(conn) >= conn_last_send_ns(conn)) {
		uint64_t exchange_ns = conn_last_recv_ns(conn) - conn_last_send_ns(conn);

		span->exchange_count++;
		span->exchange_log2_sum +=
			log2_us(exchange_ns > METER_EXCHANGE_FLOOR_NS ? exchange_ns
								      : METER_EXCHANGE_FLOOR_NS);
	}
}

static void observe_established(struct meter_span *span, const struct change *change)
{
	const struct conn *conn = change->conn;
	uint64_t connect_ns;

	if (conn->age_is_bound || (int64_t)change->t_ns < conn->open_ns)
		return;
	connect_ns = change->t_ns - (uint64_t)conn->open_ns;
	span->connect_count++;
	span->connect_log2_sum += log2_us(connect_ns);
	if (connect_ns >= METER_SLOW_CONNECT_NS)
		span->slow_connect_count++;
	else if ((float)connect_ns / NS_PER_US > span->connect_max_us)
		span->connect_max_us = (float)connect_ns / NS_PER_US;
}

void meter_observe(struct meter *meter, const struct change *change)
{
	struct meter_span *span;

	if (!meter->first_ns) {
		begin(meter, change->pool, change->t_ns);
		meter->told.opened_count -= change->type == CHANGE_OPENED;
	}
	span = span_at(meter, change->t_ns);
	switch (change->type) {
	case CHANGE_ACTIVE:
		observe_clock(meter, change->conn);
		if (!heartbeat_may_be(change->conn))
			observe_active(span, change);
		break;
	case CHANGE_ESTABLISHED:
		observe_established(span, change);
		break;
	default:
		catch_up(meter, span, change->pool);
	}
}

float meter_busy_share(const struct pool *pool)
{
	uint32_t open = 0, busy = 0;

	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
		if (conn->state != CONN_OPEN)
			continue;
		open++;
		busy += conn_is_owed(conn);
	}
	return open ? (float)busy / (float)open : 0;
}

void meter_sample(struct meter *meter, const struct pool *pool, uint32_t stale_count,
		  uint64_t now_ns)
{
	float busy = meter_busy_share(pool);
	struct meter_span *span;

	if (!meter->first_ns)
		begin(meter, pool, now_ns);
	span = span_at(meter, now_ns);
	catch_up(meter, span, pool);
	meter->busy[meter->busy_count++ % 12] = busy;
	span->sample_count++;
	span->busy_sum += busy;
	span->open_max = larger(span->open_max, pool->conn_count);
	span->stale_max = larger(span->stale_max, stale_count);
}

/* --- figures ---------------------------------------------------------------------------------- */

double meter_busy(const struct meter *meter, uint32_t count)
{
	double total = 0;

	if (!count || count > 12 || meter->busy_count < count)
		return NAN;
	for (uint32_t i = 1; i <= count; i++)
		total += meter->busy[(meter->busy_count - i) % 12];
	return total / count;
}

uint64_t meter_busy_since_ns(const struct meter *meter, double share)
{
	uint64_t since_ns = meter->last_ns;

	for (enum meter_ring i = METER_FINE; i < METER_RINGS; i++) {
		uint64_t index = since_ns / rings[i].span_ns;
		struct meter_course course;

		meter_recall(meter, i, &course);
		for (uint32_t left = rings[i].count; left > 0; left--, index--) {
			const struct meter_span *span = meter_course_find(&course, index);

			if (!span || !span->sample_count)
				break; /* a coarser ring reaches further back */
			if (span->busy_sum < share * span->sample_count)
				return since_ns;
			since_ns = index * rings[i].span_ns;
			if (since_ns <= meter->first_ns)
				return meter->first_ns;
		}
	}
	return since_ns;
}

/* Sums that only meter_sum() needs on its way to the means. */
struct sums {
	double busy, exchange, connect, rtt, sent, connect_max_us;
};

static void add_span(struct meter_figures *out, struct sums *sums, const struct meter_span *span)
{
	out->opened_count += span->opened_count;
	out->closed_count += span->closed_count;
	out->failed_count += span->failed_count;
	out->unreached_count += span->unreached_count;
	out->refused_count += span->refused_count;
	out->early_close_count += span->early_close_count;
	out->operation_count += span->operation_count;
	out->exchange_count += span->exchange_count;
	out->connect_count += span->connect_count;
	out->slow_connect_count += span->slow_connect_count;
	out->rtt_count += span->rtt_count;
	out->retransmit_count += span->retransmit_count;
	out->sample_count += span->sample_count;
	if (span->opened_peak > out->opened_peak)
		out->opened_peak = span->opened_peak;
	out->open_max = fmax(out->open_max, span->open_max);
	out->stale_max = fmax(out->stale_max, span->stale_max);
	sums->busy += span->busy_sum;
	sums->exchange += span->exchange_log2_sum;
	sums->connect += span->connect_log2_sum;
	sums->connect_max_us = fmax(sums->connect_max_us, span->connect_max_us);
	sums->rtt += span->rtt_log2_sum;
	sums->sent += span->sent_bytes;
}

static double mean(double total, double count)
{
	return count > 0 ? total / count : NAN;
}

static double p99_us(const struct meter_figures *figures, const struct sums *sums)
{
	if (figures->connect_count == 0)
		return NAN;
	if (figures->slow_connect_count * 100 > figures->connect_count)
		return INFINITY;
	return sums->connect_max_us;
}

static void finish(struct meter_figures *out, const struct sums *sums)
{
	double minutes = (double)out->observed_ns / (60 * NS_PER_SEC);

	out->opened_per_minute = mean((double)out->opened_count, minutes);
	out->closed_per_minute = mean((double)out->closed_count, minutes);
	out->operations_per_second = mean((double)out->operation_count, minutes * 60);
	out->sent_bytes_per_second = mean(sums->sent, minutes * 60);
	out->exchange_us = exp2(mean(sums->exchange, (double)out->exchange_count));
	out->connect_us = exp2(mean(sums->connect, (double)out->connect_count));
	out->rtt_us = exp2(mean(sums->rtt, (double)out->rtt_count));
	out->connect_p99_us = p99_us(out, sums);
	out->busy = mean(sums->busy, (double)out->sample_count);
}

static void sum_ring(const struct meter *meter, enum meter_ring ring, uint64_t from_ns,
		     uint64_t to_ns, struct meter_figures *ret_figures)
{
	uint64_t span_ns = rings[ring].span_ns;
	struct meter_course course;
	struct sums sums = {0};

	memset(ret_figures, 0, sizeof(*ret_figures));
	meter_recall(meter, ring, &course);
	for (uint32_t i = 0; i < course.count; i++) {
		const struct meter_span *span = &course.spans[i];
		uint64_t begin_ns = (uint64_t)(span->number - 1) * span_ns;
		uint64_t end_ns = begin_ns + span_ns;

		if (begin_ns < meter->first_ns)
			begin_ns = meter->first_ns;
		if (end_ns > meter->last_ns)
			end_ns = meter->last_ns;
		if (!span->sample_count || begin_ns < from_ns || end_ns > to_ns ||
		    end_ns <= begin_ns)
			continue;
		ret_figures->observed_ns += end_ns - begin_ns;
		add_span(ret_figures, &sums, span);
	}
	finish(ret_figures, &sums);
	if (meter_clock_is_coarse(meter))
		ret_figures->busy = NAN;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double meter_low_tide(const struct meter *meter, double share, uint64_t to_ns)
{
	double rates[METER_SPANS_MAX];
	struct meter_course course;
	uint32_t count = 0;

	meter_recall(meter, METER_COARSE, &course);
	for (uint32_t i = 0; i < course.count; i++) {
		const struct meter_span *span = &course.spans[i];
		uint64_t begin_ns = (uint64_t)(span->number - 1) * METER_COARSE_NS;

		if (begin_ns >= meter->first_ns && begin_ns + METER_COARSE_NS <= to_ns &&
		    span->sent_bytes > 0)
			rates[count++] =
				(double)span->sent_bytes / ((double)METER_COARSE_NS / NS_PER_SEC);
	}
	if (count < SPANS_MIN)
		return NAN;
	qsort(rates, count, sizeof(rates[0]), compare);
	return rates[(uint32_t)(share * count)];
}

void meter_sum(const struct meter *meter, uint64_t from_ns, uint64_t to_ns,
	       struct meter_figures *ret_figures)
{
	struct meter_figures other;

	/* More than the meter has seen is not asked for. */
	if (from_ns < meter->first_ns)
		from_ns = meter->first_ns;
	if (to_ns > meter->last_ns)
		to_ns = meter->last_ns;
	if (to_ns < from_ns)
		to_ns = from_ns;
	sum_ring(meter, METER_FINE, from_ns, to_ns, ret_figures);
	for (enum meter_ring i = METER_COARSE; i < METER_RINGS; i++) {
		sum_ring(meter, i, from_ns, to_ns, &other);
		if (other.observed_ns > ret_figures->observed_ns)
			*ret_figures = other;
	}
}
