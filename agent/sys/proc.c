// SPDX-License-Identifier: Apache-2.0
/*
 * Why: the kernel side knows a process by pid and start time; names and paths are read from /proc
 * afterwards, when the pid may belong to somebody else.
 *
 * Invariant: details are handed out only when the process that had the pid before the first read
 * still had it after the last one. No file is trusted to be short, terminated or well-formed: comm
 * is any 15 bytes, parentheses and newlines included.
 *
 * Limits: a file whose real name ends in " (deleted)" loses that ending. In a time namespace of its
 * own, /proc shifts the start times; then nothing matches and every process counts as gone.
 */
#include "proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cgroup.h"

#define FILE_FIRST 4096
#define FILE_MAX (1024 * 1024) /* status with the kernel's most supplementary groups is 700 kB */
#define DELETED " (deleted)"
#define STAT_FIELD_STATE 3
#define STAT_FIELD_THREADS 20
#define STAT_FIELD_START 22

int proc_open(void)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* A directory or file of a process that is no more. */
static int gone_of(int error)
{
	return error == ENOENT || error == ESRCH ? -ESRCH : -error;
}

/* Reads to the end into memory that the caller frees; NUL-terminated beyond *ret_length. */
static int read_all(int fd, char **ret_text, size_t *ret_length)
{
	size_t size = FILE_FIRST, length = 0;
	char *text = malloc(size + 1), *larger;
	int ret = text ? 0 : -ENOMEM;

	while (ret == 0) {
		ssize_t count = read(fd, text + length, size - length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0) {
			ret = gone_of(errno);
			break;
		}
		if (count == 0)
			break;
		length += (size_t)count;
		if (length < size)
			continue;
		larger = size < FILE_MAX ? realloc(text, size * 4 + 1) : NULL;
		if (!larger) {
			ret = size < FILE_MAX ? -ENOMEM : -EFBIG;
			break;
		}
		text = larger;
		size *= 4;
	}
	if (ret < 0) {
		free(text);
		return ret;
	}
	text[length] = '\0';
	*ret_text = text;
	*ret_length = length;
	return 0;
}

static int read_file(int proc_fd, uint32_t pid, const char *name, char **ret_text,
		     size_t *ret_length)
{
	char path[48];
	int fd, ret;

	snprintf(path, sizeof(path), "%u/%s", pid, name);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return gone_of(errno);
	ret = read_all(fd, ret_text, ret_length);
	close(fd);
	return ret;
}

int proc_read_cgroup(int proc_fd, uint32_t pid, char *buffer, size_t size)
{
	size_t length;
	char *text;
	int ret = read_file(proc_fd, pid, "cgroup", &text, &length);

	if (ret < 0)
		return ret;
	ret = cgroup_path_parse(text, length, buffer, size);
	free(text);
	return ret;
}

/* The link of a kernel thread is missing although the process is there. */
static int missing_exe(int proc_fd, uint32_t pid)
{
	char path[16];

	snprintf(path, sizeof(path), "%u", pid);
	return faccessat(proc_fd, path, F_OK, 0) == 0 ? -ENOENT : -ESRCH;
}

int proc_read_exe(int proc_fd, uint32_t pid, char *buffer, size_t size)
{
	const size_t deleted = strlen(DELETED);
	char path[32], target[PATH_MAX + sizeof(DELETED)];
	ssize_t count;
	size_t length;

	snprintf(path, sizeof(path), "%u/exe", pid);
	count = readlinkat(proc_fd, path, target, sizeof(target));
	if (count < 0)
		return errno == ENOENT ? missing_exe(proc_fd, pid) : gone_of(errno);
	length = (size_t)count;
	if (length == sizeof(target))
		return -ENAMETOOLONG;
	if (length > deleted && memcmp(target + length - deleted, DELETED, deleted) == 0)
		length -= deleted;
	if (length >= size)
		return -ENAMETOOLONG;
	memcpy(buffer, target, length);
	buffer[length] = '\0';
	return 0;
}

int proc_read_comm(int proc_fd, uint32_t pid, char ret_comm[static COMM_SIZE])
{
	size_t length;
	char *text;
	int ret = read_file(proc_fd, pid, "comm", &text, &length);

	if (ret < 0)
		return ret;
	/* The last newline is the file's, any other one is the name's. */
	if (length > 0 && text[length - 1] == '\n')
		length--;
	if (length > COMM_SIZE - 1)
		length = COMM_SIZE - 1; /* kernel threads may have more */
	memset(ret_comm, 0, COMM_SIZE);
	memcpy(ret_comm, text, length);
	free(text);
	return 0;
}

/* Decimal digits up to a blank or the end; NULL when there are none or too many. */
static const char *scan_number(const char *text, const char *end, uint64_t *ret_number)
{
	const char *start = text;
	uint64_t number = 0;

	for (; text < end && isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			return NULL;
	if (text == start || (text < end && !isspace((unsigned char)*text)))
		return NULL;
	*ret_number = number;
	return text;
}

/* The start of the count-th next field: skips count - 1 of them; fields are parted by one blank. */
static const char *next_field(const char *text, const char *end, int count)
{
	while (count > 0) {
		text = memchr(text, ' ', (size_t)(end - text));
		if (!text)
			return NULL;
		text++;
		count--;
	}
	return text < end ? text : NULL;
}

int proc_parse_stat(const char *text, size_t length, struct proc_stat *ret_stat)
{
	const char *end = text + length;
	/* comm may contain ") R 1": what follows it cannot, so its end is the last parenthesis. */
	const char *state = length ? memrchr(text, ')', length) : NULL;
	const char *threads, *start;
	uint64_t thread_count, start_ticks;

	state = state ? next_field(state, end, 1) : NULL;
	threads = state ? next_field(state, end, STAT_FIELD_THREADS - STAT_FIELD_STATE) : NULL;
	start = threads ? next_field(threads, end, STAT_FIELD_START - STAT_FIELD_THREADS) : NULL;
	if (!start || !scan_number(threads, end, &thread_count) ||
	    !scan_number(start, end, &start_ticks) || thread_count > UINT32_MAX)
		return -EBADMSG;
	ret_stat->state = *state;
	ret_stat->thread_count = (uint32_t)thread_count;
	ret_stat->start_ticks = start_ticks;
	return 0;
}

static int read_stat(int proc_fd, uint32_t pid, const char *name, struct proc_stat *ret_stat)
{
	size_t length;
	char *text;
	int ret = read_file(proc_fd, pid, name, &text, &length);

	if (ret < 0)
		return ret;
	ret = proc_parse_stat(text, length, ret_stat);
	free(text);
	return ret;
}

int proc_read_stat(int proc_fd, uint32_t pid, struct proc_stat *ret_stat)
{
	return read_stat(proc_fd, pid, "stat", ret_stat);
}

int proc_read_thread_stat(int proc_fd, uint32_t pid, uint32_t tid, struct proc_stat *ret_stat)
{
	char name[32];

	snprintf(name, sizeof(name), "task/%u/stat", tid);
	return read_stat(proc_fd, pid, name, ret_stat);
}

uint64_t proc_ticks_to_ns(uint64_t ticks, long ticks_per_second)
{
	uint64_t rate, ns, rest;

	if (ticks_per_second <= 0)
		return UINT64_MAX;
	rate = (uint64_t)ticks_per_second;
	rest = ticks % rate * NS_PER_SEC / rate;
	if (__builtin_mul_overflow(ticks / rate, NS_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, rest, &ns))
		return UINT64_MAX;
	return ns;
}

uint64_t proc_tick_ns(void)
{
	long rate = sysconf(_SC_CLK_TCK);

	return NS_PER_SEC / (uint64_t)(rate > 0 ? rate : 100);
}

int proc_read_start_ns(int proc_fd, uint32_t pid, uint64_t *ret_start_ns)
{
	struct proc_stat stat;
	uint64_t start_ns;
	int ret = proc_read_stat(proc_fd, pid, &stat);

	if (ret < 0)
		return ret;
	start_ns = proc_ticks_to_ns(stat.start_ticks, sysconf(_SC_CLK_TCK));
	if (start_ns == UINT64_MAX)
		return -EBADMSG;
	*ret_start_ns = start_ns;
	return 0;
}

bool proc_start_matches(uint64_t proc_start_ns, uint64_t kernel_start_ns)
{
	uint64_t apart = proc_start_ns > kernel_start_ns ? proc_start_ns - kernel_start_ns
							 : kernel_start_ns - proc_start_ns;

	return apart <= proc_tick_ns();
}

int proc_parse_ns_pid(const char *text, size_t length, uint32_t *ret_ns_pid)
{
	static const char key[] = "NSpid:";
	const char *end = text + length, *line = text;
	uint64_t number = 0;
	bool has_number = false;

	/* Newlines in Name: are escaped by the kernel, so lines are lines. */
	while (line && (size_t)(end - line) > strlen(key) && memcmp(line, key, strlen(key)) != 0) {
		line = memchr(line, '\n', (size_t)(end - line));
		line = line ? line + 1 : NULL;
	}
	if (!line || (size_t)(end - line) <= strlen(key))
		return -EBADMSG;
	line += strlen(key);
	for (;;) {
		while (line < end && (*line == '\t' || *line == ' '))
			line++;
		if (line == end || *line == '\n')
			break;
		line = scan_number(line, end, &number);
		if (!line || number > UINT32_MAX)
			return -EBADMSG;
		has_number = true;
	}
	if (!has_number)
		return -EBADMSG;
	*ret_ns_pid = (uint32_t)number;
	return 0;
}

int proc_read_ns_pid(int proc_fd, uint32_t pid, uint32_t *ret_ns_pid)
{
	size_t length;
	char *text;
	int ret = read_file(proc_fd, pid, "status", &text, &length);

	if (ret < 0)
		return ret;
	ret = proc_parse_ns_pid(text, length, ret_ns_pid);
	free(text);
	return ret;
}

int proc_read_client(int proc_fd, struct client_id id, struct proc_client *ret_client)
{
	uint64_t before_ns, after_ns;
	int ret = proc_read_start_ns(proc_fd, id.pid, &before_ns);

	if (ret < 0)
		return ret;
	if (id.start_ns && !proc_start_matches(before_ns, id.start_ns))
		return -ESRCH;
	memset(ret_client->comm, 0, sizeof(ret_client->comm));
	ret_client->exe[0] = '\0';
	ret_client->cgroup[0] = '\0';
	ret_client->ns_pid = 0;
	/* Each may be forbidden or missing; a process that is gone shows below. */
	(void)proc_read_comm(proc_fd, id.pid, ret_client->comm);
	(void)proc_read_exe(proc_fd, id.pid, ret_client->exe, sizeof(ret_client->exe));
	(void)proc_read_cgroup(proc_fd, id.pid, ret_client->cgroup, sizeof(ret_client->cgroup));
	(void)proc_read_ns_pid(proc_fd, id.pid, &ret_client->ns_pid);
	ret = proc_read_start_ns(proc_fd, id.pid, &after_ns);
	if (ret == 0 && after_ns != before_ns)
		ret = -ESRCH;
	if (ret < 0)
		memset(ret_client, 0, sizeof(*ret_client));
	return ret;
}
