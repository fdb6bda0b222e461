/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on evictions: a pool that closes connections at idle time I shows that whatever has
 * been silent for much longer than I is not in it.
 */
#ifndef CONNLEAK_CORE_EVICTIONS_H
#define CONNLEAK_CORE_EVICTIONS_H

#include "eprocess.h"
#include "finding.h"
#include "moment.h"
#include "silence.h"

/* Zeroed memory is a pool that has closed nothing that was idle. */
struct evictions {
	struct eprocess process;
	struct silences closed; /* silences that an own close ended */
	int64_t known_ns; /* as of the last test */
	uint32_t back_count; /* of what fell silent since the evidence began: it came back after all
			      */
};

/* Returns true when a test was made. */
bool evictions_observe(struct evictions *evictions, const struct moment *moment,
		       const struct change *change);

/* What has been idle for so long is not in the pool; 0 = it has not shown when it evicts. */
uint64_t evictions_limit_ns(const struct evictions *evictions, const struct settings *settings);

/* So long had the share q of what it closed been idle at most; 0 = nothing was closed. */
uint64_t evictions_idle_ns(const struct evictions *evictions, double q);

/* The evidence so far, an e-value; 1 = none. */
double evictions_value(const struct evictions *evictions);

/* What the test holds against the pool now. */
void evictions_find(const struct evictions *evictions, const struct moment *moment,
		    const struct pool *pool, struct finding *ret_finding);

#endif
