// SPDX-License-Identifier: Apache-2.0
/*
 * A root directory whose owner would like us to open something else.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/proc.h"
#include "sys/rooted.h"

struct tree {
	char path[64];
	int fd;
};

static int make_tree(void **state)
{
	static struct tree tree;
	int fd;

	strcpy(tree.path, "/tmp/connleak-rooted-XXXXXX");
	assert_non_null(mkdtemp(tree.path));
	tree.fd = open(tree.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(tree.fd >= 0);
	fd = openat(tree.fd, "library.so", O_CREAT | O_WRONLY, 0644);
	assert_int_equal(write(fd, "ELF", 3), 3);
	close(fd);
	assert_int_equal(symlinkat("/library.so", tree.fd, "inside"), 0);
	assert_int_equal(symlinkat("../../../../../../etc/passwd", tree.fd, "outside"), 0);
	assert_int_equal(symlinkat("/proc/self/exe", tree.fd, "magic"), 0);
	assert_int_equal(symlinkat("loop", tree.fd, "loop"), 0);
	assert_int_equal(mkfifoat(tree.fd, "fifo", 0644), 0);
	*state = &tree;
	return 0;
}

static int drop_tree(void **state)
{
	static const char *const names[] = {"library.so", "inside", "outside",
					    "magic",	  "loop",   "fifo"};
	struct tree *tree = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(tree->fd, names[i], 0);
	close(tree->fd);
	return rmdir(tree->path);
}

static int open_and_close(const struct tree *tree, const char *path, uint64_t max_bytes)
{
	struct stat st;
	int fd = rooted_open_file(tree->fd, path, max_bytes, &st);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void rooted_open_file_takes_the_root_for_the_root(void **state)
{
	const struct tree *tree = *state;

	assert_int_equal(open_and_close(tree, "/library.so", 100), 0);
	assert_int_equal(open_and_close(tree, "/inside", 100), 0);
	assert_int_equal(open_and_close(tree, "/../../library.so", 100), 0);
}

static void rooted_open_file_does_not_leave_it(void **state)
{
	const struct tree *tree = *state;

	assert_int_equal(open_and_close(tree, "/outside", 1 << 20), -ENOENT);
	assert_int_equal(open_and_close(tree, "/magic", 1 << 30), -ENOENT);
	assert_int_equal(open_and_close(tree, "/etc/passwd", 1 << 20), -ENOENT);
}

static void rooted_open_file_neither_waits_nor_takes_everything(void **state)
{
	const struct tree *tree = *state;

	assert_int_equal(open_and_close(tree, "/fifo", 100), -EINVAL);
	assert_int_equal(open_and_close(tree, "/", 100), -EINVAL);
	assert_int_equal(open_and_close(tree, "/library.so", 2), -EFBIG);
	assert_int_equal(open_and_close(tree, "/loop", 100), -ELOOP);
}

static void rooted_open_root_is_that_of_the_process(void **state)
{
	int proc_fd = proc_open(), fd;
	struct stat root, found;

	(void)state;
	fd = rooted_open_root(proc_fd, (uint32_t)getpid());
	assert_true(fd >= 0);
	assert_int_equal(stat("/", &root), 0);
	assert_int_equal(fstat(fd, &found), 0);
	assert_int_equal(root.st_ino, found.st_ino);
	close(fd);
	assert_int_equal(rooted_open_root(proc_fd, 0x7fffffff), -ENOENT);
	close(proc_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rooted_open_file_takes_the_root_for_the_root,
						make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(rooted_open_file_does_not_leave_it, make_tree,
						drop_tree),
		cmocka_unit_test_setup_teardown(rooted_open_file_neither_waits_nor_takes_everything,
						make_tree, drop_tree),
		cmocka_unit_test(rooted_open_root_is_that_of_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
