/* SPDX-License-Identifier: Apache-2.0 */
/* What a cgroup path says about a process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "core/cgroup.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define ID_A "3b9aca0012ab3b9aca0012ab3b9aca0012ab3b9aca0012ab3b9aca0012ab0123"
#define ID_B "beefbeefbeefbeefbeefbeefbeefbeefbeefbeefbeefbeefbeefbeefbeefbeef"
#define UID "1f0c3a4e-12ab-4cde-8f01-0123456789ab"
#define UID_SYSTEMD "1f0c3a4e_12ab_4cde_8f01_0123456789ab"
#define UID_STATIC "8d2fa1f4f37d6c0b0a1b2c3d4e5f6a7b"

struct row {
	const char *path;
	enum workload_kind kind;
	const char *pod_uid, *container_id, *unit, *label;
};

#define POD_LABEL "pod 1f0c3a4e-12ab/3b9aca0012ab"

static const struct row rows[] = {
	/* kubelet, systemd driver */
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_SYSTEMD
	 ".slice/cri-containerd-" ID_A ".scope",
	 WORKLOAD_CONTAINER, UID, ID_A, "", POD_LABEL},
	{"/kubepods.slice/kubepods-pod" UID_SYSTEMD ".slice/crio-" ID_A ".scope",
	 WORKLOAD_CONTAINER, UID, ID_A, "", POD_LABEL},
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_SYSTEMD
	 ".slice/docker-" ID_A ".scope",
	 WORKLOAD_CONTAINER, UID, ID_A, "", POD_LABEL},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_STATIC
	 ".slice/cri-containerd-" ID_A ".scope",
	 WORKLOAD_CONTAINER, UID_STATIC, ID_A, "", "pod 8d2fa1f4f37d/3b9aca0012ab"},
	/* kubelet, cgroupfs driver */
	{"/kubepods/burstable/pod" UID "/" ID_A, WORKLOAD_CONTAINER, UID, ID_A, "", POD_LABEL},
	{"/kubepods/pod" UID "/" ID_A, WORKLOAD_CONTAINER, UID, ID_A, "", POD_LABEL},
	{"/kubepods/pod" UID, WORKLOAD_CONTAINER, UID, "", "", "pod 1f0c3a4e-12ab"},
	/* the two mixed */
	{"/system.slice/containerd.service/kubepods-burstable-pod" UID_SYSTEMD
	 ".slice:cri-containerd:" ID_A,
	 WORKLOAD_CONTAINER, UID, ID_A, "", POD_LABEL},
	/* kind: a node that is a container */
	{"/system.slice/docker-" ID_B ".scope/kubelet.slice/kubelet-kubepods.slice/"
	 "kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" UID_SYSTEMD
	 ".slice/cri-containerd-" ID_A ".scope",
	 WORKLOAD_CONTAINER, UID, ID_A, "", POD_LABEL},
	{"/docker/" ID_B "/kubelet/kubepods/burstable/pod" UID "/" ID_A, WORKLOAD_CONTAINER, UID,
	 ID_A, "", POD_LABEL},
	/* CRI-O, cgroupfs driver, and with the container in a cgroup of its own below the scope */
	{"/kubepods/burstable/pod" UID "/crio-" ID_A, WORKLOAD_CONTAINER, UID, ID_A, "", POD_LABEL},
	{"/kubepods.slice/kubepods-pod" UID_SYSTEMD ".slice/crio-" ID_A ".scope/container",
	 WORKLOAD_CONTAINER, UID, ID_A, "", POD_LABEL},
	/* read from within a cgroup namespace: the way up comes first, and what is shared is left
	 * out
	 */
	{"/../../kubepods-besteffort-pod" UID_SYSTEMD ".slice/cri-containerd-" ID_A ".scope",
	 WORKLOAD_CONTAINER, UID, ID_A, "", POD_LABEL},
	{"/../cri-containerd-" ID_A ".scope", WORKLOAD_CONTAINER, "", ID_A, "",
	 "container 3b9aca0012ab"},
	{"/../../../../system.slice/orders.service", WORKLOAD_UNIT, "", "", "orders.service",
	 "orders.service"},
	/* no pod */
	{"/docker/" ID_A, WORKLOAD_CONTAINER, "", ID_A, "", "container 3b9aca0012ab"},
	{"/system.slice/docker-" ID_A ".scope", WORKLOAD_CONTAINER, "", ID_A, "",
	 "container 3b9aca0012ab"},
	{"/machine.slice/libpod-" ID_A ".scope/container", WORKLOAD_CONTAINER, "", ID_A, "",
	 "container 3b9aca0012ab"},
	{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID_A ".scope",
	 WORKLOAD_CONTAINER, "", ID_A, "", "container 3b9aca0012ab"},
	{"/libpod_parent/libpod-" ID_A, WORKLOAD_CONTAINER, "", ID_A, "", "container 3b9aca0012ab"},
	{"/system.slice/docker-" ID_A ".scope/system.slice/postgresql.service", WORKLOAD_CONTAINER,
	 "", ID_A, "postgresql.service", "container 3b9aca0012ab"},
	/* a container's monitor is not in the container */
	{"/machine.slice/libpod-conmon-" ID_A ".scope", WORKLOAD_UNIT, "", "",
	 "libpod-conmon-" ID_A ".scope", "libpod-conmon-" ID_A ".scope"},
	/* units */
	{"/system.slice/postgresql@15-main.service", WORKLOAD_UNIT, "", "",
	 "postgresql@15-main.service", "postgresql@15-main.service"},
	{"/system.slice/orders.service/worker/3", WORKLOAD_UNIT, "", "", "orders.service",
	 "orders.service"},
	{"/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", WORKLOAD_UNIT, "",
	 "", "foo.service", "foo.service"},
	{"/user.slice/user-1000.slice/session-3.scope", WORKLOAD_UNIT, "", "", "session-3.scope",
	 "session-3.scope"},
	{"/system.slice/my\\x2dapp\\x1b.service", WORKLOAD_UNIT, "", "", "my\\x2dapp\\x1b.service",
	 "my-app\\x1b.service"},
	{"/system.slice/a\\x00b\\x2.service", WORKLOAD_UNIT, "", "", "a\\x00b\\x2.service",
	 "a\\x5cx00b\\x5cx2.service"},
	/* nothing to be told */
	{"/", WORKLOAD_EXE, "", "", "", "java"},
	{"", WORKLOAD_EXE, "", "", "", "java"},
	{NULL, WORKLOAD_EXE, "", "", "", "java"},
	{"/user.slice", WORKLOAD_EXE, "", "", "", "java"},
	{"/kubepods.slice/kubepods-podnonsense.slice", WORKLOAD_EXE, "", "", "", "java"},
	{"/kubepods/pod1f0c3a4e-12ab-4cde-8f01-0123456789ab00", WORKLOAD_EXE, "", "", "", "java"},
	{"/kubepods/pod" UID "x", WORKLOAD_EXE, "", "", "", "java"},
	{"/x/" ID_A "0", WORKLOAD_EXE, "", "", "", "java"},
	{"/x/x" ID_A, WORKLOAD_EXE, "", "", "", "java"},
	{"/.service/.scope", WORKLOAD_EXE, "", "", "", "java"},
};

static void workload_parse_layouts_are_recognised(void **state)
{
	struct workload workload;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		workload_parse(rows[i].path, &workload);
		if ((int)workload.kind != (int)rows[i].kind)
			fail_msg("'%s': kind %d", rows[i].path, (int)workload.kind);
		assert_string_equal(workload.pod_uid, rows[i].pod_uid);
		assert_string_equal(workload.container_id, rows[i].container_id);
		assert_string_equal(workload.unit, rows[i].unit);
	}
}

static void workload_label_is_one_safe_word(void **state)
{
	struct workload workload;
	char label[200];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		workload_parse(rows[i].path, &workload);
		assert_string_equal(
			workload_label(&workload, "/usr/bin/java", label, sizeof(label)),
			rows[i].label);
	}
}

static void workload_label_executables_have_their_base_name(void **state)
{
	static const struct {
		const char *exe, *label;
	} exes[] = {
		{NULL, "?"},	      {"", "?"},
		{"/", "?"},	      {"/opt/orders (deleted)", "orders"},
		{"orders", "orders"}, {"/opt/or\x1b[2Jders", "or\\x1b[2Jders"},
	};
	struct workload workload;
	char label[64];

	(void)state;
	workload_parse(NULL, &workload);
	for (size_t i = 0; i < COUNT(exes); i++)
		assert_string_equal(workload_label(&workload, exes[i].exe, label, sizeof(label)),
				    exes[i].label);
}

static void workload_parse_long_unit_is_cut(void **state)
{
	char path[400] = "/system.slice/";
	struct workload workload;

	(void)state;
	memset(path + strlen(path), 'u', 300);
	strcat(path, ".service");
	workload_parse(path, &workload);
	assert_int_equal(workload.kind, WORKLOAD_UNIT);
	assert_int_equal(strlen(workload.unit), sizeof(workload.unit) - 1);
}

static int path_of(const char *text, char *buffer, size_t size)
{
	return cgroup_path_parse(text, strlen(text), buffer, size);
}

static void cgroup_path_parse_best_line_is_taken(void **state)
{
	static const struct {
		const char *text, *path;
	} texts[] = {
		{"0::/system.slice/a.service\n", "/system.slice/a.service"},
		{"0::/system.slice/a.service", "/system.slice/a.service"},
		{"0::/a:b (deleted)\n", "/a:b"},
		{"0::/\n", "/"},
		{"12:memory:/mem\n1:name=systemd:/sys\n0::/v2\n", "/v2"},
		{"12:memory:/mem\n1:name=systemd:/sys\n0::/\n", "/sys"},
		{"12:memory:/mem\n1:name=systemd:/\n0::/\n", "/mem"},
		{"12:cpu,cpuacct:/cpu\n4:pids:/pids\n", "/pids"},
		{"4:pids:/pids\n12:memory,hugetlb:/mem\n", "/mem"},
		{"1:name=systemd:/sys\n12:memory:/mem\n", "/sys"},
		{"garbage\n\n::\n0::/ok\n", "/ok"},
	};
	char path[64];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(path_of(texts[i].text, path, sizeof(path)), 0);
		assert_string_equal(path, texts[i].path);
	}
}

static void cgroup_path_parse_nothing_usable_is_enoent(void **state)
{
	char path[64];

	(void)state;
	assert_int_equal(path_of("", path, sizeof(path)), -ENOENT);
	assert_int_equal(path_of("3:cpu:/a\n", path, sizeof(path)), -ENOENT);
	assert_int_equal(path_of("1:mymemory:/a\n", path, sizeof(path)), -ENOENT);
	assert_int_equal(path_of("0::\n", path, sizeof(path)), -ENOENT);
	assert_int_equal(path_of("0::relative\n", path, sizeof(path)), -ENOENT);
	assert_int_equal(cgroup_path_parse("0::/a\0b\n", 8, path, sizeof(path)), -ENOENT);
}

static void cgroup_path_parse_small_buffer_is_enametoolong(void **state)
{
	char path[5];

	(void)state;
	assert_int_equal(path_of("0::/abcd\n", path, sizeof(path)), -ENAMETOOLONG);
	assert_int_equal(path_of("0::/abc\n", path, sizeof(path)), 0);
	assert_string_equal(path, "/abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workload_parse_layouts_are_recognised),
		cmocka_unit_test(workload_label_is_one_safe_word),
		cmocka_unit_test(workload_label_executables_have_their_base_name),
		cmocka_unit_test(workload_parse_long_unit_is_cut),
		cmocka_unit_test(cgroup_path_parse_best_line_is_taken),
		cmocka_unit_test(cgroup_path_parse_nothing_usable_is_enoent),
		cmocka_unit_test(cgroup_path_parse_small_buffer_is_enametoolong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
