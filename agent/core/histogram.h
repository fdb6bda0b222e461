/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often something took how long, in the buckets that a metrics page shows.
 */
#ifndef CONNLEAK_CORE_HISTOGRAM_H
#define CONNLEAK_CORE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS_MAX 16

/* Upper bounds of buckets, rising; what is above the last one has a bucket of its own. */
struct histogram_scale {
	uint32_t bucket_count; /* at most HISTOGRAM_BUCKETS_MAX */
	double bounds_s[HISTOGRAM_BUCKETS_MAX];
};

/* Zeroed memory is a valid empty histogram. */
struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS_MAX + 1]; /* each bucket by itself, the open one last */
	uint64_t count; /* the sum of those */
	double sum_s;
};

/* Times of connects: a lost SYN shows at 1, 3 and 7 s, where the kernel sends it again. */
extern const struct histogram_scale histogram_connect_scale;
/* Lifetimes of connections: of one statement, of a request, of a pool's hour, of a day. */
extern const struct histogram_scale histogram_lifetime_scale;
/* Times of the agent's own looks. */
extern const struct histogram_scale histogram_tick_scale;

/* Counts count times a time of ns. A time on a bound belongs to the bucket below it. */
void histogram_add(struct histogram *histogram, const struct histogram_scale *scale, uint64_t ns,
		   uint64_t count);

/* Adds all of from, which is of the same scale. */
void histogram_merge(struct histogram *into, const struct histogram *from);

#endif
