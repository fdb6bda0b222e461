// SPDX-License-Identifier: Apache-2.0
/*
 * Why: on a host that cannot run it, connleak must say in one line what is missing and what to do,
 * before it has touched anything.
 *
 * Invariant: what could not be tried is neither present nor absent. A question that depends on an
 * earlier one is not asked once that one failed, so that the cause is reported and not its effects.
 *
 * Not here: how the kernel is asked (features_bpf.c), how it looks (cli/cmd_check.c).
 */
#include "features.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "features_bpf.h"

/* Fixed inode numbers of the first namespaces: include/linux/proc_ns.h of the kernel. */
#define USER_NS_FIRST 0xEFFFFFFDUL
#define PID_NS_FIRST 0xEFFFFFFCUL

#define STATUS_MAX 16384

#define HAS(member) .flag_offset = offsetof(struct features, has_##member)

static const struct feature_row rows[FEATURE_COUNT] = {
	[FEATURE_PROC] =
		{
			.id = FEATURE_PROC,
			.key = "proc",
			.name = "/proc",
			HAS(proc),
			.is_needed = true,
			.purpose = "names the processes behind the connections",
			.without = "nothing can be watched",
			.remedy = "mount -t proc proc /proc",
			.lacks = "/proc is not mounted",
		},
	[FEATURE_USER_NS] =
		{
			.id = FEATURE_USER_NS,
			.key = "user_namespace",
			.name = "host's user namespace",
			HAS(user_ns),
			.is_needed = true,
			.purpose = "only its capabilities count for the kernel's BPF",
			.without =
				"the kernel refuses every probe, whatever capabilities are shown",
			.remedy = "run it as the host's root: no rootless container, no "
				  "userns-remap, "
				  "hostUsers: true",
			.lacks = "this is not the host's user namespace",
		},
	[FEATURE_PRIVILEGES] =
		{
			.id = FEATURE_PRIVILEGES,
			.key = "privileges",
			.name = "privileges",
			HAS(privileges),
			.is_needed = true,
			.purpose = "CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN) allow to load the "
				   "probes",
			.without = "no probe can be loaded",
			.remedy = "run it as root, or grant both (systemd: AmbientCapabilities=, "
				  "container: --cap-add=BPF,PERFMON)",
			.lacks = "needs CAP_BPF and CAP_PERFMON",
			.commit = "a17b53c4a4b5",
		},
	[FEATURE_BPF] =
		{
			.id = FEATURE_BPF,
			.key = "bpf",
			.name = "bpf() system call",
			HAS(bpf),
			.is_needed = true,
			.purpose = "loads the probes",
			.without = "no probe can be loaded",
			.remedy = "let the seccomp profile allow it (container: --security-opt "
				  "seccomp=unconfined), and build the kernel with "
				  "CONFIG_BPF_SYSCALL=y",
			.lacks = "the bpf() system call is refused although the capabilities are "
				 "there",
		},
	[FEATURE_BTF] =
		{
			.id = FEATURE_BTF,
			.key = "btf",
			.name = "kernel type information",
			HAS(btf),
			.is_needed = true,
			.purpose =
				"BTF in /sys/kernel/btf/vmlinux lets one binary fit every kernel",
			.without = "the probes cannot find their way in this kernel's structures",
			.remedy = "run a kernel built with CONFIG_DEBUG_INFO_BTF=y, as those of "
				  "the large "
				  "distributions are; in a container, do not mask /sys",
			.lacks = "this kernel has no BTF (/sys/kernel/btf/vmlinux)",
		},
	[FEATURE_READ_KERNEL] =
		{
			.id = FEATURE_READ_KERNEL,
			.key = "read_kernel",
			.name = "kernel memory",
			HAS(read_kernel),
			.is_needed = true,
			.purpose = "bpf_probe_read_kernel() reads names and control groups of "
				   "processes",
			.without = "nothing can be watched",
			.remedy = "boot without lockdown, or with lockdown=integrity",
			.lacks = "the kernel is locked down (confidentiality) and lets no probe "
				 "read its memory",
		},
	[FEATURE_STATE_TRACEPOINT] =
		{
			.id = FEATURE_STATE_TRACEPOINT,
			.key = "state_tracepoint",
			.name = "socket state tracepoint",
			HAS(state_tracepoint),
			.is_needed = true,
			.purpose = "tp_btf/inet_sock_set_state sees every connect and close",
			.without = "connections cannot be followed",
			.remedy = "run a newer kernel, built with CONFIG_BPF_EVENTS=y",
			.lacks = "does not allow programs on tp_btf/inet_sock_set_state",
			.version = "5.5",
			.commit = "f1b9509c2fb0",
		},
	[FEATURE_SOCKET_STORAGE] =
		{
			.id = FEATURE_SOCKET_STORAGE,
			.key = "socket_storage",
			.name = "socket storage",
			HAS(socket_storage),
			.is_needed = true,
			.purpose = "bpf_sk_storage_get() in tracing programs: one record in each "
				   "socket",
			.without = "connections cannot be followed",
			.remedy = "run a newer kernel",
			.lacks = "does not allow socket storage in tracing programs",
			.version = "5.11",
			.commit = "8e4597c627fb",
		},
	[FEATURE_KERNEL_TYPES] =
		{
			.id = FEATURE_KERNEL_TYPES,
			.key = "kernel_types",
			.name = "kernel structures",
			HAS(kernel_types),
			.is_needed = true,
			.purpose = "byte counts and times of the last activity out of tcp_sock",
			.without = "idle times cannot be read",
			.remedy = "report the kernel's version; this build of connleak does not "
				  "know it",
			.lacks = "has other structures than the probes expect",
		},
	[FEATURE_RINGBUF] =
		{
			.id = FEATURE_RINGBUF,
			.key = "ring_buffer",
			.name = "ring buffer",
			HAS(ringbuf),
			.is_needed = true,
			.purpose = "carries the ends of connections out of the kernel",
			.without = "connections that ended cannot be reported",
			.remedy = "run a newer kernel",
			.lacks = "has no BPF ring buffer",
			.version = "5.8",
			.commit = "457f44363a88",
		},
	[FEATURE_ITER_FILES] =
		{
			.id = FEATURE_ITER_FILES,
			.key = "iter_task_file",
			.name = "walk over open files",
			HAS(iter_files),
			.is_needed = true,
			.purpose = "iter/task_file with bpf_sock_from_file() finds what is open "
				   "already",
			.without = "connections older than the start would be missing",
			.remedy = "run a newer kernel",
			.lacks =
				"cannot find open sockets (iter/task_file with bpf_sock_from_file)",
			.version = "5.11",
			.commit = "4f19cab76136",
		},
	[FEATURE_ITER_STORAGE] =
		{
			.id = FEATURE_ITER_STORAGE,
			.key = "iter_sk_storage_map",
			.name = "walk over connections",
			HAS(iter_storage),
			.is_needed = true,
			.purpose = "iter/bpf_sk_storage_map reads all records in one pass",
			.without = "idle times cannot be read",
			.remedy = "run a newer kernel",
			.lacks = "has no iter/bpf_sk_storage_map",
			.version = "5.9",
			.commit = "5ce6e77c7edf",
		},
	[FEATURE_PID_NS] =
		{
			.id = FEATURE_PID_NS,
			.key = "pid_namespace",
			.name = "host's pid namespace",
			HAS(pid_ns),
			.is_needed = true,
			.purpose = "the process ids that the kernel reports are those of /proc",
			.without = "connections could not be matched with processes",
			.remedy = "run it outside, or in the host's pid namespace (Kubernetes: "
				  "hostPID: "
				  "true, container: --pid=host)",
			.lacks = "this is not the host's pid namespace, so processes cannot be "
				 "matched",
		},
	[FEATURE_SEND_TRACEPOINT] =
		{
			.id = FEATURE_SEND_TRACEPOINT,
			.key = "send_tracepoint",
			.name = "send tracepoint",
			HAS(send_tracepoint),
			.purpose =
				"tp_btf/sock_send_length shows which code used a connection last",
			.without =
				"tcp_sendmsg is watched instead, by fentry or kprobe; where this "
				"host allows neither, only the opener of a connection is named",
			.remedy = "run a newer kernel to have it",
			.version = "6.3",
			.commit = "6e6eda44b939",
		},
	[FEATURE_PTRACE] =
		{
			.id = FEATURE_PTRACE,
			.key = "ptrace",
			.name = "CAP_SYS_PTRACE",
			HAS(ptrace),
			.purpose = "names the executable and the code of other users' processes",
			.without = "of those only the command name is known",
			.remedy = "run it as root, or grant the capability",
		},
	[FEATURE_BPFFS] =
		{
			.id = FEATURE_BPFFS,
			.key = "bpffs",
			.name = "BPF file system",
			HAS(bpffs),
			.purpose =
				"/sys/fs/bpf keeps the agent's probes and records over a restart",
			.without = "after a restart of the agent ages begin anew, as lower bounds",
			.remedy = "mount -t bpf bpf /sys/fs/bpf; an agent with CAP_SYS_ADMIN does "
				  "so itself",
			.version = "4.4",
			.commit = "b2197755b263",
		},
	[FEATURE_JOURNAL] =
		{
			.id = FEATURE_JOURNAL,
			.key = "journal",
			.name = "systemd journal",
			HAS(journal),
			.purpose =
				"/run/systemd/journal/socket takes verdicts with all their fields",
			.without = "verdicts go to standard output only",
			.remedy =
				"run systemd-journald; in a container, mount /run/systemd/journal",
		},
};

#undef HAS

const struct feature_row *features_rows(void)
{
	return rows;
}

static bool flag_of(const struct features *features, enum feature_id id)
{
	return *(const bool *)((const char *)features + rows[id].flag_offset);
}

enum feature_state features_state(const struct features *features, enum feature_id id)
{
	if (features->untried & 1U << id)
		return FEATURE_UNTRIED;
	return flag_of(features, id) ? FEATURE_PRESENT : FEATURE_ABSENT;
}

static int join_path(char *buffer, size_t size, const char *root, const char *path)
{
	int length = snprintf(buffer, size, "%s%s", root, path);

	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

/* Reads the beginning of a small file as text; false when it cannot be read. */
static bool read_text(const char *root, const char *path, char *buffer, size_t size)
{
	char full[PATH_MAX];
	size_t length = 0;
	ssize_t count;
	int fd;

	if (join_path(full, sizeof(full), root, path) < 0)
		return false;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	do {
		count = read(fd, buffer + length, size - 1 - length);
		length += count > 0 ? (size_t)count : 0;
	} while (count > 0 && length < size - 1);
	close(fd);
	buffer[length] = '\0';
	return count >= 0;
}

/* "none [integrity] confidentiality": the word in brackets. */
static void probe_lockdown(struct features *features, const char *root)
{
	char text[128], *open_bracket, *close_bracket;

	if (!read_text(root, "/sys/kernel/security/lockdown", text, sizeof(text)))
		return;
	open_bracket = strchr(text, '[');
	close_bracket = open_bracket ? strchr(open_bracket, ']') : NULL;
	if (close_bracket)
		snprintf(features->lockdown, sizeof(features->lockdown), "%.*s",
			 (int)(close_bracket - open_bracket - 1), open_bracket + 1);
}

/* The number in a link like "pid:[4026531836]"; 0 = unknown. */
static unsigned long namespace_inode(const char *root, const char *path)
{
	char full[PATH_MAX], target[64], *number;
	ssize_t length;

	if (join_path(full, sizeof(full), root, path) < 0)
		return 0;
	length = readlink(full, target, sizeof(target) - 1);
	if (length < 0)
		return 0;
	target[length] = '\0';
	number = strchr(target, '[');
	return number ? strtoul(number + 1, NULL, 10) : 0;
}

static void probe_capabilities(struct features *features, const char *status)
{
	const char *line = strstr(status, "\nCapEff:");
	uint64_t effective = line ? strtoull(line + strlen("\nCapEff:"), NULL, 16) : 0;
	uint64_t both = 1ULL << CAP_BPF | 1ULL << CAP_PERFMON;

	features->has_privileges =
		(effective & both) == both || (effective & 1ULL << CAP_SYS_ADMIN) != 0;
	features->has_ptrace = (effective & 1ULL << CAP_SYS_PTRACE) != 0;
}

static void probe_proc(struct features *features, const char *root)
{
	char status[STATUS_MAX];

	features->has_proc = read_text(root, "/proc/self/status", status, sizeof(status));
	if (!features->has_proc) {
		features->untried |= 1U << FEATURE_USER_NS | 1U << FEATURE_PRIVILEGES |
				     1U << FEATURE_PID_NS | 1U << FEATURE_PTRACE;
		return;
	}
	probe_capabilities(features, status);
	features->has_user_ns = namespace_inode(root, "/proc/self/ns/user") == USER_NS_FIRST;
	features->has_pid_ns = namespace_inode(root, "/proc/self/ns/pid") == PID_NS_FIRST;
	if (read_text(root, "/proc/sys/kernel/osrelease", features->release,
		      sizeof(features->release)))
		features->release[strcspn(features->release, "\n")] = '\0';
}

static void probe_mounts(struct features *features, const char *root)
{
	char full[PATH_MAX];
	struct statfs file_system;
	struct stat status;

	if (join_path(full, sizeof(full), root, "/sys/fs/bpf") == 0)
		features->has_bpffs =
			statfs(full, &file_system) == 0 && file_system.f_type == BPF_FS_MAGIC;
	if (join_path(full, sizeof(full), root, "/run/systemd/journal/socket") == 0)
		features->has_journal = stat(full, &status) == 0 && S_ISSOCK(status.st_mode);
}

int features_probe(struct features *ret_features, const char *root)
{
	struct features features = {0};
	char btf_path[PATH_MAX];
	int ret = 0;

	if (!root)
		root = "";
	if (join_path(btf_path, sizeof(btf_path), root, "/sys/kernel/btf/vmlinux") < 0)
		return -ENAMETOOLONG;
	probe_proc(&features, root);
	probe_lockdown(&features, root);
	probe_mounts(&features, root);
	features.has_btf = access(btf_path, R_OK) == 0;
	features.untried |= 1U << FEATURE_BPF | 1U << FEATURE_READ_KERNEL |
			    1U << FEATURE_STATE_TRACEPOINT | 1U << FEATURE_SOCKET_STORAGE |
			    1U << FEATURE_KERNEL_TYPES | 1U << FEATURE_RINGBUF |
			    1U << FEATURE_ITER_FILES | 1U << FEATURE_ITER_STORAGE |
			    1U << FEATURE_SEND_TRACEPOINT;
	if (features.has_privileges && features.has_user_ns) {
		features.untried &= ~(1U << FEATURE_BPF);
		features.has_bpf = features_bpf_is_allowed();
	}
	if (features.has_bpf && features.has_btf) {
		features.has_btf = false; /* readable is not yet usable */
		ret = features_bpf_probe(&features, btf_path);
	}
	if (ret == 0)
		*ret_features = features;
	return ret;
}

static void write_reason(const struct features *features, const struct feature_row *row,
			 char *reason, size_t size)
{
	const char *release = features->release[0] ? features->release : "unknown version";

	if (row->id == FEATURE_KERNEL_TYPES)
		snprintf(reason, size, "this kernel (%s) %s (no %s): %s", release, row->lacks,
			 features->missing_member, row->remedy);
	else if (row->version)
		snprintf(reason, size, "this kernel (%s) %s (needs %s or later)", release,
			 row->lacks, row->version);
	else
		snprintf(reason, size, "%s: %s", row->lacks, row->remedy);
}

bool features_can_run(const struct features *features, char *ret_reason, size_t reason_size)
{
	const struct feature_row *untried = NULL;

	for (int id = 0; id < FEATURE_COUNT; id++) {
		enum feature_state state = features_state(features, (enum feature_id)id);

		if (!rows[id].is_needed || state == FEATURE_PRESENT)
			continue;
		if (state == FEATURE_ABSENT) {
			write_reason(features, &rows[id], ret_reason, reason_size);
			return false;
		}
		if (!untried)
			untried = &rows[id];
	}
	if (untried)
		snprintf(ret_reason, reason_size, "it could not be found out whether there is: %s",
			 untried->name);
	return !untried;
}
