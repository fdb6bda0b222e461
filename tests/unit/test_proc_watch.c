// SPDX-License-Identifier: Apache-2.0
/*
 * Exits of real processes, noticed with and without pidfds, and of nobody else.
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
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/proc.h"

#define STAT_OF(start) "1 (app) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 9 18 " start " 20 21\n"

/* --- a tree that looks like /proc ------------------------------------------------------------- */

struct tree {
	char path[64];
	int fd;
};

static int make_tree(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return -1;
	strcpy(tree->path, "/tmp/connleak-proc-XXXXXX");
	if (!mkdtemp(tree->path))
		return -1;
	tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = tree;
	return tree->fd < 0 ? -1 : 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_tree(void **state)
{
	struct tree *tree = *state;

	close(tree->fd);
	(void)nftw(tree->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(tree);
	return 0;
}

static void put(const struct tree *tree, const char *directory, const char *name, const char *text)
{
	char path[64];
	int fd;

	assert_true(mkdirat(tree->fd, directory, 0700) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = openat(tree->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int open_proc(void **state)
{
	static int fd;

	fd = proc_open();
	*state = &fd;
	return fd < 0 ? -1 : 0;
}

static int close_proc(void **state)
{
	close(*(int *)*state);
	return 0;
}

/* A child that lives until it is told to end, and its id. */
static struct client_id spawn(int proc_fd)
{
	struct client_id id = {0};
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	id.pid = (uint32_t)pid;
	assert_int_equal(proc_read_start_ns(proc_fd, id.pid, &id.start_ns), 0);
	return id;
}

/* Ends it without reaping it: a zombie is not alive. */
static void end(struct client_id id)
{
	siginfo_t info;

	assert_int_equal(kill((pid_t)id.pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, id.pid, &info, WEXITED | WNOWAIT), 0);
}

static void reap(struct client_id id)
{
	assert_int_equal(waitpid((pid_t)id.pid, NULL, 0), id.pid);
}

static uint32_t count_fds(void)
{
	uint32_t count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void proc_watch_add_other_start_is_refused(void **state)
{
	int proc_fd = *(int *)*state;
	struct proc_watch *watch = proc_watch_new(proc_fd, 1);
	struct client_id id = spawn(proc_fd), old = id, found;
	uint32_t fd_count = count_fds();

	assert_non_null(watch);
	old.start_ns -= 3 * proc_tick_ns();
	assert_int_equal(proc_watch_add(watch, old), -ESRCH);
	old.start_ns = id.start_ns + 3 * proc_tick_ns();
	assert_int_equal(proc_watch_add(watch, old), -ESRCH);
	assert_int_equal(count_fds(), fd_count);
	id.start_ns += proc_tick_ns() - 1; /* as exact as the kernel has it */
	assert_int_equal(proc_watch_add(watch, id), 0);
	assert_int_equal(proc_watch_add(watch, id), -EEXIST);
	assert_false(proc_watch_next_exit(watch, &found));
	end(id);
	assert_true(proc_watch_next_exit(watch, &found));
	assert_false(proc_watch_next_exit(watch, &found));
	assert_int_equal(proc_watch_add(watch, id), -ESRCH);
	reap(id);
	assert_int_equal(proc_watch_add(watch, id), -ESRCH);
	assert_int_equal(count_fds(), fd_count);
	proc_watch_free(watch);
}

static void proc_watch_next_exit_names_exactly_the_dead(void **state)
{
	int proc_fd = *(int *)*state;
	enum { CHILDREN = 8 };
	struct client_id ids[CHILDREN], found;
	uint32_t seen = 0, fd_count = count_fds(), watch_fd_count;

	/* With pidfds, then without. */
	for (int round = 0; round < 2; round++) {
		struct proc_watch *watch = proc_watch_new(proc_fd, round == 1 ? 0 : CHILDREN);

		assert_non_null(watch);
		watch_fd_count = count_fds();
		for (int i = 0; i < CHILDREN; i++) {
			ids[i] = spawn(proc_fd);
			assert_int_equal(proc_watch_add(watch, ids[i]), 0);
		}
		assert_int_equal(count_fds() - watch_fd_count, round == 1 ? 0 : CHILDREN);
		assert_false(proc_watch_next_exit(watch, &found));
		for (int i = 0; i < CHILDREN; i += 2)
			end(ids[i]);
		for (seen = 0; proc_watch_next_exit(watch, &found);)
			for (uint32_t i = 0; i < CHILDREN; i++)
				if (client_id_equal(found, ids[i]))
					seen |= 1U << i;
		assert_int_equal(seen, 0x55);
		for (int i = 0; i < CHILDREN; i++) {
			if (i % 2)
				end(ids[i]);
			reap(ids[i]);
		}
		for (seen = 0; proc_watch_next_exit(watch, &found);)
			seen++;
		assert_int_equal(seen, CHILDREN / 2);
		assert_int_equal(count_fds(), watch_fd_count);
		proc_watch_free(watch);
		assert_int_equal(count_fds(), fd_count);
	}
}

static void proc_watch_add_out_of_descriptors_polls(void **state)
{
	int proc_fd = *(int *)*state;
	struct proc_watch *watch = proc_watch_new(proc_fd, 2);
	uint32_t fd_count = count_fds();
	struct client_id first = spawn(proc_fd), second = spawn(proc_fd), found;
	struct rlimit before, few;
	int lowest;

	assert_non_null(watch);
	lowest = fcntl(proc_fd, F_DUPFD_CLOEXEC, 3);
	assert_true(lowest >= 0);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	/* No descriptor at all: refused, but not taken for gone. */
	few.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(proc_watch_add(watch, first), -EMFILE);
	/* One: it is needed for /proc, so none is left for a pidfd. */
	few.rlim_cur = (rlim_t)lowest + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(proc_watch_add(watch, first), 0);
	assert_int_equal(count_fds(), fd_count);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(proc_watch_add(watch, second), 0);
	assert_int_equal(count_fds(), fd_count + 1);
	end(first);
	end(second);
	assert_true(proc_watch_next_exit(watch, &found));
	assert_true(proc_watch_next_exit(watch, &found));
	assert_false(proc_watch_next_exit(watch, &found));
	reap(first);
	reap(second);
	proc_watch_free(watch);
}

/* The rest of the agent needs descriptors, too. */
static void proc_watch_add_beyond_its_share_polls(void **state)
{
	int proc_fd = *(int *)*state;
	struct client_id ids[4] = {spawn(proc_fd), spawn(proc_fd), spawn(proc_fd), spawn(proc_fd)};
	struct client_id found;
	struct proc_watch *watch = proc_watch_new(proc_fd, 2);
	uint32_t fd_count = count_fds();

	assert_non_null(watch);
	for (int i = 0; i < 3; i++)
		assert_int_equal(proc_watch_add(watch, ids[i]), 0);
	assert_int_equal(count_fds(), fd_count + 2);
	/* One that exits makes room for another. */
	end(ids[0]);
	assert_true(proc_watch_next_exit(watch, &found));
	assert_int_equal(count_fds(), fd_count + 1);
	assert_int_equal(proc_watch_add(watch, ids[3]), 0);
	assert_int_equal(count_fds(), fd_count + 2);
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			end(ids[i]);
		reap(ids[i]);
	}
	proc_watch_free(watch);
}

/* A process whose main thread has ended while another one goes on. */
static int run_beyond_leader(void *argument)
{
	(void)argument;
	while (pause() < 0)
		continue;
	return 0;
}

static void proc_watch_next_exit_dead_leader_is_alive(void **state)
{
	int proc_fd = *(int *)*state;
	struct proc_watch *watch = proc_watch_new(proc_fd, 0);
	struct client_id id = {0}, found;
	struct proc_stat stat = {0};
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid = fork();

	assert_non_null(watch);
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (clone(run_beyond_leader, stack + sizeof(stack),
			  CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS | CLONE_FILES,
			  NULL) < 0)
			_exit(1);
		(void)syscall(SYS_exit, 0);
	}
	id.pid = (uint32_t)pid;
	while (stat.state != 'Z')
		assert_int_equal(proc_read_stat(proc_fd, id.pid, &stat), 0);
	assert_int_equal(stat.thread_count, 2);
	assert_int_equal(proc_read_start_ns(proc_fd, id.pid, &id.start_ns), 0);
	assert_int_equal(proc_watch_add(watch, id), 0);
	assert_false(proc_watch_next_exit(watch, &found));
	assert_int_equal(kill(pid, SIGKILL), 0);
	reap(id);
	assert_true(proc_watch_next_exit(watch, &found));
	assert_true(client_id_equal(found, id));
	proc_watch_free(watch);
}

static void proc_watch_add_hidden_process_is_not_gone(void **state)
{
	const struct tree *tree = *state;
	struct proc_watch *watch = proc_watch_new(tree->fd, 1);
	struct client_id id = {.pid = (uint32_t)getpid(), .start_ns = 1};
	uint32_t fd_count = count_fds();

	assert_non_null(watch);
	assert_int_equal(proc_watch_add(watch, id), -EACCES);
	assert_int_equal(count_fds(), fd_count);
	proc_watch_free(watch);
}

/* Many polled processes: none is forgotten although each call looks at a few. */
static void proc_watch_next_exit_polls_all_in_turn(void **state)
{
	enum { CLIENTS = 1000 };
	const struct tree *tree = *state;
	struct proc_watch *watch = proc_watch_new(tree->fd, 0);
	struct client_id id = {0}, found;
	uint32_t calls = 0;
	char name[32];

	assert_non_null(watch);
	for (uint32_t pid = 1; pid <= CLIENTS; pid++) {
		snprintf(name, sizeof(name), "%u", pid);
		put(tree, name, "stat", STAT_OF("123456"));
		id.pid = pid;
		assert_int_equal(proc_watch_add(watch, id), 0);
	}
	assert_false(proc_watch_next_exit(watch, &found));
	/* The pid belongs to another process now. */
	put(tree, "777", "stat", STAT_OF("555555"));
	while (!proc_watch_next_exit(watch, &found))
		assert_true(++calls < 8);
	assert_int_equal(found.pid, 777);
	for (uint32_t pid = 1; pid <= CLIENTS; pid++) {
		id.pid = pid;
		assert_int_equal(proc_watch_add(watch, id), pid == 777 ? 0 : -EEXIST);
	}
	proc_watch_free(watch);
}

static void proc_watch_free_of_null_does_nothing(void **state)
{
	(void)state;
	proc_watch_free(NULL);
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)
#define WITH_PROC(test) cmocka_unit_test_setup_teardown(test, open_proc, close_proc)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PROC(proc_watch_add_other_start_is_refused),
		WITH_PROC(proc_watch_next_exit_names_exactly_the_dead),
		WITH_PROC(proc_watch_add_out_of_descriptors_polls),
		WITH_PROC(proc_watch_add_beyond_its_share_polls),
		WITH_PROC(proc_watch_next_exit_dead_leader_is_alive),
		WITH_TREE(proc_watch_add_hidden_process_is_not_gone),
		WITH_TREE(proc_watch_next_exit_polls_all_in_turn),
		cmocka_unit_test(proc_watch_free_of_null_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
