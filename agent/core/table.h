/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of what is open: clients, their pools, and the connections of each pool in the
 * order of their last activity. It is the only consumer of events; the detector sees changes.
 *
 *	client --< pool (client, netns, remote) --< conn
 *	                     |
 *	                     +-- longest silent first ... most recently active last, by seconds
 *
 * Owner of all three is the table. A conn stays valid until table_settle() after the change
 * that closed it; a pool while it has connections or a dossier; a client while it has pools.
 */
#ifndef CONNLEAK_CORE_TABLE_H
#define CONNLEAK_CORE_TABLE_H

#include "conn_room.h"
#include "index.h"
#include "totals.h"
#include "types.h"

struct dossier; /* the detector's view of a pool; owned by the detector */
struct rollup_group; /* what a pool's figures are added to; owned by the rollup */
struct table;

struct client {
	struct index_link link;
	struct client_id id;
	char comm[COMM_SIZE];
	/* NULL = unknown; the table's (texts.h). */
	const char *cgroup, *exe;
	const char *namespace, *pod, *container; /* of Kubernetes (kube.h) */
	struct pool *pools; /* list by next_of_client */
	uint32_t ns_pid; /* its pid in its own container; 0 = the same as id.pid, or unknown */
	uint32_t pool_count : 31;
	uint32_t exited : 1;
};

#define POOL_RECENT 16

struct pool {
	struct index_link link;
	struct client *client;
	struct netaddr remote;
	uint32_t netns;
	uint32_t conn_count; /* all states but CONN_CLOSED */
	uint32_t connecting_count;
	uint32_t peer_closed_count;
	uint32_t counts[POOL_COUNTS]; /* the low halves of enum pool_count: totals_count_of() */
	struct conn *oldest, *newest; /* by last_active_ns: silent longest ... least (order.h) */
	struct conn **recent; /* POOL_RECENT of them (order.c); owned; NULL = the pool is small */
	uint64_t first_ns; /* when the pool was first seen */
	uint64_t changed_ns; /* when it last had a change of any sort */
	struct pool_rare *rare; /* more counts (totals.h); NULL = all are zero; owned */
	struct dossier *dossier; /* NULL where no detector looks */
	struct rollup_group *rollup; /* NULL where none looks, or none has yet */
	struct pool *next_of_client;
	struct pool *next, *prev; /* all pools, in the order of their creation */
};

/* Those that take a place on the server: it has let them in, and has not ended them. */
static inline uint32_t pool_held_count(const struct pool *pool)
{
	return pool->conn_count - pool->connecting_count - pool->peer_closed_count;
}

enum change_type {
	CHANGE_NONE, /* time passed, or nothing that matters */
	CHANGE_OPENED,
	CHANGE_SEEN, /* found already open */
	CHANGE_ESTABLISHED,
	CHANGE_FAILED, /* conn is closed now */
	CHANGE_ACTIVE, /* payload moved; silence_ns is the silence that this ended */
	CHANGE_OPENER_ENDED, /* the thread that opened conn has ended */
	CHANGE_PEER_CLOSED,
	CHANGE_CLOSED, /* silence_ns is the silence before it */
	CHANGE_MOVED, /* to the pool of another client; pool_before is the old one */
	CHANGE_EXITED, /* client is set; its pools still stand */
	CHANGE_CHURNED, /* pool and the event's churn */
	CHANGE_PAST, /* the same of before the observation: for what only adds up */
	CHANGE_LOST,
};

/* What one event did to the table. Pointers belong to the table. */
struct change {
	enum change_type type;
	uint64_t t_ns;
	struct client *client;
	struct pool *pool;
	struct pool *pool_before;
	struct conn *conn;
	uint64_t silence_ns;
	int64_t silent_since_ns; /* when that silence began */
	bool answer_was_owed; /* it began with a send: a statement was running */
	/* CLOSED: the silence before the client's goodbye, if it said one, else the same as above.
	 */
	uint64_t idle_ns;
	int64_t idle_since_ns;
	uint64_t sent_bytes; /* ACTIVE: payload sent since the look before */
	uint64_t received_bytes; /* ACTIVE: the same the other way */
	enum close_by by;
	bool is_turned_away; /* CLOSED: totals_is_turned_away() */
	enum fail_reason reason; /* FAILED */
	const struct churn *churn; /* CHURNED, PAST: the event's */
	uint64_t lost_count;
};

struct table_limits {
	uint32_t max_conns; /* 0 = the default and the most, a million */
	uint32_t max_pools; /* 0 = the default, 65,536 */
};

/* Returns NULL when out of memory. Free with table_free(), which accepts NULL. */
struct table *table_new(const struct table_limits *limits);
void table_free(struct table *table);

/*
 * Applies one event. On success fills *ret_change and returns 0. Refusals change nothing:
 *   -EEXIST  an OPEN, or a SEEN by the same client, of a connection that is there
 *   -ENOENT  an event of a connection that is not there
 *   -ERANGE  t_ns is smaller than that of the event before, or above INT64_MAX
 *   -EINVAL  a member holds a value that its enum does not have
 *   -ENOSPC  a limit is reached (counted, table_overflow_count())
 *   -ENOMEM
 * A SEEN of a known connection by another client hands the connection over to that client.
 * Call table_settle() before the next table_apply().
 */
int table_apply(struct table *table, const struct event *event, struct change *ret_change);

/* Frees what the last change closed. */
void table_settle(struct table *table);

/*
 * Frees pools that have neither connections nor a dossier and whose client has exited or which
 * have seen no change for 10 minutes, then clients without pools.
 */
void table_sweep(struct table *table, uint64_t now_ns);

/* NULL when there is none. */
struct conn *table_find_conn(const struct table *table, uint64_t id);
struct client *table_find_client(const struct table *table, struct client_id id);

/* All pools in the order of their creation: table_first_pool(), then pool->next. */
struct pool *table_first_pool(const struct table *table);

/* What is there now; refused for lack of room (-ENOSPC); and the sum of what EVENT_LOST told. */
uint32_t table_conn_count(const struct table *table);
uint32_t table_pool_count(const struct table *table);
uint64_t table_overflow_count(const struct table *table);
uint64_t table_lost_count(const struct table *table);
uint64_t table_now_ns(const struct table *table); /* time of the last event */

/*
 * What is known of silence is as old as the source's last look at the counters: the time of the
 * last EVENT_IO, of any connection, and of the one before it with another time; 0 = none yet.
 */
uint64_t table_look_ns(const struct table *table);
uint64_t table_look_before_ns(const struct table *table);

/* How long before a look a use may have been that only a later look tells of; 0 as a rule. */
uint64_t table_late_ns(const struct table *table);

/*
 * What the client belongs to, for people: "namespace/pod/container" where the names are known, else
 * what its cgroup and executable say (workload_label()). Terminal-safe. Returns buffer.
 */
const char *client_workload(const struct client *client, char *buffer, size_t size);

/* Its own address; port 0 = unknown. */
struct netaddr table_local(const struct table *table, const struct conn *conn);

/* What the number of a site stands for; NULL = unknown. Valid while a connection has the number. */
const char *table_site(const struct table *table, uint32_t number);

#endif
