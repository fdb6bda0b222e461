/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `connleak run` has to say at the end: each connection that was left open, and the peak.
 */
#ifndef CONNLEAK_CLI_RUN_REPORT_H
#define CONNLEAK_CLI_RUN_REPORT_H

#include <stdio.h>

#include "core/table.h"
#include "option.h"

#define RUN_REPORT_MAX 10000 /* connections that are told one by one */

struct run_report;

/* databases is borrowed. NULL when out of memory. */
struct run_report *run_report_new(const struct dbkind *databases);
void run_report_free(struct run_report *report);

/*
 * An event that the table is about to apply; was_finalized: it is a close, and by an interpreter on
 * its way out. Returns 0 or -ENOMEM.
 */
int run_report_note(struct run_report *report, const struct table *table, const struct event *event,
		    bool was_finalized);

/* The end: what is open now is held by processes that go on. Returns 0 or -ENOMEM. */
int run_report_finish(struct run_report *report, const struct table *table, uint64_t now_ns);

/* Connections that were open when their process or its interpreter ended, or still are. */
uint64_t run_report_left_count(const struct run_report *report);

struct run_outcome {
	char *const *program; /* ends with NULL */
	int status; /* as the shell has it: 128 + signal */
	bool with_peak;
	uint64_t lost_count;
};

/* Each returns 0 or -errno of the stream. */
int run_report_write_text(const struct run_report *report, const struct run_outcome *outcome,
			  FILE *stream);
int run_report_write_json(const struct run_report *report, const struct run_outcome *outcome,
			  FILE *stream);
int run_report_write_junit(const struct run_report *report, const struct run_outcome *outcome,
			   FILE *stream);

#endif
