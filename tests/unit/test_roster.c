// SPDX-License-Identifier: Apache-2.0
/* What is known of a process, of real ones: children of the test that begin, end and are followed.
 */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/proc.h"
#include "sys/roster.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID "1f0c2a3b-0000-4444-8888-0123456789ab"
#define UID_SYSTEMD "1f0c2a3b_0000_4444_8888_0123456789ab"

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

static void write_file(const char *dir, const char *name, const char *text, size_t length)
{
	char path[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	close(fd);
}

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *ftw)
{
	(void)stat;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int remove_tree(const char *dir)
{
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
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
	struct roster *roster = roster_new(proc_fd, NULL);
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

/* A proc with one process: ours, in a container of the kubelet. */
static int make_proc(char *dir)
{
	static const char cgroup[] = "0::/kubepods.slice/kubepods-pod" UID_SYSTEMD
				     ".slice/cri-containerd-" ID ".scope\n";
	char path[128], text[4096];
	ssize_t length;
	int fd;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/%d", dir, getpid());
	assert_int_equal(mkdir(path, 0755), 0);
	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	length = read(fd, text, sizeof(text));
	assert_true(length > 0);
	close(fd);
	write_file(path, "stat", text, (size_t)length);
	write_file(path, "cgroup", cgroup, sizeof(cgroup) - 1);
	write_file(path, "status", "NSpid:\t4711\t7\n", 15);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void get_container_is_named_as_soon_as_its_link_is_there(void **state)
{
	char proc_dir[] = "/tmp/roster_proc.XXXXXX", log_dir[] = "/tmp/roster_log.XXXXXX";
	int proc_fd = make_proc(proc_dir), log_fd;
	struct roster_client *client;
	struct roster *roster;
	struct pod_logs *logs;
	struct told told = {0};
	struct event event = {.type = EVENT_OPEN};
	time_t end = time(NULL) + 20;

	(void)state;
	assert_non_null(mkdtemp(log_dir));
	log_fd = open(log_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	logs = pod_logs_new(dup(log_fd), 10);
	roster = roster_new(proc_fd, logs);
	client = get(roster, proc_fd, getpid());
	roster_hold(client);
	roster_describe(client, &event);
	assert_null(event.pod);
	assert_int_equal(event.ns_pid, 7);
	assert_int_equal(mkdirat(log_fd, "pods", 0755), 0);
	assert_int_equal(mkdirat(log_fd, "pods/shop_orders-0_" UID, 0755), 0);
	/* Asked once a look only; what is known of it is told as soon as it is known. */
	assert_ptr_equal(get(roster, proc_fd, getpid()), client);
	assert_null(client->names);
	do {
		roster_take_exits(roster, on_exit_of, &told);
		(void)get(roster, proc_fd, getpid());
	} while (!client->names && time(NULL) < end);
	event = (struct event){.type = EVENT_OPEN};
	roster_describe(client, &event);
	assert_string_equal(event.namespace, "shop");
	assert_string_equal(event.pod, "orders-0");
	assert_null(event.container);
	assert_int_equal(event.ns_pid, 0); /* told before */
	assert_int_equal(mkdirat(log_fd, "containers", 0755), 0);
	assert_int_equal(symlinkat("x", log_fd, "containers/orders-0_shop_api-" ID ".log"), 0);
	do {
		roster_take_exits(roster, on_exit_of, &told);
		(void)get(roster, proc_fd, getpid());
	} while (!client->names->container[0] && time(NULL) < end);
	roster_describe(client, &event);
	assert_string_equal(event.container, "api");
	assert_null(client->unnamed); /* no more to ask for */
	roster_take_exits(roster, on_exit_of, &told);
	(void)get(roster, proc_fd, getpid());
	assert_null(client->names);
	roster_release(roster, client);
	roster_free(roster);
	pod_logs_free(logs);
	close(log_fd);
	close(proc_fd);
	assert_int_equal(remove_tree(log_dir), 0);
	assert_int_equal(remove_tree(proc_dir), 0);
}

static void take_exits_tells_of_each_exit_once(void **state)
{
	int proc_fd = open_proc();
	struct roster *roster = roster_new(proc_fd, NULL);
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
	struct roster *roster = roster_new(proc_fd, NULL);
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
	struct roster *roster = roster_new(proc_fd, NULL);
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
		cmocka_unit_test(get_container_is_named_as_soon_as_its_link_is_there),
		cmocka_unit_test(take_exits_tells_of_each_exit_once),
		cmocka_unit_test(get_process_that_is_gone_has_exited),
		cmocka_unit_test(get_same_pid_with_another_start_is_another_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
