// SPDX-License-Identifier: Apache-2.0
/*
 * The command stays in our process group, which has the terminal or has not: so Ctrl-C, Ctrl-Z and
 * the size of the window reach it from the terminal itself, and a shell sees one job. Signals that
 * somebody sends to us alone are handed on; those that the terminal sends to the whole group are
 * not, or the command would have them twice.
 *
 * Invariant: the command begins with the signal mask and the handlers that we were given.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM};

#define PASSED_ON_COUNT (sizeof(passed_on) / sizeof(passed_on[0]))

static sigset_t mask_before; /* of the process, of which there is one */

int child_block_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	for (size_t i = 0; i < PASSED_ON_COUNT; i++)
		sigaddset(&mask, passed_on[i]);
	return sigprocmask(SIG_BLOCK, &mask, &mask_before) < 0 ? -errno : 0;
}

/* In the child: what it inherits is what we have inherited. main() ignores SIGPIPE. */
static void become_program(const struct child *child, char *const *program, int go_fd,
			   int failure_fd)
{
	ssize_t n;
	char go;
	int error;

	(void)signal(SIGPIPE, SIG_DFL); /* cannot fail for SIGPIPE */
	close(child->go_fd);
	close(child->failure_fd);
	do {
		n = read(go_fd, &go, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(125);
	(void)sigprocmask(SIG_SETMASK, &mask_before, NULL); /* cannot fail for a valid set */
	execvp(program[0], program);
	error = errno;
	(void)!write(failure_fd, &error, sizeof(error)); /* the status says it as well */
	_exit(error == ENOENT ? 127 : 126);
}

int child_start(struct child *child, char *const *program)
{
	int go[2], failure[2], error;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(failure, O_CLOEXEC) < 0) {
		error = errno;
		close(go[0]);
		close(go[1]);
		return -error;
	}
	*child = (struct child){.go_fd = go[1], .failure_fd = failure[0]};
	child->pid = fork();
	error = errno;
	if (child->pid == 0)
		become_program(child, program, go[0], failure[1]);
	close(go[0]);
	close(failure[1]);
	if (child->pid > 0)
		return 0;
	close(go[1]);
	close(failure[0]);
	return -error;
}

static void reap(struct child *child)
{
	pid_t pid;

	do {
		pid = waitpid(child->pid, &child->status, 0);
	} while (pid < 0 && errno == EINTR);
	child->has_ended = true;
}

int child_release(struct child *child)
{
	int error = 0;
	ssize_t n;

	if (write(child->go_fd, "g", 1) != 1)
		return -errno;
	close(child->go_fd);
	child->go_fd = -1;
	/* The exec closes its end; a failure is told before. */
	do {
		n = read(child->failure_fd, &error, sizeof(error));
	} while (n < 0 && errno == EINTR);
	close(child->failure_fd);
	child->failure_fd = -1;
	if (n == 0)
		return 0;
	reap(child);
	return n == sizeof(error) ? -error : -EIO;
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct child *child = userdata;

	(void)info;
	reap(child);
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	const struct child *child = userdata;

	(void)source;
	/* SI_KERNEL: from the terminal, and the command has had it, too. */
	if (!child->has_ended && info->ssi_code != SI_KERNEL)
		(void)kill(child->pid, (int)info->ssi_signo); /* gone is as good */
	return 0;
}

int child_add(struct child *child, sd_event *event)
{
	int r = sd_event_add_child(event, NULL, child->pid, WEXITED, on_child, child);

	for (size_t i = 0; i < PASSED_ON_COUNT && r >= 0; i++)
		r = sd_event_add_signal(event, NULL, passed_on[i], on_signal, child);
	return r < 0 ? r : 0;
}

void child_stop(struct child *child)
{
	if (child->go_fd >= 0)
		close(child->go_fd);
	if (child->failure_fd >= 0)
		close(child->failure_fd);
	child->go_fd = child->failure_fd = -1;
	if (child->pid <= 0 || child->has_ended)
		return;
	(void)kill(child->pid, SIGKILL); /* gone is as good */
	reap(child);
}

int child_exit_status(const struct child *child)
{
	return WIFSIGNALED(child->status) ? 128 + WTERMSIG(child->status)
					  : WEXITSTATUS(child->status);
}
