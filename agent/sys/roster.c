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

#include "proc.h"
#include "proc_watch.h"

struct roster {
	struct roster_client *clients;
	struct proc_watch *watch;
	uint64_t unwatched_count;
	int proc_fd;
};

struct roster *roster_new(int proc_fd)
{
	struct roster *roster = calloc(1, sizeof(*roster));

	if (!roster)
		return NULL;
	roster->proc_fd = proc_fd;
	roster->watch = proc_watch_new(proc_fd);
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
	client->cgroup = client->exe = NULL;
}

static void drop(struct roster *roster, struct roster_client *client)
{
	HASH_DEL(roster->clients, client);
	forget_details(client);
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
	free(roster);
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
	if (client)
		return client;
	client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	memcpy(&client->id, &id, sizeof(id));
	r = proc_watch_add(roster->watch, id);
	if (r == -ESRCH)
		client->exited = true;
	else if (r < 0)
		roster->unwatched_count++;
	read_details(roster, client);
	HASH_ADD(hh, roster->clients, id, sizeof(client->id), client);
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

void roster_take_exits(struct roster *roster,
		       void (*handle)(void *userdata, const struct roster_client *client),
		       void *userdata)
{
	struct roster_client *client, *next;
	struct client_id id;

	for (;;) {
		memset(&id, 0, sizeof(id));
		if (!proc_watch_next_exit(roster->watch, &id))
			break;
		HASH_FIND(hh, roster->clients, &id, sizeof(id), client);
		if (client)
			client->exited = true;
	}
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
