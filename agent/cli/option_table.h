/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The declarative tables of commands and options, and what applies one value. The parser, --help,
 * the config file's keys and the man pages read these and nothing else.
 */
#ifndef CONNLEAK_CLI_OPTION_TABLE_H
#define CONNLEAK_CLI_OPTION_TABLE_H

#include "option.h"

#define COMMAND_ALL                                                                                \
	(COMMAND_TOP | COMMAND_LIST | COMMAND_TRACE | COMMAND_REPLAY | COMMAND_AGENT |             \
	 COMMAND_CHECK | COMMAND_EXPLAIN | COMMAND_RUN)

/* With probes of their own. */
#define COMMAND_LIVE (COMMAND_TOP | COMMAND_LIST | COMMAND_TRACE | COMMAND_AGENT | COMMAND_EXPLAIN)

struct command_row {
	enum command command;
	const char *name;
	const char *operand; /* "FILE"; NULL = takes none */
	const char *purpose; /* one line */
	const char *about; /* paragraph of COMMAND --help */
	const char *examples; /* lines, each with its newline */
};

enum option_kind {
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_CONFIG, /* names the config file */
	OPTION_FLAG, /* sets the bool at flag_offset; in the config file yes or no */
	OPTION_COUNT, /* each occurrence adds one to the int at flag_offset */
	OPTION_VALUE, /* apply() takes the value */
};

struct option_row {
	const char *name; /* long name, and key of the config file */
	char letter; /* short name; 0 = none */
	const char *argument; /* NULL = takes none */
	unsigned commands; /* bits of enum command */
	enum option_kind kind;
	bool in_config;
	bool is_list; /* may be repeated, values add up; else the last one counts */
	bool at_run_time; /* the agent takes another value on a reload; else at the next start */
	size_t flag_offset;
	/* Returns 0, -EINVAL with a sentence in ret_error, or -ENOMEM. */
	int (*apply)(struct options *options, const char *value, char *ret_error,
		     size_t error_size);
	const char *help; /* with the default */
};

/* All commands, in the order in which help lists them. */
const struct command_row *command_rows(size_t *ret_count);
const struct command_row *command_find(const char *name); /* NULL = none */

/* In the order in which values are applied: ports come before the endpoints that add to them. */
const struct option_row *option_rows(size_t *ret_count);
const struct option_row *option_find(const char *name); /* by long name; NULL = none */

/*
 * Applies a value; NULL for an option without one. A flag takes NULL, "yes", "no", "true",
 * "false", "on" or "off". Returns as option_row.apply.
 */
int option_apply(const struct option_row *row, struct options *options, const char *value,
		 char *ret_error, size_t error_size);

/* Whether the option of that long name has got a value, from the command line or the file. */
bool option_is_given(const struct options *options, const char *name);

#endif
