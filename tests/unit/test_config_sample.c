// SPDX-License-Identifier: Apache-2.0
/*
 * The config file that is installed: changes nothing as it is, shows every key, and each line that
 * it shows is taken when its # is removed.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config_set.h"
#include "core/settings.h"

#define SAMPLE "packaging/systemd/connleak.conf"

static void fail_on_problem(void *userdata, const char *problem)
{
	(void)userdata;
	fail_msg("%s", problem);
}

/* Prose has a space behind its '#', a key has not. */
static char *read_sample(bool uncomment)
{
	FILE *file = fopen(SAMPLE, "r");
	char *text = calloc(1, 65536), line[512];
	size_t used = 0;

	assert_true(file && text);
	while (fgets(line, sizeof(line), file)) {
		bool is_key = line[0] == '#' && (isalnum((unsigned char)line[1]) || line[1] == '[');

		used += (size_t)snprintf(text + used, 65536 - used, "%s",
					 line + (uncomment && is_key));
	}
	fclose(file);
	return text;
}

static void parse(bool uncomment, struct config *ret_config)
{
	char *text = read_sample(uncomment);

	assert_int_equal(config_parse(text, strlen(text), fail_on_problem, NULL, ret_config), 0);
	free(text);
}

static bool shows(const struct config *config, const char *key)
{
	for (size_t i = 0; i < config->entry_count; i++)
		if (strcmp(config->entries[i].key, key) == 0)
			return true;
	return false;
}

static void sample_as_it_is_changes_nothing(void **state)
{
	struct config config;

	(void)state;
	parse(false, &config);
	assert_int_equal(config.entry_count, 0);
	config_clear(&config);
}

static void sample_shows_every_key(void **state)
{
	struct config config;
	size_t option_count, setting_count;
	const struct option_row *options = option_rows(&option_count);
	const struct setting_row *settings = settings_rows(&setting_count);

	(void)state;
	parse(true, &config);
	for (size_t i = 0; i < option_count; i++)
		if (options[i].in_config && options[i].commands & COMMAND_AGENT &&
		    !shows(&config, options[i].name))
			fail_msg(SAMPLE " does not show %s", options[i].name);
	for (size_t i = 0; i < setting_count; i++)
		if (!shows(&config, settings[i].key))
			fail_msg(SAMPLE " does not show %s", settings[i].key);
	config_clear(&config);
}

static void sample_every_line_is_taken(void **state)
{
	struct config_file file = {.path = SAMPLE};
	struct config_set set = {.files = &file, .file_count = 1};
	struct options options;

	(void)state;
	parse(true, &file.config);
	assert_int_equal(options_init(&options), 0);
	assert_int_equal(config_set_apply(&set, &options, NULL, NULL, fail_on_problem, NULL), 0);
	assert_true(dbkind_is_watched(options.databases, 7000));
	options_free(&options);
	config_clear(&file.config);
}

/* "(start)" stands where the option table says that a reload does not do. */
static void sample_says_what_waits_for_a_start(void **state)
{
	char *text = read_sample(false), *rest = text, about[1024] = "", *line;

	(void)state;
	while ((line = strsep(&rest, "\n")) && strncmp(line, "#[", 2) != 0) {
		const struct option_row *row;

		if (line[0] == '\0') /* the text above is for the keys up to an empty line */
			about[0] = '\0';
		if (line[0] != '#' || line[1] == ' ' || line[1] == '\0') {
			snprintf(about + strlen(about), sizeof(about) - strlen(about), "%s", line);
			continue;
		}
		line[strcspn(line, " ")] = '\0';
		row = option_find(line + 1);
		assert_non_null(row);
		if (row->at_run_time == (strstr(about, "(start)") != NULL))
			fail_msg(SAMPLE ": %s: (start) is %s", row->name,
				 row->at_run_time ? "wrong" : "missing");
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sample_as_it_is_changes_nothing),
		cmocka_unit_test(sample_shows_every_key),
		cmocka_unit_test(sample_every_line_is_taken),
		cmocka_unit_test(sample_says_what_waits_for_a_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
