/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command with probes of its own does: check the host, build the filter, open the
 * source, and look at it in a loop until it is told to stop.
 */
#ifndef CONNLEAK_CLI_LIVE_H
#define CONNLEAK_CLI_LIVE_H

#include <systemd/sd-event.h>

#include "option.h"
#include "pipeline.h"
#include "sys/source_bpf.h"

struct live {
	const struct options *options;
	struct pipeline *pipeline;
	struct source_bpf *source;
	struct opener_watch *openers;
	struct live_sites *sites; /* NULL = no call stacks */
	pipeline_verdict_fn on_verdict;
	struct pins *pins; /* agent: what is kept for the next one; NULL = nothing */
	int proc_fd;
	struct pod_logs *pod_logs; /* NULL = names of pods are not to be had */
	int64_t realtime_at_zero_ns; /* local wall clock at t = 0 */
	int64_t utc_at_zero_ns;
	int32_t utc_offset_s; /* whole minutes, so that a trace can hold it */
	uint64_t now_ns; /* time of the last look */
	struct histogram looks; /* how long they took */
	uint64_t interval_ns; /* between two looks of live_run(); may be changed while it runs */
	/* Called for each event before it is applied; may be NULL. Negative ends the run. */
	int (*on_event)(struct live *live, const struct event *event);
	/* Called after each look; may be NULL. Positive ends the run in good order. */
	int (*on_look)(struct live *live);
	/*
	 * Called before the loop begins, to add what else it waits for: a terminal, a socket, a
	 * watchdog. May be NULL. Negative ends the run. The loop owns what is added as floating.
	 */
	int (*on_loop)(struct live *live, sd_event *event);
	void *userdata;
	bool keeps_signals; /* on_loop sees to SIGINT and SIGTERM itself */
	bool is_reported; /* set by a callback that has reported its failure itself */
};

/*
 * Opens everything. Returns 0, or after one line on stderr the exit status (EXIT_HOST,
 * EXIT_RUNTIME, EXIT_USAGE for a cgroup that is not there). live_close() in any case; on_event,
 * on_look and userdata are the caller's to set before live_look() or live_run().
 */
int live_open(struct live *live, const struct options *options, bool tell_short, bool judge,
	      pipeline_verdict_fn on_verdict, void *userdata);
void live_close(struct live *live);

/*
 * To be called when all is open: gives up capabilities, as privilege_drop_capabilities() does.
 * Returns 0, or -errno after a line on stderr.
 */
int live_confine(struct live *live, uint64_t more);

/*
 * Takes ports, filters and names of endpoints from other options, which from now on are borrowed
 * in the place of those before. Nothing has changed where it returns an exit status, after one line
 * on stderr; 0 otherwise.
 */
int live_set_options(struct live *live, const struct options *options);

/* One look: all events through the pipeline. Returns what on_look returned, or -errno. */
int live_look(struct live *live);

/*
 * Looks at every interval until a signal (INT, TERM), the duration (0 = none), or a callback ends
 * it. Returns an exit status; failures have been written to stderr.
 */
int live_run(struct live *live, uint64_t interval_ns, uint64_t duration_ns);

/* The exit status for a result of live_look(); writes one line to stderr where it is a failure. */
int live_status(const struct live *live, int r);

/* "watching 27 ports, 5 connections already open" */
void live_announce(const struct live *live);

#endif
