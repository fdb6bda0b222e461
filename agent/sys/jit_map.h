/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map file that a process with a JIT compiler keeps of its code (/tmp/perf-PID.map), followed
 * while it grows.
 */
#ifndef CONNLEAK_SYS_JIT_MAP_H
#define CONNLEAK_SYS_JIT_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "perf_map.h"

/* Zeroed is one that has read nothing yet. */
struct jit_map {
	struct perf_map *map; /* NULL = none; owned */
	uint64_t taken_bytes;
	ino_t inode;
};

/* Frees what was read; the next look reads from the beginning. */
void jit_map_clear(struct jit_map *jit_map);

/*
 * Reads what is new in the map of process pid, which calls itself inner_pid and whose root is
 * root_fd. What cannot be read leaves the map as it was.
 */
void jit_map_refresh(struct jit_map *jit_map, int proc_fd, int root_fd, uint32_t pid,
		     uint32_t inner_pid);

/* Name of the code at address; NULL = none. */
const char *jit_map_find(const struct jit_map *jit_map, uint64_t address);
bool jit_map_has_entries(const struct jit_map *jit_map);

#endif
