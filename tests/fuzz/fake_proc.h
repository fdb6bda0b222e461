/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A /proc with one process in it, whose files a fuzz target writes. It is reached by a descriptor,
 * and removed at the end.
 */
#ifndef CONNLEAK_TESTS_FUZZ_FAKE_PROC_H
#define CONNLEAK_TESTS_FUZZ_FAKE_PROC_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

#define FAKE_PID 2147483600U /* nobody's: the kernel gives out at most 4194304 */

static struct {
	int proc_fd, pid_fd;
	char path[SCRATCH_PATH_SIZE];
} fake;

static inline void fake_put(const char *name, const void *bytes, size_t size)
{
	int fd = openat(fake.pid_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	close(fd);
}

static void fake_remove(void)
{
	static const char *const names[] = {"maps", "stat", "comm", "exe"};
	char name[16];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(fake.pid_fd, names[i], 0);
	(void)snprintf(name, sizeof(name), "%u", FAKE_PID);
	(void)unlinkat(fake.proc_fd, name, AT_REMOVEDIR);
	(void)rmdir(fake.path);
}

/* Of an executable that is open as file_fd. */
static inline void fake_make(int file_fd)
{
	static const char stat[] = "1 (orders) S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 7 0 0 0 0\n";
	char name[16], exe[32];

	scratch_make(fake.path);
	fake.proc_fd = open(fake.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(name, sizeof(name), "%u", FAKE_PID);
	if (fake.proc_fd < 0 || mkdirat(fake.proc_fd, name, 0700) < 0)
		abort();
	fake.pid_fd = openat(fake.proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fake.pid_fd < 0 || atexit(fake_remove) != 0)
		abort();
	fake_put("stat", stat, strlen(stat));
	fake_put("comm", "orders\n", 7);
	(void)snprintf(exe, sizeof(exe), "/proc/self/fd/%d", file_fd);
	if (symlinkat(exe, fake.pid_fd, "exe") < 0)
		abort();
}

#endif
