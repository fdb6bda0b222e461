/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /tmp/perf-PID.map: what a JIT compiler has put where. Lines of "START SIZE NAME", the two numbers
 * in hex, written by the process itself while it runs.
 */
#ifndef CONNLEAK_SYS_PERF_MAP_H
#define CONNLEAK_SYS_PERF_MAP_H

#include <stddef.h>
#include <stdint.h>

#define PERF_MAP_BYTES_MAX (64ULL << 20)
#define PERF_MAP_ENTRIES_MAX (1U << 20)
#define PERF_MAP_NAME_MAX 512

struct perf_map;

struct perf_map *perf_map_new(void); /* NULL when out of memory */
void perf_map_free(struct perf_map *map);

/*
 * Adds the lines of text; call again with what was appended since. A last line without its newline
 * is left for the next call. Returns how many bytes were taken, or -ENOMEM; lines that are no
 * entries are dropped, and those beyond PERF_MAP_ENTRIES_MAX.
 */
int64_t perf_map_add(struct perf_map *map, const char *text, size_t length);

/*
 * Name of the code at address: where several entries cover it, the one written last. NULL when
 * there is none. Valid until the next add.
 */
const char *perf_map_find(struct perf_map *map, uint64_t address);

/* Entries that are there. */
size_t perf_map_entry_count(const struct perf_map *map);

#endif
