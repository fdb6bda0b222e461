/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the threads that opened connections still run. Asked of /proc, now and then, for
 * connections that are silent and for those beside them.
 */
#ifndef CONNLEAK_SYS_OPENER_WATCH_H
#define CONNLEAK_SYS_OPENER_WATCH_H

#include "core/table.h"

struct opener_watch;

/*
 * proc_fd is a directory of the proc file system, and borrowed. It looks every interval_ns, at what
 * has been silent for longer than silent_ns. NULL when out of memory.
 */
struct opener_watch *opener_watch_new(int proc_fd, uint64_t interval_ns, uint64_t silent_ns);
void opener_watch_free(struct opener_watch *watch); /* accepts NULL */

/*
 * Looks once, if it is time to. t_ns is now, by CLOCK_MONOTONIC, and the table's clock. What has
 * not been taken since the last look is dropped; it comes again.
 */
void opener_watch_look(struct opener_watch *watch, const struct table *table, uint64_t t_ns);

/* The next EVENT_IO that says what has become of an opener; false when there is none. */
bool opener_watch_next(struct opener_watch *watch, struct event *ret_event);

#endif
