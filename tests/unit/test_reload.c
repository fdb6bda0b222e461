// SPDX-License-Identifier: Apache-2.0
/*
 * What a reload says about the difference between two command lines and files.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "cli/reload.h"

#define WORDS_MAX 16

/* Words separated by spaces, behind "connleak agent --config none". */
static void parse(const char *words, struct options *ret_options)
{
	static char copies[2][256];
	static unsigned int turn;
	char *argv[WORDS_MAX] = {"connleak", "agent", "--config", "none"};
	char *copy = copies[turn++ % 2], *rest, error[512];
	int argc = 4;

	snprintf(copy, sizeof(copies[0]), "%s", words);
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	assert_int_equal(options_parse_to(argc, argv, stdout, ret_options, error, sizeof(error)),
			 OPTION_RUN);
}

static void reload_describe_names_what_differs(void **state)
{
	static const struct {
		const char *before, *after, *expected;
	} cases[] = {
		{"", "", "nothing has changed"},
		{"--port 1", "--port 1", "nothing has changed"},
		{"--port 1", "--port 2 --port 1", "nothing has changed"},
		{"--comm a --comm b", "--comm a --comm b", "nothing has changed"},
		{"", "--port 1", "applied: port"},
		{"--port 1", "", "applied: port"},
		{"--comm a", "--comm a --comm b", "applied: comm"},
		{"--comm ab", "--comm a --comm b", "applied: comm"},
		{"", "--set T0=20s", "applied: detector settings"},
		{"", "--set T0=10s", "nothing has changed"},
		{"--pid 1 -v", "--pid 2 --interval 2", "applied: pid, interval, verbose"},
		{"", "--state none", "waits for the next start: state"},
		{"--json", "--port 1 --state none",
		 "applied: port; waits for the next start: json, state"},
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options before, after;

		parse(cases[i].before, &before);
		parse(cases[i].after, &after);
		assert_string_equal(reload_describe(&before, &after, text, sizeof(text)),
				    cases[i].expected);
		options_free(&before);
		options_free(&after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reload_describe_names_what_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
