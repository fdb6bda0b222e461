// SPDX-License-Identifier: Apache-2.0
/*
 * Why: one table, so that the parser, --help, the config file and the man pages cannot disagree.
 *
 * Invariant: the order of the rows is the order in which values are applied, whatever the order
 * on the command line: --port replaces the watched ports, so it comes before --endpoint, which
 * adds to them.
 *
 * Not here: how a value is read (option_value.c) and where it came from (option.c).
 */
#include "option_table.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/abi.h"
#include "core/format.h"
#include "option_value.h"
#include "sys/api_client.h"

#define ITERATIONS_HIGHEST 1000000000
#define INTERVAL_LOW_NS (100 * NS_PER_MS)
#define INTERVAL_HIGH_NS (3600 * NS_PER_SEC)
#define DURATION_LOW_NS (100 * NS_PER_MS)
#define DURATION_HIGH_NS (365 * 86400 * NS_PER_SEC)
#define SERIES_HIGHEST 100000
#define SOCKET_PATH_MAX 108 /* sun_path of struct sockaddr_un, with the NUL */

static int apply_port(struct options *options, const char *value, char *ret_error,
		      size_t error_size)
{
	return dbkind_set_ports(options->databases, value, ret_error, error_size);
}

static int apply_endpoint(struct options *options, const char *value, char *ret_error,
			  size_t error_size)
{
	return dbkind_add_endpoint(options->databases, value, ret_error, error_size);
}

static int apply_interval(struct options *options, const char *value, char *ret_error,
			  size_t error_size)
{
	return value_parse_time(value, INTERVAL_LOW_NS, INTERVAL_HIGH_NS, &options->interval_ns,
				ret_error, error_size);
}

static int apply_duration(struct options *options, const char *value, char *ret_error,
			  size_t error_size)
{
	return value_parse_time(value, DURATION_LOW_NS, DURATION_HIGH_NS, &options->duration_ns,
				ret_error, error_size);
}

static int apply_error_exit_code(struct options *options, const char *value, char *ret_error,
				 size_t error_size)
{
	uint64_t code;
	int ret = value_parse_count(value, 1, 255, &code, "an exit status", ret_error, error_size);

	if (ret == 0)
		options->error_exit_code = (int)code;
	return ret;
}

static int apply_junit(struct options *options, const char *value, char *ret_error,
		       size_t error_size)
{
	if (value[0] == '\0') {
		snprintf(ret_error, error_size, "not a file name");
		return -EINVAL;
	}
	options->junit = value;
	return 0;
}

static int apply_stack_bytes(struct options *options, const char *value, char *ret_error,
			     size_t error_size)
{
	uint64_t bytes;
	int ret = value_parse_count(value, ABI_STACK_STEP_BYTES, ABI_STACK_BYTES_MAX, &bytes,
				    "a number of bytes", ret_error, error_size);

	if (ret == 0)
		options->stack_bytes =
			(uint32_t)(bytes / ABI_STACK_STEP_BYTES * ABI_STACK_STEP_BYTES);
	return ret;
}

static int apply_iterations(struct options *options, const char *value, char *ret_error,
			    size_t error_size)
{
	uint64_t count;
	int ret = value_parse_count(value, 1, ITERATIONS_HIGHEST, &count, "a number of tables",
				    ret_error, error_size);

	if (ret == 0)
		options->iterations = (uint32_t)count;
	return ret;
}

static int apply_recording(struct options *options, const char *value, char *ret_error,
			   size_t error_size)
{
	if (value[0] == '\0') {
		snprintf(ret_error, error_size, "not a file name");
		return -EINVAL;
	}
	options->recording = value;
	return 0;
}

static int apply_output(struct options *options, const char *value, char *ret_error,
			size_t error_size)
{
	if (value[0] == '\0') {
		snprintf(ret_error, error_size, "not a file name");
		return -EINVAL;
	}
	options->output = value;
	return 0;
}

static int set_directory(char **directory, const char *value, char *ret_error, size_t error_size)
{
	if (value[0] != '/' && strcmp(value, OPTION_NONE) != 0) {
		snprintf(ret_error, error_size, "not an absolute path, and not " OPTION_NONE);
		return -EINVAL;
	}
	return value_set_text(directory, value);
}

static int apply_state(struct options *options, const char *value, char *ret_error,
		       size_t error_size)
{
	return set_directory(&options->state, value, ret_error, error_size);
}

static int apply_pin(struct options *options, const char *value, char *ret_error, size_t error_size)
{
	return set_directory(&options->pin, value, ret_error, error_size);
}

static int apply_journal(struct options *options, const char *value, char *ret_error,
			 size_t error_size)
{
	static const char *const choices[] = {
		[JOURNAL_AUTO] = "auto",
		[JOURNAL_YES] = "yes",
		[JOURNAL_NO] = "no",
	};

	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (strcmp(value, choices[i]) != 0)
			continue;
		options->journal = (enum journal_choice)i;
		return 0;
	}
	snprintf(ret_error, error_size, "not auto, yes or no");
	return -EINVAL;
}

static int apply_socket(struct options *options, const char *value, char *ret_error,
			size_t error_size)
{
	if (strcmp(value, OPTION_NONE) != 0 &&
	    (value[0] != '/' || strlen(value) >= SOCKET_PATH_MAX)) {
		snprintf(ret_error, error_size,
			 "not an absolute path of at most %d bytes, and not " OPTION_NONE,
			 SOCKET_PATH_MAX - 1);
		return -EINVAL;
	}
	return value_set_text(&options->socket, value);
}

static int apply_listen(struct options *options, const char *value, char *ret_error,
			size_t error_size)
{
	if (strcmp(value, OPTION_NONE) == 0) {
		options->listen = (struct netaddr){.port = 0};
		return 0;
	}
	if (parse_netaddr(value, &options->listen) == 0)
		return 0;
	snprintf(ret_error, error_size,
		 "not ADDR:PORT or [ADDR]:PORT with an address, and not " OPTION_NONE);
	return -EINVAL;
}

static int apply_metrics_series(struct options *options, const char *value, char *ret_error,
				size_t error_size)
{
	uint64_t count;
	int ret = value_parse_count(value, 1, SERIES_HIGHEST, &count, "a number of label sets",
				    ret_error, error_size);

	if (ret == 0)
		options->metrics_series = (uint32_t)count;
	return ret;
}

static int apply_pod_logs(struct options *options, const char *value, char *ret_error,
			  size_t error_size)
{
	if (value[0] == '\0') {
		snprintf(ret_error, error_size, "not a directory name");
		return -EINVAL;
	}
	return value_set_text(&options->pod_logs, value);
}

#define FLAG(member) .kind = OPTION_FLAG, .flag_offset = offsetof(struct options, member)
#define ALL COMMAND_ALL

static const struct option_row option_table[] = {
	{.name = "port",
	 .argument = "LIST",
	 .commands = ALL,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .apply = apply_port,
	 .at_run_time = true,
	 .help = "watch these ports only: 5432,6000-6010,orders=7000 "
		 "(default: the well-known ports of databases)"},
	{.name = "endpoint",
	 .argument = "RULE",
	 .commands = ALL,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .is_list = true,
	 .apply = apply_endpoint,
	 .at_run_time = true,
	 .help = "name a server and its limit: NAME=ADDR[/LEN][:PORT][,limit=N]; "
		 "may be repeated (default: none)"},
	{.name = "pid",
	 .argument = "LIST",
	 .commands = ALL,
	 .kind = OPTION_VALUE,
	 .is_list = true,
	 .apply = value_add_pids,
	 .at_run_time = true,
	 .help = "only these processes (default: all)"},
	{.name = "comm",
	 .argument = "NAME",
	 .commands = ALL,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .is_list = true,
	 .apply = value_add_comms,
	 .at_run_time = true,
	 .help = "only processes with this command name, at most 15 bytes; may be "
		 "repeated or a comma list (default: all)"},
	{.name = "cgroup",
	 .argument = "PATH",
	 .commands = ALL,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .is_list = true,
	 .apply = value_add_cgroup,
	 .at_run_time = true,
	 .help = "only processes in this cgroup and below it; absolute, or relative to the "
		 "cgroup mount; may be repeated (default: all)"},
	{.name = "pod-logs",
	 .argument = "DIR",
	 .commands = COMMAND_LIVE,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .apply = apply_pod_logs,
	 .help = "where the kubelet keeps its logs, whose file names hold those of pods and "
		 "containers; none = show ids only (default: /var/log)"},
	{.name = "config",
	 .argument = "FILE",
	 .commands = ALL,
	 .kind = OPTION_CONFIG,
	 .help = "read options from FILE, then from the files FILE.d/*.conf in the order of their "
		 "names; the command line wins; none reads none (default: none; agent: "
		 "/etc/connleak/connleak.conf)"},
	{.name = "set",
	 .argument = "KEY=VALUE",
	 .commands = ALL,
	 .kind = OPTION_VALUE,
	 .is_list = true,
	 .apply = value_apply_setting,
	 .at_run_time = true,
	 .help = "change a setting of the detector; may be repeated; "
		 "'connleak help settings' lists them"},
	{.name = "no-stacks",
	 .commands = ALL,
	 FLAG(no_stacks),
	 .in_config = true,
	 .help = "take no call stacks, so that no code is named (default: taken)"},
	{.name = "sites",
	 .commands = COMMAND_LIST,
	 FLAG(sites),
	 .help = "say also which code opened each connection and which used it last, as far as "
		 "the agent knows (default: off)"},
	{.name = "stack-bytes",
	 .argument = "BYTES",
	 .commands = COMMAND_TOP | COMMAND_TRACE | COMMAND_AGENT | COMMAND_EXPLAIN | COMMAND_RUN,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .apply = apply_stack_bytes,
	 .help = "how much of a call stack is looked at, 2048 to 16384; less costs less and "
		 "names fewer callers (default: 16384)"},
	{.name = "once",
	 .commands = COMMAND_TOP,
	 FLAG(once),
	 .help = "print one table and end; the same as -n 1"},
	{.name = "batch",
	 .letter = 'b',
	 .commands = COMMAND_TOP,
	 FLAG(batch),
	 .help = "print one table below the other, for scripts and tickets (default: where "
		 "there is no terminal)"},
	{.name = "iterations",
	 .letter = 'n',
	 .argument = "N",
	 .commands = COMMAND_TOP,
	 .kind = OPTION_VALUE,
	 .apply = apply_iterations,
	 .help = "end after N tables (default: never)"},
	{.name = "interval",
	 .letter = 'd',
	 .argument = "SECS",
	 .commands = COMMAND_TOP | COMMAND_TRACE | COMMAND_AGENT,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .apply = apply_interval,
	 .at_run_time = true,
	 .help = "time between two looks, 0.1 to 3600 (default: 1; top: 2)"},
	{.name = "json",
	 .commands = ALL,
	 FLAG(json),
	 .in_config = true,
	 .help = "JSON instead of text (default: text)"},
	{.name = "verdicts",
	 .commands = COMMAND_TRACE,
	 FLAG(verdicts),
	 .help = "judge as well, and print the verdicts among the events (default: off)"},
	{.name = "output",
	 .letter = 'o',
	 .argument = "FILE",
	 .commands = COMMAND_TRACE | COMMAND_RUN,
	 .kind = OPTION_VALUE,
	 .apply = apply_output,
	 .help = "write into FILE: the trace (default: standard output), or the report of run "
		 "(default: standard error)"},
	{.name = "duration",
	 .argument = "SECS",
	 .commands = COMMAND_TRACE | COMMAND_AGENT | COMMAND_EXPLAIN,
	 .kind = OPTION_VALUE,
	 .apply = apply_duration,
	 .help = "end by itself after this time; 90, 10m and 8h all work "
		 "(default: run until interrupted; explain: 15)"},
	{.name = "error-exitcode",
	 .argument = "N",
	 .commands = COMMAND_RUN,
	 .kind = OPTION_VALUE,
	 .apply = apply_error_exit_code,
	 .help = "exit with this status, 1 to 255, when a connection was left open "
		 "(default: with that of CMD)"},
	{.name = "junit",
	 .argument = "FILE",
	 .commands = COMMAND_RUN,
	 .kind = OPTION_VALUE,
	 .apply = apply_junit,
	 .help = "write a JUnit report too: a failed test for each connection left open "
		 "(default: none)"},
	{.name = "while-running",
	 .commands = COMMAND_RUN,
	 FLAG(while_running),
	 .help = "report the most connections that were open at one time as well (default: off)"},
	{.name = "replay",
	 .argument = "FILE",
	 .commands = COMMAND_EXPLAIN | COMMAND_TOP,
	 .kind = OPTION_VALUE,
	 .apply = apply_recording,
	 .help = "take a recorded trace, - is standard input (default: watch)"},
	{.name = "fail-on",
	 .argument = "KIND",
	 .commands = COMMAND_TRACE | COMMAND_REPLAY | COMMAND_AGENT,
	 .kind = OPTION_VALUE,
	 .is_list = true,
	 .apply = value_add_fail_on,
	 .at_run_time = true,
	 .help = "exit with status 4 when such a verdict stands at the end: leak, exhausted, "
		 "saturated, storm, oversized; may be repeated or a comma list (default: none)"},
	{.name = "state",
	 .argument = "DIR",
	 .commands = COMMAND_AGENT,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .apply = apply_state,
	 .help = "keep verdicts and baselines over a restart in DIR; none keeps nothing "
		 "(default: $STATE_DIRECTORY, else /var/lib/connleak)"},
	{.name = "pin",
	 .argument = "DIR",
	 .commands = COMMAND_AGENT,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .apply = apply_pin,
	 .help = "keep the probe and its records in DIR of the BPF file system, so that a restart "
		 "loses nothing; one agent at a time can; none keeps nothing "
		 "(default: /sys/fs/bpf/connleak)"},
	{.name = "detach",
	 .commands = COMMAND_AGENT,
	 FLAG(detach),
	 .help = "remove the probe and the records that a stopped agent has left, and end"},
	{.name = "journal",
	 .argument = "WHEN",
	 .commands = COMMAND_AGENT,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .apply = apply_journal,
	 .help = "write verdicts to the journal with all their fields: yes, no, or auto: when "
		 "standard error goes there, as in a service (default: auto)"},
	{.name = "check-config",
	 .commands = COMMAND_AGENT,
	 FLAG(check_config),
	 .help = "say what is wrong with the config files, and end: 0 nothing, 2 something"},
	{.name = "socket",
	 .argument = "PATH",
	 .commands = COMMAND_AGENT | COMMAND_TOP | COMMAND_LIST | COMMAND_EXPLAIN,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .apply = apply_socket,
	 .help = "where the agent answers top, list and explain; where there is none, and with "
		 "the word none, they use probes of their own (default: " API_SOCKET_PATH ")"},
	{.name = "listen",
	 .argument = "ADDR:PORT",
	 .commands = COMMAND_AGENT,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .apply = apply_listen,
	 .help = "serve metrics and health over HTTP here; none: nowhere "
		 "(default: 127.0.0.1:9435)"},
	{.name = "metrics-per-process",
	 .commands = COMMAND_AGENT,
	 FLAG(metrics_per_process),
	 .in_config = true,
	 .help = "a label pid in the metrics: many more series (default: off)"},
	{.name = "metrics-series",
	 .argument = "N",
	 .commands = COMMAND_AGENT,
	 .kind = OPTION_VALUE,
	 .in_config = true,
	 .apply = apply_metrics_series,
	 .help = "at most this many workloads and endpoints apart in the metrics; what is beyond "
		 "is counted as one (default: 1000)"},
	{.name = "verbose",
	 .letter = 'v',
	 .commands = ALL,
	 .kind = OPTION_COUNT,
	 .flag_offset = offsetof(struct options, verbosity),
	 .at_run_time = true,
	 .help = "say more on standard error, where there is more to say; twice: what libbpf says, "
		 "too"},
	{.name = "version", .commands = ALL, .kind = OPTION_VERSION, .help = "print the version"},
	{.name = "help",
	 .letter = 'h',
	 .commands = ALL,
	 .kind = OPTION_HELP,
	 .help = "print this help"},
};

#undef FLAG
#undef ALL

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

_Static_assert(COUNT_OF(option_table) <= OPTION_ROWS_MAX, "value_hashes has one for each row");

const struct option_row *option_rows(size_t *ret_count)
{
	*ret_count = COUNT_OF(option_table);
	return option_table;
}

const struct option_row *option_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(option_table); i++)
		if (strcmp(option_table[i].name, name) == 0)
			return &option_table[i];
	return NULL;
}

bool option_is_given(const struct options *options, const char *name)
{
	const struct option_row *row = option_find(name);

	return row && options->value_hashes[row - option_table];
}

/* FNV-1a: equal for equal texts in the same order, which is all that is asked of it. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	hash = hash ? hash : 14695981039346656037ULL;
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 1099511628211ULL;
	return (hash ^ ',') * 1099511628211ULL;
}

int option_apply(const struct option_row *row, struct options *options, const char *value,
		 char *ret_error, size_t error_size)
{
	void *member = (char *)options + row->flag_offset;
	uint64_t *hash = &options->value_hashes[row - option_table];

	*hash = hash_text(row->is_list || row->kind == OPTION_COUNT ? *hash : 0,
			  value ? value : "");
	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)member = true;
		return value ? value_parse_bool(value, member, ret_error, error_size) : 0;
	case OPTION_COUNT:
		++*(int *)member;
		return 0;
	case OPTION_VALUE:
		return row->apply(options, value, ret_error, error_size);
	case OPTION_HELP:
	case OPTION_VERSION:
	case OPTION_CONFIG:
		break;
	}
	return 0;
}
