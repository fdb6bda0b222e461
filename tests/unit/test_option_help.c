// SPDX-License-Identifier: Apache-2.0
/*
 * What --help, the man pages and --version print: of each command what it takes, in 80 columns.
 */
#include "option_run.h"

#include "cli/option_table.h"

static void assert_answered(const char *words, const char *expected)
{
	struct option_run run;

	option_run(&run, words);
	assert_int_equal(run.result, OPTION_DONE);
	if (!strstr(run.output, expected))
		fail_msg("'%s' does not print '%s'", words, expected);
	for (const char *line = run.output; *line; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > 80)
			fail_msg("'%s': more than 80 columns: %.*s", words,
				 (int)strcspn(line, "\n"), line);
	option_run_end(&run);
}

static void options_parse_help_is_printed_in_80_columns(void **state)
{
	size_t count;
	const struct command_row *rows = command_rows(&count);
	char words[64];

	(void)state;
	assert_answered("--help", "Usage: connleak COMMAND");
	assert_answered("-h", "Exit status:");
	assert_answered("help", "Usage: connleak COMMAND");
	assert_answered("--version", "connleak " CONNLEAK_VERSION "\n");
	assert_answered("list|--version|--bogus", "connleak " CONNLEAK_VERSION "\n");
	assert_answered("help|settings", "  T0 = 10 s");
	for (size_t i = 0; i < count; i++) {
		snprintf(words, sizeof(words), "%s|--help", rows[i].name);
		assert_answered(words, "Examples:");
		assert_answered(words, rows[i].examples);
		snprintf(words, sizeof(words), "help|%s", rows[i].name);
		assert_answered(words, "Exit status:");
		assert_answered("--help", rows[i].purpose);
	}
}

static bool prints(const char *words, const char *text)
{
	struct option_run run;
	bool found;

	option_run(&run, words);
	found = strstr(run.output, text) != NULL;
	option_run_end(&run);
	return found;
}

static void options_parse_help_tells_a_command_its_own_exit_statuses(void **state)
{
	static const char stands[] = "  4  a verdict stands";

	(void)state;
	assert_true(prints("--help", stands));
	assert_true(prints("trace|--help", stands));
	assert_false(prints("list|--help", stands));
	assert_false(prints("run|--help", stands));
	assert_true(prints("run|--help", "Exit status: that of CMD"));
	assert_false(prints("run|--help", "  0  done"));
	assert_false(prints("trace|--help", "126"));
}

/* True when a line of help begins with the option, its short name before it or not. */
static bool help_lists(const char *help, const struct option_row *row)
{
	char plain[64], with_letter[64];

	snprintf(plain, sizeof(plain), "\n  --%s%s", row->name, row->argument ? " " : "  ");
	snprintf(with_letter, sizeof(with_letter), "\n  -%c, --%s ", row->letter, row->name);
	return strstr(help, plain) || (row->letter && strstr(help, with_letter));
}

/* Whether the name stands there in bold, behind such dashes. */
static bool man_has_bold(const char *man, const char *dashes, const char *name)
{
	char expected[80] = "\\fB";
	size_t used = strlen(strcat(expected, dashes));

	for (const char *c = name; *c; c++)
		used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%s%c",
					 *c == '-' ? "\\" : "", *c);
	strcat(expected, "\\fR");
	return strstr(man, expected);
}

static bool man_lists(const char *man, const struct option_row *row)
{
	return man_has_bold(man, "\\-\\-", row->name);
}

/* What the man page names as a key is one in the config file, and nothing else is. */
static void options_parse_help_of_keys_names_those_of_a_config_file(void **state)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);
	struct option_run man;

	(void)state;
	option_run(&man, "help|--man|keys");
	for (size_t i = 0; i < count; i++)
		assert_int_equal(man_has_bold(man.output, "", rows[i].name), rows[i].in_config);
	option_run_end(&man);
}

/* Each option stands in the help and the man page of the commands that take it, and no other. */
static void options_parse_help_names_what_the_command_takes(void **state)
{
	size_t command_count, option_count;
	const struct command_row *commands = command_rows(&command_count);
	const struct option_row *options = option_rows(&option_count);
	struct option_run help, man;
	char words[64];

	(void)state;
	for (size_t i = 0; i < command_count; i++) {
		snprintf(words, sizeof(words), "%s|--help", commands[i].name);
		option_run(&help, words);
		snprintf(words, sizeof(words), "help|--man|%s", commands[i].name);
		option_run(&man, words);
		for (size_t j = 0; j < option_count; j++) {
			bool is_taken = options[j].commands & commands[i].command;

			assert_int_equal(help_lists(help.output, &options[j]), is_taken);
			assert_int_equal(man_lists(man.output, &options[j]), is_taken);
		}
		option_run_end(&help);
		option_run_end(&man);
	}
}

static void option_rows_are_consistent(void **state)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_non_null(rows[i].help);
		assert_true(rows[i].commands != 0);
		assert_int_equal(rows[i].kind == OPTION_VALUE, rows[i].apply != NULL);
		assert_int_equal(rows[i].kind == OPTION_VALUE || rows[i].kind == OPTION_CONFIG,
				 rows[i].argument != NULL);
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(rows[i].name, rows[j].name);
			assert_true(!rows[i].letter || rows[i].letter != rows[j].letter);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_parse_help_is_printed_in_80_columns),
		cmocka_unit_test(options_parse_help_tells_a_command_its_own_exit_statuses),
		cmocka_unit_test(options_parse_help_of_keys_names_those_of_a_config_file),
		cmocka_unit_test(options_parse_help_names_what_the_command_takes),
		cmocka_unit_test(option_rows_are_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
