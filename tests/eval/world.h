/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One simulated host: clients, the endpoints they talk to, the connections between them, and the
 * stream of events that a live source would make of it.
 */
#ifndef CONNLEAK_EVAL_WORLD_H
#define CONNLEAK_EVAL_WORLD_H

#include "script.h"
#include "timers.h"

#define ENDPOINTS_MAX 64
#define NEVER_NS UINT64_MAX

/* Takes one event; a negative return ends the run. */
typedef int (*world_sink_fn)(void *userdata, const struct event *event);

struct sim_conn;
struct pool_model;

/* How a connection's owner hears of it. */
struct conn_ops {
	void (*ready)(struct sim_conn *conn); /* handshake done, may be used */
	void (*failed)(struct sim_conn *conn); /* never usable; gone after this call */
	void (*peer_closed)(struct sim_conn *conn);
};

struct sim_client {
	struct client_id id;
	char comm[COMM_SIZE];
	char exe[40];
	uint64_t born_ns, exited_ns; /* NEVER_NS = alive */
	struct sim_client *next;
};

struct endpoint {
	struct netaddr remote;
	uint32_t limit; /* connections that the server takes; 0 = no limit */
	uint32_t open_count;
	uint64_t down_until_ns; /* refuses connects until then */
};

/* A stretch of time in which something is otherwise by a factor. */
struct window {
	uint64_t from_ns, to_ns;
	double factor;
};

enum sim_state { SIM_CONNECTING, SIM_OPEN, SIM_FIN, SIM_CLOSED };

struct sim_conn {
	uint64_t id; /* unique in the run; 0 = this memory is free */
	struct world *world;
	struct sim_client *client;
	struct sim_conn *next_dirty, *next_free;
	struct sim_conn *older, *newer; /* all connections of the world */
	struct payload payload, told;
	struct script script;
	const struct conn_ops *ops;
	void *owner;
	uint64_t opened_ns;
	uint64_t leaked_ns; /* 0 = not */
	uint32_t tid;
	uint8_t endpoint;
	uint8_t state; /* enum sim_state */
	bool is_dirty, is_announced;
	/* The owner's: */
	struct sim_conn *previous_idle, *next_idle;
	uint64_t idle_since_ns, expires_ns;
	uint32_t slot;
	bool is_idle, is_used;
	uint8_t opener_told; /* enum opener_state */
};

/* The truth about one leaked connection. */
struct leak_record {
	uint64_t conn, t_ns;
	uint64_t end_ns; /* when it was closed after all; NEVER_NS = never */
};

struct world {
	struct rng rng;
	struct timers timers;
	uint64_t now_ns, end_ns, look_ns, observe_ns;
	world_sink_fn sink;
	void *userdata;
	int error;
	uint64_t event_count, last_conn;
	uint32_t last_pid;
	struct sim_client *clients;
	struct endpoint endpoints[ENDPOINTS_MAX];
	struct sim_conn *dirty, *free_conns, *oldest, *newest;
	struct leak_record *leaks; /* owned, in the order of time */
	uint32_t leak_count, leak_size;
	uint64_t exhausted_ns; /* when the leak had used up the pool; NEVER_NS = not */
	uint64_t starved_ns; /* since when requests wait at a pool that cannot grow */
	struct window slow; /* service times */
	struct window spike; /* arrivals */
	struct window stall; /* something else that requests wait for; factor: share of those */
	struct window net; /* connect times; a tenth of the connects times out */
};

/* 10.0.3.(7 + i):5432; endpoint 0 is the one that scenarios use unless they say otherwise. */
struct world *world_new(uint64_t seed, world_sink_fn sink, void *userdata);
void world_free(struct world *world);

struct sim_client *world_add_client(struct world *world, const char *comm);

/* Runs to end_ns, then emits END. Returns 0 or the sink's error. */
int world_run(struct world *world);

/* The connections that a client leaves open are closed first. */
void world_exit_client(struct world *world, struct sim_client *client);

/* Server goes away: FIN to everybody, refused connects for down_s. */
void world_restart_server(struct world *world, unsigned int endpoint, double down_s);

/* A connect failed: notes the exhaustion, if it is the leaked ones that fill the server. */
void world_note_refusal(struct world *world, unsigned int endpoint);

static inline double window_factor(const struct window *window, uint64_t t_ns)
{
	return t_ns >= window->from_ns && t_ns < window->to_ns ? window->factor : 1;
}

/* --- connections ------------------------------------------------------------------------------ */

/* Begins to connect now; ops->ready() or ops->failed() follows. */
struct sim_conn *conn_open(struct world *world, struct sim_client *client, unsigned int endpoint,
			   uint32_t tid, const struct conn_ops *ops, void *owner);

/* Runs a checkout from now; returns its end. */
uint64_t conn_run(struct sim_conn *conn, struct rng *rng, const struct work *work, bool validate);
void conn_finish(struct sim_conn *conn);

/* One exchange at this moment; 0 bytes = not that way. */
void conn_exchange(struct sim_conn *conn, uint32_t send_bytes, uint32_t recv_bytes);

void conn_close(struct sim_conn *conn, enum close_by by);
void conn_peer_close(struct sim_conn *conn);

/* Held by another process from now on. */
void conn_hand_over(struct sim_conn *conn, struct sim_client *client);

/* Notes the truth: from now on nobody will use or close it. */
void conn_leak(struct sim_conn *conn);

#endif
