// SPDX-License-Identifier: Apache-2.0
/*
 * "No false alarm in 500 days" and "none in 5" must not look alike, so no figure is printed
 * without its bound. The bounds are exact: each is found by bisection on the distribution itself.
 *
 * Invariant: 0 of n and n of n are handled like all others. Nothing here is approximated by a
 * normal distribution.
 */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#define DOUBT 0.05

/* P(X <= k) of a binomial. */
static double binomial_at_most(uint64_t k, uint64_t n, double p)
{
	double sum = 0;

	if (p <= 0)
		return 1;
	if (p >= 1)
		return k >= n;
	for (uint64_t i = 0; i <= k; i++)
		sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) -
			   lgamma((double)(n - i) + 1) + (double)i * log(p) +
			   (double)(n - i) * log1p(-p));
	return sum;
}

static double poisson_at_most(uint64_t k, double mean)
{
	double sum = 0;

	for (uint64_t i = 0; i <= k; i++)
		sum += exp((double)i * log(mean) - mean - lgamma((double)i + 1));
	return sum;
}

double stats_share_high(uint64_t k, uint64_t n)
{
	double low = 0, high = 1;

	if (n == 0 || k >= n)
		return 1;
	for (int i = 0; i < 60; i++) {
		double middle = (low + high) / 2;

		if (binomial_at_most(k, n, middle) > DOUBT)
			low = middle;
		else
			high = middle;
	}
	return high;
}

double stats_share_low(uint64_t k, uint64_t n)
{
	return n == 0 ? 0 : 1 - stats_share_high(n - k, n);
}

double stats_rate_high(uint64_t k, double exposure)
{
	double low = 0, high = 10 + 4 * (double)k;

	if (exposure <= 0)
		return INFINITY;
	for (int i = 0; i < 60; i++) {
		double middle = (low + high) / 2;

		if (middle > 0 && poisson_at_most(k, middle) <= DOUBT)
			high = middle;
		else
			low = middle;
	}
	return high / exposure;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double stats_quantile(double *values, size_t count, double q)
{
	size_t at;

	if (count == 0)
		return NAN;
	qsort(values, count, sizeof(*values), compare);
	at = (size_t)(q * (double)(count - 1) + 0.5);
	return values[at];
}

/* Each value is below the median with odds of a half. */
double stats_median_high(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	for (size_t at = count / 2; at < count; at++)
		if (1 - binomial_at_most(at, count, 0.5) <= DOUBT)
			return values[at];
	return INFINITY;
}
