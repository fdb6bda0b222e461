// SPDX-License-Identifier: Apache-2.0
/*
 * Why: packages bring a file, configuration management adds drop-ins; each must be able to change
 * one key without touching the other's file.
 *
 * Invariant: a file that is there and cannot be read is a problem, never skipped in silence. Every
 * problem names its file, and its line where it has one.
 *
 * Not here: the syntax of a file (config.c), and that the command line wins (option.c).
 */
#include "config_set.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/format.h"
#include "option_value.h"

#define DROP_IN_SUFFIX ".conf"

static bool is_drop_in(const char *name)
{
	size_t length = strlen(name), suffix = strlen(DROP_IN_SUFFIX);

	return name[0] != '.' && length > suffix &&
	       strcmp(name + length - suffix, DROP_IN_SUFFIX) == 0;
}

static int select_drop_in(const struct dirent *entry)
{
	return is_drop_in(entry->d_name);
}

/* By bytes: the same order whatever the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_file(struct config_set *set, const char *path, config_problem_fn on_problem,
		     void *userdata)
{
	struct config_file *file;
	void *files = reallocarray(set->files, set->file_count + 1, sizeof(*set->files));
	int ret;

	if (!files)
		return -ENOMEM;
	set->files = files;
	file = &set->files[set->file_count];
	*file = (struct config_file){.path = strdup(path)};
	if (!file->path)
		return -ENOMEM;
	set->file_count++;
	ret = config_load(path, on_problem, userdata, &file->config);
	return ret == 0 || ret == -ENOMEM ? ret : -EINVAL;
}

static int tell(config_problem_fn on_problem, void *userdata, const char *path, const char *problem)
{
	char safe[512], text[1024];

	snprintf(text, sizeof(text), "%s: %s", format_safe(path, strlen(path), safe, sizeof(safe)),
		 problem);
	on_problem(userdata, text);
	return -EINVAL;
}

static int load_drop_ins(struct config_set *set, const char *path, config_problem_fn on_problem,
			 void *userdata)
{
	struct dirent **names = NULL;
	char directory[4096], full[4096 + 256 + 2];
	int count, ret = 0;

	if (snprintf(directory, sizeof(directory), "%s.d", path) >= (int)sizeof(directory))
		return tell(on_problem, userdata, path, strerror(ENAMETOOLONG));
	count = scandir(directory, &names, select_drop_in, compare_names);
	if (count < 0)
		return errno == ENOENT ? 0 : tell(on_problem, userdata, directory, strerror(errno));
	if (count > CONFIG_DROP_INS_MAX)
		ret = tell(on_problem, userdata, directory, "more than 256 files");
	for (int i = 0; i < count; i++) {
		if (count <= CONFIG_DROP_INS_MAX && ret != -ENOMEM) {
			int r;

			snprintf(full, sizeof(full), "%s/%s", directory, names[i]->d_name);
			r = load_file(set, full, on_problem, userdata);
			ret = r < 0 ? r : ret;
		}
		free(names[i]);
	}
	free(names);
	return ret;
}

int config_set_load(const char *path, bool may_be_missing, config_problem_fn on_problem,
		    void *userdata, struct config_set *ret_set)
{
	int ret = 0, r;

	*ret_set = (struct config_set){0};
	/* Only what is not there may be missing: one that may not be read is a problem. */
	if (!may_be_missing || access(path, F_OK) == 0 || errno != ENOENT)
		ret = load_file(ret_set, path, on_problem, userdata);
	if (ret == -ENOMEM)
		return ret;
	r = load_drop_ins(ret_set, path, on_problem, userdata);
	return r < 0 ? r : ret;
}

static int apply_entry(const struct config_file *file, const struct config_entry *entry,
		       struct options *options, config_problem_fn on_problem, void *userdata)
{
	char path[512], value[160], sentence[512] = "", text[1400];
	int ret;

	format_safe(file->path, strlen(file->path), path, sizeof(path));
	if (entry->row)
		ret = option_apply(entry->row, options, entry->value, sentence, sizeof(sentence));
	else
		ret = value_set_setting(options, entry->key, entry->value, sentence,
					sizeof(sentence));
	if (ret == 0 || ret == -ENOMEM)
		return ret;
	if (entry->row)
		snprintf(text, sizeof(text), "%s:%u: %s '%s': %s", path, entry->line, entry->key,
			 format_safe(entry->value, strlen(entry->value), value, sizeof(value)),
			 sentence);
	else
		snprintf(text, sizeof(text), "%s:%u: %s", path, entry->line, sentence);
	on_problem(userdata, text);
	return -EINVAL;
}

static int apply_row(const struct config_set *set, const struct option_row *row,
		     struct options *options, config_problem_fn on_problem, void *userdata)
{
	int ret = 0;

	for (size_t i = 0; i < set->file_count; i++) {
		const struct config *config = &set->files[i].config;

		for (size_t j = 0; j < config->entry_count; j++) {
			int r = config->entries[j].row == row
					? apply_entry(&set->files[i], &config->entries[j], options,
						      on_problem, userdata)
					: 0;

			if (r == -ENOMEM)
				return r;
			ret = r < 0 ? r : ret;
		}
	}
	return ret;
}

int config_set_apply(const struct config_set *set, struct options *options, config_skip_fn skip,
		     const void *skip_userdata, config_problem_fn on_problem,
		     void *problem_userdata)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);
	int ret = 0;

	for (size_t i = 0; i <= count && ret != -ENOMEM; i++) {
		const struct option_row *row = i < count ? &rows[i] : NULL;
		int r;

		if (row && skip && skip(skip_userdata, row))
			continue;
		r = apply_row(set, row, options, on_problem, problem_userdata);
		ret = r < 0 ? r : ret;
	}
	return ret;
}

void config_set_clear(struct config_set *set)
{
	for (size_t i = 0; i < set->file_count; i++) {
		free(set->files[i].path);
		config_clear(&set->files[i].config);
	}
	free(set->files);
	*set = (struct config_set){0};
}
