// SPDX-License-Identifier: Apache-2.0
/*
 * The symbolizer itself: takes off everything that it does not need, then answers samples one by
 * one until the agent is gone.
 *
 * What is left to it: CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (memory and files of other processes,
 * for reading), the user nobody where the agent may change users, a list of system calls in which
 * there is none that writes, opens for writing, executes, connects or signals, 4 GB of address
 * space and 256 descriptors. So an ELF file that takes it over has a process that can read, and
 * nowhere to tell it but the line of a site.
 *
 * Invariant: nothing of another process is read before all of that is in force.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "symbolizer.h"

#define NOBODY 65534
#define ADDRESS_SPACE_BYTES (8ULL << 30)

static int set_limit(int resource, rlim_t value)
{
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value};

	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

static int set_limits(void)
{
	int r = set_limit(RLIMIT_FSIZE, 0);

	if (r == 0)
		r = set_limit(RLIMIT_CORE, 0);
	if (r == 0)
		r = set_limit(RLIMIT_NOFILE, 512);
#ifndef __SANITIZE_ADDRESS__ /* its shadow memory alone is 16 TB */
	if (r == 0)
		r = set_limit(RLIMIT_AS, ADDRESS_SPACE_BYTES);
#endif
	return r;
}

/*
 * An agent that has given up the capabilities to change its user cannot pass them on; then root
 * without them has to do: the list of calls lets nobody open a file for writing.
 */
static int become_nobody(void)
{
	cap_flag_value_t user = CAP_CLEAR, group = CAP_CLEAR;
	cap_t had = cap_get_proc();
	int r = had ? 0 : -errno;

	if (had && (cap_get_flag(had, CAP_SETUID, CAP_EFFECTIVE, &user) < 0 ||
		    cap_get_flag(had, CAP_SETGID, CAP_EFFECTIVE, &group) < 0))
		r = -errno;
	cap_free(had);
	if (r == 0 && user == CAP_SET && group == CAP_SET &&
	    (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	     setresuid(NOBODY, NOBODY, NOBODY) < 0))
		r = -errno;
	return r;
}

/* Keeps of the two capabilities those that the agent has. */
static int drop_privileges(void)
{
	const cap_value_t wanted[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
	cap_t had, kept = cap_init();
	int r = 0;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		r = -errno;
	if (r == 0)
		r = become_nobody();
	had = cap_get_proc();
	for (size_t i = 0; had && kept && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		cap_flag_value_t value = CAP_CLEAR;

		if (cap_get_flag(had, wanted[i], CAP_PERMITTED, &value) < 0 || value != CAP_SET)
			continue;
		(void)cap_set_flag(kept, CAP_PERMITTED, 1, &wanted[i], CAP_SET);
		(void)cap_set_flag(kept, CAP_EFFECTIVE, 1, &wanted[i], CAP_SET);
	}
	if (r == 0 && (!had || !kept || cap_set_proc(kept) < 0))
		r = -errno;
	cap_free(had);
	cap_free(kept);
	return r;
}

static const int allowed_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(readv),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(lseek),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendto),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(exit_group),
	SCMP_SYS(exit),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),
};

#define OPEN_WRITES (O_ACCMODE | O_CREAT | O_TRUNC)

/* Those that do not make a descriptor send signals. */
static const int allowed_fcntls[] = {F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC};

/*
 * libdw opens by itself what an ELF file names (.gnu_debugaltlink, DW_AT_dwo_name), in our root
 * and whatever it is: a fifo waits, a watchdog is armed. It does so without O_CLOEXEC, and what
 * is opened here, after a look at what it is, has that flag.
 */
static int allow_opens(scmp_filter_ctx filter)
{
	return seccomp_rule_add(
		filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
		SCMP_A2(SCMP_CMP_MASKED_EQ, OPEN_WRITES | O_CLOEXEC, O_RDONLY | O_CLOEXEC));
}

/* The limits of another process end it as surely as a signal: they may be read only. */
static int allow_limits_and_fcntls(scmp_filter_ctx filter)
{
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
				 SCMP_A2(SCMP_CMP_EQ, 0, 0));

	for (size_t i = 0; r == 0 && i < sizeof(allowed_fcntls) / sizeof(allowed_fcntls[0]); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				     SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)allowed_fcntls[i], 0));
	return r;
}

/* Whatever is not in the list answers EPERM, so that libdw goes on without it. */
static int restrict_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < sizeof(allowed_calls) / sizeof(allowed_calls[0]); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
	if (r == 0)
		r = allow_opens(filter);
	if (r == 0)
		r = allow_limits_and_fcntls(filter);
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_load(filter); /* sets no_new_privs */
	seccomp_release(filter);
	return r;
}

static int confine(void)
{
	int r;

	/* The agent's descriptors were all closed by the exec; whoever forgot that flag: closed. */
	if (close_range(3, ~0U, 0) < 0 && errno != ENOSYS)
		return -errno;
	r = set_limits();
	if (r == 0)
		r = drop_privileges();
	/* After the change of user, which clears it. */
	if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		r = -errno;
	return r;
}

static bool wait_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, -1) > 0 || errno == EINTR;
}

static int serve(int fd, struct resolver *resolver)
{
	static struct stack_sample sample; /* 17 KB */
	struct site_answer answer;

	while (wait_readable(fd)) {
		ssize_t n = recv(fd, &sample, sizeof(sample), 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < (ssize_t)offsetof(struct stack_sample, stack))
			return n == 0 ? 0 : 1;
		if (sample.stack_bytes > (size_t)n - offsetof(struct stack_sample, stack))
			return 1;
		resolver_run(resolver, &sample, &answer);
		if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
			return 1;
	}
	return 1;
}

int symbolizer_main(int fd)
{
	struct resolver *resolver;
	int proc_fd, status;

	if (confine() < 0)
		return 1;
	proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	resolver = proc_fd >= 0 ? resolver_new(proc_fd) : NULL;
	if (!resolver || restrict_calls() < 0)
		return 1;
	status = serve(fd, resolver);
	resolver_free(resolver);
	close(proc_fd);
	return status;
}
