// SPDX-License-Identifier: Apache-2.0
/*
 * What is in the directory of the pins, and how one agent takes it over from another.
 *
 *	DIRECTORY/2/conns, pools, ends ...	the maps
 *	DIRECTORY/2/on_set_state ...		the link that keeps a probe attached
 *	DIRECTORY/2-new/			being made; what is killed here is swept away next
 *time
 *
 * Invariant: a directory without "-new" is complete, since it got its name when it was. The probe
 * is replaced by a rename, so one is attached at every moment, and two for a moment. Where the
 * kernel needs two of them, so is the other.
 * It does not know what the maps mean; that they fit is told by their version and their sizes.
 */
#include "pins.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "core/format.h"
#include "log.h"
#include "pin_dir.h"

#define FIRST_PROBE "on_set_state" /* there is always this one */
#define NEW_SUFFIX "-new" /* the file system reserves dots */
#define REASON_SIZE 256

struct pins {
	char *directory;
	int fd; /* of the directory; holds the lock */
	bool has_adopted;
};

int pins_open(const char *directory, struct pins **ret_pins, char *ret_error, size_t error_size)
{
	struct pins *pins = calloc(1, sizeof(*pins));
	int r = -ENOMEM;

	snprintf(ret_error, error_size, "out of memory");
	if (!pins)
		return r;
	pins->fd = -1;
	pins->directory = strdup(directory);
	if (pins->directory)
		r = pin_dir_take(directory, &pins->fd, ret_error, error_size);
	if (r < 0) {
		pins_close(pins);
		return r;
	}
	*ret_pins = pins;
	return 0;
}

void pins_close(struct pins *pins)
{
	if (!pins)
		return;
	if (pins->fd >= 0)
		close(pins->fd);
	free(pins->directory);
	free(pins);
}

/* DIRECTORY/VERSION[SUFFIX]/[NAME] */
static int path_of(const struct pins *pins, const char *suffix, const char *name, char *buffer,
		   size_t size)
{
	int length =
		snprintf(buffer, size, "%s/%d%s/%s", pins->directory, ABI_VERSION, suffix, name);

	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

/* .bss and .rodata are made anew with every load. */
static bool is_pinned(const struct bpf_map *map)
{
	/* An array of programs holds this agent's own, and is to be empty without it. */
	return !strchr(bpf_map__name(map), '.') && bpf_map__type(map) != BPF_MAP_TYPE_PROG_ARRAY;
}

/* --- adopting --------------------------------------------------------------------------------- */

/* Says what differs; true where nothing does. */
static bool map_fits(const struct bpf_map *map, const struct bpf_map_info *info, char *reason)
{
	const struct {
		const char *what;
		unsigned int found, expected;
	} facts[] = {
		{"type", info->type, bpf_map__type(map)},
		{"key size", info->key_size, bpf_map__key_size(map)},
		{"value size", info->value_size, bpf_map__value_size(map)},
		{"max_entries", info->max_entries, bpf_map__max_entries(map)},
		{"flags", info->map_flags, bpf_map__map_flags(map)},
	};

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		if (facts[i].found == facts[i].expected)
			continue;
		snprintf(reason, REASON_SIZE, "the map %s has %s %u and not %u", bpf_map__name(map),
			 facts[i].what, facts[i].found, facts[i].expected);
		return false;
	}
	return true;
}

/* The pinned map that fits, or -errno with a reason. */
static int open_map(const struct pins *pins, const struct bpf_map *map, char *reason)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	char path[PATH_MAX];
	int r = path_of(pins, "", bpf_map__name(map), path, sizeof(path));
	int fd = r < 0 ? r : bpf_obj_get(path);

	if (fd < 0) {
		snprintf(reason, REASON_SIZE, "the map %s cannot be had: %s", bpf_map__name(map),
			 strerror(-fd));
		return fd;
	}
	r = bpf_obj_get_info_by_fd(fd, &info, &length);
	if (r < 0)
		snprintf(reason, REASON_SIZE, "%s is not a map: %s", bpf_map__name(map),
			 strerror(-r));
	else if (!map_fits(map, &info, reason))
		r = -EINVAL;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

/* Without the probe nobody knows what has happened to the maps' connections since. */
static bool has_probe(const struct pins *pins, char *reason)
{
	char path[PATH_MAX];
	int r = path_of(pins, "", FIRST_PROBE, path, sizeof(path));
	int fd = r < 0 ? r : bpf_obj_get(path);

	if (fd < 0) {
		snprintf(reason, REASON_SIZE, "the probe cannot be had: %s", strerror(-fd));
		return false;
	}
	close(fd);
	return true;
}

/* All or nothing: they are looked at before the first is taken. */
static bool all_fit(const struct pins *pins, struct bpf_object *object, char *reason)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		int fd = is_pinned(map) ? open_map(pins, map, reason) : -1;

		if (fd >= 0)
			close(fd);
		else if (is_pinned(map))
			return false;
	}
	return has_probe(pins, reason);
}

static int adopt_all(const struct pins *pins, struct bpf_object *object, char *reason)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		int fd, r;

		if (!is_pinned(map))
			continue;
		fd = open_map(pins, map, reason);
		if (fd < 0)
			return fd;
		r = bpf_map__reuse_fd(map, fd); /* keeps a descriptor of its own */
		close(fd);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Digits, with or without the suffix of what is being made: a directory of ours. */
static bool is_version(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	return digits > 0 && (!name[digits] || !strcmp(name + digits, NEW_SUFFIX));
}

/* The number of another version that is pinned, 0 where there is none. */
static unsigned long find_other_version(const struct pins *pins)
{
	DIR *stream = opendir(pins->directory);
	unsigned long found = 0;
	struct dirent *entry;

	while (stream && !found && (entry = readdir(stream)))
		if (is_version(entry->d_name) && !strchr(entry->d_name, '-'))
			found = strtoul(entry->d_name, NULL, 10);
	if (stream)
		closedir(stream);
	return found == ABI_VERSION ? 0 : found;
}

static void say_fresh(const struct pins *pins)
{
	unsigned long other = find_other_version(pins);

	if (other)
		log_notice("what is pinned under %s is of version %lu, this is version %d: "
			   "starting fresh, ages are lower bounds",
			   pins->directory, other, ABI_VERSION);
}

int pins_adopt(struct pins *pins, struct bpf_object *object)
{
	char reason[REASON_SIZE] = "", path[PATH_MAX];
	int r = path_of(pins, "", "", path, sizeof(path));

	if (r < 0)
		return r;
	if (access(path, F_OK) < 0) {
		say_fresh(pins);
		return 0;
	}
	if (!all_fit(pins, object, reason)) {
		log_notice("what is pinned in %s cannot be used, %s: starting fresh, ages are "
			   "lower bounds",
			   path, reason);
		return 0;
	}
	r = adopt_all(pins, object, reason);
	if (r < 0)
		return r;
	pins->has_adopted = true;
	log_notice("going on with what the agent before has left in %s", path);
	return 1;
}

/* --- removing --------------------------------------------------------------------------------- */

/* What is in one of our directories, and the directory. Returns the number of objects or -errno. */
static int remove_version(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int count = 0, r = 0;

	if (!stream) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0)
			r = -errno;
		else
			count++;
	}
	closedir(stream);
	if (r == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r < 0 ? r : count;
}

/* Every directory of ours but the one to keep (NULL = none). */
static int remove_versions(int directory_fd, const char *keep, struct pins_removed *removed)
{
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!stream) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r >= 0 && (entry = readdir(stream))) {
		if (!is_version(entry->d_name) || (keep && !strcmp(entry->d_name, keep)))
			continue;
		r = remove_version(directory_fd, entry->d_name);
		if (r < 0)
			break;
		removed->object_count += (uint32_t)r;
		removed->directory_count++;
	}
	closedir(stream);
	return r < 0 ? r : 0;
}

int pins_remove(const char *directory, struct pins_removed *ret_removed, char *ret_error,
		size_t error_size)
{
	struct pins_removed removed = {};
	int fd, r;

	*ret_removed = removed;
	r = pin_dir_take_existing(directory, &fd, ret_error, error_size);
	if (r == -ENOENT || r == -EMEDIUMTYPE)
		return 0; /* nothing can be pinned there */
	if (r < 0)
		return r;
	r = remove_versions(fd, NULL, &removed);
	if (r < 0) {
		snprintf(ret_error, error_size, "cannot remove all of it: %s", strerror(-r));
	} else if (rmdir(directory) == 0) {
		removed.directory_count++;
	} else {
		removed.is_rest = errno == ENOTEMPTY;
		r = removed.is_rest ? 0 : -errno;
		snprintf(ret_error, error_size, "cannot remove it: %s", strerror(-r));
	}
	close(fd);
	*ret_removed = removed;
	return r;
}

/* --- keeping ---------------------------------------------------------------------------------- */

static int pin(const struct pins *pins, const char *suffix, const char *name, int fd, char *error,
	       size_t size)
{
	char path[PATH_MAX];
	int r = path_of(pins, suffix, name, path, sizeof(path));

	if (r == 0)
		r = bpf_obj_pin(fd, path);
	if (r < 0)
		snprintf(error, size, "cannot pin %s: %s", name, strerror(-r));
	return r;
}

static int pin_all(const struct pins *pins, struct bpf_object *object,
		   const struct pins_probe *probes, char *error, size_t size)
{
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_map(map, object)
	{
		if (!is_pinned(map))
			continue;
		r = pin(pins, NEW_SUFFIX, bpf_map__name(map), bpf_map__fd(map), error, size);
		if (r < 0)
			return r;
	}
	for (; r == 0 && probes->name; probes++)
		r = pin(pins, NEW_SUFFIX, probes->name, bpf_link__fd(probes->link), error, size);
	return r;
}

/* A directory of its own until it is complete. */
static int keep_fresh(struct pins *pins, struct bpf_object *object, const struct pins_probe *probes,
		      char *error, size_t size)
{
	struct pins_removed removed = {};
	char name[32], made[48];
	int r;

	snprintf(name, sizeof(name), "%d", ABI_VERSION);
	snprintf(made, sizeof(made), "%s" NEW_SUFFIX, name);
	snprintf(error, size, "cannot write to %s", pins->directory);
	r = remove_versions(pins->fd, NULL, &removed);
	if (r == 0 && mkdirat(pins->fd, made, 0700) < 0)
		r = -errno;
	if (r == 0)
		r = pin_all(pins, object, probes, error, size);
	if (r == 0 && renameat(pins->fd, made, pins->fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)remove_version(pins->fd, made); /* what is left is swept next time */
	return r;
}

static int replace_probe(struct pins *pins, const struct pins_probe *probe, char *error,
			 size_t size)
{
	char old[64], made[64], name[48];
	int r;

	snprintf(name, sizeof(name), "%s" NEW_SUFFIX, probe->name);
	snprintf(old, sizeof(old), "%d/%s", ABI_VERSION, probe->name);
	snprintf(made, sizeof(made), "%d/%s", ABI_VERSION, name);
	(void)unlinkat(pins->fd, made, 0); /* of one that was killed here */
	r = pin(pins, "", name, bpf_link__fd(probe->link), error, size);
	if (r < 0)
		return r;
	if (renameat(pins->fd, made, pins->fd, old) < 0) {
		r = -errno;
		snprintf(error, size, "cannot replace the probe: %s", strerror(-r));
	}
	return r;
}

static int keep_adopted(struct pins *pins, const struct pins_probe *probes, char *error,
			size_t size)
{
	struct pins_removed removed = {};
	char version[32];
	int r = 0;

	for (; r == 0 && probes->name; probes++)
		r = replace_probe(pins, probes, error, size);
	snprintf(version, sizeof(version), "%d", ABI_VERSION);
	if (r == 0)
		(void)remove_versions(pins->fd, version, &removed); /* of no use, and of no harm */
	return r;
}

int pins_keep(struct pins *pins, struct bpf_object *object, const struct pins_probe *probes,
	      char *ret_error, size_t error_size)
{
	return pins->has_adopted ? keep_adopted(pins, probes, ret_error, error_size)
				 : keep_fresh(pins, object, probes, ret_error, error_size);
}
