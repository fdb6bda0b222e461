// SPDX-License-Identifier: Apache-2.0
/*
 * What is found out about a host, from a tree made up for the purpose and from the real one; and
 * that the one line says the cause and not an effect.
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
#include <unistd.h>

#include "sys/features.h"

#define ALL_CAPABILITIES "000001ffffffffff"
#define BPF_AND_PERFMON "000000c000000000"
#define ONLY_BPF "0000008000000000"
#define ONLY_SYS_ADMIN "0000000000200000"
#define NO_CAPABILITIES "0000000000000000"
#define FIRST_USER_NS "user:[4026531837]"
#define FIRST_PID_NS "pid:[4026531836]"

struct host {
	char root[64];
};

static int make_host(void **state)
{
	struct host *host = calloc(1, sizeof(*host));

	if (!host)
		return -1;
	strcpy(host->root, "/tmp/connleak-host-XXXXXX");
	*state = host;
	return mkdtemp(host->root) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_host(void **state)
{
	struct host *host = *state;

	(void)nftw(host->root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(host);
	return 0;
}

/* The full path of a file of the host, with its directories made. */
static const char *place(const struct host *host, const char *path, char *full, size_t size)
{
	snprintf(full, size, "%s%s", host->root, path);
	for (char *slash = full + strlen(host->root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	return full;
}

static void put(const struct host *host, const char *path, const char *text)
{
	char full[256];
	FILE *file = fopen(place(host, path, full, sizeof(full)), "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void put_link(const struct host *host, const char *path, const char *target)
{
	char full[256];

	place(host, path, full, sizeof(full));
	assert_true(unlink(full) == 0 || errno == ENOENT);
	assert_int_equal(symlink(target, full), 0);
}

static void put_proc(const struct host *host, const char *effective)
{
	char status[256];

	snprintf(status, sizeof(status), "Name:\tconnleak\nCapPrm:\t%s\nCapEff:\t%s\nCapBnd:\t%s\n",
		 ALL_CAPABILITIES, effective, ALL_CAPABILITIES);
	put(host, "/proc/self/status", status);
	put(host, "/proc/sys/kernel/osrelease", "5.10.0-32-amd64\n");
	put_link(host, "/proc/self/ns/user", FIRST_USER_NS);
	put_link(host, "/proc/self/ns/pid", FIRST_PID_NS);
}

static void probe(const struct host *host, struct features *ret_features)
{
	memset(ret_features, 0xff, sizeof(*ret_features));
	assert_int_equal(features_probe(ret_features, host->root), 0);
}

static void assert_reason(const struct features *features, const char *expected)
{
	char reason[512] = "";

	assert_false(features_can_run(features, reason, sizeof(reason)));
	if (strncmp(reason, expected, strlen(expected)) != 0)
		fail_msg("'%s' is not '%s...'", reason, expected);
	assert_null(strchr(reason, '\n'));
}

static void features_probe_no_proc_is_the_first_cause(void **state)
{
	struct features features;

	probe(*state, &features);
	assert_false(features.has_proc);
	assert_int_equal(features_state(&features, FEATURE_PROC), FEATURE_ABSENT);
	assert_int_equal(features_state(&features, FEATURE_PRIVILEGES), FEATURE_UNTRIED);
	assert_int_equal(features_state(&features, FEATURE_SOCKET_STORAGE), FEATURE_UNTRIED);
	assert_reason(&features, "/proc is not mounted: ");
}

static void features_probe_capabilities_decide(void **state)
{
	static const struct {
		const char *effective;
		bool has_privileges, has_ptrace;
	} cases[] = {
		{ALL_CAPABILITIES, true, true},	 {BPF_AND_PERFMON, true, false},
		{ONLY_SYS_ADMIN, true, false},	 {ONLY_BPF, false, false},
		{NO_CAPABILITIES, false, false},
	};
	struct features features;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_proc(*state, cases[i].effective);
		probe(*state, &features);
		assert_int_equal(features.has_privileges, cases[i].has_privileges);
		assert_int_equal(features.has_ptrace, cases[i].has_ptrace);
		if (cases[i].has_privileges)
			continue;
		/* Not asked at all: the answer would be about the privileges. */
		assert_int_equal(features_state(&features, FEATURE_BPF), FEATURE_UNTRIED);
		assert_reason(&features, "needs CAP_BPF and CAP_PERFMON: run it as root, or ");
	}
}

static void features_probe_other_user_namespace_comes_before_privileges(void **state)
{
	struct features features;

	put_proc(*state, ALL_CAPABILITIES);
	put_link(*state, "/proc/self/ns/user", "user:[4026532000]");
	probe(*state, &features);
	assert_true(features.has_privileges);
	assert_false(features.has_user_ns);
	assert_int_equal(features_state(&features, FEATURE_BPF), FEATURE_UNTRIED);
	assert_reason(&features, "this is not the host's user namespace: ");
}

static void features_probe_small_facts_are_read(void **state)
{
	const struct host *host = *state;
	struct features features;
	char full[256];

	put_proc(host, NO_CAPABILITIES);
	probe(host, &features);
	assert_string_equal(features.release, "5.10.0-32-amd64");
	assert_string_equal(features.lockdown, "");
	assert_true(features.has_pid_ns);
	assert_false(features.has_btf);
	assert_false(features.has_journal);
	assert_false(features.has_bpffs);
	put(host, "/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	put(host, "/sys/kernel/btf/vmlinux", "not BTF");
	put_link(host, "/proc/self/ns/pid", "pid:[4026532001]");
	place(host, "/run/systemd/journal/socket", full, sizeof(full));
	assert_int_equal(mknod(full, S_IFSOCK | 0600, 0), 0);
	place(host, "/sys/fs/bpf/x", full, sizeof(full)); /* a directory, no BPF file system */
	probe(host, &features);
	assert_string_equal(features.lockdown, "integrity");
	assert_true(features.has_btf);
	assert_true(features.has_journal);
	assert_false(features.has_bpffs);
	assert_false(features.has_pid_ns);
	put(host, "/sys/kernel/security/lockdown", "]garbage[\n");
	probe(host, &features);
	assert_string_equal(features.lockdown, "");
}

/* Everything there but one flag. */
static void set_all_but(struct features *features, enum feature_id missing)
{
	const struct feature_row *rows = features_rows();

	memset(features, 0, sizeof(*features));
	strcpy(features->release, "5.10.0-32-amd64");
	strcpy(features->missing_member, "tcp_sock.bytes_sent");
	for (int id = 0; id < FEATURE_COUNT; id++)
		*(bool *)((char *)features + rows[id].flag_offset) = id != (int)missing;
}

static void features_can_run_names_what_is_missing(void **state)
{
	static const struct {
		enum feature_id id;
		const char *reason;
	} cases[] = {
		{FEATURE_PROC, "/proc is not mounted: mount"},
		{FEATURE_USER_NS, "this is not the host's user namespace: "},
		{FEATURE_PRIVILEGES, "needs CAP_BPF and CAP_PERFMON: run it as root"},
		{FEATURE_BPF, "the bpf() system call is refused although "},
		{FEATURE_BTF, "this kernel has no BTF (/sys/kernel/btf/vmlinux): run a kernel "
			      "built with CONFIG_DEBUG_INFO_BTF=y"},
		{FEATURE_READ_KERNEL, "the kernel is locked down (confidentiality) and lets no "
				      "probe read its memory: boot without lockdown"},
		{FEATURE_STATE_TRACEPOINT, "this kernel (5.10.0-32-amd64) does not allow programs "
					   "on tp_btf/inet_sock_set_state (needs 5.5 or later)"},
		{FEATURE_SOCKET_STORAGE, "this kernel (5.10.0-32-amd64) does not allow socket "
					 "storage in tracing programs (needs 5.11 or later)"},
		{FEATURE_KERNEL_TYPES, "this kernel (5.10.0-32-amd64) has other structures than "
				       "the probes expect (no tcp_sock.bytes_sent): "},
		{FEATURE_RINGBUF, "this kernel (5.10.0-32-amd64) has no BPF ring buffer (needs "
				  "5.8 or later)"},
		{FEATURE_ITER_FILES, "this kernel (5.10.0-32-amd64) cannot find open sockets"},
		{FEATURE_ITER_STORAGE, "this kernel (5.10.0-32-amd64) has no iter/"},
		{FEATURE_PID_NS, "this is not the host's pid namespace"},
	};
	const struct feature_row *rows = features_rows();
	struct features features;
	char reason[512];
	size_t needed_count = 0;

	(void)state;
	for (int id = 0; id < FEATURE_COUNT; id++)
		needed_count += rows[id].is_needed;
	assert_int_equal(needed_count, sizeof(cases) / sizeof(cases[0]));
	for (size_t i = 0; i < needed_count; i++) {
		set_all_but(&features, cases[i].id);
		assert_int_equal(features_state(&features, cases[i].id), FEATURE_ABSENT);
		assert_reason(&features, cases[i].reason);
	}
	for (int id = 0; id < FEATURE_COUNT; id++) {
		if (rows[id].is_needed)
			continue;
		set_all_but(&features, (enum feature_id)id);
		assert_true(features_can_run(&features, reason, sizeof(reason)));
	}
}

static void features_can_run_untried_need_is_no_yes(void **state)
{
	struct features features;
	char reason[512] = "";

	(void)state;
	set_all_but(&features, FEATURE_COUNT);
	assert_true(features_can_run(&features, reason, sizeof(reason)));
	features.untried = 1U << FEATURE_RINGBUF;
	assert_false(features_can_run(&features, reason, sizeof(reason)));
	assert_non_null(strstr(reason, "ring buffer"));
}

static void features_rows_are_complete(void **state)
{
	const struct feature_row *rows = features_rows();

	(void)state;
	for (int id = 0; id < FEATURE_COUNT; id++) {
		assert_int_equal(rows[id].id, id);
		assert_true(rows[id].key && rows[id].name && rows[id].purpose);
		assert_true(rows[id].without && rows[id].remedy);
		assert_true(!rows[id].is_needed || rows[id].lacks);
		for (int other = 0; other < id; other++) {
			assert_string_not_equal(rows[id].key, rows[other].key);
			assert_int_not_equal(rows[id].flag_offset, rows[other].flag_offset);
		}
	}
}

/* On the host itself: what the kernel says must fit together. */
static void features_probe_of_this_host_is_consistent(void **state)
{
	struct features features, again;

	(void)state;
	assert_int_equal(features_probe(&features, NULL), 0);
	assert_true(features.has_proc);
	assert_string_not_equal(features.release, "");
	if (!features.has_privileges || !features.has_user_ns || !features.has_bpf) {
		print_message("no privileges for BPF: the kernel is not asked\n");
		skip();
	}
	assert_int_equal(features.untried == 0, features.has_btf);
	assert_true(!features.has_socket_storage || features.has_state_tracepoint);
	assert_true(features.has_kernel_types || features.missing_member[0] || !features.has_btf);
	assert_int_equal(features_probe(&again, "/"), 0);
	assert_memory_equal(&features, &again, sizeof(features));
}

/* BTF that is not BTF must read as none. */
static void features_probe_broken_btf_is_none(void **state)
{
	struct features features;

	put_proc(*state, ALL_CAPABILITIES);
	put(*state, "/sys/kernel/btf/vmlinux", "\237\353\001\000garbage, and not even long");
	probe(*state, &features);
	if (!features.has_bpf) {
		print_message("no privileges for BPF: the kernel is not asked\n");
		skip();
	}
	assert_false(features.has_btf);
	assert_int_equal(features_state(&features, FEATURE_SOCKET_STORAGE), FEATURE_UNTRIED);
	assert_reason(&features, "this kernel has no BTF");
}

/* Nothing of the probing may stay behind. */
static void features_probe_leaves_no_descriptor(void **state)
{
	struct features features;
	int before = 0, after = 0;

	(void)state;
	for (int fd = 0; fd < 1024; fd++)
		before += fcntl(fd, F_GETFD) >= 0;
	assert_int_equal(features_probe(&features, NULL), 0);
	for (int fd = 0; fd < 1024; fd++)
		after += fcntl(fd, F_GETFD) >= 0;
	assert_int_equal(before, after);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, make_host, remove_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HOST(features_probe_no_proc_is_the_first_cause),
		WITH_HOST(features_probe_capabilities_decide),
		WITH_HOST(features_probe_other_user_namespace_comes_before_privileges),
		WITH_HOST(features_probe_small_facts_are_read),
		WITH_HOST(features_probe_broken_btf_is_none),
		cmocka_unit_test(features_can_run_names_what_is_missing),
		cmocka_unit_test(features_can_run_untried_need_is_no_yes),
		cmocka_unit_test(features_rows_are_complete),
		cmocka_unit_test(features_probe_of_this_host_is_consistent),
		cmocka_unit_test(features_probe_leaves_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
