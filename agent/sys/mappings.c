// SPDX-License-Identifier: Apache-2.0
/*
 * /proc/PID/maps is text that a process has a say in: it chooses the names, and how many lines
 * there are.
 *
 * Invariant: what is read is bounded, in bytes and in mappings, and what is beyond is left out; a
 * path begins with "/". The order is the kernel's, by address.
 * Does not open what is mapped (image.c).
 */
#include "mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAPS_BYTES_MAX (8U << 20) /* 65,530 mappings and long names */
#define MAPPINGS_MAX 16384

static char *read_maps(int proc_fd, uint32_t pid)
{
	size_t room = 64 << 10, used = 0;
	char path[32], *text = malloc(room);
	ssize_t n = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "%u/maps", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	while (text && fd >= 0 && (n = read(fd, text + used, room - used - 1)) > 0) {
		char *bigger;

		used += (size_t)n;
		if (room - used > 4096)
			continue;
		bigger = room < MAPS_BYTES_MAX ? realloc(text, room * 2) : NULL;
		if (!bigger)
			break;
		text = bigger;
		room *= 2;
	}
	if (fd >= 0)
		close(fd);
	if (!text || fd < 0 || n < 0) {
		free(text);
		return NULL;
	}
	text[used] = '\0';
	return text;
}

/* The kernel writes a newline in a name as \012, so that a line is a mapping. */
static bool parse_mapping(char *line, struct mapping *ret_mapping)
{
	char permissions[5];
	int path_at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
		   &ret_mapping->low, &ret_mapping->high, permissions, &ret_mapping->file_offset,
		   &ret_mapping->dev_major, &ret_mapping->dev_minor, &ret_mapping->inode,
		   &path_at) != 7 ||
	    path_at == 0)
		return false;
	if (ret_mapping->inode == 0 || line[path_at] != '/' ||
	    ret_mapping->high <= ret_mapping->low)
		return false;
	ret_mapping->is_executable = permissions[2] == 'x';
	ret_mapping->path = line + path_at;
	return true;
}

static bool is_same_file(const struct mapping *a, const struct mapping *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

static int parse(char *text, struct mappings *ret_mappings)
{
	size_t room = 256, count = 0;
	struct mapping *mappings = calloc(room, sizeof(*mappings));
	char *rest = text, *line;

	if (!mappings)
		return -ENOMEM;
	while ((line = strsep(&rest, "\n"))) {
		struct mapping mapping = {0};

		if (!parse_mapping(line, &mapping))
			continue;
		if (count == room && room >= MAPPINGS_MAX)
			break;
		if (count == room) {
			struct mapping *bigger =
				reallocarray(mappings, room * 2, sizeof(*mappings));

			if (!bigger)
				break;
			mappings = bigger;
			room *= 2;
		}
		mapping.path = strdup(mapping.path);
		if (!mapping.path)
			break;
		mapping.is_first = count == 0 || !is_same_file(&mappings[count - 1], &mapping);
		mappings[count++] = mapping;
	}
	*ret_mappings = (struct mappings){.items = mappings, .count = count};
	return 0;
}

int mappings_read(int proc_fd, uint32_t pid, struct mappings *ret_mappings)
{
	char *text = read_maps(proc_fd, pid);
	int r;

	if (!text)
		return errno == EACCES ? -EACCES : -ESRCH;
	r = parse(text, ret_mappings);
	free(text);
	return r;
}

bool mappings_equal(const struct mappings *a, const struct mappings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct mapping *left = &a->items[i], *right = &b->items[i];

		if (left->low != right->low || left->high != right->high ||
		    left->file_offset != right->file_offset || !is_same_file(left, right) ||
		    left->is_executable != right->is_executable ||
		    strcmp(left->path, right->path) != 0)
			return false;
	}
	return true;
}

void mappings_clear(struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->count; i++)
		free(mappings->items[i].path);
	free(mappings->items);
	*mappings = (struct mappings){0};
}

const struct mapping *mappings_find(const struct mappings *mappings, uint64_t address)
{
	size_t low = 0, high = mappings->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (mappings->items[middle].high <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < mappings->count && mappings->items[low].low <= address ? &mappings->items[low]
									    : NULL;
}
