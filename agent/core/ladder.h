/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on opens with limits that do not wait for the longest silence a pool has shown: for
 * pools some of whose connections rest for long, beside others that hardly ever do.
 */
#ifndef CONNLEAK_CORE_LADDER_H
#define CONNLEAK_CORE_LADDER_H

#include "eprocess.h"
#include "finding.h"
#include "moment.h"

#define LADDER_STEPS 3

/* Only what was opened beyond what had been closed, and watched from then on, is of the growth. */
struct ladder_step {
	struct eprocess process;
	uint32_t
		back_count; /* of the growth: silent for longer than the step, and used or closed */
};

struct ladder {
	struct ladder_step steps[LADDER_STEPS];
	struct stock_limits limits; /* those of opens.c as of the last test */
};

struct judgement;

/* Frees what it owns; accepts NULL. */
void ladder_free(struct ladder *ladder);

/*
 * A test of each step that is shorter than the limits of the test on opens, at one of its opens.
 * Allocates the ladder at the first one; without memory nothing is tested.
 */
void ladder_test(struct ladder **ladder, const struct moment *moment, const struct pool *pool,
		 const struct stock_limits *limits, uint64_t open_ns);

/* To be called at moments that nobody chose, with the limits as of then. NULL: nothing to do. */
void ladder_remember(struct ladder *ladder, const struct moment *moment, const struct pool *pool,
		     const struct stock_limits *limits);

/* A connection was used or closed after this silence, as far as a test could have seen it. */
void ladder_take_back(struct ladder *ladder, const struct conn *conn, uint64_t silence_ns);

/* The evidence so far, an e-value; 1 = none, or too few connections. */
double ladder_value(const struct judgement *judgement, const struct moment *moment);

/* What the test holds against the pool now. */
void ladder_find(const struct judgement *judgement, const struct moment *moment,
		 struct finding *ret_finding);

#endif
