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

/* Zeroed memory is a valid new test. */
struct closewait {
	struct eprocess process;
	uint32_t conn_count; /* of the pool, when there was no evidence last */
	int64_t known_ns; /* as of the last test */
};

/* Returns true when a test was made. */
bool closewait_observe(struct closewait *closewait, const struct moment *moment,
		       const struct change *change);

double closewait_value(const struct closewait *closewait);

void closewait_find(const struct closewait *closewait, const struct moment *moment,
		    const struct pool *pool, struct finding *ret_finding);

#endif
