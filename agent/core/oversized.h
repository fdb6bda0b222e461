/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oversized verdict: a process holds many more connections than the one before it needed, or
 * this host more than the server is said to take.
 */
#ifndef CONNLEAK_CORE_OVERSIZED_H
#define CONNLEAK_CORE_OVERSIZED_H

#include "standing.h"

/* Zeroed memory is a pool of which nothing is known. */
struct oversized {
	struct standing standing;
	bool is_by_step; /* what the verdict that stands rests on; else the limit */
};

/* To be called on each tick, after the other verdicts on the pool. Returns 0 or -ENOMEM. */
int oversized_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns);

#endif
