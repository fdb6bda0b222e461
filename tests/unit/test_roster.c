// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/proc.h"
#include "sys/roster.h"

struct told {
	unsigned int count;
	uint32_t pid;
};

static void on_exit_of(void *userdata, const struct roster_client *client)
{
	struct told *told = userdata;

	told->count++;
	told->pid = client->id.pid;
}

static int open_proc(void)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static pid_t start_child(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static struct roster_client *get(struct roster *roster, int proc_fd, pid_t pid)
{
	uint64_t start_ns;

	assert_int_equal(proc_read_start_ns(proc_fd, (uint32_t)pid, &start_ns), 0);
	return roster_get(roster, (uint32_t)pid, start_ns);
}

static void get_new_client_has_its_details_until_the_look_ends(void **state)
{
	int proc_fd = open_proc();
	struct roster *roster = roster_new(proc_fd);
	struct roster_client *client = get(roster, proc_fd, getpid());
	struct told told = {0};

	(void)state;
	assert_non_null(client);
	assert_false(client->exited);
	assert_non_null(client->exe);
	assert_non_null(strstr(client->exe, "test_roster"));
	assert_ptr_equal(get(roster, proc_fd, getpid()), client);
	roster_hold(client);
	roster_take_exits(roster, on_exit_of, &told);
	assert_int_equal(told.count, 0);
	assert_null(client->exe);
	roster_release(roster, client);
	roster_free(roster);
	close(proc_fd);
}

static void take_exits_tells_of_each_exit_once(void **state)
{
	int proc_fd = open_proc();
	struct roster *roster = roster_new(proc_fd);
	struct told told = {0};
	pid_t pid = start_child();
	struct roster_client *client = get(roster, proc_fd, pid);

	(void)state;
	roster_hold(client);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	roster_take_exits(roster, on_exit_of, &told);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.pid, pid);
	assert_true(client->exit_told);
	roster_take_exits(roster, on_exit_of, &told);
	assert_int_equal(told.count, 1);
	roster_release(roster, client); /* the last hold: it is gone with it */
	roster_free(roster);
	close(proc_fd);
}

static void get_process_that_is_gone_has_exited(void **state)
{
	int proc_fd = open_proc();
	struct roster *roster = roster_new(proc_fd);
	struct told told = {0};
	pid_t pid = start_child();
	struct roster_client *client;
	uint64_t start_ns;

	(void)state;
	assert_int_equal(proc_read_start_ns(proc_fd, (uint32_t)pid, &start_ns), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	client = roster_get(roster, (uint32_t)pid, start_ns);
	assert_true(client->exited);
	assert_null(client->exe);
	roster_take_exits(roster, on_exit_of, &told);
	assert_int_equal(told.count, 1);
	roster_free(roster);
	close(proc_fd);
}

/* The same pid with another start is another process: here one that has never been. */
static void get_same_pid_with_another_start_is_another_client(void **state)
{
	int proc_fd = open_proc();
	struct roster *roster = roster_new(proc_fd);
	struct roster_client *mine = get(roster, proc_fd, getpid());
	struct roster_client *other = roster_get(roster, (uint32_t)getpid(), 1);

	(void)state;
	assert_ptr_not_equal(mine, other);
	assert_true(other->exited);
	assert_false(mine->exited);
	roster_free(roster);
	close(proc_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_new_client_has_its_details_until_the_look_ends),
		cmocka_unit_test(take_exits_tells_of_each_exit_once),
		cmocka_unit_test(get_process_that_is_gone_has_exited),
		cmocka_unit_test(get_same_pid_with_another_start_is_another_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
