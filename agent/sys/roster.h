/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes that the live source has something of: what they are part of, and when they exit.
 */
#ifndef CONNLEAK_SYS_ROSTER_H
#define CONNLEAK_SYS_ROSTER_H

#include "bpf/abi.h"
#include "core/types.h"
#include "hash.h"
#include "pod_logs.h"

struct roster;

/* Owned by the roster; valid while it is held, and until its exit has been told. */
struct roster_client {
	struct client_id id;
	uint32_t number; /* of roster_at() */
	uint32_t conn_count; /* open connections that hold it; the caller's */
	uint32_t hold_count;
	bool exited;
	bool exit_told;
	char *cgroup, *exe; /* NULL = unknown, or told in an earlier look */
	struct kube_names *names; /* of its container; NULL as above */
	uint32_t ns_pid; /* its pid in its own container; 0 = the same, or as above */
	struct workload *unnamed; /* a container of which names are still to be found; else NULL */
	bool is_asked; /* for them, in this look */
	UT_hash_handle hh;
};

/*
 * proc_fd is a directory of the proc file system, logs knows the names of pods (NULL = nobody
 * does); both are borrowed. NULL when out of memory.
 */
struct roster *roster_new(int proc_fd, struct pod_logs *logs);
void roster_free(struct roster *roster);

/*
 * The client of that id. A new one has its cgroup and executable read, and is watched from now on;
 * one that is gone already has exited set. The names of a container that has just begun may come in
 * a later look, with its next connection. NULL when out of memory.
 */
struct roster_client *roster_get(struct roster *roster, uint32_t pid, uint64_t start_ns);

/* The client of that number, as long as it is valid; NULL for 0. */
struct roster_client *roster_at(const struct roster *roster, uint32_t number);

/* Fills in what this look knows of a client: cgroup, executable, names; the event borrows them. */
void roster_describe(const struct roster_client *client, struct event *event);
/*
 * Fills in whose the event is, and which pool's. What the process is part of is told in the look
 * that found it, with all its connections, because which of them comes first is known when they
 * have been sorted. Returns as roster_get().
 */
struct roster_client *roster_fill(struct roster *roster, const struct pool_key *key,
				  const __u8 comm[ABI_COMM_SIZE], struct event *event);

/* A client stays as long as somebody holds it, and until its exit has been told. */
void roster_hold(struct roster_client *client);
void roster_release(struct roster *roster, struct roster_client *client);

/* Sets exited of those that are gone by now; nothing is told yet. */
void roster_note_exits(struct roster *roster);

/*
 * Ends a look: forgets what the look has told of new clients, and hands over each client whose exit
 * has not been told yet. handle may not release it.
 */
void roster_take_exits(struct roster *roster,
		       void (*handle)(void *userdata, const struct roster_client *client),
		       void *userdata);

/* How many could not be watched, so that their exit is never told. */
uint64_t roster_unwatched_count(const struct roster *roster);

#endif
