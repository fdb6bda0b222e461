/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on a pool that its process has left behind: all of it falls silent at one moment, and
 * the same process takes up the same work with a pool to another server.
 */
#ifndef CONNLEAK_CORE_FAILOVER_H
#define CONNLEAK_CORE_FAILOVER_H

#include "finding.h"
#include "moment.h"

struct judgement;

/* Zeroed memory is a valid new test. */
struct failover {
	double value; /* as of the last tick; 0 or 1 = no evidence */
	struct netaddr heir; /* the server that it turned to; port 0 = none */
	float heir_rate; /* looks a second that find that in use, when it was found out */
	bool was_left; /* such a server was found since the last use */
	uint32_t operation_count; /* looks that found a connection used; heartbeats do not count */
	int64_t changed_ns; /* when one was opened or closed last */
};

/* To be called for each change of the pool. */
void failover_observe(struct failover *failover, const struct change *change);

/* To be called on each tick. */
void failover_advance(struct judgement *judgement, const struct moment *moment);

/* The process has turned to another server, and has not used the pool since. */
bool failover_is_left(const struct failover *failover);

/* The evidence so far, an e-value; 1 = none. */
double failover_value(const struct failover *failover);

/* The finding refers to judgement. */
void failover_find(const struct judgement *judgement, const struct moment *moment,
		   struct finding *ret_finding);

#endif
