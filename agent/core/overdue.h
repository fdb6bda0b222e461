/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a pool still does with its idle connections what it always did: a pool that closes what
 * is idle, and does so no more, has no idle connection.
 */
#ifndef CONNLEAK_CORE_OVERDUE_H
#define CONNLEAK_CORE_OVERDUE_H

#include <stdbool.h>
#include <stdint.h>

#include "evictions.h"
#include "settings.h"
#include "table.h"

/* Zeroed memory is a pool of which nothing is known. */
struct overdue {
	uint32_t left_count; /* the fewest that a close of an idle one left open */
	uint32_t close_count; /* of such closes */
	uint32_t return_count; /* used again after they should have been closed */
};

/* What overdue_find() has found. */
struct overdue_end {
	uint32_t count; /* connections, most of which should have been closed */
	uint32_t kept; /* so many the pool keeps, however idle they are */
	uint32_t close_count; /* idle ones that it has closed */
	uint64_t idle_ns; /* after so long */
	uint64_t limit_ns; /* all of them are silent for longer than this */
};

/* To be called for each change of the pool, after evictions_observe(). */
void overdue_observe(struct overdue *overdue, const struct evictions *evictions,
		     const struct settings *settings, const struct change *change);

/*
 * True when all connections of the pool are silent for so long that it should have closed most of
 * them, and did not. known_ns: activity is known up to here.
 */
bool overdue_find(const struct overdue *overdue, const struct evictions *evictions,
		  const struct settings *settings, const struct pool *pool, int64_t known_ns,
		  struct overdue_end *ret_end);

#endif
