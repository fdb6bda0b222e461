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
 * looked at. It does not stop at what is wrong: on_problem hears of each such line, *ret_config
 * gets the others. Returns 0, -EINVAL after a problem, or -ENOMEM, when there is nothing to clear.
 * Pure.
 */
int config_parse(const char *bytes, size_t length, config_problem_fn on_problem, void *userdata,
		 struct config *ret_config);

/* The same for a regular file; the problems begin with its name. Returns other -errno, too. */
int config_load(const char *path, config_problem_fn on_problem, void *userdata,
		struct config *ret_config);

/* Frees what it owns; for one that is zeroed or was loaded. */
void config_clear(struct config *config);

#endif
