// SPDX-License-Identifier: Apache-2.0
/*
 * A counter that a scrape has once shown must not go back, but pools and processes come and go; and
 * a page of metrics must not grow with whatever starts on the host. So counts are kept by what they
 * are shown under, in at most so many groups, and there they stay when the pool is gone.
 *
 * Invariant: every open, close and failure that the table has counted is in exactly one group; a
 * pool points to a group that is there, because a group goes only in a survey that has found no
 * pool for it.
 * Does not judge, and does not know what a page of metrics looks like.
 */
#include "rollup.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

#define VALUE_SIZE 512
#define GROUP_OF(at) ((struct rollup_group *)((char *)(at)-offsetof(struct rollup_group, link)))

struct rollup {
	const struct dbkind *databases;
	struct index groups;
	struct rollup_group *first, *last;
	struct rollup_group other; /* not in the index; in the list once it is used */
	uint32_t max_groups;
	bool per_process;
	bool other_is_used;
	uint64_t overflow_count;
	uint64_t look_ns; /* when the source's last batch ended */
};

struct labels {
	char values[ROLLUP_LABEL_COUNT][VALUE_SIZE];
};

/* --- groups ----------------------------------------------------------------------------------- */

static void append(struct rollup *rollup, struct rollup_group *group)
{
	group->prev = rollup->last;
	group->next = NULL;
	*(rollup->last ? &rollup->last->next : &rollup->first) = group;
	rollup->last = group;
}

static void unlink_group(struct rollup *rollup, struct rollup_group *group)
{
	*(group->prev ? &group->prev->next : &rollup->first) = group->next;
	*(group->next ? &group->next->prev : &rollup->last) = group->prev;
}

static void free_labels(struct rollup_group *group)
{
	for (int i = 0; i < ROLLUP_LABEL_COUNT; i++)
		free(group->labels[i]);
}

static void drop(struct rollup *rollup, struct rollup_group *group)
{
	index_remove(&rollup->groups, &group->link);
	unlink_group(rollup, group);
	free_labels(group);
	free(group);
}

static bool set_labels(struct rollup_group *group, const struct labels *labels)
{
	for (int i = 0; i < ROLLUP_LABEL_COUNT; i++) {
		group->labels[i] = strdup(labels->values[i]);
		if (!group->labels[i])
			return false;
	}
	return true;
}

struct rollup *rollup_new(const struct dbkind *databases, uint32_t max_groups, bool per_process)
{
	struct labels labels = {.values[ROLLUP_WORKLOAD] = ROLLUP_OTHER};
	struct rollup *rollup = calloc(1, sizeof(*rollup));

	if (!rollup)
		return NULL;
	rollup->databases = databases;
	rollup->max_groups = max_groups;
	rollup->per_process = per_process;
	rollup->other.exhausts_in_s = NAN;
	if (index_init(&rollup->groups) < 0 || !set_labels(&rollup->other, &labels)) {
		rollup_free(rollup);
		return NULL;
	}
	return rollup;
}

void rollup_free(struct rollup *rollup)
{
	if (!rollup)
		return;
	if (rollup->other_is_used)
		unlink_group(rollup, &rollup->other);
	while (rollup->first)
		drop(rollup, rollup->first);
	free_labels(&rollup->other);
	index_destroy(&rollup->groups);
	free(rollup);
}

void rollup_set_databases(struct rollup *rollup, const struct dbkind *databases)
{
	rollup->databases = databases;
}

static uint64_t hash_labels(const struct labels *labels)
{
	uint64_t hash = 14695981039346656037ULL; /* FNV-1a */

	for (int i = 0; i < ROLLUP_LABEL_COUNT; i++) {
		const char *c = labels->values[i];

		do {
			hash = (hash ^ (uint8_t)*c) * 1099511628211ULL;
		} while (*c++);
	}
	return index_mix(hash);
}

static bool has_labels(const struct rollup_group *group, const struct labels *labels)
{
	for (int i = 0; i < ROLLUP_LABEL_COUNT; i++)
		if (strcmp(group->labels[i], labels->values[i]) != 0)
			return false;
	return true;
}

/* NULL when it is not there and there is no room or no memory for it. */
static struct rollup_group *take_group(struct rollup *rollup, const struct labels *labels)
{
	uint64_t hash = hash_labels(labels);
	struct rollup_group *group;

	for (struct index_link *at = index_bucket(&rollup->groups, hash); at; at = at->next)
		if (at->key == hash && has_labels(GROUP_OF(at), labels))
			return GROUP_OF(at);
	if (rollup->groups.link_count >= rollup->max_groups)
		return NULL;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	if (!set_labels(group, labels)) {
		free_labels(group);
		free(group);
		return NULL;
	}
	group->exhausts_in_s = NAN;
	index_insert(&rollup->groups, &group->link, hash);
	append(rollup, group);
	return group;
}

static struct rollup_group *use_other(struct rollup *rollup)
{
	if (!rollup->other_is_used)
		append(rollup, &rollup->other);
	rollup->other_is_used = true;
	return &rollup->other;
}

/* --- which group a pool belongs to ------------------------------------------------------------ */

static void set_value(char *value, const char *text)
{
	if (text)
		(void)format_safe(text, strlen(text), value, VALUE_SIZE);
}

static void set_workload(char *value, const struct client *client)
{
	if (client->cgroup || client->exe || client->pod)
		(void)client_workload(client, value, VALUE_SIZE);
	else
		(void)format_comm(client->comm, value, VALUE_SIZE);
}

static void fill_labels(const struct rollup *rollup, const struct pool *pool, struct labels *labels)
{
	const struct endpoint_rule *rule = dbkind_endpoint(rollup->databases, &pool->remote);
	const struct client *client = pool->client;

	for (int i = 0; i < ROLLUP_LABEL_COUNT; i++)
		labels->values[i][0] = '\0';
	set_workload(labels->values[ROLLUP_WORKLOAD], client);
	set_value(labels->values[ROLLUP_NAMESPACE], client->namespace);
	set_value(labels->values[ROLLUP_POD], client->pod);
	set_value(labels->values[ROLLUP_CONTAINER], client->container);
	if (rule)
		set_value(labels->values[ROLLUP_ENDPOINT], rule->name);
	else
		(void)format_netaddr(&pool->remote, labels->values[ROLLUP_ENDPOINT], VALUE_SIZE);
	set_value(labels->values[ROLLUP_DATABASE],
		  dbkind_name(rollup->databases, pool->remote.port));
	if (rollup->per_process)
		(void)snprintf(labels->values[ROLLUP_PID], VALUE_SIZE, "%" PRIu32, client->id.pid);
}

static struct rollup_group *group_of(struct rollup *rollup, struct pool *pool, uint64_t now_ns)
{
	struct labels labels;
	struct rollup_group *group;

	fill_labels(rollup, pool, &labels);
	group = take_group(rollup, &labels);
	if (!group) {
		rollup->overflow_count += pool->rollup != &rollup->other;
		group = use_other(rollup);
	}
	group->seen_ns = now_ns;
	pool->rollup = group;
	return group;
}

/* --- what happens ----------------------------------------------------------------------------- */

static void count_established(struct rollup_group *group, const struct change *change)
{
	uint64_t open_ns = (uint64_t)change->conn->open_ns;

	if (!change->conn->age_is_bound && change->t_ns >= open_ns)
		histogram_add(&group->connect, &histogram_connect_scale, change->t_ns - open_ns, 1);
}

/* The lifetime of one that was open before the observation is not known. */
static void count_closed(struct rollup_group *group, const struct change *change)
{
	group->closed_count[change->by]++;
	if (!change->conn->age_is_bound)
		histogram_add(&group->lifetime, &histogram_lifetime_scale,
			      change->t_ns - (uint64_t)change->conn->open_ns, 1);
}

/* Returns how many were closed. */
static uint64_t add_churn(struct rollup_group *group, const struct churn *churn)
{
	uint64_t closed_count = 0;

	group->opened_count += churn->opened_count;
	for (int i = 0; i < FAIL_REASON_COUNT; i++)
		group->failed_count[i] += churn->failed_count[i];
	for (int i = 0; i < CLOSE_BY_COUNT; i++) {
		group->closed_count[i] += churn->closed_count[i];
		closed_count += churn->closed_count[i];
	}
	return closed_count;
}

/*
 * Connections that came and went between two looks are told as counts. How long each lasted nobody
 * has seen; half the time between the looks is what they last on average.
 */
static void count_churn(struct rollup_group *group, const struct change *change, uint64_t look_ns)
{
	uint64_t closed_count = add_churn(group, change->churn);

	histogram_add(&group->lifetime, &histogram_lifetime_scale, (change->t_ns - look_ns) / 2,
		      closed_count);
}

void rollup_observe(struct rollup *rollup, const struct change *change)
{
	struct rollup_group *group;

	/* An event of nothing but the time ends a batch. */
	if (change->type == CHANGE_NONE && !change->pool) {
		rollup->look_ns = change->t_ns;
		return;
	}
	if (change->type == CHANGE_NONE || change->type == CHANGE_ACTIVE || !change->pool)
		return;
	group = change->pool->rollup;
	if (!group)
		group = group_of(rollup, change->pool, change->t_ns);
	switch (change->type) {
	case CHANGE_OPENED:
		group->opened_count++;
		break;
	case CHANGE_ESTABLISHED:
		count_established(group, change);
		break;
	case CHANGE_FAILED:
		group->failed_count[change->reason]++;
		break;
	case CHANGE_CLOSED:
		count_closed(group, change);
		break;
	case CHANGE_CHURNED:
		count_churn(group, change, rollup->look_ns);
		break;
	case CHANGE_PAST:
		(void)add_churn(group, change->churn); /* how long each lasted is forgotten */
		break;
	case CHANGE_SEEN:
		/* An agent before this one has counted its open; it ends in our counts. */
		group->opened_count += !change->conn->age_is_bound;
		break;
	default:
		break;
	}
}

/* --- the survey ------------------------------------------------------------------------------- */

static void reset(struct rollup_group *group)
{
	group->pool_count = 0;
	group->limit = 0;
	group->exhausts_in_s = NAN;
	memset(group->state_count, 0, sizeof(group->state_count));
	memset(group->standing, 0, sizeof(group->standing));
}

static enum rollup_state state_of(const struct conn *conn, const struct detector *detector,
				  uint64_t now_ns)
{
	if (conn->state == CONN_CONNECTING)
		return ROLLUP_CONNECTING;
	if (conn->state == CONN_PEER_CLOSED)
		return ROLLUP_PEER_CLOSED;
	if (detector && detector_conn_is_stale(detector, conn, now_ns))
		return ROLLUP_STALE;
	return conn_is_owed(conn) ? ROLLUP_BUSY : ROLLUP_IDLE;
}

/* A forecast gets shorter as time goes by, though the verdict's line is of some ticks ago. */
static void add_verdict(struct rollup_group *group, const struct verdict *verdict, uint64_t now_ns)
{
	double left_s = verdict->exhausts_in_s;

	if (verdict->state == VERDICT_SUSPECT || verdict->state == VERDICT_CLEARED)
		return;
	group->standing[verdict->kind] |= (uint8_t)(1 << verdict->severity);
	if (isnan(left_s))
		return;
	if (now_ns > verdict->t_ns)
		left_s -= (double)(now_ns - verdict->t_ns) / NS_PER_SEC;
	if (left_s < 0)
		left_s = 0;
	if (isnan(group->exhausts_in_s) || left_s < group->exhausts_in_s)
		group->exhausts_in_s = left_s;
}

static void add_pool(struct rollup *rollup, struct rollup_group *group, const struct pool *pool,
		     const struct detector *detector, uint64_t now_ns)
{
	const struct endpoint_rule *rule = dbkind_endpoint(rollup->databases, &pool->remote);

	group->pool_count++;
	if (rule && group != &rollup->other)
		group->limit = rule->limit;
	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn))
		group->state_count[state_of(conn, detector, now_ns)]++;
	for (int kind = 0; detector && kind < VERDICT_KIND_COUNT; kind++) {
		const struct verdict *verdict =
			detector_pool_verdict_of(detector, pool, (enum verdict_kind)kind);

		if (verdict)
			add_verdict(group, verdict, now_ns);
	}
}

/* Hands the counts of a process that is gone to its workload's group without a pid. */
static void fold(struct rollup *rollup, struct rollup_group *group, uint64_t now_ns)
{
	struct rollup_group *into;
	struct labels labels = {0};

	for (int i = 0; i < ROLLUP_LABEL_COUNT; i++)
		set_value(labels.values[i], group->labels[i]);
	labels.values[ROLLUP_PID][0] = '\0';
	into = take_group(rollup, &labels);
	if (!into)
		into = use_other(rollup);
	into->seen_ns = now_ns;
	into->opened_count += group->opened_count;
	for (int i = 0; i < CLOSE_BY_COUNT; i++)
		into->closed_count[i] += group->closed_count[i];
	for (int i = 0; i < FAIL_REASON_COUNT; i++)
		into->failed_count[i] += group->failed_count[i];
	histogram_merge(&into->connect, &group->connect);
	histogram_merge(&into->lifetime, &group->lifetime);
}

static void forget(struct rollup *rollup, uint64_t now_ns)
{
	struct rollup_group *group = rollup->first, *next;

	for (; group; group = next) {
		bool is_process = group->labels[ROLLUP_PID][0] != '\0';

		next = group->next;
		if (group->pool_count > 0 || group == &rollup->other)
			continue;
		if (is_process)
			fold(rollup, group, now_ns);
		if (is_process || now_ns - group->seen_ns >= ROLLUP_KEEP_NS)
			drop(rollup, group);
	}
}

void rollup_survey(struct rollup *rollup, const struct table *table,
		   const struct detector *detector, uint64_t now_ns)
{
	for (struct rollup_group *group = rollup->first; group; group = group->next)
		reset(group);
	for (struct pool *pool = table_first_pool(table); pool; pool = pool->next)
		add_pool(rollup, group_of(rollup, pool, now_ns), pool, detector, now_ns);
	forget(rollup, now_ns);
}

void rollup_add_verdict(struct rollup *rollup, const struct table *table,
			const struct verdict *verdict, uint64_t now_ns)
{
	const struct client *client = table_find_client(table, verdict->client);
	const struct pool *pool = client ? client->pools : NULL;

	(void)rollup; /* the groups are reached through the pools */
	for (; pool; pool = pool->next_of_client)
		if (pool->rollup && pool->remote.port == verdict->remote.port &&
		    memcmp(pool->remote.ip, verdict->remote.ip, sizeof(pool->remote.ip)) == 0)
			add_verdict(pool->rollup, verdict, now_ns);
}

/* --- figures ---------------------------------------------------------------------------------- */

const struct rollup_group *rollup_first(const struct rollup *rollup)
{
	return rollup->first;
}

uint32_t rollup_group_count(const struct rollup *rollup)
{
	return (uint32_t)rollup->groups.link_count;
}

uint64_t rollup_overflow_count(const struct rollup *rollup)
{
	return rollup->overflow_count;
}
