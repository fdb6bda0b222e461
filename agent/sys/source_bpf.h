/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live source: what the probes know, as events, in the order of time.
 *
 *	source_bpf_open()  -> everything that was open before is seeded
 *	loop: wait a tick (or until source_bpf_fd() is readable)
 *		source_bpf_collect()
 *		while (source_bpf_next() == 1) ...
 */
#ifndef CONNLEAK_SYS_SOURCE_BPF_H
#define CONNLEAK_SYS_SOURCE_BPF_H

#include "core/types.h"
#include "pod_logs.h"
#include "probes.h"

struct source_bpf;

/*
 * Errors as probes_open(). proc_fd is a directory of the proc file system, logs knows the names of
 * pods or is NULL; both are borrowed.
 */
int source_bpf_open(const struct probes_setup *setup, int proc_fd, struct pod_logs *logs,
		    struct source_bpf **ret_source, char *ret_error, size_t error_size);
void source_bpf_close(struct source_bpf *source);

/*
 * Watches by another filter from now on; tell_short stays. Connections that are followed already
 * are followed to their end, open ones that match only now are in the next look. Returns 0 or
 * -errno.
 */
int source_bpf_set_filter(struct source_bpf *source, const struct probes_filter *filter);

struct sites;

/*
 * Tells the sites of connections from now on; borrowed until the source is closed. With settle a
 * look waits (2 s at most) until the stacks taken so far have names, so that what ends together
 * with its process has its site.
 */
void source_bpf_use_sites(struct source_bpf *source, struct sites *sites, bool settle);
struct probes *source_bpf_probes(const struct source_bpf *source);

/* Looks once: everything that has changed since the last look is ready for source_bpf_next(). */
int source_bpf_collect(struct source_bpf *source);

/*
 * The next event. Returns 1, or 0 when the batch is at its end. The last event of a batch is an
 * EVENT_END with the time of the look. Strings live until the next collect. An EVENT_IO that has
 * sent and received nothing is word of sites alone: the counters and times are what was told last.
 */
int source_bpf_next(struct source_bpf *source, struct event *ret_event);

/* Readable when a look should not wait for the next tick: many connections are ending. */
int source_bpf_fd(const struct source_bpf *source);

/* CLOCK_MONOTONIC at which the probes were attached. */
uint64_t source_bpf_attached_ns(const struct source_bpf *source);

/*
 * Cumulative counts, by reason: those of the probes; connections whose end nobody told, noticed by
 * their absence; and processes that cannot be watched, so that their exit is not told.
 */
#define SOURCE_LOST_END PROBES_LOST_COUNT
#define SOURCE_LOST_EXIT (PROBES_LOST_COUNT + 1)
#define SOURCE_LOST_COUNT (PROBES_LOST_COUNT + 2)
/* What was lost since the source was opened, by reason. */
void source_bpf_lost(const struct source_bpf *source, uint64_t ret_counts[SOURCE_LOST_COUNT]);

/*
 * What was lost in all. Runs of the probe that the kernel skipped are not among it: most would have
 * had nothing to tell, and what the others would have told is made up for or counted as an end.
 */
uint64_t source_bpf_lost_sum(const struct source_bpf *source);

/* "storage_refused" ...: what the reason is called in metrics and messages. */
const char *source_bpf_lost_name(unsigned int reason);

#endif
