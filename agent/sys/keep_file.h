/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small file that is read whole and replaced whole: whoever reads it sees the old one or the new
 * one, after a crash too.
 */
#ifndef CONNLEAK_SYS_KEEP_FILE_H
#define CONNLEAK_SYS_KEEP_FILE_H

#include <stddef.h>

/*
 * Reads a regular file below directory_fd; no symbolic link is followed. *ret_bytes is the caller's
 * to free and has a NUL behind its length. Returns 0, -ENOENT, -EFBIG beyond max_bytes, -EINVAL for
 * what is no regular file, or another -errno.
 */
int keep_file_read(int directory_fd, const char *name, size_t max_bytes, char **ret_bytes,
		   size_t *ret_length);

/*
 * Replaces the file: written beside it as NAME.new (mode 0600), synced, renamed, the directory
 * synced. On an error, which is returned as -errno, the old one is still there.
 */
int keep_file_write(int directory_fd, const char *name, const char *bytes, size_t length);

/* Puts the file aside as NAME.bad, for somebody to look at. Returns 0 or -errno. */
int keep_file_set_aside(int directory_fd, const char *name);

#endif
