/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on retirement: a pool that closes each connection at an age A shows that whatever is
 * much older is not in it. It is all there is to see of a slow leak out of a pool of a fixed size
 * that uses some connections more than others, as HikariCP does.
 */
#ifndef CONNLEAK_CORE_RETIREMENT_H
#define CONNLEAK_CORE_RETIREMENT_H

#include "eprocess.h"
#include "finding.h"
#include "moment.h"
#include "weights.h"

/* So that the bins begin at a minute, the shortest lifetime worth one. */
#define RETIREMENT_UNIT_NS (15 * NS_PER_SEC)

/* Zeroed memory is a pool that has closed nothing whose age is known. */
struct retirement {
	struct eprocess process;
	struct weights ages; /* at own closes, in RETIREMENT_UNIT_NS */
	int64_t known_ns; /* as of the last test */
};

/* To be called for each change of the pool. */
void retirement_observe(struct retirement *retirement, const struct moment *moment,
			const struct change *change);

/* The evidence so far, an e-value; 1 = none, or no lifetime. */
double retirement_value(const struct retirement *retirement);

/* The age that hardly any closed connection exceeded, where most got near it; 0 = there is none. */
uint64_t retirement_life_ns(const struct retirement *retirement);

/* The finding refers to retirement. */
void retirement_find(const struct retirement *retirement, const struct moment *moment,
		     const struct pool *pool, struct finding *ret_finding);

#endif
