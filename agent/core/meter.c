// SPDX-License-Identifier: Apache-2.0
/*
 * Rings of spans. Figures are means over spans on both sides of a moment, so that "before" and
 * "since" are measured the same way; nothing in here decides anything.
 */
#include "meter.h"

#include <math.h>
#include <string.h>

static struct meter_span *span_at(struct meter_span *ring, uint64_t count, uint64_t number)
{
	struct meter_span *span = &ring[number % count];

	if (span->number != number) {
		memset(span, 0, sizeof(*span));
		span->number = number;
	}
	return span;
}

/* The fine and the coarse span of a moment. */
static void spans_at(struct meter *meter, uint64_t t_ns, struct meter_span *ret_spans[2])
{
	if (!meter->first_ns) {
		meter->first_ns = t_ns ? t_ns : 1;
		meter->quiet_since_ns = t_ns;
	}
	ret_spans[0] = span_at(meter->fine, METER_FINE_COUNT, t_ns / METER_FINE_NS);
	ret_spans[1] = span_at(meter->coarse, METER_COARSE_COUNT, t_ns / METER_COARSE_NS);
}

static float log2_us(uint64_t ns)
{
	/* Below a microsecond nothing is measured. */
	return log2f(ns > NS_PER_US ? (float)ns / NS_PER_US : 1.0f);
}

static void observe_active(struct meter_span *span, const struct change *change)
{
	const struct conn *conn = change->conn;

	span->operation_count++;
	if (conn->last_send_ns && conn->last_recv_ns > conn->last_send_ns) {
		span->exchange_count++;
		span->exchange_log2_sum += log2_us(conn->last_recv_ns - conn->last_send_ns);
	}
}

static void observe_established(struct meter_span *span, const struct change *change)
{
	const struct conn *conn = change->conn;

	if (conn->age_is_bound || (int64_t)change->t_ns < conn->open_ns)
		return;
	span->connect_count++;
	span->connect_log2_sum += log2_us(change->t_ns - (uint64_t)conn->open_ns);
}

static bool is_early_close(const struct conn *conn, uint64_t t_ns)
{
	return !conn->age_is_bound && (int64_t)t_ns - conn->open_ns < (int64_t)NS_PER_SEC &&
	       conn->received_bytes < 200;
}

static void observe(struct meter_span *span, const struct change *change)
{
	switch (change->type) {
	case CHANGE_OPENED:
		span->opened_count++;
		break;
	case CHANGE_ESTABLISHED:
		observe_established(span, change);
		break;
	case CHANGE_FAILED:
		span->failed_count++;
		break;
	case CHANGE_ACTIVE:
		observe_active(span, change);
		break;
	case CHANGE_PEER_CLOSED:
		span->early_close_count += is_early_close(change->conn, change->t_ns);
		break;
	case CHANGE_CLOSED:
		span->closed_count++;
		if (change->by == CLOSE_RESET)
			span->early_close_count += is_early_close(change->conn, change->t_ns);
		break;
	default:
		break;
	}
}

void meter_observe(struct meter *meter, const struct change *change)
{
	struct meter_span *spans[2];

	spans_at(meter, change->t_ns, spans);
	if (change->type == CHANGE_ACTIVE)
		meter->quiet_since_ns = change->t_ns;
	observe(spans[0], change);
	observe(spans[1], change);
}

static float busy_share(const struct pool *pool)
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
	struct meter_span *spans[2];
	float busy = busy_share(pool);

	spans_at(meter, now_ns, spans);
	meter->busy[meter->busy_count++ % 12] = busy;
	for (int i = 0; i < 2; i++) {
		spans[i]->sample_count++;
		spans[i]->busy_sum += busy;
		if (pool->conn_count > spans[i]->open_max)
			spans[i]->open_max = pool->conn_count;
		if (stale_count > spans[i]->stale_max)
			spans[i]->stale_max = stale_count;
	}
}

double meter_busy(const struct meter *meter, uint32_t count)
{
	double sum = 0;

	if (!count || count > 12 || meter->busy_count < count)
		return NAN;
	for (uint32_t i = 1; i <= count; i++)
		sum += meter->busy[(meter->busy_count - i) % 12];
	return sum / count;
}

static double mean(double sum, double count)
{
	return count > 0 ? sum / count : NAN;
}

void meter_sum(const struct meter *meter, uint64_t from_ns, uint64_t to_ns,
	       struct meter_figures *ret_figures)
{
	bool fine = to_ns / METER_FINE_NS - from_ns / METER_FINE_NS <= METER_FINE_COUNT;
	const struct meter_span *ring = fine ? meter->fine : meter->coarse;
	uint64_t length_ns = fine ? METER_FINE_NS : METER_COARSE_NS;
	size_t count = fine ? METER_FINE_COUNT : METER_COARSE_COUNT;
	uint64_t first = (from_ns + length_ns - 1) / length_ns, end = to_ns / length_ns;
	uint64_t operations = 0, exchanges = 0, connects = 0;
	double busy = 0, samples = 0, exchange = 0, connect = 0, minutes;
	struct meter_figures *out = ret_figures;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < count; i++) {
		const struct meter_span *span = &ring[i];

		if (!span->sample_count || span->number < first || span->number >= end)
			continue;
		out->observed_ns += length_ns;
		out->opened_count += span->opened_count;
		out->closed_count += span->closed_count;
		out->failed_count += span->failed_count;
		out->early_close_count += span->early_close_count;
		operations += span->operation_count;
		exchanges += span->exchange_count;
		exchange += span->exchange_log2_sum;
		connects += span->connect_count;
		connect += span->connect_log2_sum;
		samples += span->sample_count;
		busy += span->busy_sum;
		out->open_max = fmax(out->open_max, span->open_max);
		out->stale_max = fmax(out->stale_max, span->stale_max);
	}
	minutes = (double)out->observed_ns / (60 * NS_PER_SEC);
	out->opened_per_minute = mean(out->opened_count, minutes);
	out->closed_per_minute = mean(out->closed_count, minutes);
	out->operations_per_second = mean(operations, minutes * 60);
	out->exchange_us = exp2(mean(exchange, exchanges));
	out->connect_us = exp2(mean(connect, connects));
	out->busy = mean(busy, samples);
}
