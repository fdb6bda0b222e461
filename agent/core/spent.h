/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a pool has used up all connections that its endpoint takes, each for one request.
 */
#ifndef CONNLEAK_CORE_SPENT_H
#define CONNLEAK_CORE_SPENT_H

#include <stdbool.h>
#include <stdint.h>

#include "table.h"

/* What spent_find() has found. */
struct spent_end {
	uint32_t count; /* connections, all that the endpoint takes */
	uint32_t once_count; /* of them were used for one request and never again */
	uint64_t span_ns; /* from the first use of one that was its last to the last one */
	int64_t first_ns; /* when the first of them fell silent */
};

/*
 * True when the pool alone has as many connections open as its endpoint takes (limit; 0 = not
 * known), nearly all were used once, one after the other, and nothing has happened for twice as
 * long as the pool had worked, up to known_ns.
 */
bool spent_find(const struct pool *pool, uint64_t limit, int64_t known_ns,
		struct spent_end *ret_end);

#endif
