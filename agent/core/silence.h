/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a pool's connections are silent when nothing is wrong: a streaming histogram with four
 * bins an octave from 1 ms to 24 days, so a quantile is known to within a fifth.
 */
#ifndef CONNLEAK_CORE_SILENCE_H
#define CONNLEAK_CORE_SILENCE_H

#include <stdint.h>

#define SILENCE_BINS 128

/* Zeroed memory is an empty histogram; most of it stays so (parcel.h). */
struct silences {
	uint16_t counts[SILENCE_BINS];
	uint32_t total;
	uint64_t longest_ns;
};

void silence_add(struct silences *silences, uint64_t silence_ns);

/*
 * Takes back up to count samples of this length, or up to a quarter shorter, for a source that
 * looks now and then cuts silences short. longest_ns stays, unless nothing is left.
 */
void silence_remove(struct silences *silences, uint64_t silence_ns, uint32_t count);

/*
 * The silence that the share q (0 to 1) of the samples do not exceed, rounded up to the end of its
 * bin; 0 without samples.
 */
uint64_t silence_quantile_ns(const struct silences *silences, double q);

/* The longest silence of a bin but the last, which has no end. */
uint64_t silence_bin_end_ns(unsigned int bin);

#endif
