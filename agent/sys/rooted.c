// SPDX-License-Identifier: Apache-2.0
/*
 * A container decides what its files are called and what they contain, and may change both while
 * we look. openat2() with RESOLVE_IN_ROOT would do, but its flags are out of reach of a seccomp
 * filter, and whoever calls this has one that forbids every open for writing. So the way is walked
 * here, a component at a time: the directories that it has passed are kept open, ".." goes back to
 * the one before, and a link is read and its target walked from there, or from the root.
 *
 * Invariant: no descriptor of the walk is outside of the root. Nothing is opened for reading before
 * it is known to be a regular file: opening a device or a fifo would have an effect.
 */
#include "rooted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 64
#define LINKS_MAX 40 /* as the kernel has it: MAXSYMLINKS */

struct walk {
	int fds[DEPTH_MAX]; /* [0] is the root and not ours */
	int depth; /* of the last one */
	int link_count;
	char rest[PATH_MAX]; /* what is left of the path */
};

int rooted_open_root(int proc_fd, uint32_t pid)
{
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "%u/root", pid);
	fd = openat(proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void go_back_to(struct walk *walk, int depth)
{
	while (walk->depth > depth)
		close(walk->fds[walk->depth--]);
}

/* Takes the first component off rest. Returns false at the end. */
static bool take_component(struct walk *walk, char component[static NAME_MAX + 1], int *ret_error)
{
	size_t slashes = strspn(walk->rest, "/");
	size_t length = strcspn(walk->rest + slashes, "/");

	*ret_error = length > NAME_MAX ? -ENAMETOOLONG : 0;
	if (length == 0 || length > NAME_MAX)
		return false;
	memcpy(component, walk->rest + slashes, length);
	component[length] = '\0';
	memmove(walk->rest, walk->rest + slashes + length,
		strlen(walk->rest + slashes + length) + 1);
	return true;
}

/* Puts the target of a link before what is left. */
static int follow(struct walk *walk, int link_fd)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(link_fd, "", target, sizeof(target) - 1);
	size_t rest = strlen(walk->rest);

	if (length < 0)
		return -errno;
	if (++walk->link_count > LINKS_MAX)
		return -ELOOP;
	if ((size_t)length + 1 + rest + 1 > sizeof(walk->rest))
		return -ENAMETOOLONG;
	memmove(walk->rest + length + 1, walk->rest, rest + 1);
	memcpy(walk->rest, target, (size_t)length);
	walk->rest[length] = '/';
	if (target[0] == '/')
		go_back_to(walk, 0);
	return 0;
}

static int step(struct walk *walk, const char *component)
{
	struct stat st;
	int fd, r = 0;

	if (strcmp(component, ".") == 0)
		return 0;
	if (strcmp(component, "..") == 0) {
		go_back_to(walk, walk->depth > 0 ? walk->depth - 1 : 0);
		return 0;
	}
	fd = openat(walk->fds[walk->depth], component, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISLNK(st.st_mode))
		r = follow(walk, fd);
	else if (walk->depth + 1 == DEPTH_MAX)
		r = -ENAMETOOLONG;
	else
		walk->fds[++walk->depth] = fd;
	if (r < 0 || S_ISLNK(st.st_mode))
		close(fd);
	return r;
}

/* Opens for reading what a descriptor of O_PATH stands for, where it is a regular file. */
static int open_regular(int path_fd, uint64_t max_bytes, struct stat *ret_stat)
{
	char path[40];
	int fd;

	if (fstat(path_fd, ret_stat) < 0)
		return -errno;
	if (!S_ISREG(ret_stat->st_mode))
		return -EINVAL;
	if ((uint64_t)ret_stat->st_size > max_bytes)
		return -EFBIG;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int rooted_open_file(int root_fd, const char *path, uint64_t max_bytes, struct stat *ret_stat)
{
	struct walk walk = {.fds[0] = root_fd};
	char component[NAME_MAX + 1];
	int r = 0;

	if (strlen(path) >= sizeof(walk.rest))
		return -ENAMETOOLONG;
	strcpy(walk.rest, path);
	while (r == 0 && take_component(&walk, component, &r))
		r = step(&walk, component);
	if (r == 0)
		r = open_regular(walk.fds[walk.depth], max_bytes, ret_stat);
	go_back_to(&walk, 0);
	return r;
}

int rooted_open_own_file(const char *path, uint64_t max_bytes, struct stat *ret_stat)
{
	int path_fd = open(path, O_PATH | O_CLOEXEC), fd;

	if (path_fd < 0)
		return -errno;
	fd = open_regular(path_fd, max_bytes, ret_stat);
	close(path_fd);
	return fd;
}
