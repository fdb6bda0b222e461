// SPDX-License-Identifier: Apache-2.0
/*
 * A map can have 60 MB and grows while we look, so only what is new of it is read.
 *
 * Invariant: a map is believed only when it belongs to the user of the process or to root, and only
 * as long as it is the same file. Does not know what is in a line (perf_map.c).
 */
#include "jit_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rooted.h"

#define PIECE_BYTES (1UL << 20)

void jit_map_clear(struct jit_map *jit_map)
{
	perf_map_free(jit_map->map);
	*jit_map = (struct jit_map){0};
}

/* /tmp belongs to everybody: a map that another user has put there is a lie or an accident. */
static bool is_map_of(int proc_fd, uint32_t pid, const struct stat *map)
{
	char path[16];
	struct stat process;

	(void)snprintf(path, sizeof(path), "%u", pid);
	return fstatat(proc_fd, path, &process, 0) == 0 &&
	       (map->st_uid == process.st_uid || map->st_uid == 0);
}

/* What is new, in pieces: it may have 60 MB, and the agent's container has little more. */
static void read_pieces(struct jit_map *jit_map, int fd, uint64_t size)
{
	char *text = malloc(PIECE_BYTES);

	while (text && jit_map->taken_bytes < size) {
		ssize_t n = pread(fd, text, PIECE_BYTES, (off_t)jit_map->taken_bytes);
		int64_t taken = n > 0 ? perf_map_add(jit_map->map, text, (size_t)n) : 0;

		if (taken <= 0) /* a line that is not whole, or has no end */
			break;
		jit_map->taken_bytes += (uint64_t)taken;
	}
	free(text);
}

static void read_new(struct jit_map *jit_map, int fd, const struct stat *st)
{
	uint64_t size = (uint64_t)st->st_size;

	/* Written anew: what is known of it is over. */
	if (jit_map->map && (jit_map->inode != st->st_ino || size < jit_map->taken_bytes))
		jit_map_clear(jit_map);
	if (!jit_map->map) {
		jit_map->map = perf_map_new();
		jit_map->taken_bytes = 0;
		jit_map->inode = st->st_ino;
	}
	if (jit_map->map)
		read_pieces(jit_map, fd, size);
}

void jit_map_refresh(struct jit_map *jit_map, int proc_fd, int root_fd, uint32_t pid,
		     uint32_t inner_pid)
{
	char path[64];
	struct stat st;
	int fd;

	if (root_fd < 0)
		return;
	(void)snprintf(path, sizeof(path), "/tmp/perf-%u.map", inner_pid);
	fd = rooted_open_file(root_fd, path, PERF_MAP_BYTES_MAX, &st);
	if (fd < 0)
		return;
	if (is_map_of(proc_fd, pid, &st))
		read_new(jit_map, fd, &st);
	close(fd);
}

const char *jit_map_find(const struct jit_map *jit_map, uint64_t address)
{
	return jit_map->map ? perf_map_find(jit_map->map, address) : NULL;
}

bool jit_map_has_entries(const struct jit_map *jit_map)
{
	return jit_map->map && perf_map_entry_count(jit_map->map) > 0;
}
