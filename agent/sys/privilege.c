// SPDX-License-Identifier: Apache-2.0
/*
 * Why: the agent reads what every process of the host can influence, for months. What it has
 * loaded at its start is not a reason to be able to load modules, mount, or trace for ever.
 *
 * Capabilities that stay, and what for:
 *	CAP_BPF, CAP_PERFMON	probes that are attached for a suspect only; reading maps where
 *				unprivileged BPF is off
 *	CAP_SYS_PTRACE		executable, maps and memory of other users' processes
 *	CAP_DAC_READ_SEARCH	files of containers, logs of the kubelet
 *
 * A call that is not in the list is trapped rather than refused by the kernel in silence: the
 * handler notes its number, so that it can be said and counted, and answers EPERM. The agent is
 * not killed for it: a C library that was updated under it may try a newer call first, and an
 * agent that watches less is worth more than none.
 *
 * Invariant: the list holds all that the symbolizer calls, which inherits the filter and traps
 * nothing; there a call beyond it is fatal, and the agent starts another one.
 *
 * The counters are the process's, because a signal handler has no argument.
 */
#include "privilege.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "log.h"

#define CALLS_MAX 1024

static volatile uint64_t refused_count;
static volatile sig_atomic_t was_refused[CALLS_MAX];
static bool is_told[CALLS_MAX];

/* --- capabilities ----------------------------------------------------------------------------- */

static const cap_value_t looking[] = {CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};

static bool is_for_looking(cap_value_t value)
{
	for (size_t i = 0; i < sizeof(looking) / sizeof(looking[0]); i++)
		if (looking[i] == value)
			return true;
	return false;
}

/* Needs CAP_SETPCAP; a service manager that has not given that has bounded the set itself. */
static void drop_bounding(void)
{
	for (cap_value_t value = 0; cap_get_bound(value) >= 0; value++)
		if (!is_for_looking(value))
			(void)cap_drop_bound(value);
}

static int keep_one(cap_t had, cap_t kept, cap_value_t value)
{
	cap_flag_value_t flag = CAP_CLEAR;

	if (cap_get_flag(had, value, CAP_PERMITTED, &flag) < 0 || flag != CAP_SET)
		return 0;
	if (cap_set_flag(kept, CAP_PERMITTED, 1, &value, CAP_SET) < 0 ||
	    cap_set_flag(kept, CAP_EFFECTIVE, 1, &value, CAP_SET) < 0)
		return -errno;
	return 0;
}

int privilege_drop_capabilities(uint64_t more)
{
	cap_t had = cap_get_proc(), kept = cap_init();
	int r = had && kept ? 0 : -ENOMEM;

	drop_bounding();
	(void)cap_reset_ambient(); /* not there before Linux 4.3, and nothing to reset */
	for (size_t i = 0; r == 0 && i < sizeof(looking) / sizeof(looking[0]); i++)
		r = keep_one(had, kept, looking[i]);
	for (cap_value_t value = 0; r == 0 && value < 64; value++)
		if (more & PRIVILEGE_MORE(value))
			r = keep_one(had, kept, value);
	if (r == 0 && cap_set_proc(kept) < 0)
		r = -errno;
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	cap_free(had);
	cap_free(kept);
	return r;
}

/* --- system calls ----------------------------------------------------------------------------- */

static const int allowed[] = {
	/* files and directories */
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(pwrite64),
	SCMP_SYS(writev),
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(lseek),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(ioctl),
	SCMP_SYS(umask),
	/* the state, the socket, the pins */
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rmdir),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(flock),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(fchown),
	SCMP_SYS(fchownat),
	/* memory */
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(memfd_create),
	/* waiting and time */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(signalfd4),
	SCMP_SYS(eventfd2),
	SCMP_SYS(inotify_init1),
	SCMP_SYS(inotify_add_watch),
	SCMP_SYS(inotify_rm_watch),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	/* sockets */
	SCMP_SYS(socket),
	SCMP_SYS(socketpair),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(connect),
	SCMP_SYS(shutdown),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(sendfile),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	/* probes and other processes */
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(kcmp),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(name_to_handle_at),
	SCMP_SYS(kill),
	SCMP_SYS(pidfd_send_signal),
	/* oneself */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrandom),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit),
	SCMP_SYS(prlimit64),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getcpu),
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(rseq),
	SCMP_SYS(tgkill),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* starting the symbolizer, and how it confines itself */
	SCMP_SYS(clone),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(execve),
	SCMP_SYS(wait4),
	SCMP_SYS(waitid),
	SCMP_SYS(arch_prctl),
	SCMP_SYS(prctl),
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(setgroups),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setrlimit),
	SCMP_SYS(seccomp),
};

/* Answers EPERM in the place of the call that was trapped. */
static void on_trap(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	int call = info->si_syscall;

	(void)signal_number;
	refused_count++;
	if (call >= 0 && call < CALLS_MAX)
		was_refused[call] = 1;
#if defined(__x86_64__)
	user->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
	user->uc_mcontext.regs[0] = (unsigned long long)-EPERM;
#else
	(void)user; /* the call answers what the register held: nonsense, but no power */
#endif
}

static int catch_traps(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_RESTART};

	sigemptyset(&action.sa_mask);
	return sigaction(SIGSYS, &action, NULL) < 0 ? -errno : 0;
}

int privilege_restrict_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int r = filter ? catch_traps() : -ENOMEM;

	/* Those that this architecture does not have are negative. */
	for (size_t i = 0; r == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (allowed[i] >= 0)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* The C library takes clone() where this one is not there; its flags cannot be looked at.
	 */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

const uint64_t *privilege_refused_count(void)
{
	return (const uint64_t *)&refused_count;
}

void privilege_tell_refused(void)
{
	static uint64_t told_count;

	if (refused_count == told_count)
		return;
	told_count = refused_count;
	for (int call = 0; call < CALLS_MAX; call++) {
		char *name;

		if (!was_refused[call] || is_told[call])
			continue;
		is_told[call] = true;
		name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
		log_error("seccomp: system call %d (%s) is not in the agent's list and was refused",
			  call, name ? name : "unknown");
		free(name);
	}
}
