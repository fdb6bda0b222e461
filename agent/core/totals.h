/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cumulative counts of a pool: those of this observation, and those of before it.
 */
#ifndef CONNLEAK_CORE_TOTALS_H
#define CONNLEAK_CORE_TOTALS_H

#include "types.h"

struct conn;
struct pool;

struct pool_totals {
	uint64_t opened_count; /* seen ones are not opened */
	uint64_t established_count;
	uint64_t failed_count[FAIL_REASON_COUNT];
	uint64_t closed_count[CLOSE_BY_COUNT];
	uint64_t early_peer_close_count;
	uint64_t retransmit_count; /* since the pool's connections are observed */
};

/* Adds connections that nobody has seen one by one. */
void totals_add_churn(struct pool_totals *totals, const struct churn *churn);

/* The peer has ended it at t_ns; counted where that was within a second and after few bytes. */
void totals_count_early_close(struct conn *conn, uint64_t t_ns);

/*
 * The counts of before the observation, made where there are none yet. They are for figures that
 * only grow, as metrics are: nothing judges them. NULL when out of memory.
 */
struct pool_totals *totals_past(struct pool *pool);

/* It was opened when somebody counted. Without memory its pool has a shorter past, no more. */
void totals_count_past_open(const struct conn *conn);

/* All that the probes have ever counted of the pool, this observation included. */
struct pool_totals totals_ever(const struct pool *pool);

#endif
