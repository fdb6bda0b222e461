// SPDX-License-Identifier: Apache-2.0
/*
 * Why a process and no thread: one that hangs in the kernel can be left behind, and shares no lock,
 * no allocator and no descriptor with those who go on.
 *
 * Invariant: there is at most one, and it is reaped here. What it does must be done as it was when
 * it began: it is killed with its parent, so that it does not overwrite what the next one has
 * written since.
 */
#include "aside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_AGAIN_NS 5000000L

/*
 * Keeps only the directory: a lock is that of the open file, which a copy of a descriptor keeps
 * open, and whoever reads what we print waits for its end.
 */
static int let_go(int keep_fd)
{
	unsigned int kept = (unsigned int)keep_fd;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int standard = STDIN_FILENO; fd >= 0 && standard <= STDERR_FILENO; standard++)
		(void)dup2(fd, standard); /* where it cannot be, they stay */
	if (kept > STDERR_FILENO + 1 && close_range(STDERR_FILENO + 1, kept - 1, 0) < 0)
		return -errno;
	if (close_range(kept + 1, ~0U, 0) < 0)
		return -errno;
	fd = openat(keep_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || dup2(fd, keep_fd) < 0)
		return -errno;
	close(fd);
	return 0;
}

static __attribute__((noreturn)) void run(pid_t parent, int keep_fd, int (*work)(void *userdata),
					  void *userdata)
{
	int r = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;

	if (r == 0 && getppid() != parent)
		r = -ESRCH;
	if (r == 0)
		r = let_go(keep_fd);
	if (r == 0)
		r = work(userdata);
	/* What the parent has buffered is the parent's to write. */
	_exit(r < 0 && r >= -UINT8_MAX ? -r : 0);
}

int aside_begin(struct aside *aside, int keep_fd, int (*work)(void *userdata), void *userdata)
{
	pid_t parent = getpid(), pid;

	if (aside_is_busy(aside))
		return -EBUSY;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run(parent, keep_fd, work, userdata);
	aside->pid = pid;
	return 0;
}

bool aside_is_done(struct aside *aside, int *ret_result)
{
	int status;
	pid_t pid = aside_is_busy(aside) ? waitpid(aside->pid, &status, WNOHANG) : 0;

	if (pid == 0 || (pid < 0 && errno == EINTR))
		return false;
	aside->pid = 0;
	*ret_result = pid > 0 && WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
	return true;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

bool aside_wait(struct aside *aside, unsigned int timeout_ms, int *ret_result)
{
	uint64_t deadline_ns = now_ns() + timeout_ms * 1000000ULL;
	const struct timespec pause = {.tv_nsec = LOOK_AGAIN_NS};

	while (aside_is_busy(aside) && !aside_is_done(aside, ret_result)) {
		if (now_ns() >= deadline_ns)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

void aside_abandon(struct aside *aside)
{
	int result;

	if (!aside_is_busy(aside))
		return;
	(void)kill(aside->pid, SIGKILL);
	(void)aside_is_done(aside, &result); /* else it is reaped by whoever reaps us */
	aside->pid = 0;
}
