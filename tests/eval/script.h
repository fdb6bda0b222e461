/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one checkout does with its connection: exchanges, one after the other, with pauses between.
 */
#ifndef CONNLEAK_EVAL_SCRIPT_H
#define CONNLEAK_EVAL_SCRIPT_H

#include <stdbool.h>

#include "core/types.h"
#include "rng.h"

/* The kind of work that an application does in a checkout. Times in seconds. */
struct work {
	double service_s, service_sigma; /* of one exchange: median, sigma of its logarithm */
	double tail_share, tail_s; /* this share takes tail_s at least (Pareto, alpha 1.5) */
	double pause_s, pause_sigma; /* between two exchanges */
	double exchanges; /* mean number, at least 1 */
	double stream_s; /* answers longer than this arrive bit by bit; 0 = at the end */
};

/* Payload as a socket counts it. */
struct payload {
	uint64_t sent_bytes, received_bytes;
	uint64_t last_send_ns, last_recv_ns;
};

/* Runs lazily: only a look of the source in the middle of it needs more than its end. */
struct script {
	struct rng rng;
	const struct work *work;
	double factor; /* how much slower than usual the database is */
	uint32_t left; /* exchanges to come after the current one */
	bool was_sent, is_fixed_size;
	uint64_t send_ns, recv_ns; /* of the current exchange */
	uint32_t send_bytes, recv_bytes;
	uint64_t end_ns; /* 0 = nothing is running */
	struct payload final;
};

/* Begins at t_ns, with validation as a first small exchange. Sets script->end_ns. */
void script_begin(struct script *script, struct rng *rng, const struct work *work, double factor,
		  bool validate, uint64_t t_ns, const struct payload *before);

/* Brings payload up to t_ns, t_ns < end_ns. */
void script_advance(struct script *script, uint64_t t_ns, struct payload *payload);

/* Brings payload to the end. */
void script_finish(struct script *script, struct payload *payload);

/* Whole microseconds, as the trace format keeps them. */
static inline uint64_t ns_of(double seconds)
{
	return (uint64_t)(seconds * 1e6) * NS_PER_US;
}

#endif
