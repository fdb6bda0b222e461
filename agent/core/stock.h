/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The silent stock of a pool: which of its connections were silent for longer than a limit, as
 * far as the source had looked.
 */
#ifndef CONNLEAK_CORE_STOCK_H
#define CONNLEAK_CORE_STOCK_H

#include "table.h"

/* What has been lost on the way: closes among it leave connections in the table that are gone. */
struct losses {
	int64_t last_ns; /* INT64_MIN = nothing lost */
	uint64_t count;
};

enum stock_kind {
	STOCK_IDLE, /* open connections that nobody uses */
	STOCK_PEER_CLOSED, /* connections in CLOSE_WAIT that nobody closes */
};

/* Which silences count. */
struct stock_limits {
	enum stock_kind kind;
	int64_t known_ns; /* activity is known up to here */
	uint64_t idle_ns; /* silent (in CLOSE_WAIT) for longer than this counts */
	uint64_t owed_ns; /* the same where the peer owes an answer: a statement is running */
	bool with_found; /* those, too, that have been silent since they were found: to be shown */
};

struct stock_walk {
	struct conn *next;
	struct stock_limits limits;
	struct losses losses;
	int64_t last_second; /* later ones in the order cannot count */
};

/* All by the pool's activity order, silent longest first. */
void stock_begin(struct stock_walk *walk, const struct pool *pool,
		 const struct stock_limits *limits, const struct losses *losses);

/* The next connection that counts; NULL = no more. */
struct conn *stock_next(struct stock_walk *walk);

/* How many connections a walk meets. */
uint32_t stock_count(const struct pool *pool, const struct stock_limits *limits,
		     const struct losses *losses);

#endif
