/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the last connections of a pool were opened because none of the others was given back.
 */
#ifndef CONNLEAK_CORE_UNRETURNED_H
#define CONNLEAK_CORE_UNRETURNED_H

#include <stdbool.h>
#include <stdint.h>

#include "table.h"

/* What unreturned_find() has found. */
struct unreturned_end {
	uint32_t open_count; /* so many opens in a row were of that kind */
	uint32_t silent_count; /* at the last of them so many had been used for the last time */
	uint32_t had_count; /* of so many that were open */
	uint64_t span_ns; /* from the first of those opens to the last operation */
	int64_t first_ns; /* when the first of the connections fell silent */
};

/*
 * True when at so many of its last opens as chance does not explain, one after the other, most of
 * the pool had been silent for longer than held_ns and was never used again, up to end_ns, the time
 * of the last operation. limit: how many connections the endpoint is known to take; 0 = not known.
 */
bool unreturned_find(const struct pool *pool, uint64_t limit, int64_t end_ns, uint64_t held_ns,
		     struct unreturned_end *ret_end);

#endif
