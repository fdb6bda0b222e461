// SPDX-License-Identifier: Apache-2.0
/*
 * Every part of a simulation draws from a stream of its own, named by a word, so that adding a
 * part to a scenario does not change what the others do.
 *
 * Invariant: the stream depends on seed and word alone. Not for anything that must be secret.
 */
#include "rng.h"

struct rng rng_of(uint64_t seed, const char *word)
{
	struct rng rng = {.state = seed * 0x9e3779b97f4a7c15ULL + 0x1234567};

	for (; *word; word++)
		rng.state = (rng.state ^ (uint8_t)*word) * 0x100000001b3ULL;
	(void)rng_next(&rng); /* neighbouring seeds are far apart after one step */
	return rng;
}
