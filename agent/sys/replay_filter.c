// SPDX-License-Identifier: Apache-2.0
/*
 * Only the first event of a connection says whose it is, so what came of it is kept until the
 * connection ends. A trace tells the cgroup of a process once; whether it is one of those asked
 * for is kept until the process exits.
 *
 * Invariant: of a connection either all events are told or none, but for one that is handed over
 * to a process that is watched: it is told from then on, as the probes do. The exit of a process
 * is told where anything of it was.
 */
#include "replay_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/index.h"

struct known {
	struct index_link link; /* first; its key is the id of the connection */
	bool is_told;
};

struct owner {
	struct index_link link; /* first; its key is the pid */
	struct client_id id;
	bool is_inside; /* a cgroup that was asked for */
	bool is_told;
};

struct replay_filter {
	struct replay_rules rules;
	struct index conns, owners;
};

struct replay_filter *replay_filter_new(const struct replay_rules *rules)
{
	struct replay_filter *filter = calloc(1, sizeof(*filter));

	if (!filter)
		return NULL;
	filter->rules = *rules;
	if (index_init(&filter->conns) == 0 && index_init(&filter->owners) == 0)
		return filter;
	replay_filter_free(filter);
	return NULL;
}

static void free_link(void *userdata, struct index_link *link)
{
	(void)userdata;
	free(link);
}

static void drop_index(struct index *index)
{
	if (index->buckets)
		index_each(index, free_link, NULL);
	index_destroy(index);
}

void replay_filter_free(struct replay_filter *filter)
{
	if (!filter)
		return;
	drop_index(&filter->conns);
	drop_index(&filter->owners);
	free(filter);
}

/* --- cgroups ---------------------------------------------------------------------------------- */

/* The path of a rule as a trace has it: from the root of the hierarchy, with a slash. */
static const char *below_mount(const char *path)
{
	static const char *const mounts[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		size_t length = strlen(mounts[i]);

		if (strncmp(path, mounts[i], length) == 0 && (path[length] == '/' || !path[length]))
			return path + length;
	}
	return path;
}

/* Whether path is that of the rule or below it. */
static bool is_below(const char *path, const char *rule)
{
	size_t length;

	path += *path == '/';
	rule = below_mount(rule);
	rule += *rule == '/';
	length = strlen(rule);
	while (length > 0 && rule[length - 1] == '/')
		length--;
	return length == 0 ||
	       (strncmp(path, rule, length) == 0 && (path[length] == '/' || path[length] == '\0'));
}

static bool is_in_one(const struct replay_rules *rules, const char *path)
{
	for (uint32_t i = 0; i < rules->cgroup_count; i++)
		if (is_below(path, rules->cgroups[i]))
			return true;
	return false;
}

/* --- whose connection it is ------------------------------------------------------------------- */

static bool has_pid(const struct replay_rules *rules, uint32_t pid)
{
	for (uint32_t i = 0; i < rules->pid_count; i++)
		if (rules->pids[i] == pid)
			return true;
	return rules->pid_count == 0;
}

static bool has_comm(const struct replay_rules *rules, const char comm[COMM_SIZE])
{
	for (uint32_t i = 0; i < rules->comm_count; i++)
		if (strncmp(rules->comms[i], comm, COMM_SIZE) == 0)
			return true;
	return rules->comm_count == 0;
}

static struct owner *find_owner(const struct replay_filter *filter, struct client_id id)
{
	struct index_link *link = index_bucket(&filter->owners, id.pid);

	for (; link; link = link->next)
		if (client_id_equal(((struct owner *)link)->id, id))
			return (struct owner *)link;
	return NULL;
}

static struct owner *get_owner(struct replay_filter *filter, struct client_id id)
{
	struct owner *owner = find_owner(filter, id);

	if (owner)
		return owner;
	owner = calloc(1, sizeof(*owner));
	if (!owner)
		return NULL;
	owner->id = id;
	index_insert(&filter->owners, &owner->link, id.pid);
	return owner;
}

static bool is_asked_for(const struct replay_rules *rules, const struct owner *owner,
			 const struct event *event)
{
	return (rules->cgroup_count == 0 || owner->is_inside) &&
	       has_pid(rules, event->client.pid) && has_comm(rules, event->comm) &&
	       (!rules->ports || dbkind_is_watched(rules->ports, event->remote.port));
}

/* An event of an owner's that is told for other reasons, or else if it matches. 1, 0, -ENOMEM. */
static int admit(struct replay_filter *filter, const struct event *event, bool is_told)
{
	struct owner *owner = get_owner(filter, event->client);

	if (!owner)
		return -ENOMEM;
	if (event->cgroup)
		owner->is_inside = is_in_one(&filter->rules, event->cgroup);
	is_told |= is_asked_for(&filter->rules, owner, event);
	owner->is_told |= is_told;
	return is_told;
}

/* Of a process that nothing was told of it is the table's to refuse. */
static bool end_owner(struct replay_filter *filter, struct client_id id)
{
	struct owner *owner = find_owner(filter, id);
	bool is_told = !owner || owner->is_told;

	if (owner) {
		index_remove(&filter->owners, &owner->link);
		free(owner);
	}
	return is_told;
}

/* --- connections ------------------------------------------------------------------------------ */

static struct known *find_conn(const struct replay_filter *filter, uint64_t conn)
{
	struct index_link *link = index_bucket(&filter->conns, conn);

	while (link && link->key != conn)
		link = link->next;
	return (struct known *)link;
}

/* An open or seen event. Of a connection that is told already it says who holds it now. */
static int begin(struct replay_filter *filter, const struct event *event)
{
	struct known *known = find_conn(filter, event->conn);
	int r = admit(filter, event, known && known->is_told);

	if (r < 0)
		return r;
	if (!known) {
		known = calloc(1, sizeof(*known));
		if (!known)
			return -ENOMEM;
		index_insert(&filter->conns, &known->link, event->conn);
	}
	known->is_told = r;
	return r;
}

/* What is of no connection that has begun is the table's to refuse. */
static bool go_on(struct replay_filter *filter, const struct event *event)
{
	struct known *known = find_conn(filter, event->conn);
	bool is_told = !known || known->is_told;

	if (known && (event->type == EVENT_CLOSE || event->type == EVENT_FAILED)) {
		index_remove(&filter->conns, &known->link);
		free(known);
	}
	return is_told;
}

int replay_filter_admits(struct replay_filter *filter, const struct event *event)
{
	switch (event->type) {
	case EVENT_OPEN:
	case EVENT_SEEN:
		return begin(filter, event);
	case EVENT_CHURN:
	case EVENT_PAST:
		return admit(filter, event, false);
	case EVENT_EXIT:
		return end_owner(filter, event->client);
	case EVENT_LOST:
	case EVENT_END:
		return 1;
	default:
		return go_on(filter, event);
	}
}
