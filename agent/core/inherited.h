/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on inherited connections: a process opens one and closes it, but a child that was forked
 * in between holds a copy of which it knows nothing. The server sees it open for as long as the
 * child lives.
 */
#ifndef CONNLEAK_CORE_INHERITED_H
#define CONNLEAK_CORE_INHERITED_H

#include "eprocess.h"
#include "finding.h"
#include "moment.h"

/* A connection that another process holds now, and has not used since. */
struct handed {
	uint64_t conn;
	int64_t moved_ns; /* when it was found there */
	bool was_reused; /* used more than once before */
};

/* What a pool has lost to other processes; of those pools only that have lost something. */
struct inherited {
	struct eprocess process;
	struct handed *handed; /* the earliest first; owned */
	uint32_t count, size;
	uint32_t stock; /* of these, those that count */
	uint32_t reused_count; /* of those that count, those that were used more than once before */
	uint32_t ended_count; /* ever used by the other process, or closed */
	int64_t known_ns; /* as of the last look */
};

/*
 * To be called for a CHANGE_MOVED out of the pool of *inherited, which is allocated when it is
 * NULL. Returns 1 when a test was made, 0, or -ENOMEM.
 */
int inherited_observe(struct inherited **inherited, const struct moment *moment,
		      const struct change *change, const struct table *table);

/* To be called on each tick: drops what was used or closed meanwhile. Accepts NULL. */
void inherited_advance(struct inherited *inherited, const struct moment *moment,
		       const struct pool *pool, const struct table *table);

/* NULL is 1: no evidence. */
double inherited_value(const struct inherited *inherited);

/* The finding refers to inherited. */
void inherited_find(const struct inherited *inherited, const struct moment *moment,
		    struct finding *ret_finding);

/* The i-th connection that counts, i below inherited->stock; NULL when it is gone since. */
const struct conn *inherited_conn(const struct inherited *inherited, const struct table *table,
				  uint32_t i);

/* Accepts NULL. */
void inherited_free(struct inherited *inherited);

#endif
