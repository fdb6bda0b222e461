// SPDX-License-Identifier: Apache-2.0
/*
 * spawn-as PID PROGRAM [ARG...]: runs a program under a process number of one's choice, which
 * must be free, and hands its exit status on. Exits with 125 where the kernel refuses.
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_REFUSED 125

int main(int argc, char **argv)
{
	pid_t wanted = argc > 2 ? atoi(argv[1]) : 0;
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
	pid_t parent = getpid();
	int status = 0;
	pid_t pid;

	if (wanted <= 0) {
		fprintf(stderr, "usage: spawn-as PID PROGRAM [ARG...]\n");
		return EXIT_REFUSED;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0) {
		fprintf(stderr, "spawn-as: pid %d: %s\n", wanted, strerror(errno));
		return EXIT_REFUSED;
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(EXIT_REFUSED);
		execvp(argv[2], argv + 2);
		fprintf(stderr, "spawn-as: %s: %s\n", argv[2], strerror(errno));
		_exit(EXIT_REFUSED);
	}
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
