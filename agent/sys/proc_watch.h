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

/*
 * proc_fd is borrowed and must outlive the watch. It holds pidfd_max descriptors at most, one a
 * process; the others are polled. NULL when out of memory or of descriptors.
 */
struct proc_watch *proc_watch_new(int proc_fd, uint32_t pidfd_max);
void proc_watch_free(struct proc_watch *watch);

/*
 * Begins to watch. Returns 0; -ESRCH when the process is gone, is a zombie, or its pid belongs to
 * another process by now; -EACCES when it lives but /proc hides it; -EEXIST when it is watched
 * already; -ENOSPC (counted). A start_ns of 0 is unknown: then it is whoever has the pid now.
 */
int proc_watch_add(struct proc_watch *watch, struct client_id id);

/*
 * One process that has exited since it was added, and is not watched any more; false when there is
 * none at present. Does not wait. A process that is polled (no pidfd was to be had) may be
 * noticed some calls later.
 */
bool proc_watch_next_exit(struct proc_watch *watch, struct client_id *ret_id);

#endif
