// SPDX-License-Identifier: Apache-2.0
/*
 * One entry a process, from its first connection until its exit has been told and nothing of it is
 * left. Pids are used again, so a process is known by its start time as well.
 *
 * Invariant: the exit of a client is handed over once. It does not know what is open.
 */
#include "roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/numbers.h"
#include "proc.h"
#include "proc_watch.h"

struct roster {
	struct roster_client *clients;
	struct numbers numbers; /* of clients */
	struct proc_watch *watch;
	uint64_t unwatched_count;
	struct pod_logs *logs;
	int proc_fd;
};

/* Half of the descriptors that the process may have; the rest of it needs some, too. */
static uint32_t allowed_pidfds(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	return limit.rlim_cur / 2 < PROC_WATCH_MAX ? (uint32_t)(limit.rlim_cur / 2)
						   : PROC_WATCH_MAX;
}

struct roster *roster_new(int proc_fd, struct pod_logs *logs)
{
	struct roster *roster = calloc(1, sizeof(*roster));

	if (!roster)
		return NULL;
	roster->proc_fd = proc_fd;
	roster->logs = logs;
	roster->watch = proc_watch_new(proc_fd, allowed_pidfds());
	if (!roster->watch) {
		free(roster);
		return NULL;
	}
	return roster;
}

static void forget_details(struct roster_client *client)
{
	free(client->cgroup);
	free(client->exe);
	free(client->names);
	client->cgroup = client->exe = NULL;
	client->names = NULL;
	client->ns_pid = 0;
	client->is_asked = false;
}

static void stop_asking(struct roster_client *client)
{
	free(client->unnamed);
	client->unnamed = NULL;
}

struct roster_client *roster_at(const struct roster *roster, uint32_t number)
{
	return numbers_at(&roster->numbers, number);
}

static void drop(struct roster *roster, struct roster_client *client)
{
	HASH_DEL(roster->clients, client);
	numbers_give_back(&roster->numbers, client->number);
	forget_details(client);
	stop_asking(client);
	free(client);
}

void roster_free(struct roster *roster)
{
	struct roster_client *client, *next;

	if (!roster)
		return;
	HASH_ITER(hh, roster->clients, client, next)
	{
		drop(roster, client);
	}
	proc_watch_free(roster->watch);
	numbers_free(&roster->numbers);
	free(roster);
}

/* The kubelet makes the links a moment after it has started a container, so this may be repeated.
 */
static void ask_names(const struct roster *roster, struct roster_client *client)
{
	struct kube_names names;

	if (!client->unnamed || client->is_asked)
		return;
	client->is_asked = true;
	if (!pod_logs_find(roster->logs, client->unnamed, &names))
		return;
	client->names = malloc(sizeof(names));
	if (!client->names)
		return;
	*client->names = names;
	if (names.container[0])
		stop_asking(client);
}

static void read_names(const struct roster *roster, struct roster_client *client,
		       const char *cgroup)
{
	struct workload workload;

	if (!roster->logs)
		return;
	workload_parse(cgroup, &workload);
	if (workload.kind != WORKLOAD_CONTAINER)
		return;
	client->unnamed = malloc(sizeof(workload));
	if (!client->unnamed)
		return;
	*client->unnamed = workload;
	ask_names(roster, client);
}

/* What it is part of is read once; a process that is gone by now leaves it unknown. */
static void read_details(const struct roster *roster, struct roster_client *client)
{
	struct proc_client details;

	if (client->exited || proc_read_client(roster->proc_fd, client->id, &details) < 0)
		return;
	/* Without memory they are unknown as well. */
	client->cgroup = details.cgroup[0] ? strdup(details.cgroup) : NULL;
	client->exe = details.exe[0] ? strdup(details.exe) : NULL;
	client->ns_pid = details.ns_pid == client->id.pid ? 0 : details.ns_pid;
	read_names(roster, client, details.cgroup);
}

struct roster_client *roster_get(struct roster *roster, uint32_t pid, uint64_t start_ns)
{
	struct roster_client *client;
	struct client_id id;
	int r;

	memset(&id, 0, sizeof(id)); /* the padding is hashed too */
	id.pid = pid;
	id.start_ns = start_ns;
	HASH_FIND(hh, roster->clients, &id, sizeof(id), client);
	if (client) {
		ask_names(roster, client);
		return client;
	}
	client = numbers_prepare(&roster->numbers) == 0 ? calloc(1, sizeof(*client)) : NULL;
	if (!client)
		return NULL;
	memcpy(&client->id, &id, sizeof(id));
	HASH_ADD(hh, roster->clients, id, sizeof(client->id), client);
	if (!hash_took(client)) {
		free(client);
		return NULL;
	}
	client->number = numbers_take(&roster->numbers, client);
	r = proc_watch_add(roster->watch, id);
	if (r == -ESRCH)
		client->exited = true;
	else if (r < 0)
		roster->unwatched_count++;
	read_details(roster, client);
	return client;
}

void roster_describe(const struct roster_client *client, struct event *event)
{
	const struct kube_names *names = client->names;

	event->cgroup = client->cgroup;
	event->exe = client->exe;
	event->ns_pid = client->ns_pid;
	if (!names)
		return;
	event->namespace = names->namespace;
	event->pod = names->pod;
	event->container = names->container[0] ? names->container : NULL;
}

struct roster_client *roster_fill(struct roster *roster, const struct pool_key *key,
				  const __u8 comm[ABI_COMM_SIZE], struct event *event)
{
	struct roster_client *client = roster_get(roster, key->client.pid, key->client.start_ns);

	if (!client)
		return NULL;
	event->client = client->id;
	memcpy(event->comm, comm, COMM_SIZE);
	event->netns = key->netns;
	memcpy(event->remote.ip, key->remote_ip, sizeof(event->remote.ip));
	event->remote.port = key->remote_port;
	roster_describe(client, event);
	return client;
}

void roster_hold(struct roster_client *client)
{
	client->hold_count++;
}

void roster_release(struct roster *roster, struct roster_client *client)
{
	if (--client->hold_count == 0 && client->exit_told)
		drop(roster, client);
}

void roster_note_exits(struct roster *roster)
{
	struct roster_client *client;
	struct client_id id;

	for (;;) {
		memset(&id, 0, sizeof(id));
		if (!proc_watch_next_exit(roster->watch, &id))
			break;
		HASH_FIND(hh, roster->clients, &id, sizeof(id), client);
		if (client)
			client->exited = true;
	}
}

void roster_take_exits(struct roster *roster,
		       void (*handle)(void *userdata, const struct roster_client *client),
		       void *userdata)
{
	struct roster_client *client, *next;

	roster_note_exits(roster);
	HASH_ITER(hh, roster->clients, client, next)
	{
		forget_details(client);
		if (!client->exited || client->exit_told)
			continue;
		client->exit_told = true;
		handle(userdata, client);
		if (client->hold_count == 0)
			drop(roster, client);
	}
}

uint64_t roster_unwatched_count(const struct roster *roster)
{
	return roster->unwatched_count;
}
