// SPDX-License-Identifier: Apache-2.0
/* The map of a JIT compiler is followed while it grows, and costs no more memory than it holds. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/jit_map.h"

#define LINES 400000
#define NOISE "no line of a map, and there are many\n"

static char root[64];
static char path[96];

static int make_root(void **state)
{
	char directory[80];

	(void)state;
	strcpy(root, "/tmp/connleak-jit-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(directory, sizeof(directory), "%s/tmp", root);
	snprintf(path, sizeof(path), "%s/perf-7.map", directory);
	return mkdir(directory, 0700);
}

static int drop_root(void **state)
{
	char directory[80];

	(void)state;
	snprintf(directory, sizeof(directory), "%s/tmp", root);
	(void)unlink(path);
	return rmdir(directory) || rmdir(root);
}

static void write_lines(const char *mode, uint32_t noise, const char *last)
{
	FILE *file = fopen(path, mode);

	assert_non_null(file);
	for (uint32_t i = 0; i < noise; i++)
		assert_true(fputs(NOISE, file) >= 0);
	assert_true(fputs(last, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void refresh(struct jit_map *jit_map)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(proc_fd >= 0 && root_fd >= 0);
	jit_map_refresh(jit_map, proc_fd, root_fd, (uint32_t)getpid(), 7);
	close(proc_fd);
	close(root_fd);
}

static void jit_map_refresh_follows_the_file(void **state)
{
	struct jit_map jit_map = {0};

	(void)state;
	refresh(&jit_map);
	assert_false(jit_map_has_entries(&jit_map));
	assert_null(jit_map_find(&jit_map, 0x1000));
	write_lines("w", 1, "1000 10 first\n2000 10 secon");
	refresh(&jit_map);
	assert_string_equal(jit_map_find(&jit_map, 0x1000), "first");
	assert_null(jit_map_find(&jit_map, 0x2000));
	write_lines("a", 0, "d\n");
	refresh(&jit_map);
	assert_string_equal(jit_map_find(&jit_map, 0x2000), "second");
	/* Written anew. */
	write_lines("w", 0, "3000 10 third\n");
	refresh(&jit_map);
	assert_null(jit_map_find(&jit_map, 0x1000));
	assert_string_equal(jit_map_find(&jit_map, 0x3000), "third");
	jit_map_clear(&jit_map);
	assert_false(jit_map_has_entries(&jit_map));
}

static uint64_t address_space_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* 15 MB in which there is one line, with room for 4 MB. */
static void jit_map_refresh_large_file_is_not_held_whole(void **state)
{
	struct jit_map jit_map = {0};
	struct rlimit before, limit;

	(void)state;
	write_lines("w", LINES, "1000 10 last\n");
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	limit = before;
#ifndef __SANITIZE_ADDRESS__ /* which needs terabytes */
	limit.rlim_cur = address_space_bytes() + (4UL << 20);
#else
	(void)address_space_bytes;
#endif
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	refresh(&jit_map);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(jit_map.taken_bytes, LINES * strlen(NOISE) + strlen("1000 10 last\n"));
	assert_string_equal(jit_map_find(&jit_map, 0x1000), "last");
	jit_map_clear(&jit_map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: what others have freed would be room. */
		cmocka_unit_test_setup_teardown(jit_map_refresh_large_file_is_not_held_whole,
						make_root, drop_root),
		cmocka_unit_test_setup_teardown(jit_map_refresh_follows_the_file, make_root,
						drop_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
