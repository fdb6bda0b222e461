/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc says about one process, and proof that it is still the same process. Everything goes
 * through proc_fd, an open directory that is /proc or looks like it.
 *
 * Errors are silent: -ESRCH the process is gone (or is another one), -EACCES or -EPERM no
 * permission, -EBADMSG the kernel's text is not what it should be, -ENAMETOOLONG the buffer is too
 * small, -EFBIG the file is absurdly long, -ENOMEM. Outputs are written on success only.
 */
#ifndef CONNLEAK_SYS_PROC_H
#define CONNLEAK_SYS_PROC_H

#include <linux/limits.h>

#include "core/types.h"
#include "proc_watch.h"

struct proc_client {
	char comm[COMM_SIZE]; /* raw bytes, NUL-terminated */
	char exe[PATH_MAX]; /* "" = unknown, or a kernel thread */
	char cgroup[PATH_MAX]; /* "" = unknown */
	uint32_t ns_pid; /* as its innermost pid namespace numbers it; 0 = unknown */
};

/* The fields of /proc/PID/stat that matter here. */
struct proc_stat {
	uint64_t start_ticks; /* since boot, in units of sysconf(_SC_CLK_TCK) */
	uint32_t thread_count;
	char state; /* 'R', 'S', 'Z', ... */
};

/* Opens /proc. Returns a descriptor or -errno. */
int proc_open(void);

/* The cgroup path as cgroup_path_parse() picks it; -ENOENT where there is none. */
int proc_read_cgroup(int proc_fd, uint32_t pid, char *buffer, size_t size);

/*
 * Path of the executable, without the " (deleted)" that the kernel puts behind a file that was
 * replaced. -ENOENT for a kernel thread or a zombie.
 */
int proc_read_exe(int proc_fd, uint32_t pid, char *buffer, size_t size);

/* The command name, as it is: it may hold any byte. Returns 0 or -errno. */
int proc_read_comm(int proc_fd, uint32_t pid, char ret_comm[static COMM_SIZE]);

/* Of the process as a whole. Returns 0, or -errno where it is gone or hidden. */
int proc_read_stat(int proc_fd, uint32_t pid, struct proc_stat *ret_stat);

/* The same of one of its threads; -ESRCH when the process has no such thread. */
int proc_read_thread_stat(int proc_fd, uint32_t pid, uint32_t tid, struct proc_stat *ret_stat);

/* When it started, in ns since boot, rounded down to a clock tick (proc_tick_ns()). */
int proc_read_start_ns(int proc_fd, uint32_t pid, uint64_t *ret_start_ns);

/* Its pid in the innermost of its pid namespaces; the same as pid outside of containers. */
int proc_read_ns_pid(int proc_fd, uint32_t pid, uint32_t *ret_ns_pid);

/*
 * All of it, of exactly this process: when the pid belongs to another one by the time the last
 * file was read, -ESRCH. An unknown start time (0) is taken as that of the process found. What
 * cannot be read for other reasons stays empty.
 */
int proc_read_client(int proc_fd, struct client_id id, struct proc_client *ret_client);

/* Length of a clock tick of /proc: 10 ms nearly everywhere. */
uint64_t proc_tick_ns(void);

/* True when a start read from /proc and one from the kernel can be of the same process. */
bool proc_start_matches(uint64_t proc_start_ns, uint64_t kernel_start_ns);

/* The parsers, pure. */
int proc_parse_stat(const char *text, size_t length, struct proc_stat *ret_stat);
int proc_parse_ns_pid(const char *text, size_t length, uint32_t *ret_ns_pid);
uint64_t proc_ticks_to_ns(uint64_t ticks, long ticks_per_second); /* UINT64_MAX = overflow */

#endif
