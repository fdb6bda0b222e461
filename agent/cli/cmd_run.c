// SPDX-License-Identifier: Apache-2.0
/*
 * connleak run: a memory checker, for connections. It is part of somebody's test suite: what the
 * command prints and how it ends is the command's, and what we have to say stands on stderr or in
 * files.
 *
 * Invariant: the command does not run a single instruction before the probes are attached and we
 * have given up what only that needed, while it keeps what we were given; its end is never held up
 * by more than the names of its last stacks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "child.h"
#include "command.h"
#include "live.h"
#include "live_sites.h"
#include "run_report.h"
#include "sys/log.h"
#include "sys/privilege.h"

/* A process that has ended cannot be read any more: the agent looks often. */
#define LOOK_INTERVAL_NS (50 * NS_PER_MS)

struct run {
	struct live live;
	struct child child;
	struct run_report *report;
};

static int on_event(struct live *live, const struct event *event)
{
	struct run *run = live->userdata;

	return run_report_note(run->report, pipeline_table(live->pipeline), event,
			       event->type == EVENT_CLOSE &&
				       live_sites_was_finalized(live->sites, event->conn));
}

static int on_loop(struct live *live, sd_event *event)
{
	struct run *run = live->userdata;

	return child_add(&run->child, event);
}

static int write_file(const char *path, const struct run_report *report,
		      const struct run_outcome *outcome,
		      int (*write)(const struct run_report *report,
				   const struct run_outcome *outcome, FILE *stream))
{
	FILE *stream = fopen(path, "we");
	int r = stream ? write(report, outcome, stream) : -errno;

	if (stream && fclose(stream) != 0 && r == 0)
		r = -errno;
	if (r < 0)
		log_error("%s: %s", path, strerror(-r));
	return r;
}

/* Returns 0 or -errno of what could not be written. */
static int write_reports(const struct run *run, const struct options *options)
{
	struct run_outcome outcome = {
		.program = options->program,
		.status = child_exit_status(&run->child),
		.with_peak = options->while_running,
		.lost_count = source_bpf_lost_sum(run->live.source),
	};
	int (*write)(const struct run_report *report, const struct run_outcome *outcome,
		     FILE *stream) = options->json ? run_report_write_json : run_report_write_text;
	int r = options->output ? write_file(options->output, run->report, &outcome, write)
				: write(run->report, &outcome, stderr);

	if (options->junit &&
	    write_file(options->junit, run->report, &outcome, run_report_write_junit) < 0)
		r = -EIO;
	return r;
}

/*
 * The command may be somebody else's by the time that it is to have a signal; and what it is to be
 * written into may be made by the command, in a directory of whoever called us.
 */
static int confine(struct run *run, const struct options *options)
{
	uint64_t more = PRIVILEGE_MORE(CAP_KILL);

	if (options->output || options->junit)
		more |= PRIVILEGE_MORE(CAP_DAC_OVERRIDE);
	return live_confine(&run->live, more);
}

static int start(struct run *run, const struct options *options)
{
	int r;

	run->live.on_event = on_event;
	run->live.on_loop = on_loop;
	run->live.keeps_signals = true;
	r = live_sites_follow_tree(run->live.sites);
	if (r < 0)
		log_notice("cannot follow what %s starts: %s", options->program[0], strerror(-r));
	r = live_look(&run->live);
	if (r == 0)
		r = confine(run, options);
	if (r < 0)
		return live_status(&run->live, r);
	r = child_release(&run->child);
	if (r == 0)
		return 0;
	log_error("%s: %s", options->program[0], strerror(-r));
	return child_exit_status(&run->child);
}

static int finish(struct run *run, const struct options *options)
{
	int r = run_report_finish(run->report, pipeline_table(run->live.pipeline),
				  run->live.now_ns);

	if (r == 0)
		r = write_reports(run, options);
	if (r < 0)
		return EXIT_RUNTIME;
	if (options->error_exit_code && run_report_left_count(run->report) > 0)
		return options->error_exit_code;
	return child_exit_status(&run->child);
}

int cmd_run(const struct options *options)
{
	struct run run = {.child.go_fd = -1, .child.failure_fd = -1};
	struct options own = *options; /* what it owns stays the caller's */
	int r, status;

	r = child_block_signals();
	if (r == 0)
		r = child_start(&run.child, options->program);
	if (r < 0) {
		log_error("%s: %s", options->program[0], strerror(-r));
		return EXIT_RUNTIME;
	}
	own.pids[0] = (uint32_t)run.child.pid;
	own.pid_count = 1;
	status = live_open(&run.live, &own, true, false, NULL, &run);
	run.report = status ? NULL : run_report_new(own.databases);
	if (!status && !run.report) {
		log_error("out of memory");
		status = EXIT_RUNTIME;
	}
	if (!status)
		status = start(&run, &own);
	if (!status) {
		status = live_run(&run.live, LOOK_INTERVAL_NS, 0);
		if (status == EXIT_DONE)
			status = finish(&run, &own);
	}
	child_stop(&run.child);
	run_report_free(run.report);
	live_close(&run.live);
	return status;
}
