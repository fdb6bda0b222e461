// SPDX-License-Identifier: Apache-2.0
/*
 * Two agents on the same maps would tell each other's connections, and somebody who may write to
 * the directory could hand us maps of his own. So it is taken once, by a lock that ends with the
 * process however it ends, and only where nobody but us can write.
 *
 * Invariant: nothing is made outside a BPF file system. Does not look at what is in the directory.
 */
#include "pin_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/format.h"
#include "log.h"

#define MOUNT_POINT "/sys/fs/bpf"
#define SHOWN_SIZE 256

static const char *show(const char *path, char *buffer)
{
	return format_safe(path, SIZE_MAX, buffer, SHOWN_SIZE);
}

/* Cuts the last component off; false where none is left but the root. */
static bool cut_component(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || path[1] == '\0')
		return false;
	slash[slash == path ? 1 : 0] = '\0';
	return true;
}

/* Whether path, or the nearest thing above it that is there, is on a BPF file system. */
static bool is_on_bpffs(const char *path)
{
	char above[PATH_MAX];
	struct statfs file_system;
	bool is_bpffs;
	int fd;

	if (snprintf(above, sizeof(above), "%s", path) >= (int)sizeof(above))
		return false;
	/* A link is looked at itself, wherever it points: it will not be followed. */
	while ((fd = open(above, O_PATH | O_NOFOLLOW | O_CLOEXEC)) < 0)
		if (errno != ENOENT || !cut_component(above))
			return false;
	is_bpffs = fstatfs(fd, &file_system) == 0 && file_system.f_type == BPF_FS_MAGIC;
	close(fd);
	return is_bpffs;
}

static int need_bpffs(const char *path, char *error, size_t size)
{
	char shown[SHOWN_SIZE];

	if (is_on_bpffs(path))
		return 0;
	if (strncmp(path, MOUNT_POINT "/", strlen(MOUNT_POINT "/")) != 0) {
		snprintf(error, size, "%s is not on a BPF file system", show(path, shown));
		return -EMEDIUMTYPE;
	}
	if (mount("bpf", MOUNT_POINT, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0) {
		int r = -errno;

		snprintf(error, size,
			 "no BPF file system on " MOUNT_POINT ", and it cannot be mounted: %s",
			 strerror(-r));
		return r;
	}
	log_notice("mounted the BPF file system on " MOUNT_POINT);
	return 0;
}

/* The directory and what is missing above it. */
static int make(const char *path, char *error, size_t size)
{
	char prefix[PATH_MAX], shown[SHOWN_SIZE];

	if (snprintf(prefix, sizeof(prefix), "%s", path) >= (int)sizeof(prefix))
		return -ENAMETOOLONG;
	for (char *slash = strchr(prefix + 1, '/');; slash = strchr(slash + 1, '/')) {
		int r;

		if (slash)
			*slash = '\0';
		r = mkdir(prefix, 0700) < 0 ? -errno : 0;
		if (r < 0 && r != -EEXIST) {
			snprintf(error, size, "cannot make %s: %s", show(prefix, shown),
				 strerror(-r));
			return r;
		}
		if (!slash)
			return 0;
		*slash = '/';
	}
}

/* Who has the directory, for the message only; 0 = not known. */
static int find_holder(const struct stat *status)
{
	FILE *locks = fopen("/proc/locks", "re");
	unsigned int device_major, device_minor;
	unsigned long inode;
	char line[256];
	int pid, found = 0;

	while (locks && !found && fgets(line, sizeof(line), locks))
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &device_major,
			   &device_minor, &inode) == 4 &&
		    inode == status->st_ino && device_major == major(status->st_dev) &&
		    device_minor == minor(status->st_dev))
			found = pid;
	if (locks)
		fclose(locks);
	return found;
}

static int refuse_busy(const char *path, const struct stat *status, char *error, size_t size)
{
	char shown[SHOWN_SIZE], who[32] = "";
	int pid = find_holder(status);

	if (pid > 0)
		snprintf(who, sizeof(who), " (pid %d)", pid);
	snprintf(error, size, "another agent is running%s: it has %s", who, show(path, shown));
	return -EBUSY;
}

static int take(const char *path, int fd, char *error, size_t size)
{
	struct statfs file_system;
	struct stat status;
	char shown[SHOWN_SIZE];

	if (fstatfs(fd, &file_system) < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (file_system.f_type != BPF_FS_MAGIC) {
		snprintf(error, size, "%s is not on a BPF file system", show(path, shown));
		return -EMEDIUMTYPE;
	}
	if (status.st_uid != geteuid() || status.st_mode & (S_IWGRP | S_IWOTH)) {
		snprintf(error, size, "others than user %u can write to %s",
			 (unsigned int)geteuid(), show(path, shown));
		return -EPERM;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return refuse_busy(path, &status, error, size);
		return -errno;
	}
	return 0;
}

int pin_dir_take_existing(const char *path, int *ret_fd, char *ret_error, size_t error_size)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char shown[SHOWN_SIZE];
	int r = fd < 0 ? -errno : 0;

	snprintf(ret_error, error_size, "%s: %s", show(path, shown), strerror(-r));
	if (r < 0)
		return r;
	ret_error[0] = '\0';
	r = take(path, fd, ret_error, error_size);
	if (r < 0) {
		if (!ret_error[0])
			snprintf(ret_error, error_size, "%s: %s", show(path, shown), strerror(-r));
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int pin_dir_take(const char *path, int *ret_fd, char *ret_error, size_t error_size)
{
	int r = need_bpffs(path, ret_error, error_size);

	if (r == 0)
		r = make(path, ret_error, error_size);
	return r < 0 ? r : pin_dir_take_existing(path, ret_fd, ret_error, error_size);
}
