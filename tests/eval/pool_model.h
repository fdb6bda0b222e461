/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of one process, its requests, and what it leaks.
 */
#ifndef CONNLEAK_EVAL_POOL_MODEL_H
#define CONNLEAK_EVAL_POOL_MODEL_H

#include "load.h"
#include "pool_profile.h"

#define WAITERS_MAX 8192
#define THREADS_MAX 256
#define CENSUS_SPAN 60

enum leak_kind {
	LEAK_NOTHING,
	LEAK_RETURN, /* not returned; its place in the pool stays taken */
	LEAK_TX, /* the same within a transaction: the last byte was received */
	LEAK_CANCEL, /* abandoned in the middle of an exchange whose answer still comes */
	LEAK_ORPHAN, /* connect timed out for the caller: handshake only, never used */
	LEAK_THREAD, /* the thread died; the pool knows nothing of it */
	LEAK_FORK, /* a child holds the copy and never uses it */
	LEAK_CLIENT, /* a whole client a time, with heartbeats */
	LEAK_CLOSE_WAIT, /* the server closed it, the process forgot to */
	LEAK_FAILOVER, /* once: all that is open to the old address is left behind */
	LEAK_KIND_COUNT,
};

/* Who opens connections, and what becomes of him. */
enum openers {
	OPENERS_UNTOLD, /* a thread of the pool; nobody asks for it */
	OPENERS_SELF, /* the thread that uses it, and nobody else does */
	OPENERS_ADDER, /* a helper of the pool that ends when there is no more to do (HikariCP) */
	OPENERS_WORKERS, /* whichever of the program's threads needed it first */
	OPENERS_REQUESTS, /* a thread a request */
	OPENERS_COUNT,
};

enum leak_shape {
	SHAPE_POISSON,
	SHAPE_PERIODIC,
	SHAPE_BURST, /* four at a time, a quarter as often */
	SHAPE_GROWING, /* the rate grows by its initial value every 20 leaks */
	SHAPE_WINDOW, /* five minutes an hour at twelve times the rate */
	SHAPE_REQUEST, /* each request leaks with the same odds */
	SHAPE_COUNT,
};

struct leak_spec {
	enum leak_kind kind;
	enum leak_shape shape;
	double rate; /* per second; SHAPE_REQUEST: odds a request */
	uint64_t after_ns;
	uint32_t size; /* LEAK_CLIENT: working connections a client */
};

struct pool_model {
	struct world *world;
	struct sim_client *client;
	struct pool_profile profile;
	struct work work;
	struct load load;
	struct leak_spec leak;
	struct rng rng;
	unsigned int endpoint;
	double server_idle_s; /* the server closes what is idle for longer; 0 = never */
	double thread_skew; /* 1 = fair; higher = few threads do most of the work */
	uint32_t open_count, connecting_count; /* open includes connecting and leaked places */
	uint32_t idle_count, leaked_count;
	uint32_t pending_leaks;
	struct sim_conn *oldest_idle, *newest_idle; /* by the time of return */
	uint64_t waiting_ns[WAITERS_MAX]; /* ring */
	uint32_t first_waiter, waiter_count;
	struct sim_conn *of_thread[THREADS_MAX];
	bool thread_is_busy[THREADS_MAX];
	enum openers openers;
	double thread_life_s; /* of threads that use connections; 0 = they do not end */
	double reap_s; /* until the runtime closes what a thread has left, at most */
	uint32_t ended_threads[THREADS_MAX]; /* those that ended out of turn, by slot */
	bool is_stopped, is_watching, is_retrying;
	bool is_left; /* no requests any more, and nobody closes it; its upkeep goes on */
	bool is_dry; /* requests have waited for long, and none has found a free one since */
	uint32_t refused_count;
	uint16_t in_use[CENSUS_SPAN]; /* ring, one a second (census.h) */
	struct pool_model *next; /* the scenario's */
};

/* Nothing happens before pool_start(); what the caller wants otherwise is changed in between. */
struct pool_model *pool_new(struct world *world, struct sim_client *client,
			    const struct pool_profile *profile, const char *stream, uint64_t seed);
void pool_free(struct pool_model *pool);

/* Opens its minimum and begins to take requests now. */
void pool_start(struct pool_model *pool);

/* No requests any more; what is idle is closed (deploys, shutdown). */
void pool_stop(struct pool_model *pool);

/* A reload forgets it: it lives on, and whatever is idle in it from now on is leaked. */
void pool_leave(struct pool_model *pool);

/* --- between the files of the model ----------------------------------------------------------- */

void pool_open_more(struct pool_model *pool);
void pool_forget_place(struct pool_model *pool, struct sim_conn *conn);
void pool_remove_idle(struct pool_model *pool, struct sim_conn *conn);
void pool_close_idle(struct pool_model *pool, struct sim_conn *conn);
void pool_serve(struct pool_model *pool);

/* Periodic upkeep (pool_upkeep.c). */
void pool_begin_upkeep(struct pool_model *pool);
void pool_watch_waiters(struct pool_model *pool);

/* Threads that open (openers.c). A thread has ended: it has left conn behind. */
enum openers openers_of(const char *word);
uint32_t openers_next_tid(struct pool_model *pool, uint32_t slot);
void openers_end_thread(struct pool_model *pool, const struct sim_conn *conn);
void openers_begin(struct pool_model *pool);

/* Leaks (leak_model.c): true when the connection that has just been used stays out for ever. */
void leak_begin(struct pool_model *pool);
bool leak_takes(struct pool_model *pool, struct sim_conn *conn);
void leak_on_fin(struct pool_model *pool, struct sim_conn *conn);

/* A socket with a heartbeat beside the pool; leaked: as part of a client that nobody closes. */
void monitor_open(struct pool_model *pool, bool leaked);

#endif
