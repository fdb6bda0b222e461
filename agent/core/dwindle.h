/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a pool has done its last work with fewer and fewer connections, step by step, where it
 * never got along with so few for so long in all the time before.
 */
#ifndef CONNLEAK_CORE_DWINDLE_H
#define CONNLEAK_CORE_DWINDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "meter.h"
#include "table.h"

#define DWINDLE_RANKS 6

/* Fewer than so many connections do all of the work: for how long, in sixteenths of a second. */
struct dwindle_rank {
	uint32_t since; /* when they began to, this time; 0 = not known */
	uint16_t run; /* for so long by now */
	uint16_t longest; /* and at the most before this time, fading */
	uint16_t count; /* how often that was, up to a few */
};

/* Zeroed memory is a pool of which nothing is known. */
struct dwindle {
	struct dwindle_rank ranks[DWINDLE_RANKS];
	uint32_t epoch; /* number of the one that is running */
};

/* So many connections did all of the work, for so long, and never before for longer than that. */
struct dwindle_step {
	uint32_t left; /* 0 = there is none */
	uint64_t span_ns, longest_ns;
	uint32_t count; /* it was over so often before, up to a few */
};

struct dwindle_end {
	struct dwindle_step last, earlier;
	double chance; /* that a load which stops leaves so few for so long; 1 = nothing tells */
};

/*
 * To be called on each tick in which the pool worked: last_ns is the time of its last operation,
 * resumed_ns that of its first after a pause (0 = there was none).
 */
void dwindle_sample(struct dwindle *dwindle, const struct pool *pool, int64_t resumed_ns,
		    int64_t last_ns);

/* True when there are two such steps at different times. The arguments are as above. */
bool dwindle_find(const struct dwindle *dwindle, const struct pool *pool, int64_t resumed_ns,
		  int64_t last_ns, struct dwindle_end *ret_end);

/*
 * How rare the end of a pool is. The arguments are as above; meter tells what was done since then:
 * less work needs fewer connections. ret_end->last is of the fewest, and earlier of those that were
 * left for the most times as long as ever.
 */
void dwindle_weigh(const struct dwindle *dwindle, const struct pool *pool,
		   const struct meter *meter, int64_t resumed_ns, int64_t last_ns,
		   struct dwindle_end *ret_end);

/* True when it is too rare for a load that stops. */
bool dwindle_is_rare(const struct dwindle_end *end);

/*
 * True when few did all of the work in the last seconds, and a past tells for how long so few did
 * before: *ret_step is the one of such steps that lasted for the most times as long as ever.
 */
bool dwindle_find_left(const struct dwindle *dwindle, const struct pool *pool, int64_t resumed_ns,
		       int64_t last_ns, struct dwindle_step *ret_step);

/*
 * True when that was no chance, in a pool that is known to leak. share: how much was done a second
 * in that time of what was done before, at most 1.
 */
bool dwindle_is_left(const struct dwindle_step *step, double share);

/*
 * True when they are such steps still where less was done since each of them than usual. Shares:
 * how much was done a second in that time of what is usual, at most 1.
 */
bool dwindle_are_beyond(const struct dwindle_end *end, double last_share, double earlier_share);

#endif
