// SPDX-License-Identifier: Apache-2.0
/*
 * The config file: every line counts or is refused by its number, and the command line wins.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/config.h"

/* What was wrong first. */
struct problem {
	char text[1024];
};

static void keep_first(void *userdata, const char *text)
{
	struct problem *problem = userdata;

	if (!problem->text[0])
		snprintf(problem->text, sizeof(problem->text), "%s", text);
}

static int parse_bytes(const char *bytes, size_t length, struct config *ret_config,
		       struct problem *ret_problem)
{
	*ret_problem = (struct problem){0};
	return config_parse(bytes, length, keep_first, ret_problem, ret_config);
}

static int parse(const char *text, struct config *ret_config, struct problem *ret_problem)
{
	return parse_bytes(text, strlen(text), ret_config, ret_problem);
}

static void config_parse_all_forms_are_taken(void **state)
{
	const char *text = "# comment\n"
			   "; comment\n"
			   "\n"
			   "   \t\n"
			   "port = 5432,6432\r\n"
			   "\tendpoint=orders=10.0.3.7:5432,limit=100  \n"
			   "endpoint = audit = 10.0.3.8\n"
			   "no-stacks = yes\n"
			   " [ detector ] \n"
			   "T0 = 30s\n"
			   "A=1e5";
	static const struct {
		const char *key, *value;
		unsigned line;
		bool is_setting;
	} expected[] = {
		{"port", "5432,6432", 5, false},
		{"endpoint", "orders=10.0.3.7:5432,limit=100", 6, false},
		{"endpoint", "audit = 10.0.3.8", 7, false},
		{"no-stacks", "yes", 8, false},
		{"T0", "30s", 10, true},
		{"A", "1e5", 11, true},
	};
	struct config config;
	struct problem problem;

	(void)state;
	assert_int_equal(parse(text, &config, &problem), 0);
	assert_int_equal(config.entry_count, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < config.entry_count; i++) {
		assert_string_equal(config.entries[i].key, expected[i].key);
		assert_string_equal(config.entries[i].value, expected[i].value);
		assert_int_equal(config.entries[i].line, expected[i].line);
		assert_int_equal(config.entries[i].row == NULL, expected[i].is_setting);
	}
	config_clear(&config);
	assert_null(config.text);
	assert_int_equal(config.entry_count, 0);
}

static void config_parse_empty_file_has_no_entries(void **state)
{
	static const char *const texts[] = {"", "\n", "\r\n", "#", "[detector]"};
	struct config config;
	struct problem problem;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(parse(texts[i], &config, &problem), 0);
		assert_int_equal(config.entry_count, 0);
		config_clear(&config);
	}
	assert_int_equal(parse_bytes(NULL, 0, &config, &problem), 0);
	config_clear(&config);
}

static void config_parse_bad_lines_are_named(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"prot = 1", "1: unknown key 'prot' (did you mean 'port'?)"},
		{"\n\nfrobnicate = 1", "3: unknown key 'frobnicate' (known: port, endpoint, comm, "
				       "cgroup, pod-logs, no-stacks, "
				       "stack-bytes, interval, json, "},
		{"pid = 1", "1: unknown key 'pid'"},
		{"set = T0=1", "1: unknown key 'set'"},
		{"config = other", "1: unknown key 'config'"},
		{"help = yes", "1: unknown key 'help'"},
		{"port 5432", "1: not KEY = VALUE: 'port 5432'"},
		{"json=yes\nport", "2: not KEY = VALUE: 'port'"},
		{"= 5432", "1: no key before '='"},
		{"port =", "1: no value for 'port'"},
		{"port = \t ", "1: no value for 'port'"},
		{"[detektor]", "1: only the section [detector] exists, not 'detektor'"},
		{"[]", "1: only the section [detector] exists, not ''"},
		{"[", "1: a section ends with ']': '['"},
		{"[detector", "1: a section ends with ']': '[detector'"},
		{"[detector] x", "1: a section ends with ']'"},
		{"json = yes\nport = 5432\001", "2: a control character: not a text file"},
		{"port = 54\r32", "1: a control character: not a text file"},
		{"port = 5432\177", "1: a control character: not a text file"},
		{"# \033[31m", "1: a control character: not a text file"},
		{"\342\200\256 = 1", "1: unknown key '\\xe2\\x80\\xae'"},
	};
	struct config config;
	struct problem problem;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text, &config, &problem), -EINVAL);
		config_clear(&config);
		if (strncmp(problem.text, cases[i].error, strlen(cases[i].error)) != 0)
			fail_msg("'%s' is not '%s...'", problem.text, cases[i].error);
		assert_null(strchr(problem.text, '\n'));
	}
}

static void config_parse_nul_byte_is_refused(void **state)
{
	struct config config;
	struct problem problem;

	(void)state;
	assert_int_equal(parse_bytes("json = yes\nport = 1\0 2\n", 23, &config, &problem), -EINVAL);
	config_clear(&config);
	assert_string_equal(problem.text, "2: a control character: not a text file");
}

static void config_parse_line_length_is_bounded(void **state)
{
	static char text[CONFIG_LINE_MAX + 3];
	struct config config;
	struct problem problem;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = '#';
	text[CONFIG_LINE_MAX] = '\n';
	assert_int_equal(parse_bytes(text, CONFIG_LINE_MAX + 1, &config, &problem), 0);
	config_clear(&config);
	text[CONFIG_LINE_MAX] = 'x';
	text[CONFIG_LINE_MAX + 1] = '\n';
	assert_int_equal(parse_bytes(text, CONFIG_LINE_MAX + 2, &config, &problem), -EINVAL);
	config_clear(&config);
	assert_string_equal(problem.text, "1: the line is longer than 4096 bytes");
}

/* --- through the file system and the command line --------------------------------------------- */

struct place {
	char directory[64];
	char file[96];
};

static int make_place(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	strcpy(place->directory, "/tmp/connleak-config-XXXXXX");
	if (!mkdtemp(place->directory)) {
		free(place);
		return -1;
	}
	snprintf(place->file, sizeof(place->file), "%s/c.conf", place->directory);
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;

	(void)unlink(place->file);
	(void)rmdir(place->directory);
	free(place);
	return 0;
}

static void write_file(const struct place *place, const char *text, size_t length)
{
	FILE *file = fopen(place->file, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static enum option_result run(const struct place *place, const char *text, const char *extra,
			      struct options *ret_options, char *ret_error, size_t error_size)
{
	char *argv[] = {"connleak", "top", "--config", (char *)place->file, (char *)extra, NULL};

	write_file(place, text, strlen(text));
	strcpy(ret_error, "");
	return options_parse_to(extra ? 5 : 4, argv, stdout, ret_options, ret_error, error_size);
}

static void config_load_values_reach_the_options(void **state)
{
	struct options options;
	char error[1024];

	assert_int_equal(run(*state,
			     "endpoint = orders=10.0.3.7:7777\nport = 5432\ncomm = a,b\ncomm = c\n"
			     "cgroup = /x\njson = yes\nno-stacks = no\ninterval = 5\n"
			     "[detector]\nT0 = 30s\n",
			     NULL, &options, error, sizeof(error)),
			 OPTION_RUN);
	assert_true(dbkind_is_watched(options.databases, 5432));
	assert_true(dbkind_is_watched(options.databases, 7777));
	assert_false(dbkind_is_watched(options.databases, 3306));
	assert_int_equal(options.comm_count, 3);
	assert_string_equal(options.cgroups[0], "/x");
	assert_true(options.json);
	assert_false(options.no_stacks);
	assert_int_equal(options.interval_ns, 5 * NS_PER_SEC);
	assert_int_equal(options.settings.t0_ns, 30 * NS_PER_SEC);
	options_free(&options);
}

static void config_load_command_line_wins_key_by_key(void **state)
{
	struct options options;
	char error[1024];

	assert_int_equal(run(*state, "comm = a,b\ninterval = 5\n[detector]\nT0 = 30s\n", "--comm=z",
			     &options, error, sizeof(error)),
			 OPTION_RUN);
	assert_int_equal(options.comm_count, 1);
	assert_string_equal(options.comms[0], "z");
	assert_int_equal(options.interval_ns, 5 * NS_PER_SEC);
	options_free(&options);
	assert_int_equal(run(*state, "interval = 5\n[detector]\nT0 = 30s\nA = 1000\n",
			     "--set=T0=7s", &options, error, sizeof(error)),
			 OPTION_RUN);
	assert_int_equal(options.settings.t0_ns, 7 * NS_PER_SEC);
	assert_true(options.settings.alarm == 1000);
	options_free(&options);
}

static void config_load_wrong_values_are_named_by_line(void **state)
{
	static const struct {
		const char *text, *extra, *line, *value;
	} cases[] = {
		{"\nport = 65536\n", NULL, "c.conf:2: port", "'65536'"},
		/* Overridden, and wrong all the same. */
		{"port = 65536\n", "--port=1", "c.conf:1: port", "'65536'"},
		{"json = maybe\n", NULL, "c.conf:1: json 'maybe'", "yes nor no"},
		{"interval = 1e9\n", NULL, "c.conf:1: interval '1e9'", "seconds"},
		{"[detector]\nT0 = x\n", NULL, "c.conf:2: ", "'x'"},
		{"[detector]\nTT0 = 1\n", NULL, "c.conf:2: ", "'TT0'"},
		{"[detector]\nport = 1\n", NULL, "c.conf:2: ", "'port'"},
		{"T0 = 30s\n", NULL, "c.conf:1: below a line [detector]", "'T0'"},
		/* Each is right for itself. */
		{"[detector]\nA = 100\n", NULL, "A = 100", "A_SUSPECT = 300"},
		{"[detector]\nA_SUSPECT = 50\n", "--set=A=40", "A = 40", "A_SUSPECT = 50"},
		{"comm = 1234567890123456\n", NULL, "c.conf:1: comm", "15 bytes"},
	};
	struct options options;
	char error[1024];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			run(*state, cases[i].text, cases[i].extra, &options, error, sizeof(error)),
			OPTION_ERROR);
		if (!strstr(error, cases[i].line) || !strstr(error, cases[i].value))
			fail_msg("'%s' holds not both '%s' and '%s'", error, cases[i].line,
				 cases[i].value);
		options_free(&options);
	}
}

static int load(const char *path, struct config *ret_config, struct problem *ret_problem)
{
	*ret_problem = (struct problem){0};
	return config_load(path, keep_first, ret_problem, ret_config);
}

static void config_load_what_is_no_file_is_refused(void **state)
{
	const struct place *place = *state;
	struct config config;
	struct problem problem;

	assert_int_equal(load(place->directory, &config, &problem), -EISDIR);
	assert_non_null(strstr(problem.text, "Is a directory"));
	assert_int_equal(load(place->file, &config, &problem), -ENOENT);
	assert_non_null(strstr(problem.text, place->file));
	assert_int_equal(mkfifo(place->file, 0600), 0);
	assert_int_equal(load(place->file, &config, &problem), -EINVAL);
	assert_non_null(strstr(problem.text, "not a regular file"));
}

static void config_load_size_is_bounded(void **state)
{
	const struct place *place = *state;
	struct config config;
	char *text = malloc(CONFIG_FILE_MAX + 1);
	struct problem problem;

	assert_non_null(text);
	memset(text, '\n', CONFIG_FILE_MAX + 1);
	write_file(place, text, CONFIG_FILE_MAX);
	assert_int_equal(load(place->file, &config, &problem), 0);
	config_clear(&config);
	write_file(place, text, CONFIG_FILE_MAX + 1);
	assert_int_equal(load(place->file, &config, &problem), -EFBIG);
	assert_non_null(strstr(problem.text, "larger than 1 MiB"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_parse_all_forms_are_taken),
		cmocka_unit_test(config_parse_empty_file_has_no_entries),
		cmocka_unit_test(config_parse_bad_lines_are_named),
		cmocka_unit_test(config_parse_nul_byte_is_refused),
		cmocka_unit_test(config_parse_line_length_is_bounded),
		cmocka_unit_test_setup_teardown(config_load_values_reach_the_options, make_place,
						remove_place),
		cmocka_unit_test_setup_teardown(config_load_command_line_wins_key_by_key,
						make_place, remove_place),
		cmocka_unit_test_setup_teardown(config_load_wrong_values_are_named_by_line,
						make_place, remove_place),
		cmocka_unit_test_setup_teardown(config_load_what_is_no_file_is_refused, make_place,
						remove_place),
		cmocka_unit_test_setup_teardown(config_load_size_is_bounded, make_place,
						remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
