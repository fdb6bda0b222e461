/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on CLOSE_WAIT: a connection that the server has closed and the process has not is
 * garbage; when each further FIN finds more of it, the process has forgotten how to close.
 */
#ifndef CONNLEAK_CORE_CLOSEWAIT_H
#define CONNLEAK_CORE_CLOSEWAIT_H

#include "eprocess.h"
#include "finding.h"
#include "moment.h"
#include "replaced.h"

/* Zeroed memory is a pool of which the server has closed no connection. */
struct closewait {
	bool has_begun; /* with the first FIN */
	struct eprocess process;
	uint32_t conn_count; /* of the pool, when there was no evidence last */
	int64_t known_ns; /* as of the last test */
	struct replaced replaced; /* the other test on what the server has closed */
};

/* Returns true when a test was made. */
bool closewait_observe(struct closewait *closewait, const struct moment *moment,
		       const struct change *change);

/* 1 = no evidence. */
double closewait_value(const struct closewait *closewait);

/* The finding is of a test that has begun. */
void closewait_find(const struct closewait *closewait, const struct moment *moment,
		    const struct pool *pool, struct finding *ret_finding);

#endif
