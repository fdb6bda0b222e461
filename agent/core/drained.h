/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the last requests of a pool each used another connection, where they used to share a few:
 * a leak on the path that most requests take empties a pool faster than silence can tell.
 */
#ifndef CONNLEAK_CORE_DRAINED_H
#define CONNLEAK_CORE_DRAINED_H

#include <stdbool.h>
#include <stdint.h>

#include "settings.h"
#include "table.h"

#define DRAINED_SPANS 3

/* How many connections were in use within a span of time: of now, and the most of the past. */
struct drained_span {
	uint32_t epoch; /* number of the one that is running */
	uint16_t most, most_before; /* of this epoch, and of the one before */
	uint16_t usual; /* of all before those two, fading; 0 = there were none */
};

/* Zeroed memory is a pool of which nothing is known. */
struct drained {
	struct drained_span spans[DRAINED_SPANS];
};

/* What drained_find() has found. */
struct drained_end {
	uint32_t count; /* connections used in the last span */
	uint32_t usual; /* the most of the past in a span of this length */
	uint64_t span_ns;
	uint32_t opened; /* of count, opened within it */
	int64_t first_ns; /* when the first of them fell silent */
};

/* To be called on each tick, with the time up to which activity is known. */
void drained_sample(struct drained *drained, const struct pool *pool, int64_t known_ns);

/*
 * True when so many connections as make `least` of the pool were used within a span before end_ns
 * and fell silent one after the other, not faster than requests came (rate, a second), and never
 * were half as many used in a span of this length before.
 */
bool drained_find(const struct drained *drained, const struct pool *pool, int64_t end_ns,
		  double least, double rate, struct drained_end *ret_end);

#endif
