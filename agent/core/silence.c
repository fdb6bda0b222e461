// SPDX-License-Identifier: Apache-2.0
/*
 * "Silent for too long" means nothing by itself: a pool that is used every ten seconds and one
 * that is used at night differ by a factor of a thousand. Each pool's own benign silences set its
 * scale, and they come one by one, for days, in bounded memory.
 *
 * Invariant: total is the sum of counts. When it is full, all counts are halved: recent silences
 * outweigh old ones, and a bin with a single old sample is forgotten. Does not decide which silence
 * was benign.
 */
#include "silence.h"

#include <math.h>

#include "types.h"

/* A quarter of the shortest silence told apart, so that the four bins of its octave are integers.
 */
#define UNIT_NS (NS_PER_MS / 4)

static unsigned int bin_of(uint64_t silence_ns)
{
	uint64_t units = silence_ns / UNIT_NS;
	unsigned int shift, bin;

	if (units < 4)
		return 0;
	shift = 61 - (unsigned int)__builtin_clzll(units);
	bin = shift * 4 + (unsigned int)((units >> shift) & 3) + 1;
	return bin < SILENCE_BINS ? bin : SILENCE_BINS - 1;
}

uint64_t silence_bin_end_ns(unsigned int bin)
{
	if (bin == 0)
		return 4 * UNIT_NS;
	return ((uint64_t)(4 + (bin - 1) % 4 + 1) << ((bin - 1) / 4)) * UNIT_NS;
}

static void halve(struct silences *silences)
{
	silences->total = 0;
	for (unsigned int bin = 0; bin < SILENCE_BINS; bin++) {
		silences->counts[bin] /= 2;
		silences->total += silences->counts[bin];
	}
}

void silence_add(struct silences *silences, uint64_t silence_ns)
{
	if (silences->total >= UINT16_MAX)
		halve(silences);
	silences->counts[bin_of(silence_ns)]++;
	silences->total++;
	if (silence_ns > silences->longest_ns)
		silences->longest_ns = silence_ns;
}

void silence_remove(struct silences *silences, uint64_t silence_ns, uint32_t count)
{
	unsigned int longest = bin_of(silence_ns), shortest = bin_of(silence_ns - silence_ns / 4);

	for (unsigned int bin = shortest; bin <= longest; bin++) {
		for (; silences->counts[bin] > 0 && count > 0; count--) {
			silences->counts[bin]--;
			silences->total--;
		}
	}
	if (silences->total == 0)
		silences->longest_ns = 0;
}

uint64_t silence_quantile_ns(const struct silences *silences, double q)
{
	uint32_t wanted = (uint32_t)ceil(q * silences->total);
	uint64_t end_ns = UINT64_MAX;
	uint32_t passed = 0;

	if (silences->total == 0)
		return 0;
	/* The last bin has no end. */
	for (unsigned int bin = 0; bin < SILENCE_BINS - 1; bin++) {
		passed += silences->counts[bin];
		if (passed >= wanted && passed > 0) {
			end_ns = silence_bin_end_ns(bin);
			break;
		}
	}
	return end_ns < silences->longest_ns ? end_ns : silences->longest_ns;
}
