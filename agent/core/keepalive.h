/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on keepalive: a pool that pings what is idle every P shows that whatever has been silent
 * for much longer than P is not in it.
 */
#ifndef CONNLEAK_CORE_KEEPALIVE_H
#define CONNLEAK_CORE_KEEPALIVE_H

#include "eprocess.h"
#include "finding.h"
#include "moment.h"
#include "weights.h"

/* So that the bins begin at 5 s: what is shorter is use. */
#define KEEPALIVE_UNIT_NS (5 * NS_PER_SEC / 4)

/* Zeroed memory is a pool that has used nothing after a silence as long as a ping may take. */
struct keepalive {
	struct eprocess process;
	struct weights ended; /* silences that a use or a ping ended, in KEEPALIVE_UNIT_NS */
	uint64_t period_ns; /* 0 = there is none */
	uint64_t sent_bytes, received_bytes; /* what most silences of about a period end with */
	uint32_t votes; /* how many more did than did not, up to VOTES_MAX of keepalive.c */
	bool is_of_pool; /* connections that do work are pinged as well, and not only monitors */
	uint64_t pinged_ns; /* when a ping ended a silence last */
	int64_t known_ns; /* as of the last test */
};

/* To be called for each change of the pool. */
void keepalive_observe(struct keepalive *keepalive, const struct moment *moment,
		       const struct change *change);

/* To be called on each tick: this test is made by time. */
void keepalive_advance(struct keepalive *keepalive, const struct moment *moment,
		       const struct pool *pool);

/* 1 while no period is known. */
double keepalive_value(const struct keepalive *keepalive);

/* The finding refers to keepalive. */
void keepalive_find(const struct keepalive *keepalive, const struct moment *moment,
		    const struct pool *pool, struct finding *ret_finding);

#endif
