/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cumulative counts of a pool, of this observation.
 */
#ifndef CONNLEAK_CORE_TOTALS_H
#define CONNLEAK_CORE_TOTALS_H

#include "types.h"

struct conn;
struct pool;

/* What is counted of every pool: the low half where most have no more, the rest in pool_rare. */
enum pool_count {
	COUNT_OPENED, /* seen ones are not opened */
	COUNT_ESTABLISHED,
	COUNT_EARLY_PEER_CLOSE,
	COUNT_RETRANSMIT, /* since the pool's connections are observed */
	COUNT_CLOSED, /* and as many behind it: COUNT_CLOSED + enum close_by */
	POOL_COUNTS = COUNT_CLOSED + CLOSE_BY_COUNT,
};

/* The same in full. */
struct pool_tally {
	uint64_t opened_count;
	uint64_t established_count;
	uint64_t closed_count[CLOSE_BY_COUNT];
	uint64_t early_peer_close_count;
	uint64_t retransmit_count;
};

/* And what there is to a pool of which connects have failed. */
struct pool_totals {
	struct pool_tally counts;
	uint64_t failed_count[FAIL_REASON_COUNT];
};

/* Of few pools: connects that failed, and the upper halves of the counts. */
struct pool_rare {
	uint32_t high[POOL_COUNTS];
	uint64_t failed_count[FAIL_REASON_COUNT];
};

struct pool_totals totals_now(const struct pool *pool);

/* One of them, and all that were closed. */
uint64_t totals_count_of(const struct pool *pool, enum pool_count which);
uint64_t totals_closed_count(const struct pool *pool);

/* Adds to it. Without memory one that has reached 2^32 stays below it. */
void totals_add(struct pool *pool, enum pool_count which, uint64_t more);

/* Adds connections that nobody has seen one by one. Returns 0 or -ENOMEM: none is added. */
int totals_add_churn(struct pool *pool, const struct churn *churn);

/* A connect has failed. Returns 0 or -ENOMEM: it is not counted. */
int totals_count_failure(struct pool *pool, enum fail_reason reason);

/* Connects that failed in all, and with a reason. */
uint64_t totals_failed_count(const struct pool *pool);
uint64_t totals_failed_count_of(const struct pool *pool, enum fail_reason reason);

/* A server that has no room says so at once. */
#define TOTALS_EARLY_NS NS_PER_SEC

/*
 * True when a connection that ends at t_ns came to nothing: it is younger than that and has
 * received less than an answer.
 */
bool totals_is_early(const struct conn *conn, uint64_t t_ns);

/*
 * True when the server has ended that connection early and there was no talk. That is said of its
 * close and not of the FIN: what it has received and sent is often told after that.
 */
bool totals_is_turned_away(const struct conn *conn, const struct event *close);

#endif
