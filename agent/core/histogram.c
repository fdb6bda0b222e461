// SPDX-License-Identifier: Apache-2.0
/*
 * A mean hides what a pool suffers from; buckets can be added up over hosts, which quantiles
 * cannot.
 *
 * Invariant: count is the sum of counts, and nothing in it ever becomes less.
 */
#include "histogram.h"

const struct histogram_scale histogram_connect_scale = {
	.bucket_count = 13,
	.bounds_s = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 3, 7},
};

const struct histogram_scale histogram_lifetime_scale = {
	.bucket_count = 12,
	.bounds_s = {0.1, 0.5, 1, 5, 10, 60, 300, 900, 1800, 3600, 14400, 86400},
};

const struct histogram_scale histogram_tick_scale = {
	.bucket_count = 11,
	.bounds_s = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5},
};

void histogram_add(struct histogram *histogram, const struct histogram_scale *scale, uint64_t ns,
		   uint64_t count)
{
	double seconds = (double)ns / 1e9;
	uint32_t i = 0;

	while (i < scale->bucket_count && seconds > scale->bounds_s[i])
		i++;
	histogram->counts[i] += count;
	histogram->count += count;
	histogram->sum_s += seconds * (double)count;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (int i = 0; i <= HISTOGRAM_BUCKETS_MAX; i++)
		into->counts[i] += from->counts[i];
	into->count += from->count;
	into->sum_s += from->sum_s;
}
