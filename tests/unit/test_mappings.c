// SPDX-License-Identifier: Apache-2.0
/* What /proc/PID/maps says, of files that are made up and of this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/mappings.h"

#define PID 7

/* A /proc with one process. */
struct tree {
	char root[32];
	int proc_fd;
};

static int make_tree(void **state)
{
	static struct tree tree;
	char directory[48];

	strcpy(tree.root, "/tmp/test-mappings-XXXXXX");
	assert_non_null(mkdtemp(tree.root));
	(void)snprintf(directory, sizeof(directory), "%s/%d", tree.root, PID);
	assert_int_equal(mkdir(directory, 0700), 0);
	tree.proc_fd = open(tree.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &tree;
	return tree.proc_fd < 0 ? -1 : 0;
}

static int drop_tree(void **state)
{
	const struct tree *tree = *state;
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%d/maps", tree->root, PID);
	(void)unlink(path); /* not every test has made it */
	(void)snprintf(path, sizeof(path), "%s/%d", tree->root, PID);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(tree->root), 0);
	return close(tree->proc_fd);
}

static FILE *open_maps(const struct tree *tree)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%d/maps", tree->root, PID);
	file = fopen(path, "we");
	assert_non_null(file);
	return file;
}

static struct mappings mappings_of(const struct tree *tree, const char *text)
{
	FILE *file = open_maps(tree);
	struct mappings mappings;

	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(mappings_read(tree->proc_fd, PID, &mappings), 0);
	return mappings;
}

static void mappings_read_keeps_those_of_files(void **state)
{
	struct mappings mappings = mappings_of(
		*state, "00400000-00401000 r--p 00000000 fe:01 77   /usr/bin/orders\n"
			"00401000-00403000 r-xp 00001000 fe:01 77   /usr/bin/orders\n"
			"00500000-00501000 rw-p 00000000 00:00 0    [heap]\n"
			"7f0000000000-7f0000001000 r-xp 00002000 fe:01 78   /lib/a name\\012.so\n"
			"7f0000002000-7f0000003000 rw-p 00000000 00:00 0 \n");

	assert_int_equal(mappings.count, 3);
	assert_string_equal(mappings.items[1].path, "/usr/bin/orders");
	assert_int_equal(mappings.items[1].file_offset, 0x1000);
	assert_int_equal(mappings.items[1].inode, 77);
	assert_true(mappings.items[0].is_first && !mappings.items[0].is_executable);
	assert_true(!mappings.items[1].is_first && mappings.items[1].is_executable);
	assert_true(mappings.items[2].is_first);
	assert_string_equal(mappings.items[2].path, "/lib/a name\\012.so");
	mappings_clear(&mappings);
	assert_null(mappings.items);
}

static void mappings_find_is_exact_at_both_ends(void **state)
{
	struct mappings mappings = mappings_of(*state, "1000-2000 r-xp 0 1:1 5 /a\n"
						       "3000-5000 r-xp 0 1:1 6 /b\n");

	assert_null(mappings_find(&mappings, 0xfff));
	assert_ptr_equal(mappings_find(&mappings, 0x1000), &mappings.items[0]);
	assert_ptr_equal(mappings_find(&mappings, 0x1fff), &mappings.items[0]);
	assert_null(mappings_find(&mappings, 0x2000));
	assert_ptr_equal(mappings_find(&mappings, 0x4fff), &mappings.items[1]);
	assert_null(mappings_find(&mappings, 0x5000));
	assert_null(mappings_find(&mappings, UINT64_MAX));
	mappings_clear(&mappings);
}

/* What a JIT compiler or malloc() adds is of no file. */
static void mappings_equal_where_the_same_files_are_at_the_same_places(void **state)
{
	static const struct {
		const char *text;
		bool is_equal;
	} rows[] = {
		{"1000-2000 r-xp 0 1:1 5 /a\n3000-5000 r--p 0 1:1 6 /b\n", true},
		{"1000-2000 r-xp 0 1:1 5 /a\n2000-2800 rwxp 0 0:0 0\n3000-5000 r--p 0 1:1 6 /b\n",
		 true},
		{"1000-2000 r-xp 0 1:1 5 /a\n", false},
		{"1000-2000 r-xp 0 1:1 5 /a\n3000-5000 r--p 0 1:1 7 /b\n", false},
		{"1000-2000 r-xp 0 1:1 5 /a\n3000-5000 r--p 0 1:2 6 /b\n", false},
		{"1000-2000 r-xp 0 1:1 5 /a\n3000-5000 r-xp 0 1:1 6 /b\n", false},
		{"1000-2000 r-xp 0 1:1 5 /a\n3000-5000 r--p 1000 1:1 6 /b\n", false},
		{"1000-2000 r-xp 0 1:1 5 /a\n3000-6000 r--p 0 1:1 6 /b\n", false},
		{"1000-2000 r-xp 0 1:1 5 /a\n2800-5000 r--p 0 1:1 6 /b\n", false},
		{"1000-2000 r-xp 0 1:1 5 /a\n3000-5000 r--p 0 1:1 6 /b (deleted)\n", false},
	};
	struct mappings first = mappings_of(*state, rows[0].text);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mappings mappings = mappings_of(*state, rows[i].text);

		if (mappings_equal(&first, &mappings) != rows[i].is_equal)
			fail_msg("%s", rows[i].text);
		mappings_clear(&mappings);
	}
	mappings_clear(&first);
}

static void mappings_read_what_is_no_line_of_it_is_left_out(void **state)
{
	static const char *const lines[] = {
		"",
		"\n\n",
		"nonsense\n",
		"1000-2000 r-xp 0 1:1 5\n",
		"1000-2000 r-xp 0 1:1 5 relative\n",
		"2000-2000 r-xp 0 1:1 5 /empty\n",
		"3000-2000 r-xp 0 1:1 5 /backwards\n",
		"1000-2000 r-xp 0 1:1 0 /no-inode\n",
		"1000-2000 rwxpppppppp 0 1:1 5 /x\n",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct mappings mappings = mappings_of(*state, lines[i]);

		assert_int_equal(mappings.count, 0);
		assert_null(mappings_find(&mappings, 0x1000));
		mappings_clear(&mappings);
	}
}

static void mappings_read_of_too_many_keeps_the_first(void **state)
{
	const struct tree *tree = *state;
	FILE *file = open_maps(tree);
	struct mappings mappings;

	for (unsigned int i = 1; i <= 70000; i++)
		assert_true(fprintf(file, "%x000-%x800 r-xp 0 1:1 %u /a/long/name/of/a/file\n", i,
				    i, i) > 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(mappings_read(tree->proc_fd, PID, &mappings), 0);
	assert_int_equal(mappings.count, 16384);
	assert_int_equal(mappings.items[16383].inode, 16384);
	mappings_clear(&mappings);
}

static void mappings_read_of_nobody_says_so(void **state)
{
	const struct tree *tree = *state;
	struct mappings mappings;

	assert_int_equal(mappings_read(tree->proc_fd, PID + 1, &mappings), -ESRCH);
}

static void mappings_read_of_this_process_has_this_function(void **state)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct mappings mappings;
	const struct mapping *own;

	(void)state;
	assert_int_equal(mappings_read(proc_fd, (uint32_t)getpid(), &mappings), 0);
	own = mappings_find(&mappings,
			    (uint64_t)(uintptr_t)&mappings_read_of_this_process_has_this_function);
	assert_non_null(own);
	assert_true(own->is_executable);
	assert_non_null(strstr(own->path, "test_mappings"));
	mappings_clear(&mappings);
	close(proc_fd);
}

#define TREE_TEST(function) cmocka_unit_test_setup_teardown(function, make_tree, drop_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(mappings_read_keeps_those_of_files),
		TREE_TEST(mappings_find_is_exact_at_both_ends),
		TREE_TEST(mappings_equal_where_the_same_files_are_at_the_same_places),
		TREE_TEST(mappings_read_what_is_no_line_of_it_is_left_out),
		TREE_TEST(mappings_read_of_too_many_keeps_the_first),
		TREE_TEST(mappings_read_of_nobody_says_so),
		cmocka_unit_test(mappings_read_of_this_process_has_this_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
