// SPDX-License-Identifier: Apache-2.0
/*
 * What a process cannot do any more. Each test does it to a child, which cannot undo it.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/privilege.h"

/* The exit status of a child that does this; what it says goes to *ret_said. */
static int run_in_child(int (*act)(void), char *ret_said, size_t size)
{
	int pipe_fds[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	(void)fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(pipe_fds[1], STDERR_FILENO);
		_exit(act());
	}
	close(pipe_fds[1]);
	while ((n = read(pipe_fds[0], ret_said + used, size - 1 - used)) > 0)
		used += (size_t)n;
	ret_said[used] = '\0';
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int act_forbidden(void)
{
	char buffer[16];
	int fd;

	if (privilege_restrict_calls() < 0)
		return 1;
	if (mount("none", "/nowhere", "tmpfs", 0, NULL) == 0 || errno != EPERM)
		return 2;
	if (ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0 || errno != EPERM)
		return 3;
	if (mount("none", "/nowhere", "tmpfs", 0, NULL) == 0 || errno != EPERM)
		return 4;
	if (*privilege_refused_count() != 3)
		return 5;
	/* It goes on. */
	fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, buffer, sizeof(buffer)) <= 0)
		return 6;
	privilege_tell_refused();
	privilege_tell_refused();
	return 0;
}

static void privilege_restrict_calls_others_are_refused_counted_and_said_once(void **state)
{
	char said[1024];
	const char *first;

	(void)state;
	assert_int_equal(run_in_child(act_forbidden, said, sizeof(said)), 0);
	first = strstr(said, "(mount) is not in the agent's list and was refused");
	assert_non_null(first);
	assert_null(strstr(first + 1, "(mount)"));
	assert_non_null(strstr(said, "(ptrace)"));
}

static int act_fork(void)
{
	int status;
	pid_t pid;

	if (privilege_restrict_calls() < 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(9);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 2;
	return *privilege_refused_count() ? 3 : WEXITSTATUS(status);
}

static void privilege_restrict_calls_a_program_can_be_started(void **state)
{
	char said[1024];

	(void)state;
	assert_int_equal(run_in_child(act_fork, said, sizeof(said)), 0);
	assert_string_equal(said, "");
}

static int has(cap_flag_t set, cap_value_t value)
{
	cap_flag_value_t flag = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	if (!caps || cap_get_flag(caps, value, set, &flag) < 0)
		flag = CAP_SET;
	cap_free(caps);
	return flag == CAP_SET;
}

static int act_drop(void)
{
	static const cap_value_t kept[] = {CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE,
					   CAP_DAC_READ_SEARCH};
	bool had[4];

	for (int i = 0; i < 4; i++)
		had[i] = has(CAP_PERMITTED, kept[i]);
	if (privilege_drop_capabilities(PRIVILEGE_MORE(CAP_CHOWN)) < 0)
		return 1;
	if (!has(CAP_EFFECTIVE, CAP_CHOWN))
		return 10;
	if (has(CAP_PERMITTED, CAP_SYS_ADMIN) || has(CAP_EFFECTIVE, CAP_SETUID) ||
	    has(CAP_INHERITABLE, CAP_BPF))
		return 2;
	if (privilege_drop_capabilities(PRIVILEGE_NO_MORE) < 0 || has(CAP_PERMITTED, CAP_CHOWN))
		return 3;
	for (int i = 0; i < 4; i++)
		if (has(CAP_EFFECTIVE, kept[i]) != had[i])
			return 4 + i;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 9;
}

static void privilege_drop_capabilities_keeps_what_looking_needs(void **state)
{
	char said[1024];

	(void)state;
	assert_int_equal(run_in_child(act_drop, said, sizeof(said)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(privilege_restrict_calls_others_are_refused_counted_and_said_once),
		cmocka_unit_test(privilege_restrict_calls_a_program_can_be_started),
		cmocka_unit_test(privilege_drop_capabilities_keeps_what_looking_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
