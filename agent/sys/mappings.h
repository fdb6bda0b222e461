/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files a process has mapped, and where.
 */
#ifndef CONNLEAK_SYS_MAPPINGS_H
#define CONNLEAK_SYS_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image;

struct mapping {
	uint64_t low, high, file_offset;
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	char *path; /* owned */
	bool is_first; /* the one before is of another file */
	bool is_executable;
	/* The image's (image.c): whose it is, and why its file could not be opened. */
	struct image *image;
	const char *refusal; /* static; NULL = none */
};

/* By address. Zeroed memory is none. */
struct mappings {
	struct mapping *items; /* owned */
	size_t count;
};

/*
 * Those of files; of more than there is room for, the first ones. Returns 0; -ESRCH where there is
 * no such process, -EACCES where we may not look, -ENOMEM.
 */
int mappings_read(int proc_fd, uint32_t pid, struct mappings *ret_mappings);
void mappings_clear(struct mappings *mappings);

/* Whether the same parts of the same files are at the same places. */
bool mappings_equal(const struct mappings *a, const struct mappings *b);

/* The one that the address is in, or NULL. */
const struct mapping *mappings_find(const struct mappings *mappings, uint64_t address);

#endif
