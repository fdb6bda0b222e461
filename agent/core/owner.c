// SPDX-License-Identifier: Apache-2.0
/*
 * A verdict names a process instance and an endpoint; this keeps one record for each client and
 * each pool, so that what is learned of a process is not mixed with that of the next one with
 * the same pid.
 *
 * Invariant: a client has at least one pool, and goes with its last one. A pool's key (client,
 * network namespace, remote address) does not change.
 * Does not know when a pool is over: table_sweep() says so.
 */
#include "owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "kube.h"

#define CLIENT_OF(index_link)                                                                      \
	((struct client *)((char *)(index_link)-offsetof(struct client, link)))
#define POOL_OF(index_link) ((struct pool *)((char *)(index_link)-offsetof(struct pool, link)))

int owners_init(struct owners *owners, uint32_t max_pools)
{
	owners->first = owners->last = NULL;
	owners->max_pools = max_pools;
	if (index_init(&owners->clients) < 0)
		return -ENOMEM;
	if (index_init(&owners->pools) < 0)
		goto no_pools;
	if (texts_init(&owners->names) < 0)
		goto no_names;
	return 0;
no_names:
	index_destroy(&owners->pools);
no_pools:
	index_destroy(&owners->clients);
	return -ENOMEM;
}

void owners_destroy(struct owners *owners)
{
	while (owners->first)
		owners_drop_pool(owners, owners->first);
	texts_destroy(&owners->names);
	index_destroy(&owners->pools);
	index_destroy(&owners->clients);
}

static uint64_t client_hash(struct client_id id)
{
	return index_mix(id.start_ns + ((uint64_t)id.pid << 32));
}

struct client *owners_find_client(const struct owners *owners, struct client_id id)
{
	uint64_t hash = client_hash(id);

	for (struct index_link *at = index_bucket(&owners->clients, hash); at; at = at->next)
		if (at->key == hash && client_id_equal(CLIENT_OF(at)->id, id))
			return CLIENT_OF(at);
	return NULL;
}

static uint64_t pool_hash(struct client_id id, const struct netaddr *remote, uint32_t netns)
{
	uint64_t high, low;

	memcpy(&high, remote->ip, sizeof(high));
	memcpy(&low, remote->ip + sizeof(high), sizeof(low));
	low += ((uint64_t)netns << 16) + remote->port;
	return index_mix(client_hash(id) + high + index_mix(low));
}

static struct pool *find_pool(const struct owners *owners, struct client_id id,
			      const struct netaddr *remote, uint32_t netns)
{
	uint64_t hash = pool_hash(id, remote, netns);

	for (struct index_link *at = index_bucket(&owners->pools, hash); at; at = at->next) {
		struct pool *pool = POOL_OF(at);

		if (at->key == hash && client_id_equal(pool->client->id, id) &&
		    pool->netns == netns && pool->remote.port == remote->port &&
		    memcmp(pool->remote.ip, remote->ip, sizeof(remote->ip)) == 0)
			return pool;
	}
	return NULL;
}

/* Keeps the old name where there is no memory for the new one: a name is not worth a refusal. */
static void replace_name(struct owners *owners, const char **name, const char *new_name)
{
	(void)texts_replace(&owners->names, name, new_name);
}

/* An exec changes comm and exe; a process that connects has not exited, whatever was said before.
 */
static void update_client(struct owners *owners, struct client *client, const struct event *event)
{
	if (event->comm[0] != '\0')
		memcpy(client->comm, event->comm, sizeof(client->comm));
	replace_name(owners, &client->cgroup, event->cgroup);
	replace_name(owners, &client->exe, event->exe);
	replace_name(owners, &client->namespace, event->namespace);
	replace_name(owners, &client->pod, event->pod);
	replace_name(owners, &client->container, event->container);
	if (event->ns_pid)
		client->ns_pid = event->ns_pid;
	client->exited = false;
}

const char *client_workload(const struct client *client, char *buffer, size_t size)
{
	struct workload workload;

	if (client->namespace && client->pod)
		return kube_label(client->namespace, client->pod, client->container, buffer, size);
	workload_parse(client->cgroup, &workload);
	return workload_label(&workload, client->exe, buffer, size);
}

static struct client *new_client(struct owners *owners, struct client_id id)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->id = id;
	index_insert(&owners->clients, &client->link, client_hash(id));
	return client;
}

static void drop_client(struct owners *owners, struct client *client)
{
	index_remove(&owners->clients, &client->link);
	texts_release(&owners->names, client->cgroup);
	texts_release(&owners->names, client->exe);
	texts_release(&owners->names, client->namespace);
	texts_release(&owners->names, client->pod);
	texts_release(&owners->names, client->container);
	free(client);
}

static void link_pool(struct owners *owners, struct pool *pool, struct client *client)
{
	pool->client = client;
	pool->next_of_client = client->pools;
	client->pools = pool;
	client->pool_count++;
	pool->prev = owners->last;
	if (owners->last)
		owners->last->next = pool;
	else
		owners->first = pool;
	owners->last = pool;
	index_insert(&owners->pools, &pool->link,
		     pool_hash(client->id, &pool->remote, pool->netns));
}

static int new_pool(struct owners *owners, const struct event *event, const struct netaddr *remote,
		    uint32_t netns, struct pool **ret_pool)
{
	struct client *client;
	struct pool *pool;

	if (owners->pools.link_count >= owners->max_pools)
		return -ENOSPC;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	client = owners_find_client(owners, event->client);
	if (!client)
		client = new_client(owners, event->client);
	if (!client) {
		free(pool);
		return -ENOMEM;
	}
	pool->remote = *remote;
	pool->netns = netns;
	pool->first_ns = event->t_ns;
	link_pool(owners, pool, client);
	*ret_pool = pool;
	return 0;
}

int owners_take_pool(struct owners *owners, const struct event *event, const struct netaddr *remote,
		     uint32_t netns, struct pool **ret_pool)
{
	struct pool *pool = find_pool(owners, event->client, remote, netns);
	int error;

	if (!pool) {
		error = new_pool(owners, event, remote, netns, &pool);
		if (error < 0)
			return error;
	}
	update_client(owners, pool->client, event);
	*ret_pool = pool;
	return 0;
}

void owners_drop_pool(struct owners *owners, struct pool *pool)
{
	struct client *client = pool->client;
	struct pool **at = &client->pools;

	while (*at != pool)
		at = &(*at)->next_of_client;
	*at = pool->next_of_client;
	if (pool->prev)
		pool->prev->next = pool->next;
	else
		owners->first = pool->next;
	if (pool->next)
		pool->next->prev = pool->prev;
	else
		owners->last = pool->prev;
	index_remove(&owners->pools, &pool->link);
	free(pool->rare);
	free(pool->recent);
	free(pool);
	if (--client->pool_count == 0)
		drop_client(owners, client);
}
