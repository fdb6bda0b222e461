/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A measure of how well it can be told that a pool is used up, and no bound of principle: what
 * somebody would say who has a day of the same pool without the leak to compare with, and sees the
 * sockets only.
 */
#ifndef CONNLEAK_EVAL_TWIN_H
#define CONNLEAK_EVAL_TWIN_H

#include "scenario.h"

#define TWIN_CONNS_MAX 128

/* When a connection has done something last, and what the whole pool had done by then. */
struct twin_conn {
	uint64_t id;
	uint64_t last_ns;
	uint64_t sent_bytes; /* its own */
	uint64_t work_bytes; /* sent by the pool until then */
	bool has_moved; /* since the last look */
};

/* The open connections of a run. Zeroed memory is one that has none yet. */
struct twin_view {
	struct twin_conn conns[TWIN_CONNS_MAX];
	uint32_t count;
	uint64_t work_bytes, look_ns;
	bool is_full; /* there were more than can be kept, and nothing can be said */
};

/* To be called at each event of the run. */
void twin_observe(struct twin_view *view, const struct event *event);

/*
 * How often the scenario without its leak would look at least as dead as view if the load had
 * stopped there: a share of the seconds of a day, from 0 to 1. Runs that day. NAN when it cannot be
 * said; aborts when out of memory.
 */
double twin_share(const struct scenario *scenario, const struct twin_view *view);

#endif
