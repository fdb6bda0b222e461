// SPDX-License-Identifier: Apache-2.0
/*
 * "More than usual" needs a usual. Rings of spans keep it in a fixed room: figures are means over
 * spans on both sides of a moment, so that "before" and "since" are measured the same way.
 *
 * Invariant: the spans of a ring add up to the pool's totals since the meter began (churn, which
 * is told as counts only, is added at the next sample), as far as the ring reaches back.
 * Does not decide anything.
 */
#include "meter.h"

#include <math.h>
#include <string.h>

static const struct ring {
	uint64_t span_ns;
	uint32_t count;
	size_t offset;
} rings[METER_RINGS] = {
	{METER_FINE_NS, METER_FINE_COUNT, offsetof(struct meter, fine)},
	{METER_COARSE_NS, METER_COARSE_COUNT, offsetof(struct meter, coarse)},
	{METER_LONG_NS, METER_LONG_COUNT, offsetof(struct meter, longest)},
};

/* The spans of one moment, one a ring. */
struct moment_spans {
	struct meter_span *at[METER_RINGS];
};

static struct meter_span *slot(struct meter *meter, const struct ring *ring, uint64_t index)
{
	return (struct meter_span *)(void *)((char *)meter + ring->offset) + index % ring->count;
}

static const struct meter_span *find_span(const struct meter *meter, const struct ring *ring,
					  uint64_t index)
{
	const struct meter_span *span =
		(const struct meter_span *)(const void *)((const char *)meter + ring->offset) +
		index % ring->count;

	return span->number == (uint32_t)(index + 1) ? span : NULL;
}

/* --- what the totals say ---------------------------------------------------------------------- */

static uint64_t sum(const uint64_t *counts, size_t count)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += counts[i];
	return total;
}

static struct meter_told told_by(const struct pool_totals *totals)
{
	const uint64_t *failed = totals->failed_count;

	return (struct meter_told){
		.opened_count = totals->opened_count,
		.closed_count = sum(totals->closed_count, CLOSE_BY_COUNT),
		.failed_count = sum(failed, FAIL_REASON_COUNT),
		.unreached_count = failed[FAIL_TIMEDOUT] + failed[FAIL_HOSTUNREACH] +
				   failed[FAIL_NETUNREACH] + failed[FAIL_CANCELED],
		.refused_count = failed[FAIL_REFUSED] + failed[FAIL_RESET],
		.early_close_count = totals->early_peer_close_count,
		.retransmit_count = totals->retransmit_count,
	};
}

static void begin(struct meter *meter, const struct pool *pool, uint64_t t_ns)
{
	meter->first_ns = t_ns ? t_ns : 1;
	meter->quiet_since_ns = t_ns;
	meter->told = told_by(&pool->totals);
}

static struct moment_spans spans_at(struct meter *meter, uint64_t t_ns)
{
	struct moment_spans spans;

	meter->last_ns = t_ns;
	for (int i = 0; i < METER_RINGS; i++) {
		uint64_t index = t_ns / rings[i].span_ns;
		struct meter_span *span = slot(meter, &rings[i], index);

		if (span->number != (uint32_t)(index + 1)) {
			memset(span, 0, sizeof(*span));
			span->number = (uint32_t)(index + 1);
		}
		spans.at[i] = span;
	}
	return spans;
}

static void note_peak(struct moment_spans *spans)
{
	for (int i = 0; i < METER_RINGS; i++)
		if (spans->at[0]->opened_count > spans->at[i]->opened_peak)
			spans->at[i]->opened_peak = spans->at[0]->opened_count;
}

static uint32_t news(uint64_t *told, uint64_t total)
{
	uint64_t count = total > *told ? total - *told : 0;

	*told = total;
	return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

/* Counts what the pool's totals have more than the spans. */
static void catch_up(struct meter *meter, struct moment_spans *spans, const struct pool *pool)
{
	struct meter_told total = told_by(&pool->totals), *told = &meter->told;
	struct meter_span more = {
		.opened_count = news(&told->opened_count, total.opened_count),
		.closed_count = news(&told->closed_count, total.closed_count),
		.failed_count = news(&told->failed_count, total.failed_count),
		.unreached_count = news(&told->unreached_count, total.unreached_count),
		.refused_count = news(&told->refused_count, total.refused_count),
		.early_close_count = news(&told->early_close_count, total.early_close_count),
		.retransmit_count = news(&told->retransmit_count, total.retransmit_count),
	};

	for (int i = 0; i < METER_RINGS; i++) {
		struct meter_span *span = spans->at[i];

		span->opened_count += more.opened_count;
		span->closed_count += more.closed_count;
		span->failed_count += more.failed_count;
		span->unreached_count += more.unreached_count;
		span->refused_count += more.refused_count;
		span->early_close_count += more.early_close_count;
		span->retransmit_count += more.retransmit_count;
	}
	note_peak(spans);
}

/* --- changes ---------------------------------------------------------------------------------- */

static float log2_us(uint64_t ns)
{
	/* Below a microsecond nothing is measured. */
	return log2f(ns > NS_PER_US ? (float)ns / NS_PER_US : 1.0f);
}

static void observe_active(struct meter_span *span, const struct change *change)
{
	const struct conn *conn = change->conn;

	span->operation_count++;
	span->sent_bytes += (float)change->sent_bytes;
	if (conn->rtt_us > 0) {
		span->rtt_count++;
		span->rtt_log2_sum += log2f((float)conn->rtt_us);
	}
	if (conn->last_send_ns && conn->last_recv_ns >= conn->last_send_ns) {
		uint64_t exchange_ns = conn->last_recv_ns - conn->last_send_ns;

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
	struct moment_spans spans;

	if (!meter->first_ns) {
		begin(meter, change->pool, change->t_ns);
		meter->told.opened_count -= change->type == CHANGE_OPENED;
	}
	spans = spans_at(meter, change->t_ns);
	switch (change->type) {
	case CHANGE_ACTIVE:
		meter->quiet_since_ns = change->t_ns;
		for (int i = 0; i < METER_RINGS; i++)
			observe_active(spans.at[i], change);
		break;
	case CHANGE_ESTABLISHED:
		for (int i = 0; i < METER_RINGS; i++)
			observe_established(spans.at[i], change);
		break;
	default:
		catch_up(meter, &spans, change->pool);
	}
}

float meter_busy_share(const struct pool *pool)
{
	uint32_t open = 0, busy = 0;

	for (const struct conn *conn = pool->oldest; conn; conn = conn->newer) {
		if (conn->state != CONN_OPEN)
			continue;
		open++;
		busy += conn->last_send_ns > conn->last_recv_ns;
	}
	return open ? (float)busy / (float)open : 0;
}

void meter_sample(struct meter *meter, const struct pool *pool, uint32_t stale_count,
		  uint64_t now_ns)
{
	float busy = meter_busy_share(pool);
	struct moment_spans spans;

	if (!meter->first_ns)
		begin(meter, pool, now_ns);
	spans = spans_at(meter, now_ns);
	catch_up(meter, &spans, pool);
	meter->busy[meter->busy_count++ % 12] = busy;
	for (int i = 0; i < METER_RINGS; i++) {
		struct meter_span *span = spans.at[i];

		span->sample_count++;
		span->busy_sum += busy;
		if (pool->conn_count > span->open_max)
			span->open_max = pool->conn_count;
		if (stale_count > span->stale_max)
			span->stale_max = stale_count;
	}
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

	for (int i = 0; i < METER_RINGS; i++) {
		uint64_t index = since_ns / rings[i].span_ns;

		for (uint32_t left = rings[i].count; left > 0; left--, index--) {
			const struct meter_span *span = find_span(meter, &rings[i], index);

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

static void sum_ring(const struct meter *meter, const struct ring *ring, uint64_t from_ns,
		     uint64_t to_ns, struct meter_figures *ret_figures)
{
	uint64_t newest = meter->last_ns / ring->span_ns;
	uint64_t first = from_ns / ring->span_ns, last = to_ns / ring->span_ns;
	struct sums sums = {0};

	memset(ret_figures, 0, sizeof(*ret_figures));
	if (newest >= ring->count && first < newest + 1 - ring->count)
		first = newest + 1 - ring->count; /* those before are overwritten */
	for (uint64_t index = first; index <= last; index++) {
		const struct meter_span *span = find_span(meter, ring, index);
		uint64_t begin_ns = index * ring->span_ns, end_ns = begin_ns + ring->span_ns;

		if (begin_ns < meter->first_ns)
			begin_ns = meter->first_ns;
		if (end_ns > meter->last_ns)
			end_ns = meter->last_ns;
		if (!span || !span->sample_count || begin_ns < from_ns || end_ns > to_ns ||
		    end_ns <= begin_ns)
			continue;
		ret_figures->observed_ns += end_ns - begin_ns;
		add_span(ret_figures, &sums, span);
	}
	finish(ret_figures, &sums);
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
	sum_ring(meter, &rings[0], from_ns, to_ns, ret_figures);
	for (int i = 1; i < METER_RINGS; i++) {
		sum_ring(meter, &rings[i], from_ns, to_ns, &other);
		if (other.observed_ns > ret_figures->observed_ns)
			*ret_figures = other;
	}
}
