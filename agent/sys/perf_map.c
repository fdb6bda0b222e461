// SPDX-License-Identifier: Apache-2.0
/*
 * A map file is written by the program that is looked at, line by line, for as long as it runs; a
 * JIT gives memory back and uses it again, so that a later entry may cover an earlier one.
 *
 * Invariant: entries are sorted by start, and of one start by age, when they are searched; names
 * are offsets into one buffer. Whatever the text is, no entry wraps around the address space.
 * Does not open files.
 */
#include "perf_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* How far back an entry that covers an address may lie: entries overlap by reuse, not by plan. */
#define OVERLAP_MAX 256

struct entry {
	uint64_t start, end;
	uint32_t name; /* offset into names */
	uint32_t number; /* in the order of the file */
};

struct perf_map {
	struct entry *entries;
	size_t entry_count, entry_room;
	char *names;
	size_t names_used, names_room;
	bool is_sorted;
};

struct perf_map *perf_map_new(void)
{
	return calloc(1, sizeof(struct perf_map));
}

void perf_map_free(struct perf_map *map)
{
	if (!map)
		return;
	free(map->entries);
	free(map->names);
	free(map);
}

/* Hex digits up to a blank. Returns what stands behind them, or NULL. */
static const char *take_hex(const char *text, const char *end, uint64_t *ret_number)
{
	uint64_t number = 0;
	const char *at = text;

	if (end - at > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
		at += 2;
	text = at;
	for (; at < end && *at != ' '; at++) {
		char c = *at;
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			digit = (unsigned)((c | 32) - 'a') + 10;
		else
			return NULL;
		if (number >> 60)
			return NULL;
		number = number << 4 | digit;
	}
	if (at == text || at == end)
		return NULL;
	*ret_number = number;
	return at + 1;
}

static bool grow(void **array, size_t *room, size_t need, size_t size)
{
	size_t more = *room ? *room * 2 : 1024;
	void *bigger;

	if (need <= *room)
		return true;
	while (more < need)
		more *= 2;
	bigger = reallocarray(*array, more, size);
	if (!bigger)
		return false;
	*array = bigger;
	*room = more;
	return true;
}

static int add_entry(struct perf_map *map, uint64_t start, uint64_t end, const char *name,
		     size_t length)
{
	if (length > PERF_MAP_NAME_MAX)
		length = PERF_MAP_NAME_MAX;
	if (!grow((void **)&map->entries, &map->entry_room, map->entry_count + 1,
		  sizeof(struct entry)) ||
	    !grow((void **)&map->names, &map->names_room, map->names_used + length + 1, 1))
		return -ENOMEM;
	map->entries[map->entry_count] = (struct entry){
		.start = start,
		.end = end,
		.name = (uint32_t)map->names_used,
		.number = (uint32_t)map->entry_count,
	};
	map->entry_count++;
	memcpy(map->names + map->names_used, name, length);
	map->names[map->names_used + length] = '\0';
	map->names_used += length + 1;
	map->is_sorted = false;
	return 0;
}

static int add_line(struct perf_map *map, const char *line, const char *end)
{
	uint64_t start, size;
	const char *at = take_hex(line, end, &start);

	if (at)
		at = take_hex(at, end, &size);
	if (!at || at == end || size == 0 || start + size < start ||
	    map->entry_count >= PERF_MAP_ENTRIES_MAX || map->names_used > PERF_MAP_BYTES_MAX)
		return 0;
	return add_entry(map, start, start + size, at, (size_t)(end - at));
}

int64_t perf_map_add(struct perf_map *map, const char *text, size_t length)
{
	const char *at = text, *end = text + length, *newline;

	while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
		int r = add_line(map, at, newline);

		if (r < 0)
			return r;
		at = newline + 1;
	}
	return at - text;
}

static int compare(const void *a, const void *b)
{
	const struct entry *first = a, *second = b;

	if (first->start != second->start)
		return first->start < second->start ? -1 : 1;
	return first->number < second->number ? -1 : first->number > second->number;
}

const char *perf_map_find(struct perf_map *map, uint64_t address)
{
	const struct entry *found = NULL;
	size_t low = 0, high = map->entry_count;

	if (!map->is_sorted && map->entry_count > 0)
		qsort(map->entries, map->entry_count, sizeof(struct entry), compare);
	map->is_sorted = true;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->entries[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t back = 0; low > 0 && back < OVERLAP_MAX; back++) {
		const struct entry *entry = &map->entries[--low];

		if (address < entry->end && (!found || entry->number > found->number))
			found = entry;
	}
	return found ? map->names + found->name : NULL;
}

size_t perf_map_entry_count(const struct perf_map *map)
{
	return map->entry_count;
}
