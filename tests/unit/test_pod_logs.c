// SPDX-License-Identifier: Apache-2.0
/* Trees like the kubelet's, made in a directory of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/types.h"
#include "sys/pod_logs.h"

#define POD_COUNT 5000
#define DEADLINE_S 20

struct tree {
	char path[64];
	int fd;
};

static int set_up(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	assert_non_null(tree);
	/* Thousands of files are made in memory, where there is such a place. */
	snprintf(tree->path, sizeof(tree->path), "%s/pod_logs.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(tree->path));
	tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(tree->fd >= 0);
	*state = tree;
	return 0;
}

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *ftw)
{
	(void)stat;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	struct tree *tree = *state;

	close(tree->fd);
	(void)nftw(tree->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(tree);
	return 0;
}

static void make_places(const struct tree *tree)
{
	assert_int_equal(mkdirat(tree->fd, "containers", 0755), 0);
	assert_int_equal(mkdirat(tree->fd, "pods", 0755), 0);
}

static const char *id_of(unsigned int number)
{
	static char id[65];

	snprintf(id, sizeof(id), "%064x", number);
	return id;
}

static const char *uid_of(unsigned int number)
{
	static char uid[37];

	snprintf(uid, sizeof(uid), "%08x-0000-4000-8000-000000000000", number);
	return uid;
}

static void add_link(const struct tree *tree, const char *file)
{
	char path[300];

	snprintf(path, sizeof(path), "containers/%s", file);
	assert_int_equal(symlinkat("/nowhere/0.log", tree->fd, path), 0);
}

static void add_container(const struct tree *tree, unsigned int number)
{
	char file[256];

	snprintf(file, sizeof(file), "orders-%u_shop_api-%s.log", number, id_of(number));
	add_link(tree, file);
}

static void remove_container(const struct tree *tree, unsigned int number)
{
	char path[300];

	snprintf(path, sizeof(path), "containers/orders-%u_shop_api-%s.log", number, id_of(number));
	assert_int_equal(unlinkat(tree->fd, path, 0), 0);
}

static void add_pod(const struct tree *tree, unsigned int number, const char *container)
{
	char path[600];

	snprintf(path, sizeof(path), "pods/shop_orders-%u_%s", number, uid_of(number));
	(void)mkdirat(tree->fd, path, 0755); /* there when it is the pod's second container */
	if (!container)
		return;
	snprintf(path, sizeof(path), "pods/shop_orders-%u_%s/%s", number, uid_of(number),
		 container);
	assert_int_equal(mkdirat(tree->fd, path, 0755), 0);
}

static struct pod_logs *logs_of(const struct tree *tree, uint32_t capacity)
{
	struct pod_logs *logs = pod_logs_new(dup(tree->fd), capacity);

	assert_non_null(logs);
	return logs;
}

static struct workload container(unsigned int number)
{
	struct workload workload = {.kind = WORKLOAD_CONTAINER};

	snprintf(workload.container_id, sizeof(workload.container_id), "%s", id_of(number));
	snprintf(workload.pod_uid, sizeof(workload.pod_uid), "%s", uid_of(number));
	return workload;
}

static bool ask(struct pod_logs *logs, unsigned int number, struct kube_names *ret_names)
{
	struct workload workload = container(number);

	memset(ret_names, 0, sizeof(*ret_names));
	return pod_logs_find(logs, &workload, ret_names);
}

/* An answer may be withheld for a while, so that readings do not take all of the time. */
static bool ask_until(struct pod_logs *logs, unsigned int number, struct kube_names *ret_names)
{
	time_t end = time(NULL) + DEADLINE_S;

	while (!ask(logs, number, ret_names))
		if (time(NULL) > end)
			return false;
	return true;
}

static struct pod_logs_counts counts_of(const struct pod_logs *logs)
{
	struct pod_logs_counts counts;

	pod_logs_count(logs, &counts);
	return counts;
}

/* So that nothing which happens from now on can carry the time stamp of a reading. */
static void age(const struct tree *tree)
{
	const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

	assert_int_equal(utimensat(tree->fd, "containers", long_ago, 0), 0);
	assert_int_equal(utimensat(tree->fd, "pods", long_ago, 0), 0);
}

static void find_container_id_gives_all_three_names(void **state)
{
	struct pod_logs *logs = logs_of(*state, 10);
	struct kube_names names;

	make_places(*state);
	add_container(*state, 7);
	assert_true(ask(logs, 7, &names));
	assert_string_equal(names.namespace, "shop");
	assert_string_equal(names.pod, "orders-7");
	assert_string_equal(names.container, "api");
	pod_logs_free(logs);
}

static void find_without_link_takes_the_pod_and_its_only_container(void **state)
{
	struct pod_logs *logs = logs_of(*state, 10);
	struct workload workload = container(3);
	struct kube_names names;

	make_places(*state);
	add_pod(*state, 1, "api");
	add_pod(*state, 2, "api");
	add_pod(*state, 2, "proxy");
	add_pod(*state, 3, NULL);
	assert_true(ask(logs, 1, &names));
	assert_string_equal(names.pod, "orders-1");
	assert_string_equal(names.container, "api");
	/* Which of two it is cannot be told; nor whose a process is that is in no container. */
	assert_true(ask_until(logs, 2, &names));
	assert_string_equal(names.namespace, "shop");
	assert_string_equal(names.pod, "orders-2");
	assert_string_equal(names.container, "");
	assert_true(ask_until(logs, 3, &names));
	assert_string_equal(names.container, "");
	workload.container_id[0] = '\0';
	add_pod(*state, 3, "api");
	assert_true(pod_logs_find(logs, &workload, &names));
	assert_string_equal(names.container, "");
	pod_logs_free(logs);
}

static void find_nothing_there_is_unknown(void **state)
{
	const struct tree *tree = *state;
	struct pod_logs *logs = logs_of(tree, 10);
	struct workload nobody = {.kind = WORKLOAD_CONTAINER};
	struct kube_names names;
	int fd;

	assert_false(ask(logs, 1, &names)); /* no directories */
	make_places(tree);
	assert_false(ask(logs, 1, &names));
	assert_false(pod_logs_find(logs, &nobody, &names)); /* no ids */
	/* Files where directories should be. */
	assert_int_equal(unlinkat(tree->fd, "containers", AT_REMOVEDIR), 0);
	fd = openat(tree->fd, "containers", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
	assert_false(ask(logs, 1, &names));
	pod_logs_free(logs);
}

static void find_hostile_file_names_are_refused_and_counted(void **state)
{
	struct pod_logs *logs = logs_of(*state, 10);
	struct kube_names names;
	char file[256];

	make_places(*state);
	snprintf(file, sizeof(file), "or\033[2Jders_shop_api-%s.log", id_of(1));
	add_link(*state, file);
	snprintf(file, sizeof(file), "orders_shop_a\npi-%s.log", id_of(2));
	add_link(*state, file);
	snprintf(file, sizeof(file), "_shop_api-%s.log", id_of(3));
	add_link(*state, file);
	add_link(*state, "README");
	add_container(*state, 4);
	assert_true(ask_until(logs, 4, &names));
	assert_int_equal(counts_of(logs).refused_count, 4);
	for (unsigned int i = 1; i <= 3; i++)
		assert_false(ask(logs, i, &names));
	pod_logs_free(logs);
}

static void find_container_that_comes_later_is_found_then(void **state)
{
	struct pod_logs *logs = logs_of(*state, 10);
	struct kube_names names;

	make_places(*state);
	assert_false(ask(logs, 1, &names));
	for (unsigned int i = 1; i < 50; i++) {
		add_container(*state, i);
		assert_true(ask_until(logs, i, &names));
	}
	pod_logs_free(logs);
}

static void find_container_that_is_gone_keeps_its_names(void **state)
{
	struct pod_logs *logs = logs_of(*state, 10);
	struct kube_names names;

	make_places(*state);
	add_container(*state, 1);
	assert_true(ask(logs, 1, &names));
	remove_container(*state, 1);
	assert_true(ask(logs, 1, &names));
	assert_string_equal(names.pod, "orders-1");
	assert_int_equal(unlinkat(((struct tree *)*state)->fd, "containers", AT_REMOVEDIR), 0);
	assert_true(ask(logs, 1, &names));
	assert_false(ask(logs, 2, &names));
	pod_logs_free(logs);
}

static void find_unchanged_directory_is_not_read_again(void **state)
{
	struct pod_logs *logs = logs_of(*state, 10);
	struct kube_names names;
	uint64_t scans;

	make_places(*state);
	add_container(*state, 1);
	age(*state);
	assert_true(ask(logs, 1, &names));
	assert_false(ask(logs, 2, &names));
	scans = counts_of(logs).scan_count;
	for (unsigned int i = 0; i < 100000; i++)
		assert_false(ask(logs, 2, &names));
	assert_int_equal(counts_of(logs).scan_count, scans);
	add_container(*state, 2);
	assert_true(ask_until(logs, 2, &names));
	pod_logs_free(logs);
}

static void find_thousands_of_pods_takes_one_reading(void **state)
{
	struct pod_logs *logs = logs_of(*state, 2 * POD_COUNT);
	struct kube_names names;
	char pod[32];

	make_places(*state);
	for (unsigned int i = 0; i < POD_COUNT; i++) {
		add_container(*state, i);
		add_pod(*state, i, NULL);
	}
	for (unsigned int i = 0; i < POD_COUNT; i++) {
		snprintf(pod, sizeof(pod), "orders-%u", i);
		assert_true(ask(logs, i, &names));
		assert_string_equal(names.pod, pod);
	}
	assert_int_equal(counts_of(logs).scan_count, 1);
	assert_int_equal(counts_of(logs).evicted_count, 0);
	pod_logs_free(logs);
}

static void find_more_than_capacity_evicts_the_longest_unused_and_counts(void **state)
{
	struct pod_logs *logs = logs_of(*state, 3);
	struct kube_names names;

	make_places(*state);
	for (unsigned int i = 1; i <= 5; i++)
		add_container(*state, i);
	for (unsigned int i = 1; i <= 5; i++)
		assert_true(ask_until(logs, i, &names));
	assert_int_equal(counts_of(logs).known_count, 3);
	assert_true(counts_of(logs).evicted_count >= 2);
	/* What was forgotten is read again. */
	assert_true(ask_until(logs, 1, &names));
	assert_string_equal(names.pod, "orders-1");
	assert_int_equal(counts_of(logs).known_count, 3);
	pod_logs_free(logs);
}

static void find_pods_that_come_and_go_need_no_more_memory(void **state)
{
	struct pod_logs *logs = logs_of(*state, 64);
	struct kube_names names;
	size_t before = 0;

	make_places(*state);
	for (unsigned int i = 0; i < 3000; i++) {
		add_container(*state, i);
		assert_true(ask_until(logs, i, &names));
		remove_container(*state, i);
		if (i == 1000)
			before = mallinfo2().uordblks;
	}
	/* The hash may have grown by a table of buckets meanwhile. */
	assert_true(mallinfo2().uordblks < before + 16384);
	assert_int_equal(counts_of(logs).known_count, 64);
	pod_logs_free(logs);
}

#define TREE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(find_container_id_gives_all_three_names),
		TREE_TEST(find_without_link_takes_the_pod_and_its_only_container),
		TREE_TEST(find_nothing_there_is_unknown),
		TREE_TEST(find_hostile_file_names_are_refused_and_counted),
		TREE_TEST(find_container_that_comes_later_is_found_then),
		TREE_TEST(find_container_that_is_gone_keeps_its_names),
		TREE_TEST(find_unchanged_directory_is_not_read_again),
		TREE_TEST(find_thousands_of_pods_takes_one_reading),
		TREE_TEST(find_more_than_capacity_evicts_the_longest_unused_and_counts),
		TREE_TEST(find_pods_that_come_and_go_need_no_more_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
