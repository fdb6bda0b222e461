/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option table: the one source for the parser, --help and the keys of the config file.
 */
#ifndef CONNLEAK_CLI_OPTION_H
#define CONNLEAK_CLI_OPTION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/dbkind.h"
#include "core/settings.h"
#include "core/verdict.h"

/* Exit statuses of the program. */
enum {
	EXIT_DONE = 0,
	EXIT_RUNTIME = 1,
	EXIT_USAGE = 2,
	EXIT_HOST = 3, /* this host cannot run it */
	EXIT_VERDICT = 4, /* a verdict stands, with --fail-on */
};

enum command {
	COMMAND_TOP = 1 << 0,
	COMMAND_LIST = 1 << 1,
	COMMAND_TRACE = 1 << 2,
	COMMAND_REPLAY = 1 << 3,
	COMMAND_AGENT = 1 << 4,
	COMMAND_CHECK = 1 << 5,
	COMMAND_EXPLAIN = 1 << 6,
	COMMAND_RUN = 1 << 7,
};

/* Whether verdicts go to the journal. */
enum journal_choice { JOURNAL_AUTO, JOURNAL_YES, JOURNAL_NO };

/* The value of an option that turns off what it names. */
#define OPTION_NONE "none"

#define OPTION_ROWS_MAX 64
#define OPTION_PIDS_MAX 256
#define OPTION_COMMS_MAX 64
#define OPTION_CGROUPS_MAX 16

/* What the user asked for. Strings are borrowed from argv unless said otherwise. */
struct options {
	enum command command;
	struct dbkind *databases; /* owned; ports and endpoints */
	struct settings settings;
	uint32_t pids[OPTION_PIDS_MAX];
	uint32_t pid_count;
	char comms[OPTION_COMMS_MAX][COMM_SIZE];
	uint32_t comm_count;
	char *cgroups[OPTION_CGROUPS_MAX]; /* owned */
	uint32_t cgroup_count;
	bool json;
	bool verdicts; /* trace: verdict lines too */
	bool once; /* top */
	bool batch; /* top: one table below the other, as it does without a screen of its own */
	bool no_stacks;
	bool sites; /* list: who opened and last used */
	uint32_t stack_bytes; /* of a call stack, how much is looked at */
	uint32_t iterations; /* top -n; 0 = until interrupted */
	uint64_t interval_ns; /* top -d, agent and trace: time between two looks */
	uint64_t duration_ns; /* trace, agent, explain --duration; 0 = not given */
	char *pod_logs; /* directory with the kubelet's logs, or "none"; NULL = not given; owned */
	const char *output; /* trace -o; NULL = stdout */
	const char *file; /* replay FILE */
	const char *recording; /* explain --replay FILE; NULL = watch */
	uint32_t subject_pid; /* explain PID */
	char **program; /* run: CMD and its arguments, then NULL */
	int error_exit_code; /* run: status when something was left open; 0 = that of the program */
	const char *junit; /* run: file for a report; NULL = none */
	bool while_running; /* run: report the peak as well */
	uint32_t fail_on; /* bit per enum verdict_kind */
	char *state; /* agent: its directory; owned; NULL = the default, "none" = keeps nothing */
	char *pin; /* agent: directory of the pins; owned; NULL = the default, "none" = no pins */
	bool detach; /* agent: remove what is pinned, and end */
	enum journal_choice journal; /* agent */
	bool check_config; /* agent: look at the config files and end */
	int argc; /* the command line, for reading it again */
	char **argv;
	const char *config; /* first of the config files; NULL = none */
	bool config_may_be_missing; /* it is the default */
	char *socket; /* of the agent; owned; NULL = the default, "none" = without */
	struct netaddr listen; /* agent: metrics; port 0 = nowhere */
	bool metrics_per_process; /* agent */
	uint32_t metrics_series; /* agent: most label sets in the metrics */
	/* Of the texts that made up each row's value; 0 = the default. Tells what a reload changes.
	 */
	uint64_t value_hashes[OPTION_ROWS_MAX];
	int verbosity;
};

enum option_result {
	OPTION_RUN, /* go on with the command */
	OPTION_DONE, /* --help or --version has been answered on stdout */
	OPTION_ERROR, /* one line has been written to stderr: exit EXIT_USAGE */
	OPTION_NO_MEMORY, /* likewise: exit EXIT_RUNTIME */
};

/*
 * Parses the command line and the config file it names into *ret_options; options_free() in any
 * case.
 */
enum option_result options_parse(int argc, char **argv, struct options *ret_options);

/*
 * The same without stderr: what --help and --version answer goes to out, the error line (without
 * "connleak: " and without a newline) to ret_error.
 */
enum option_result options_parse_to(int argc, char **argv, FILE *out, struct options *ret_options,
				    char *ret_error, size_t error_size);
/* The defaults. Returns 0 or -ENOMEM; options_free() in any case. */
int options_init(struct options *ret_options);
void options_free(struct options *options);

#endif
