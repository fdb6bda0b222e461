/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact confidence bounds, 95%.
 */
#ifndef CONNLEAK_EVAL_STATS_H
#define CONNLEAK_EVAL_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Of a share, k of n (Clopper-Pearson): one-sided each. */
double stats_share_low(uint64_t k, uint64_t n);
double stats_share_high(uint64_t k, uint64_t n);

/* Of a rate: k events seen in `exposure` (Poisson); upper, one-sided. */
double stats_rate_high(uint64_t k, double exposure);

/* Sorts values; NAN when there are none. */
double stats_quantile(double *values, size_t count, double q);

/* Of a median, upper, one-sided, whatever the distribution; INFINITY with less than five values. */
double stats_median_high(double *values, size_t count);

#endif
