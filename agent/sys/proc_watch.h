/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices that processes exit, without a probe in the kernel and without taking a reused pid for
 * the old process.
 */
#ifndef CONNLEAK_SYS_PROC_WATCH_H
#define CONNLEAK_SYS_PROC_WATCH_H

#include "core/types.h"

#define PROC_WATCH_MAX 65536 /* processes at a time */

struct proc_watch;

/* proc_fd is borrowed and must outlive the watch. NULL when out of memory or of descriptors. */
struct proc_watch *proc_watch_new(int proc_fd);
void proc_watch_free(struct proc_watch *watch);

/*
 * Begins to watch. Returns 0; -ESRCH when the process is gone, is a zombie, or its pid belongs to
 * another process by now; -EACCES when it lives but /proc hides it; -EEXIST when it is watched
 * already; -ENOSPC (counted). A start_ns of 0 is unknown: then it is whoever has the pid now.
 */
int proc_watch_add(struct proc_watch *watch, struct client_id id);

/* Returns 0 or -ENOENT. */
int proc_watch_remove(struct proc_watch *watch, struct client_id id);

/*
 * One process that has exited since it was added, and is not watched any more; false when there is
 * none at present. Does not wait. A process that is polled (no pidfd was to be had) may be
 * noticed some calls later.
 */
bool proc_watch_next_exit(struct proc_watch *watch, struct client_id *ret_id);

/* Becomes readable when a process exits that has a pidfd: for an event loop. Owned by the watch. */
int proc_watch_fd(const struct proc_watch *watch);

/* Processes that are watched. */
uint32_t proc_watch_count(const struct proc_watch *watch);
uint32_t proc_watch_polled_count(const struct proc_watch *watch); /* those without a pidfd */

/*
 * How many descriptors it may hold, the others are polled; at first half of RLIMIT_NOFILE. Those
 * that are held already stay.
 */
void proc_watch_set_pidfd_max(struct proc_watch *watch, uint32_t max);

#endif
