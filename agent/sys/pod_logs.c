// SPDX-License-Identifier: Apache-2.0
/*
 * Why: the cgroup of a process holds ids, the people on call know names, and a permission to list
 * the pods of a cluster is too much to ask for that. The node's log directories have both.
 *
 * Invariant: memory is bounded by the capacity; a directory is read again only when it has changed;
 * a name is handed out only if it is valid. Directories may change, vanish and come back at any
 * moment: what is not there now is unknown, never an error.
 *
 *	id -> names   one hash for container ids (64 digits) and pod uids (36 or 32), oldest use
 *first
 *
 * It follows no link and does not look into pods that have ended: names stay as they were read.
 */
#include "pod_logs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/types.h"
#include "hash.h"

/* Beyond any node: the largest known run some 1,000 pods, each with a handful of containers. */
#define ENTRIES_MAX 100000
/* A change within this after a reading may carry the same time stamp as the reading itself. */
#define SETTLE_NS (1 * NS_PER_SEC)
/* After a reading, nothing is read again for this many times what it took. */
#define REST_FACTOR 10
#define ID_SIZE 65

enum place { PLACE_CONTAINERS, PLACE_PODS, PLACE_COUNT };

static const char *const place_names[PLACE_COUNT] = {"containers", "pods"};

/* A directory as it was when it was read. */
struct place_state {
	struct timespec mtime;
	dev_t dev;
	ino_t ino;
	bool is_settled; /* its time stamp was old enough to tell a later change */
	uint64_t rest_until_ns;
};

struct known {
	UT_hash_handle hh;
	char id[ID_SIZE];
	char text[]; /* namespace, pod, container, each with its NUL */
};

struct pod_logs {
	struct known *known;
	struct place_state places[PLACE_COUNT];
	struct pod_logs_counts counts;
	uint32_t capacity;
	int log_fd;
};

struct pod_logs *pod_logs_new(int log_fd, uint32_t capacity)
{
	struct pod_logs *logs = calloc(1, sizeof(*logs));

	if (!logs) {
		close(log_fd);
		return NULL;
	}
	logs->log_fd = log_fd;
	logs->capacity = capacity;
	return logs;
}

static void forget(struct pod_logs *logs, struct known *known)
{
	HASH_DEL(logs->known, known);
	free(known);
}

void pod_logs_free(struct pod_logs *logs)
{
	if (!logs)
		return;
	while (logs->known)
		forget(logs, logs->known);
	close(logs->log_fd);
	free(logs);
}

void pod_logs_count(const struct pod_logs *logs, struct pod_logs_counts *ret_counts)
{
	*ret_counts = logs->counts;
	ret_counts->known_count = HASH_COUNT(logs->known);
}

/* --- what is known ---------------------------------------------------------------------------- */

static struct known *find(const struct pod_logs *logs, const char *id)
{
	struct known *known;

	HASH_FIND_STR(logs->known, id, known);
	return known;
}

/* Makes it the last to be forgotten. Without the memory for that it is forgotten now: NULL. */
static struct known *touch(struct pod_logs *logs, struct known *known)
{
	HASH_DEL(logs->known, known);
	HASH_ADD_STR(logs->known, id, known);
	if (hash_took(known))
		return known;
	free(known);
	return NULL;
}

static void unpack(const struct known *known, struct kube_names *ret_names)
{
	const char *pod = known->text + strlen(known->text) + 1;
	const char *container = pod + strlen(pod) + 1;

	memcpy(ret_names->namespace, known->text, (size_t)(pod - known->text));
	memcpy(ret_names->pod, pod, (size_t)(container - pod));
	memcpy(ret_names->container, container, strlen(container) + 1);
}

/* What nobody has asked for makes no room for itself. */
static void remember(struct pod_logs *logs, const char *id, const struct kube_names *names,
		     bool is_wanted)
{
	size_t namespace = strlen(names->namespace) + 1, pod = strlen(names->pod) + 1;
	size_t container = strlen(names->container) + 1;
	struct known *known;

	if (HASH_COUNT(logs->known) >= logs->capacity) {
		if (!is_wanted)
			return;
		logs->counts.evicted_count++;
		forget(logs, logs->known);
	}
	known = malloc(sizeof(*known) + namespace + pod + container);
	if (!known)
		return; /* unknown, then */
	memcpy(known->id, id, strlen(id) + 1);
	memcpy(known->text, names->namespace, namespace);
	memcpy(known->text + namespace, names->pod, pod);
	memcpy(known->text + namespace + pod, names->container, container);
	HASH_ADD_STR(logs->known, id, known);
	if (!hash_took(known))
		free(known);
}

/* --- directories ------------------------------------------------------------------------------ */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now); /* cannot fail for these clocks */
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Descriptor of the directory if there may be something new in it, else -1. */
static int open_changed(const struct pod_logs *logs, enum place place, struct stat *ret_stat)
{
	const struct place_state *state = &logs->places[place];
	int fd;

	if (clock_ns(CLOCK_MONOTONIC) < state->rest_until_ns)
		return -1;
	fd = openat(logs->log_fd, place_names[place], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, ret_stat) < 0 ||
	    (state->is_settled && ret_stat->st_dev == state->dev &&
	     ret_stat->st_ino == state->ino && ret_stat->st_mtim.tv_sec == state->mtime.tv_sec &&
	     ret_stat->st_mtim.tv_nsec == state->mtime.tv_nsec)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void note_reading(struct place_state *state, const struct stat *stat, uint64_t began_ns)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	uint64_t changed_ns =
		(uint64_t)stat->st_mtim.tv_sec * NS_PER_SEC + (uint64_t)stat->st_mtim.tv_nsec;

	state->mtime = stat->st_mtim;
	state->dev = stat->st_dev;
	state->ino = stat->st_ino;
	state->is_settled = changed_ns + SETTLE_NS + (now_ns - began_ns) < clock_ns(CLOCK_REALTIME);
	state->rest_until_ns = now_ns + REST_FACTOR * (now_ns - began_ns);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static void take_entry(struct pod_logs *logs, enum place place, const char *file,
		       const char *wanted)
{
	struct kube_names names = {.container = ""};
	char id[ID_SIZE];
	bool is_valid = place == PLACE_CONTAINERS ? kube_parse_log_link(file, &names, id)
						  : kube_parse_pod_dir(file, &names, id);

	if (!is_valid)
		logs->counts.refused_count++;
	else if (!find(logs, id))
		remember(logs, id, &names, strcmp(id, wanted) == 0);
}

static void scan(struct pod_logs *logs, enum place place, const char *wanted)
{
	uint64_t began_ns = clock_ns(CLOCK_MONOTONIC);
	uint32_t count = 0;
	struct dirent *entry;
	struct stat stat;
	DIR *dir;
	int fd = open_changed(logs, place, &stat);

	if (fd < 0)
		return;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return;
	}
	logs->counts.scan_count++;
	while ((entry = readdir(dir)) && count++ < ENTRIES_MAX)
		if (!is_dots(entry->d_name))
			take_entry(logs, place, entry->d_name, wanted);
	if (entry)
		logs->counts.cut_count++;
	closedir(dir);
	note_reading(&logs->places[place], &stat, began_ns);
}

static struct known *look_up(struct pod_logs *logs, enum place place, const char *id)
{
	struct known *known;

	if (!id[0])
		return NULL;
	known = find(logs, id);
	if (!known) {
		scan(logs, place, id);
		known = find(logs, id);
	}
	return known ? touch(logs, known) : NULL;
}

/*
 * Each container of a pod, the initial ones included, has a directory before it is started: where
 * there is one only, that is the name. Two leave it open which.
 */
static void find_only_container(struct pod_logs *logs, const char *pod_uid,
				struct kube_names *names)
{
	char path[KUBE_LABEL_SIZE + KUBE_POD_SIZE + ID_SIZE + 8];
	char only[KUBE_LABEL_SIZE] = "";
	uint32_t count = 0;
	struct dirent *entry;
	DIR *dir;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s_%s_%s", place_names[PLACE_PODS], names->namespace,
		       names->pod, pod_uid);
	fd = openat(logs->log_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (count < 2 && (entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);

		if (is_dots(entry->d_name))
			continue;
		count++;
		if (kube_is_label(entry->d_name, length))
			memcpy(only, entry->d_name, length + 1);
	}
	closedir(dir);
	if (count == 1)
		memcpy(names->container, only, sizeof(only));
}

bool pod_logs_find(struct pod_logs *logs, const struct workload *workload,
		   struct kube_names *ret_names)
{
	struct known *known = look_up(logs, PLACE_CONTAINERS, workload->container_id);

	if (known) {
		unpack(known, ret_names);
		return true;
	}
	known = look_up(logs, PLACE_PODS, workload->pod_uid);
	if (!known)
		return false;
	unpack(known, ret_names);
	if (workload->container_id[0])
		find_only_container(logs, workload->pod_uid, ret_names);
	return true;
}
