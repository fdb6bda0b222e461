// SPDX-License-Identifier: Apache-2.0
/*
 * A plain quantile of gaps is a statement about uses, and most uses are of connections that are
 * used often; the tests that ask which connections are left out need one about connections.
 *
 * Invariant: sum is the sum of bins, but for rounding. Does not know the unit, nor what is long.
 */
#include "weights.h"

#include "types.h"

#define DAY_NS (24 * 3600 * NS_PER_SEC)

unsigned int weights_bin(uint32_t gap)
{
	unsigned int shift, bin;

	if (gap < 4)
		return 0;
	shift = 29 - (unsigned int)__builtin_clz(gap);
	bin = shift * 4 + ((gap >> shift) & 3) + 1;
	return bin < WEIGHTS_BINS ? bin : WEIGHTS_BINS - 1;
}

uint32_t weights_bin_end(unsigned int bin)
{
	if (bin == 0)
		return 4;
	if (bin >= WEIGHTS_BINS - 1)
		return UINT32_MAX;
	return (4 + (bin - 1) % 4 + 1) << ((bin - 1) / 4);
}

static void halve(struct weights *weights)
{
	weights->sum = 0;
	for (unsigned int bin = 0; bin < WEIGHTS_BINS; bin++)
		weights->sum += weights->bins[bin] /= 2;
}

void weights_add(struct weights *weights, uint32_t gap, uint64_t t_ns)
{
	if (weights->count == 0)
		weights->halved_ns = t_ns;
	if (t_ns - weights->halved_ns >= DAY_NS) {
		halve(weights);
		weights->halved_ns = t_ns;
	}
	weights->bins[weights_bin(gap)] += (float)gap;
	weights->sum += (float)gap;
	if (weights->count < UINT32_MAX)
		weights->count++;
}

uint32_t weights_quantile(const struct weights *weights, double beyond)
{
	float allowed = (float)beyond * weights->sum, passed = 0;

	for (unsigned int bin = WEIGHTS_BINS; bin > 0; bin--) {
		passed += weights->bins[bin - 1];
		if (passed > allowed)
			return weights_bin_end(bin - 1);
	}
	return weights_bin_end(0);
}
