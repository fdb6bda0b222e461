// SPDX-License-Identifier: Apache-2.0
/*
 * Map files of JIT compilers, in two parts as they grow, look-ups around every entry, and what is
 * found read as V8 writes it.
 */
#include <stdlib.h>
#include <string.h>

#include "sys/perf_map.h"
#include "sys/symbol.h"

static void read_name(const char *name)
{
	struct symbol symbol = {0};

	symbol_from_v8(name, &symbol);
	if (strlen(symbol.function) > strlen(name) + strlen("(anonymous)"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct perf_map *map = perf_map_new();
	size_t half = size / 2;
	int64_t taken;

	if (!map)
		return 0;
	taken = perf_map_add(map, (const char *)data, half);
	if (taken < 0 || (size_t)taken > half)
		abort();
	taken += perf_map_add(map, (const char *)data + taken, size - (size_t)taken);
	if ((size_t)taken > size)
		abort();
	for (uint64_t address = 0; address < 64; address++) {
		const char *name = perf_map_find(map, address << (address % 60));

		if (name && strlen(name) > PERF_MAP_NAME_MAX)
			abort();
		if (name)
			read_name(name);
	}
	perf_map_free(map);
	return 0;
}
