/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as another process sees them: opened below its own root directory, so that a container's
 * /usr/lib/libpq.so.5 is the container's, and so that no symbolic link leads out of it.
 */
#ifndef CONNLEAK_SYS_ROOTED_H
#define CONNLEAK_SYS_ROOTED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* The root directory of a process. Returns a descriptor or -errno. proc_fd is a /proc. */
int rooted_open_root(int proc_fd, uint32_t pid);

/*
 * Opens a regular file for reading, path taken as below root_fd whatever ".." and links say.
 * Returns a descriptor and its stat, or -errno: -EINVAL not a regular file, -EFBIG larger than
 * max_bytes. Never blocks on a fifo, never opens a device.
 */
int rooted_open_file(int root_fd, const char *path, uint64_t max_bytes, struct stat *ret_stat);

/* The same without a root: the path of our own file system. */
int rooted_open_own_file(const char *path, uint64_t max_bytes, struct stat *ret_stat);

#endif
