/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells one pool from another, for all clients alike.
 */
#ifndef CONNLEAK_EVAL_POOL_PROFILE_H
#define CONNLEAK_EVAL_POOL_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

enum reuse {
	REUSE_LIFO,
	REUSE_FIFO,
	REUSE_BAG, /* the thread's own last one if free, else the first free of a list */
	REUSE_THREAD, /* one a thread, for ever */
	REUSE_RANDOM,
};

#define KEEP_ALL UINT32_MAX

/* Times in seconds; 0 = never, unless said otherwise. */
struct pool_profile {
	const char *name;
	uint32_t max; /* 0 = unlimited */
	uint32_t min; /* refilled at once; opened at start */
	uint32_t keep; /* free ones kept on return */
	enum reuse reuse;
	double idle_s; /* closed when free for that long, down to min */
	double lifetime_s, lifetime_jitter; /* jitter: shorter by up to this share */
	double sweep_s; /* how often idle_s and lifetime_s are looked at */
	double keepalive_s; /* free ones exchange a ping this often */
	double validate_s; /* ping at borrow when free for longer */
	double wait_s; /* patience of a request */
	uint32_t step; /* opened at a time */
	uint32_t connecting_max; /* 0 = no bound */
	uint32_t monitors; /* sockets beside the pool with a heartbeat every 10 s */
	bool leaves_mute; /* closes without the few bytes that say goodbye to the server */
	bool notices_fin; /* closes a free connection as soon as the server has */
};

/* NULL when there is none of that name. */
const struct pool_profile *pool_profile_find(const char *name);

#endif
