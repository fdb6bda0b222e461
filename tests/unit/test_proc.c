// SPDX-License-Identifier: Apache-2.0
/*
 * /proc read with distrust: hostile names, missing files, pids that change hands.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys/proc.h"

#define STAT_TAIL " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 9 18 123456 20 21\n"
#define START_OF_TAIL_NS (123456 * NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK))

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

static void put_bytes(const struct tree *tree, const char *name, const char *bytes, size_t length)
{
	char copy[64], *slash;
	int fd;

	snprintf(copy, sizeof(copy), "%s", name);
	slash = strchr(copy, '/');
	*slash = '\0';
	assert_true(mkdirat(tree->fd, copy, 0700) == 0 || errno == EEXIST);
	fd = openat(tree->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

static void put(const struct tree *tree, const char *name, const char *text)
{
	put_bytes(tree, name, text, strlen(text));
}

static void proc_parse_stat_hostile_comm_is_skipped(void **state)
{
	static const char *const texts[] = {
		"42 (plain)" STAT_TAIL,
		"42 (with blank)" STAT_TAIL,
		"42 ())" STAT_TAIL,
		"42 () R 1 1 1 (x)" STAT_TAIL,
		"42 (line\nbreak) Z 1)" STAT_TAIL,
		"42 ()" STAT_TAIL,
		"42 (\377\200\001)" STAT_TAIL,
	};
	struct proc_stat stat;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(proc_parse_stat(texts[i], strlen(texts[i]), &stat), 0);
		assert_int_equal(stat.state, 'S');
		assert_int_equal(stat.thread_count, 9);
		assert_int_equal(stat.start_ticks, 123456);
	}
}

static void proc_parse_stat_garbage_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		")",
		") ",
		"42 (a",
		"42 (a) S 1 2 3",
		"42 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 ",
		"42 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x 20",
		"42 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 -1 20",
		"42 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 -3 18 19 20",
		"42 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 4294967296 18 19 20",
		"42 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 18446744073709551616 20",
	};
	struct proc_stat stat = {.start_ticks = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (proc_parse_stat(texts[i], strlen(texts[i]), &stat) != -EBADMSG)
			fail_msg("'%s' was taken", texts[i]);
	}
	assert_int_equal(stat.start_ticks, 7);
	/* The length counts, not a NUL. */
	assert_int_equal(proc_parse_stat("42 (a)" STAT_TAIL, 20, &stat), -EBADMSG);
}

static void proc_ticks_to_ns_is_exact_and_bounded(void **state)
{
	(void)state;
	assert_int_equal(proc_ticks_to_ns(0, 100), 0);
	assert_int_equal(proc_ticks_to_ns(1, 100), 10 * NS_PER_MS);
	assert_int_equal(proc_ticks_to_ns(123, 100), 1230 * NS_PER_MS);
	assert_int_equal(proc_ticks_to_ns(1, 1024), 976562);
	assert_int_equal(proc_ticks_to_ns(1025, 1024), NS_PER_SEC + 976562);
	assert_true(proc_ticks_to_ns(UINT64_MAX, 100) == UINT64_MAX);
	assert_true(proc_ticks_to_ns(1, 0) == UINT64_MAX);
}

static void proc_start_matches_within_a_tick(void **state)
{
	const uint64_t tick = proc_tick_ns(), start = 1000 * tick;

	(void)state;
	assert_true(proc_start_matches(start, start));
	assert_true(proc_start_matches(start, start + tick - 1));
	assert_true(proc_start_matches(start, start - tick));
	assert_false(proc_start_matches(start, start + tick + 1));
	assert_false(proc_start_matches(start, start - tick - 1));
	assert_false(proc_start_matches(0, UINT64_MAX));
}

static void proc_parse_ns_pid_takes_the_last_number(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint32_t pid;
	} cases[] = {
		{"Name:\ta\nNSpid:\t4711\nNSpgid:\t1\n", 0, 4711},
		{"NSpid:\t4711\t12\t1\n", 0, 1},
		{"NSpid:\t4711\t12", 0, 12},
		{"Name:\tNSpid:\t5\nNSpid:\t4711\n", 0, 4711},
		{"Name:\ta\n", -EBADMSG, 0},
		{"NSpid:\n", -EBADMSG, 0},
		{"NSpid:", -EBADMSG, 0},
		{"NSpid:\tx\n", -EBADMSG, 0},
		{"NSpid:\t4294967296\n", -EBADMSG, 0},
		{"", -EBADMSG, 0},
	};
	uint32_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid = 0;
		assert_int_equal(proc_parse_ns_pid(cases[i].text, strlen(cases[i].text), &pid),
				 cases[i].ret);
		assert_int_equal(pid, cases[i].pid);
	}
}

static void proc_read_comm_keeps_any_bytes(void **state)
{
	const struct tree *tree = *state;
	char comm[COMM_SIZE] = "before";

	assert_int_equal(proc_read_comm(tree->fd, 42, comm), -ESRCH);
	assert_string_equal(comm, "before");
	put(tree, "42/comm", "a\nb) c\n");
	assert_int_equal(proc_read_comm(tree->fd, 42, comm), 0);
	assert_string_equal(comm, "a\nb) c");
	put(tree, "42/comm", "kworker/u8:2-events_unbound\n");
	assert_int_equal(proc_read_comm(tree->fd, 42, comm), 0);
	assert_string_equal(comm, "kworker/u8:2-ev");
	put(tree, "42/comm", "");
	assert_int_equal(proc_read_comm(tree->fd, 42, comm), 0);
	assert_string_equal(comm, "");
}

static void proc_read_exe_drops_deleted(void **state)
{
	const struct tree *tree = *state;
	char exe[64], tiny[4];

	assert_int_equal(proc_read_exe(tree->fd, 42, exe, sizeof(exe)), -ESRCH);
	put(tree, "42/comm", "kthreadd\n");
	assert_int_equal(proc_read_exe(tree->fd, 42, exe, sizeof(exe)), -ENOENT);
	assert_int_equal(symlinkat("/usr/bin/app (deleted)", tree->fd, "42/exe"), 0);
	assert_int_equal(proc_read_exe(tree->fd, 42, exe, sizeof(exe)), 0);
	assert_string_equal(exe, "/usr/bin/app");
	assert_int_equal(proc_read_exe(tree->fd, 42, tiny, sizeof(tiny)), -ENAMETOOLONG);
	assert_int_equal(unlinkat(tree->fd, "42/exe", 0), 0);
	assert_int_equal(symlinkat(" (deleted)", tree->fd, "42/exe"), 0);
	assert_int_equal(proc_read_exe(tree->fd, 42, exe, sizeof(exe)), 0);
	assert_string_equal(exe, " (deleted)");
}

static void proc_read_cgroup_long_file_is_read_to_its_end(void **state)
{
	const struct tree *tree = *state;
	char text[30000], path[64];

	put(tree, "42/cgroup", "0::/system.slice/a.service\n");
	assert_int_equal(proc_read_cgroup(tree->fd, 42, path, sizeof(path)), 0);
	assert_string_equal(path, "/system.slice/a.service");
	/* A long v1 line before the line that counts. */
	memset(text, 'x', sizeof(text));
	memcpy(text, "9:cpu:/", 7);
	strcpy(text + sizeof(text) - 40, "\n0::/late\n");
	put(tree, "42/cgroup", text);
	assert_int_equal(proc_read_cgroup(tree->fd, 42, path, sizeof(path)), 0);
	assert_string_equal(path, "/late");
	put(tree, "42/cgroup", "");
	assert_int_equal(proc_read_cgroup(tree->fd, 42, path, sizeof(path)), -ENOENT);
	assert_int_equal(proc_read_cgroup(tree->fd, 43, path, sizeof(path)), -ESRCH);
}

static void proc_read_stat_absurd_length_is_refused(void **state)
{
	const struct tree *tree = *state;
	const size_t length = 2 * 1024 * 1024;
	char *bytes = calloc(1, length);
	struct proc_stat stat;

	assert_non_null(bytes);
	put_bytes(tree, "42/stat", bytes, length);
	assert_int_equal(proc_read_stat(tree->fd, 42, &stat), -EFBIG);
	free(bytes);
}

static void proc_read_client_wrong_start_is_another_process(void **state)
{
	const struct tree *tree = *state;
	struct client_id id = {.pid = 42, .start_ns = START_OF_TAIL_NS + 5 * NS_PER_MS};
	struct proc_client client;

	assert_int_equal(proc_read_client(tree->fd, id, &client), -ESRCH);
	put(tree, "42/stat", "42 (app)" STAT_TAIL);
	put(tree, "42/comm", "app\n");
	put(tree, "42/status", "Name:\tapp\nNSpid:\t42\t7\n");
	assert_int_equal(proc_read_client(tree->fd, id, &client), 0);
	assert_string_equal(client.comm, "app");
	assert_string_equal(client.exe, "");
	assert_string_equal(client.cgroup, "");
	assert_int_equal(client.ns_pid, 7);
	id.start_ns += NS_PER_SEC;
	assert_int_equal(proc_read_client(tree->fd, id, &client), -ESRCH);
	id.start_ns = 0; /* unknown: whoever it is */
	assert_int_equal(proc_read_client(tree->fd, id, &client), 0);
}

/* --- the real one ----------------------------------------------------------------------------- */

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

static void proc_read_client_of_this_process_is_true(void **state)
{
	int proc_fd = *(int *)*state;
	struct client_id id = {.pid = (uint32_t)getpid()};
	struct proc_client client;
	struct timespec now;
	char exe[PATH_MAX] = "";
	uint64_t now_ns;

	assert_int_equal(proc_read_start_ns(proc_fd, id.pid, &id.start_ns), 0);
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &now), 0);
	now_ns = (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
	assert_true(id.start_ns <= now_ns && now_ns - id.start_ns < 3600 * NS_PER_SEC);
	assert_int_equal(proc_read_client(proc_fd, id, &client), 0);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_string_equal(client.exe, exe);
	assert_memory_equal(client.comm, "test_proc", 10);
	assert_true(client.ns_pid > 0);
	id.start_ns -= 2 * proc_tick_ns();
	assert_int_equal(proc_read_client(proc_fd, id, &client), -ESRCH);
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)
#define WITH_PROC(test) cmocka_unit_test_setup_teardown(test, open_proc, close_proc)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proc_parse_stat_hostile_comm_is_skipped),
		cmocka_unit_test(proc_parse_stat_garbage_is_refused),
		cmocka_unit_test(proc_ticks_to_ns_is_exact_and_bounded),
		cmocka_unit_test(proc_start_matches_within_a_tick),
		cmocka_unit_test(proc_parse_ns_pid_takes_the_last_number),
		WITH_TREE(proc_read_comm_keeps_any_bytes),
		WITH_TREE(proc_read_exe_drops_deleted),
		WITH_TREE(proc_read_cgroup_long_file_is_read_to_its_end),
		WITH_TREE(proc_read_stat_absurd_length_is_refused),
		WITH_TREE(proc_read_client_wrong_start_is_another_process),
		WITH_PROC(proc_read_client_of_this_process_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
