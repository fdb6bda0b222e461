// SPDX-License-Identifier: Apache-2.0
/*
 * A container decides what its files are called and what they contain, and may change both while
 * we look. openat2() with RESOLVE_IN_ROOT (Linux 5.6) resolves every component below the root that
 * it is given, so a link to /etc/shadow is the container's /etc/shadow.
 *
 * Invariant: a descriptor that leaves here is a regular file that was opened for reading only.
 * Does not trust names and does not read.
 */
#include "rooted.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int rooted_open_root(int proc_fd, uint32_t pid)
{
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "%u/root", pid);
	fd = openat(proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int check_file(int fd, uint64_t max_bytes, struct stat *ret_stat)
{
	struct stat st;
	int r = 0;

	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else if ((uint64_t)st.st_size > max_bytes)
		r = -EFBIG;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_stat = st;
	return fd;
}

/* O_NONBLOCK: opening a fifo, or a file under a lease, must not wait for anybody. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

int rooted_open_file(int root_fd, const char *path, uint64_t max_bytes, struct stat *ret_stat)
{
	struct open_how how = {
		.flags = OPEN_FLAGS,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : check_file(fd, max_bytes, ret_stat);
}

int rooted_open_own_file(const char *path, uint64_t max_bytes, struct stat *ret_stat)
{
	int fd = open(path, OPEN_FLAGS);

	return fd < 0 ? -errno : check_file(fd, max_bytes, ret_stat);
}
