// SPDX-License-Identifier: Apache-2.0
/*
 * Why: a pidfd stays with one process whatever becomes of its pid, and one epoll descriptor asks
 * about thousands of them at once.
 *
 * Invariant: an entry is in exactly one of: the free list, the hash with a pidfd in the epoll set,
 * the hash without one (polled). The pidfd is opened before the start time is checked: a pid that
 * is reused between the two fails the check, one that is reused later does not concern the pidfd.
 *
 *	buckets[hash] -> entry -> entry -> NONE		free -> entry -> ... -> NONE
 *
 * Polling compares start times, a bounded number at each call, so it may be late, never wrong.
 */
#include "proc_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc.h"

#define BUCKET_COUNT 16384u /* a power of two */
#define NONE UINT32_MAX
#define POLL_MAX 256 /* entries looked at in one call */

struct entry {
	struct client_id id;
	uint64_t proc_start_ns; /* as /proc said when it was added */
	int pidfd; /* -1 = polled, or free */
	uint32_t next; /* in the bucket or in the free list */
	bool is_used;
};

struct proc_watch {
	int proc_fd; /* borrowed */
	int epoll_fd;
	bool has_pidfd; /* false once the kernel has refused for good */
	uint32_t count, polled_count;
	uint32_t pidfd_max; /* the rest of the descriptors is for others */
	uint32_t free_first;
	uint32_t high_water; /* entries from here on have never been used */
	uint32_t poll_next; /* where polling goes on */
	struct entry *entries; /* PROC_WATCH_MAX */
	uint32_t buckets[BUCKET_COUNT];
};

struct proc_watch *proc_watch_new(int proc_fd, uint32_t pidfd_max)
{
	struct proc_watch *watch = malloc(sizeof(*watch));

	if (!watch)
		return NULL;
	*watch = (struct proc_watch){
		.proc_fd = proc_fd,
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.has_pidfd = true,
		.pidfd_max = pidfd_max,
		.free_first = NONE,
		/* Pages that are never used cost nothing. */
		.entries = calloc(PROC_WATCH_MAX, sizeof(*watch->entries)),
	};
	memset(watch->buckets, 0xff, sizeof(watch->buckets));
	if (watch->epoll_fd < 0 || !watch->entries) {
		proc_watch_free(watch);
		return NULL;
	}
	return watch;
}

void proc_watch_free(struct proc_watch *watch)
{
	if (!watch)
		return;
	for (uint32_t i = 0; i < watch->high_water; i++)
		if (watch->entries[i].is_used && watch->entries[i].pidfd >= 0)
			close(watch->entries[i].pidfd);
	if (watch->epoll_fd >= 0)
		close(watch->epoll_fd);
	free(watch->entries);
	free(watch);
}

static uint32_t *bucket_of(struct proc_watch *watch, struct client_id id)
{
	uint64_t hash = (id.start_ns ^ id.pid) * 0x9E3779B97F4A7C15ULL;

	return &watch->buckets[hash >> 40 & (BUCKET_COUNT - 1)];
}

/* The link that points to the entry, or to NONE at the end of its bucket. */
static uint32_t *find_link(struct proc_watch *watch, struct client_id id)
{
	uint32_t *link = bucket_of(watch, id);

	while (*link != NONE && !client_id_equal(watch->entries[*link].id, id))
		link = &watch->entries[*link].next;
	return link;
}

/* Takes the entry that a link points to out of everything. */
static void drop(struct proc_watch *watch, uint32_t *link)
{
	uint32_t index = *link;
	struct entry *entry = &watch->entries[index];

	*link = entry->next;
	if (entry->pidfd >= 0) {
		/* Explicitly: a copy of the descriptor in a child would keep it in the set. */
		(void)epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, entry->pidfd, NULL);
		close(entry->pidfd);
	} else {
		watch->polled_count--;
	}
	entry->pidfd = -1;
	entry->is_used = false;
	entry->next = watch->free_first;
	watch->free_first = index;
	watch->count--;
}

static struct entry *take_entry(struct proc_watch *watch, uint32_t *ret_index)
{
	uint32_t index = watch->free_first;

	if (index != NONE)
		watch->free_first = watch->entries[index].next;
	else if (watch->high_water < PROC_WATCH_MAX)
		index = watch->high_water++;
	else
		return NULL;
	*ret_index = index;
	return &watch->entries[index];
}

/* A pidfd, -1 where the process must be polled, or -ESRCH. */
static int open_pidfd(struct proc_watch *watch, uint32_t pid)
{
	int fd;

	if (!watch->has_pidfd || watch->count - watch->polled_count >= watch->pidfd_max)
		return -1;
	/* The C library has no wrapper before 2.36. Close-on-exec is set by the kernel. */
	fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (fd >= 0)
		return fd;
	/* pidfd_open: 32fcb426ec00 (5.3); sandboxes answer EPERM. */
	if (errno == ENOSYS || errno == EPERM)
		watch->has_pidfd = false;
	if (errno == ESRCH || errno == EINVAL || errno == ENOENT)
		return -ESRCH;
	return -1;
}

/* A zombie whose last thread is gone, too; the main thread alone may end before the others. */
static bool is_dead(const struct proc_stat *stat)
{
	return (stat->state == 'Z' || stat->state == 'X') && stat->thread_count <= 1;
}

/* Checks that the pid is still that process. */
static int verify(struct proc_watch *watch, struct client_id id, uint64_t *ret_proc_start_ns)
{
	struct proc_stat stat;
	uint64_t start_ns;
	int ret = proc_read_stat(watch->proc_fd, id.pid, &stat);

	if (ret < 0)
		return ret;
	start_ns = proc_ticks_to_ns(stat.start_ticks, sysconf(_SC_CLK_TCK));
	if (is_dead(&stat) || (id.start_ns && !proc_start_matches(start_ns, id.start_ns)))
		return -ESRCH;
	*ret_proc_start_ns = start_ns;
	return 0;
}

/*
 * A process that lives but is not in /proc: mounted with hidepid=, and it is another user's. It
 * must not be taken for one that has exited.
 */
static bool is_hidden(const struct proc_watch *watch, int pidfd, uint32_t pid)
{
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
	char path[16];

	snprintf(path, sizeof(path), "%u", pid);
	return pidfd >= 0 && faccessat(watch->proc_fd, path, F_OK, 0) < 0 &&
	       poll(&poll_fd, 1, 0) == 0;
}

int proc_watch_add(struct proc_watch *watch, struct client_id id)
{
	uint64_t proc_start_ns;
	struct entry *entry;
	uint32_t index, *link = find_link(watch, id);
	int pidfd, ret;

	if (*link != NONE)
		return -EEXIST;
	pidfd = open_pidfd(watch, id.pid);
	if (pidfd == -ESRCH)
		return -ESRCH;
	ret = verify(watch, id, &proc_start_ns);
	if ((ret == -EMFILE || ret == -ENFILE) && pidfd >= 0) {
		/* The last descriptor is needed to read /proc. */
		close(pidfd);
		pidfd = -1;
		ret = verify(watch, id, &proc_start_ns);
	}
	if (ret == -ESRCH && is_hidden(watch, pidfd, id.pid))
		ret = -EACCES;
	entry = ret == 0 ? take_entry(watch, &index) : NULL;
	if (!entry) {
		if (pidfd >= 0)
			close(pidfd);
		return ret < 0 ? ret : -ENOSPC;
	}
	if (pidfd >= 0) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};

		if (epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, pidfd, &event) < 0) {
			close(pidfd);
			pidfd = -1;
		}
	}
	*entry = (struct entry){id, proc_start_ns, pidfd, NONE, true};
	*link = index;
	watch->count++;
	watch->polled_count += pidfd < 0;
	return 0;
}

static bool has_exited(struct proc_watch *watch, const struct entry *entry)
{
	struct client_id found = {.pid = entry->id.pid, .start_ns = entry->proc_start_ns};
	uint64_t start_ns;

	/* Anything but certainty (no memory, no permission) leaves it alive. */
	return verify(watch, found, &start_ns) == -ESRCH;
}

/* The index of a polled entry that has exited, or NONE. */
static uint32_t poll_some(struct proc_watch *watch)
{
	uint32_t looked = 0;

	if (watch->polled_count == 0)
		return NONE;
	for (uint32_t i = 0; i < watch->high_water && looked < POLL_MAX; i++) {
		uint32_t index = watch->poll_next++ % watch->high_water;
		const struct entry *entry = &watch->entries[index];

		if (!entry->is_used || entry->pidfd >= 0)
			continue;
		looked++;
		if (has_exited(watch, entry))
			return index;
	}
	return NONE;
}

bool proc_watch_next_exit(struct proc_watch *watch, struct client_id *ret_id)
{
	struct epoll_event event;
	uint32_t index;

	if (epoll_wait(watch->epoll_fd, &event, 1, 0) == 1)
		index = event.data.u32;
	else
		index = poll_some(watch);
	if (index == NONE)
		return false;
	/* Member by member: the padding is the caller's, who may hash it. */
	ret_id->pid = watch->entries[index].id.pid;
	ret_id->start_ns = watch->entries[index].id.start_ns;
	drop(watch, find_link(watch, watch->entries[index].id));
	return true;
}
