/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path below the root of a container, over symbolic links that the container has made. The input
 * is three lines: where a link in the root leads to, where one in a directory does, and the path.
 * Whatever they say, what is opened is a file of the tree; and it is the one that the kernel finds
 * when it is told to stay in that root.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "scratch.h"
#include "sys/rooted.h"

#define FILE_BYTES 3

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char tree_path[SCRATCH_PATH_SIZE];
static int tree_fd;
static struct stat files[2];

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void remove_tree(void)
{
	static const char *const names[] = {"link", "d/link", "d/file", "file"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(tree_fd, names[i], 0); /* gone is as good */
	(void)unlinkat(tree_fd, "d/e", AT_REMOVEDIR);
	(void)unlinkat(tree_fd, "d", AT_REMOVEDIR);
	(void)rmdir(tree_path);
}

static void make_file(const char *name, struct stat *ret_stat)
{
	int fd = openat(tree_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	require(fd >= 0 && write(fd, "ELF", FILE_BYTES) == FILE_BYTES && !fstat(fd, ret_stat),
		"a file in the tree");
	close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	scratch_make(tree_path);
	tree_fd = open(tree_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	require(tree_fd >= 0 && !mkdirat(tree_fd, "d", 0700) && !mkdirat(tree_fd, "d/e", 0700) &&
			!atexit(remove_tree),
		"a tree");
	make_file("file", &files[0]);
	make_file("d/file", &files[1]);
	return 0;
}

/* An empty target is none: then the link is not there. */
static void make_link(const char *target, const char *name)
{
	(void)unlinkat(tree_fd, name, 0); /* gone is as good */
	(void)symlinkat(target, tree_fd, name);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What the kernel finds; false where that is no file. */
static bool find_by_kernel(const char *path, struct stat *ret_stat)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	int fd = (int)syscall(SYS_openat2, tree_fd, path, &how, sizeof(how));
	bool is_file = fd >= 0 && !fstat(fd, ret_stat) && S_ISREG(ret_stat->st_mode);

	if (fd >= 0)
		close(fd);
	return is_file;
}

static void check(const char *path)
{
	struct stat ours, kernels;
	int fd = rooted_open_file(tree_fd, path, FILE_BYTES, &ours);
	bool is_found = find_by_kernel(path, &kernels);

	/* It leaves the kernel's sight where a way is too long for it: PATH_MAX, depth. */
	if (fd < 0) {
		require(!is_found || fd == -ENAMETOOLONG, "what the kernel finds is found");
		return;
	}
	close(fd);
	require(is_same(&ours, &files[0]) || is_same(&ours, &files[1]), "a file of the tree");
	/* "file/.." is a directory here, and no way there. */
	require(!is_found || is_same(&ours, &kernels), "the same file as the kernel's");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text;
	const char *lines[3] = {"", "", ""};

	require(text != NULL, "memory");
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < 3 && rest; i++)
		lines[i] = strsep(&rest, "\n");
	make_link(lines[0], "link");
	make_link(lines[1], "d/link");
	check(lines[2]);
	free(text);
	return 0;
}
