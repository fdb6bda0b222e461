/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config file: "key = value" lines with the long option names as keys, then an optional
 * section [detector] with its settings.
 *
 *	# comment, also with ;
 *	port = 5432,6432
 *	endpoint = orders-db=10.0.3.7:5432,limit=100
 *	endpoint = audit-db=10.0.3.8
 *	[detector]
 *	T0 = 30s
 */
#ifndef CONNLEAK_CLI_CONFIG_H
#define CONNLEAK_CLI_CONFIG_H

#include <stddef.h>

#include "option_table.h"

#define CONFIG_FILE_MAX (1024 * 1024)
#define CONFIG_LINE_MAX 4096

struct config_entry {
	const struct option_row *row; /* NULL = a setting of the detector */
	const char *key;
	const char *value;
	unsigned line;
};

struct config {
	char *text; /* owned; keys and values point into it */
	struct config_entry *entries; /* owned; in the order of the file */
	size_t entry_count;
};

/* Hears of one problem: "LINE: sentence", or "FILE:LINE: sentence"; one line, terminal-safe. */
typedef void (*config_problem_fn)(void *userdata, const char *problem);

/*
 * Takes a file's bytes apart. Keys are known option names that may stand in a file; values are not
 * looked at. Returns 0, -EINVAL with "LINE: sentence" in ret_error, or -ENOMEM. Pure.
 */
int config_parse(const char *bytes, size_t length, struct config *ret_config, char *ret_error,
		 size_t error_size);

/*
 * The same without stopping at what is wrong: on_problem hears of each such line, *ret_config gets
 * the others. Returns 0, -EINVAL after a problem, or -ENOMEM, when there is nothing to clear.
 */
int config_parse_all(const char *bytes, size_t length, config_problem_fn on_problem, void *userdata,
		     struct config *ret_config);

/* As config_parse_all() for a regular file; the problems begin with its name. */
int config_load_all(const char *path, config_problem_fn on_problem, void *userdata,
		    struct config *ret_config);

/*
 * Reads and parses a regular file. Returns as config_parse(), and other -errno; the text in
 * ret_error begins with the file's name (and line), safe for a terminal.
 */
int config_load(const char *path, struct config *ret_config, char *ret_error, size_t error_size);

/* Frees what it owns; for one that is zeroed or was loaded. */
void config_clear(struct config *config);

#endif
