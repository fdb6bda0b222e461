// SPDX-License-Identifier: Apache-2.0
/*
 * A pool dies with its process, and with it all that was learned; and a leak of one connection a
 * worker is small in each of forty workers. Both need somebody who knows which processes belong
 * together: those of the same container or unit, and of the same executable.
 *
 * A container is one instance of a deploy. Where Kubernetes has given it a name, the pods of a
 * controller are one workload and the containers of one name in them; of other containers the
 * processes of two deploys cannot be compared, as their cgroup changes with each. Mixing up two
 * programs would be worse than not to know the one before.
 *
 * Invariant: a baseline has a plateau, and a fleet without members has a baseline; there are at
 * most FLEETS_MAX of these, the ones that emptied last. A server has at least one fleet. Does not
 * judge (spread.c, oversized.c) and does not keep anything over a restart.
 */
#include "fleet.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "dbkind.h"
#include "judgement.h"
#include "kube.h"
#include "spread.h"

#define FLEETS_MAX 4096
/* A process of which less was seen says nothing about its workload. */
#define LIFE_MIN_NS (600 * NS_PER_SEC)
/* Weekends included, what a workload was like a week ago is still what it is like. */
#define EPOCH_NS (7 * 24 * 3600 * NS_PER_SEC)
/* A pool of a fixed size is full by then. */
#define FIRST_NS (20 * NS_PER_SEC)
#define BUSY_SAMPLES 12
/* Weight of the minute that BUSY_SAMPLES are: a mean over ten. */
#define BUSY_WEIGHT 0.01f

#define FLEET_OF(index_link) ((struct fleet *)((char *)(index_link)-offsetof(struct fleet, link)))
#define SERVER_OF(index_link)                                                                      \
	((struct server *)((char *)(index_link)-offsetof(struct server, link)))

struct fleets {
	struct index fleets, servers;
	struct fleet *first, *last;
	uint32_t empty_count;
};

struct fleets *fleets_new(void)
{
	struct fleets *fleets = calloc(1, sizeof(*fleets));

	if (!fleets)
		return NULL;
	if (index_init(&fleets->fleets) < 0) {
		free(fleets);
		return NULL;
	}
	if (index_init(&fleets->servers) < 0) {
		index_destroy(&fleets->fleets);
		free(fleets);
		return NULL;
	}
	return fleets;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* The label of what does not change with each deploy. */
static void name_workload(const struct client *client, const struct workload *workload,
			  char *buffer, size_t size)
{
	char controller[KUBE_POD_SIZE];

	if (client->pod)
		(void)kube_label(client->namespace,
				 kube_controller(client->pod, controller, sizeof(controller)),
				 client->container, buffer, size);
	else
		(void)workload_label(workload, client->exe, buffer, size);
}

const char *fleet_key(const struct client *client, char *buffer, size_t size)
{
	const char *exe = client->exe;
	char label[256];
	struct workload workload;

	workload_parse(client->cgroup, &workload);
	name_workload(client, &workload, label, sizeof(label));
	if (!exe)
		(void)snprintf(buffer, size, "%s:%.*s", label, COMM_SIZE, client->comm);
	else if (workload.kind == WORKLOAD_EXE && !client->pod)
		(void)snprintf(buffer, size, "%s", exe);
	else
		(void)snprintf(buffer, size, "%.140s:%s", label, exe);
	return buffer;
}

static uint64_t text_hash(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
	return hash;
}

static uint64_t server_hash(const struct netaddr *remote, uint32_t netns)
{
	uint64_t high, low;

	memcpy(&high, remote->ip, sizeof(high));
	memcpy(&low, remote->ip + sizeof(high), sizeof(low));
	return index_mix(high + index_mix(low + ((uint64_t)netns << 16) + remote->port));
}

static uint32_t netns_of(const struct netaddr *remote, uint32_t netns)
{
	return dbkind_is_loopback(remote) ? netns : 0;
}

static bool is_same_address(const struct netaddr *a, const struct netaddr *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* --- servers ---------------------------------------------------------------------------------- */

static struct server *find_server(const struct fleets *fleets, const struct netaddr *remote,
				  uint32_t netns)
{
	uint64_t hash = server_hash(remote, netns);

	for (struct index_link *at = index_bucket(&fleets->servers, hash); at; at = at->next)
		if (at->key == hash && SERVER_OF(at)->netns == netns &&
		    is_same_address(&SERVER_OF(at)->remote, remote))
			return SERVER_OF(at);
	return NULL;
}

static struct server *take_server(struct fleets *fleets, const struct netaddr *remote,
				  uint32_t netns)
{
	struct server *server = find_server(fleets, remote, netns);

	if (server)
		return server;
	server = calloc(1, sizeof(*server));
	if (!server)
		return NULL;
	server->remote = *remote;
	server->netns = netns;
	index_insert(&fleets->servers, &server->link, server_hash(remote, netns));
	return server;
}

static void drop_server(struct fleets *fleets, struct server *server)
{
	index_remove(&fleets->servers, &server->link);
	free(server);
}

/* --- fleets ----------------------------------------------------------------------------------- */

static void link_first(struct fleets *fleets, struct fleet *fleet)
{
	fleet->prev = NULL;
	fleet->next = fleets->first;
	if (fleet->next)
		fleet->next->prev = fleet;
	else
		fleets->last = fleet;
	fleets->first = fleet;
}

static void unlink_fleet(struct fleets *fleets, struct fleet *fleet)
{
	if (fleet->prev)
		fleet->prev->next = fleet->next;
	else
		fleets->first = fleet->next;
	if (fleet->next)
		fleet->next->prev = fleet->prev;
	else
		fleets->last = fleet->prev;
}

static void drop_fleet(struct fleets *fleets, struct fleet *fleet)
{
	struct server *server = fleet->server;

	unlink_fleet(fleets, fleet);
	index_remove(&fleets->fleets, &fleet->link);
	if (--server->fleet_count == 0)
		drop_server(fleets, server);
	for (unsigned int i = 0; i < FLEET_SCALES; i++)
		eprocess_clear(&fleet->scales[i]);
	free(fleet->baseline);
	free(fleet->former);
	free(fleet);
}

/* A fleet that is made here has no members and counts as empty. */
static struct fleet *take_fleet(struct fleets *fleets, const char *key, struct server *server)
{
	uint64_t hash = index_mix(text_hash(key) + server->link.key);
	size_t key_size = strlen(key) + 1;
	struct fleet *fleet;

	for (struct index_link *at = index_bucket(&fleets->fleets, hash); at; at = at->next)
		if (at->key == hash && FLEET_OF(at)->server == server &&
		    strcmp(FLEET_OF(at)->workload, key) == 0)
			return FLEET_OF(at);
	fleet = calloc(1, sizeof(*fleet) + key_size);
	if (!fleet)
		return NULL;
	fleet->server = server;
	server->fleet_count++;
	memcpy(fleet->workload, key, key_size);
	index_insert(&fleets->fleets, &fleet->link, hash);
	link_first(fleets, fleet);
	fleets->empty_count++;
	return fleet;
}

/* NULL when out of memory. */
static struct fleet *find_or_make(struct fleets *fleets, const char *key,
				  const struct netaddr *remote, uint32_t netns)
{
	struct server *server = take_server(fleets, remote, netns_of(remote, netns));
	struct fleet *fleet = server ? take_fleet(fleets, key, server) : NULL;

	if (server && server->fleet_count == 0)
		drop_server(fleets, server);
	return fleet;
}

void fleets_free(struct fleets *fleets)
{
	if (!fleets)
		return;
	while (fleets->first)
		drop_fleet(fleets, fleets->first);
	index_destroy(&fleets->fleets);
	index_destroy(&fleets->servers);
	free(fleets);
}

/* --- members ---------------------------------------------------------------------------------- */

void fleet_take_limit(const struct bench *bench, const struct dossier *dossier)
{
	const struct endpoint_rule *rule = NULL;

	if (bench->databases)
		rule = dbkind_endpoint(bench->databases, &dossier->pool->remote);
	dossier->membership.fleet->server->limit =
		rule && rule->limit < UINT32_MAX ? (uint32_t)rule->limit : 0;
}

int fleet_join(struct bench *bench, struct dossier *dossier, uint64_t t_ns)
{
	struct membership *membership = &dossier->membership;
	const struct pool *pool = dossier->pool;
	char key[FLEET_KEY_SIZE];
	struct fleet *fleet;

	(void)fleet_key(pool->client, key, sizeof(key));
	fleet = find_or_make(bench->fleets, key, &pool->remote, pool->netns);
	if (!fleet)
		return -ENOMEM;
	if (fleet->member_count++ == 0)
		bench->fleets->empty_count--;
	membership->fleet = fleet;
	fleet_take_limit(bench, dossier);
	membership->joined_ns = t_ns;
	dossier->judgement->career.early_close_count = fleet->server->early_close_count;
	dossier->judgement->career.began_before = pool->oldest && pool->oldest->was_found_open;
	membership->next = fleet->first;
	if (membership->next)
		membership->next->membership.prev = dossier;
	fleet->first = dossier;
	return 0;
}

const struct baseline *fleet_baseline(const struct fleet *fleet)
{
	static const struct baseline nothing;

	return fleet->baseline ? fleet->baseline : &nothing;
}

/* NULL when out of memory. */
static struct baseline *take_baseline(struct fleet *fleet)
{
	struct baseline *baseline = fleet->baseline;

	if (baseline)
		return baseline;
	baseline = calloc(1, sizeof(*baseline));
	if (!baseline)
		return NULL;
	(void)snprintf(baseline->workload, sizeof(baseline->workload), "%s", fleet->workload);
	baseline->remote = fleet->server->remote;
	baseline->netns = fleet->server->netns;
	fleet->baseline = baseline;
	return baseline;
}

/* Without memory a process that replaces it is compared with nothing. */
static void keep_baseline(struct fleet *fleet, const struct membership *membership,
			  const struct career *career, uint64_t t_ns)
{
	struct baseline *baseline;

	if (career->settled == 0 || t_ns - membership->joined_ns < LIFE_MIN_NS)
		return;
	baseline = take_baseline(fleet);
	if (!baseline)
		return;
	if (baseline->plateau == 0 || t_ns - baseline->epoch_ns >= EPOCH_NS) {
		baseline->plateau_before = baseline->plateau;
		baseline->plateau = 0;
		baseline->rate = 0;
		baseline->epoch_ns = t_ns;
	}
	if (career->settled > baseline->plateau)
		baseline->plateau = career->settled;
	baseline->rate = fmax(baseline->rate, (double)career->rate_peak);
	baseline->busy = (double)career->busy;
	baseline->known_ns = t_ns;
	baseline->joined_ns = membership->joined_ns;
}

static void drop_oldest(struct fleets *fleets)
{
	struct fleet *fleet = fleets->last, *prev;

	for (; fleet && fleets->empty_count > FLEETS_MAX; fleet = prev) {
		prev = fleet->prev;
		if (fleet->member_count > 0)
			continue;
		fleets->empty_count--;
		drop_fleet(fleets, fleet);
	}
}

/* The same. */
static void keep_figures(struct fleet *fleet, const struct meter *meter, uint64_t t_ns)
{
	struct meter_figures figures;

	meter_sum(meter, meter->first_ns, t_ns, &figures);
	if (figures.observed_ns < LIFE_MIN_NS)
		return;
	if (!fleet->former)
		fleet->former = malloc(sizeof(*fleet->former));
	if (fleet->former)
		*fleet->former = figures;
}

void fleet_leave(struct bench *bench, struct dossier *dossier, const struct judgement *judgement,
		 uint64_t t_ns)
{
	struct membership *membership = &dossier->membership;
	struct fleet *fleet = membership->fleet;

	if (!fleet)
		return;
	keep_baseline(fleet, membership, &judgement->career, t_ns);
	keep_figures(fleet, &judgement->meter, t_ns);
	if (judgement->exhausted.longest_quiet_ns > fleet->longest_quiet_ns)
		fleet->longest_quiet_ns = judgement->exhausted.longest_quiet_ns;
	if (membership->prev)
		membership->prev->membership.next = membership->next;
	else
		fleet->first = membership->next;
	if (membership->next)
		membership->next->membership.prev = membership->prev;
	if (fleet->leader == dossier)
		fleet->leader = NULL;
	/* What it adds to the server's sums is in them until the next tick. */
	if (fleet->server->largest == dossier)
		fleet->server->largest = NULL;
	if (fleet->server->refusal_teller == dossier)
		fleet->server->refusal_teller = NULL;
	*membership = (struct membership){0};
	if (--fleet->member_count > 0)
		return;
	bench->fleets->empty_count++;
	if (!fleet->baseline) {
		bench->fleets->empty_count--;
		drop_fleet(bench->fleets, fleet);
		return;
	}
	unlink_fleet(bench->fleets, fleet);
	link_first(bench->fleets, fleet);
	drop_oldest(bench->fleets);
}

/* --- time ------------------------------------------------------------------------------------- */

void fleet_follow(struct judgement *judgement, const struct settings *settings, uint64_t t_ns)
{
	struct career *career = &judgement->career;
	double busy = meter_busy(&judgement->meter, BUSY_SAMPLES);

	if (t_ns - judgement->dossier->membership.joined_ns <= FIRST_NS &&
	    judgement->pool->conn_count > career->first_count)
		career->first_count = judgement->pool->conn_count;
	if (plateau_stands(&judgement->plateau, settings, t_ns) &&
	    judgement->plateau.open > career->settled)
		career->settled = judgement->plateau.open;
	if (!isnan(busy))
		career->busy += BUSY_WEIGHT * ((float)busy - career->busy);
	if (judgement->coverage.rate > career->rate_peak)
		career->rate_peak = judgement->coverage.rate;
}

static void add_up(struct dossier *dossier)
{
	struct server *server = dossier->membership.fleet->server;
	const struct pool *pool = dossier->pool;

	dossier->counted_open = pool_held_count(pool);
	server->open_count += dossier->counted_open;
	if (dossier->judgement) /* with a verdict it is never packed */
		server->growth_per_hour += dossier->judgement->leak.counted_growth;
	server->suspect_count += dossier_is_suspected(dossier);
	server->early_close_count += totals_count_of(pool, COUNT_EARLY_PEER_CLOSE);
	if (dossier->judgement && dossier->judgement->storm.standing.verdict &&
	    dossier->judgement->storm.refusal.is_told)
		server->refusal_teller = dossier;
	if (!server->largest || pool_held_count(pool) > pool_held_count(server->largest->pool))
		server->largest = dossier;
}

/* Those that have only inherited what they hold are not judged. */
static void add_unjudged(const struct bench *bench)
{
	const struct pool *pool = table_first_pool(bench->table);

	for (; pool; pool = pool->next) {
		struct server *server;

		if (pool->dossier || pool->conn_count == 0)
			continue;
		server = find_server(bench->fleets, &pool->remote,
				     netns_of(&pool->remote, pool->netns));
		if (server)
			server->open_count += pool_held_count(pool);
	}
}

/* Several fleets may have the same one: nothing is added before all are reset. */
static void reset_server(struct server *server)
{
	server->open_count = 0;
	server->suspect_count = 0;
	server->early_close_count = 0;
	server->growth_per_hour = 0;
	server->refusal_teller = NULL;
	server->largest = NULL;
}

void fleets_advance(struct bench *bench, const struct moment *moment)
{
	uint32_t judged_count = 0;
	struct fleet *fleet;

	for (fleet = bench->fleets->first; fleet; fleet = fleet->next) {
		reset_server(fleet->server);
		judged_count += fleet->member_count;
	}
	if (judged_count < table_pool_count(bench->table))
		add_unjudged(bench);
	for (fleet = bench->fleets->first; fleet; fleet = fleet->next) {
		for (struct dossier *member = fleet->first; member;
		     member = member->membership.next)
			add_up(member);
		spread_advance(fleet, moment);
	}
}

/* --- baselines -------------------------------------------------------------------------------- */

const struct fleet *fleets_first(const struct fleets *fleets)
{
	return fleets->first;
}

int fleets_import(struct fleets *fleets, const struct baseline *baseline)
{
	struct baseline *kept;
	struct fleet *fleet;

	if (baseline->workload[0] == '\0' || baseline->remote.port == 0 || baseline->plateau == 0 ||
	    !memchr(baseline->workload, '\0', sizeof(baseline->workload)))
		return -EINVAL;
	if (fleets->empty_count >= FLEETS_MAX)
		return -ENOSPC;
	kept = malloc(sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	fleet = find_or_make(fleets, baseline->workload, &baseline->remote, baseline->netns);
	if (!fleet) {
		free(kept);
		return -ENOMEM;
	}
	*kept = *baseline;
	kept->netns = fleet->server->netns;
	kept->joined_ns = 0;
	free(fleet->baseline);
	fleet->baseline = kept;
	return 0;
}
