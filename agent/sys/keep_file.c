// SPDX-License-Identifier: Apache-2.0
/*
 * Why: what an agent keeps over a restart must survive its being killed in the middle of a write,
 * a full disk and a power cut.
 *
 * Invariant: NAME is never open for writing. A write that fails leaves at most NAME.new, which the
 * next one replaces.
 */
#include "keep_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 64

static int read_open(int fd, size_t max_bytes, char **ret_bytes, size_t *ret_length)
{
	struct stat status;
	size_t length = 0;
	char *bytes;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if (status.st_size < 0 || (size_t)status.st_size > max_bytes)
		return -EFBIG;
	bytes = malloc((size_t)status.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	while (length < (size_t)status.st_size) {
		ssize_t n = read(fd, bytes + length, (size_t)status.st_size - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = -errno;
			free(bytes);
			return (int)n;
		}
		if (n == 0)
			break;
		length += (size_t)n;
	}
	bytes[length] = '\0';
	*ret_bytes = bytes;
	*ret_length = length;
	return 0;
}

int keep_file_read(int directory_fd, const char *name, size_t max_bytes, char **ret_bytes,
		   size_t *ret_length)
{
	int fd = openat(directory_fd, name,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	int r = fd < 0 ? -errno : read_open(fd, max_bytes, ret_bytes, ret_length);

	if (fd >= 0)
		close(fd);
	return r;
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		length -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int keep_file_write(int directory_fd, const char *name, const char *bytes, size_t length)
{
	char fresh[NAME_SIZE];
	int fd, r;

	if (snprintf(fresh, sizeof(fresh), "%s.new", name) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	/* Whatever is there under that name is nobody's: a link would lead elsewhere. */
	if (unlinkat(directory_fd, fresh, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(directory_fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, bytes, length);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(directory_fd, fresh, directory_fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(directory_fd, fresh, 0); /* it takes place that is short */
	/* Without it the rename may be lost, which is the old file: good enough to go on. */
	else
		(void)fsync(directory_fd);
	return r;
}

int keep_file_set_aside(int directory_fd, const char *name)
{
	char bad[NAME_SIZE];

	if (snprintf(bad, sizeof(bad), "%s.bad", name) >= (int)sizeof(bad))
		return -ENAMETOOLONG;
	return renameat(directory_fd, name, directory_fd, bad) < 0 ? -errno : 0;
}
