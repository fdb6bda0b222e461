/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config files together: FILE, then each .conf of FILE.d in the order of the names, as
 * if they were one file. Of a value that cannot be repeated the last one counts.
 */
#ifndef CONNLEAK_CLI_CONFIG_SET_H
#define CONNLEAK_CLI_CONFIG_SET_H

#include "config.h"

/* What the agent reads where --config says nothing. */
#define CONFIG_DEFAULT_PATH "/etc/connleak/connleak.conf"
#define CONFIG_DROP_INS_MAX 256

struct config_file {
	char *path; /* owned */
	struct config config;
};

struct config_set {
	struct config_file *files; /* owned */
	size_t file_count;
};

/*
 * Reads all files; where may_be_missing, FILE need not be there. on_problem hears of everything
 * that is wrong. Returns 0, -EINVAL after a problem, or -ENOMEM; config_set_clear() in any case.
 */
int config_set_load(const char *path, bool may_be_missing, config_problem_fn on_problem,
		    void *userdata, struct config_set *ret_set);

/* Whether a row's values are to be left out. */
typedef bool (*config_skip_fn)(const void *userdata, const struct option_row *row);

/*
 * Applies the values in the order of the option table, those of the detector's settings last; all
 * that is wrong goes to on_problem. skip may be NULL. Returns as config_set_load().
 */
int config_set_apply(const struct config_set *set, struct options *options, config_skip_fn skip,
		     const void *skip_userdata, config_problem_fn on_problem,
		     void *problem_userdata);

/* Frees what it owns; for one that is zeroed or was loaded. */
void config_set_clear(struct config_set *set);

#endif
