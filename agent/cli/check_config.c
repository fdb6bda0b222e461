// SPDX-License-Identifier: Apache-2.0
/*
 * Why: whoever changes a config file wants to hear of all its mistakes before the service does.
 *
 * Invariant: what passes here a start and a reload take, for they read by the same functions.
 * Opens and attaches nothing.
 */
#include "check_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config_set.h"
#include "core/format.h"
#include "sys/log.h"

static void say_problem(void *userdata, const char *problem)
{
	(void)userdata;
	log_error("%s", problem);
}

static void list_files(const struct config_set *set)
{
	char safe[512];

	for (size_t i = 0; i < set->file_count; i++)
		printf("%s: %zu values\n",
		       format_safe(set->files[i].path, strlen(set->files[i].path), safe,
				   sizeof(safe)),
		       set->files[i].config.entry_count);
	if (set->file_count == 0)
		printf("no config file: the defaults apply\n");
}

static int check_whole(const struct options *options)
{
	char problem[256];
	int ret = settings_check(&options->settings, problem, sizeof(problem));

	if (ret < 0)
		log_error("%s", problem);
	return ret;
}

int check_config(const struct options *options)
{
	struct config_set set = {0};
	struct options scratch;
	int ret = options_init(&scratch), applied = 0;

	if (ret == 0 && options->config)
		ret = config_set_load(options->config, options->config_may_be_missing, say_problem,
				      NULL, &set);
	/* What could be read is looked at even where another line could not. */
	if (ret != -ENOMEM)
		applied = config_set_apply(&set, &scratch, NULL, NULL, say_problem, NULL);
	if (ret == 0 && applied == 0)
		applied = check_whole(&scratch);
	if (ret == 0 && applied == 0)
		list_files(&set);
	config_set_clear(&set);
	options_free(&scratch);
	if (ret == -ENOMEM || applied == -ENOMEM) {
		log_error("out of memory");
		return EXIT_RUNTIME;
	}
	return ret < 0 || applied < 0 ? EXIT_USAGE : EXIT_DONE;
}
