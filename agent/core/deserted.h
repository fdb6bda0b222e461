/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on connections whose thread has ended: where each thread has one of its own, nobody uses
 * or closes it after that.
 */
#ifndef CONNLEAK_CORE_DESERTED_H
#define CONNLEAK_CORE_DESERTED_H

#include "finding.h"
#include "moment.h"

struct judgement;

/* Only of pools in which a thread has ended that had opened one. */
struct deserted {
	double value; /* as of the last tick; 0 or 1 = no evidence */
	uint32_t stock; /* connections that count, as of the last tick */
	uint32_t thread_count; /* threads that left these */
	uint32_t working_count; /* threads that run and use theirs */
	uint32_t resting_count; /* threads that run and do not use theirs */
	uint32_t reused_count; /* connections ever used after their thread had ended */
	uint32_t closed_count; /* ever closed by the process after it */
	uint64_t longest_ns; /* of the latter: the longest silence before the close */
	uint64_t began_ns; /* since when the first of the stock is silent */
};

/* Allocates *deserted when the first thread has ended; without memory it asks again at the next. */
void deserted_observe(struct deserted **deserted, const struct change *change);

/* To be called on each tick. */
void deserted_advance(struct judgement *judgement, const struct moment *moment);

/* NULL is 1: no evidence. */
double deserted_value(const struct deserted *deserted);

/* What the test counts, and a leak that is certain may name with the others. */
bool deserted_counts(const struct conn *conn);
struct stock_limits deserted_limits(const struct deserted *deserted, const struct moment *moment);

/* The finding refers to judgement->deserted, which must be there. */
void deserted_find(const struct judgement *judgement, const struct moment *moment,
		   struct finding *ret_finding);

#endif
