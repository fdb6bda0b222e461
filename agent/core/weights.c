// SPDX-License-Identifier: Apache-2.0
/*
 * A plain quantile of gaps is a statement about uses, and most uses are of connections that are
 * used often; the tests that ask which connections are left out need one about connections.
 *
 * Invariant: sum is the sum of bins, but for rounding. Does not know the unit, nor what is long.
 */
#include "weights.h"

#include <string.h>

#include "types.h"

_Static_assert(WEIGHTS_BINS % WINDOW_STEP == 0 && WEIGHTS_BINS < UINT8_MAX, "bins fit a window");

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

void weights_clear(struct weights *weights)
{
	window_clear(&weights->bins);
}

void weights_bins(const struct weights *weights, float ret_bins[WEIGHTS_BINS])
{
	unsigned int first, count;
	const float *bins = window_cells(&weights->bins, &first, &count);

	memset(ret_bins, 0, WEIGHTS_BINS * sizeof(*ret_bins));
	if (bins)
		memcpy(ret_bins + first, bins, count * sizeof(*bins));
}

static void halve(struct weights *weights)
{
	unsigned int first, count;
	float *bins = window_cells(&weights->bins, &first, &count);

	weights->sum = 0;
	for (unsigned int i = 0; i < count; i++)
		weights->sum += bins[i] /= 2;
}

void weights_add(struct weights *weights, uint32_t gap, uint64_t t_ns)
{
	float *bin;

	if (weights->count == 0)
		weights->halved_ns = t_ns;
	if (t_ns - weights->halved_ns >= DAY_NS) {
		halve(weights);
		weights->halved_ns = t_ns;
	}
	bin = window_cell(&weights->bins, weights_bin(gap), sizeof(*bin));
	if (!bin)
		return;
	*bin += (float)gap;
	weights->sum += (float)gap;
	if (weights->count < UINT32_MAX)
		weights->count++;
}

uint32_t weights_quantile(const struct weights *weights, double beyond)
{
	float allowed = (float)beyond * weights->sum, passed = 0;
	unsigned int first, count;
	const float *bins = window_cells(&weights->bins, &first, &count);

	for (unsigned int i = count; i > 0; i--) {
		passed += bins[i - 1];
		if (passed > allowed)
			return weights_bin_end(first + i - 1);
	}
	return weights_bin_end(0);
}
