/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people use today instead of a leak detector, on the same stream.
 */
#ifndef CONNLEAK_EVAL_BASELINES_H
#define CONNLEAK_EVAL_BASELINES_H

#include "core/table.h"

enum baseline {
	BASELINE_STATIC, /* 80% of the limit */
	BASELINE_SILENT, /* 5 connections silent for 60 s */
	BASELINE_PREDICT, /* predict_linear(count[1h], 4h) above the limit, for 5 minutes */
	BASELINE_WINDOWS, /* the mean of six 10-minute windows in a row grew each time */
	BASELINE_CUSUM, /* on the count, against the mean and deviation of its first half hour */
	BASELINE_COUNT,
};

#define BASELINE_PERIOD_NS (15 * NS_PER_SEC)

struct baselines;

const char *baseline_name(enum baseline baseline);

/* Aborts when out of memory. limit: connections, as an operator knows it. */
struct baselines *baselines_new(uint32_t limit);
void baselines_free(struct baselines *baselines);

/* To be called every BASELINE_PERIOD_NS; sets a bit for each baseline that alarms now. */
uint32_t baselines_step(struct baselines *baselines, const struct table *table, uint64_t now_ns);

#endif
