/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reading of a command line, for the tests of options: what it gave, said and printed. Included
 * by the tests, one binary each.
 */
#ifndef CONNLEAK_TESTS_OPTION_RUN_H
#define CONNLEAK_TESTS_OPTION_RUN_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/option.h"

#define ARGS_MAX 64

struct option_run {
	struct options options;
	enum option_result result;
	char error[2048];
	char *output; /* of --help and --version */
	size_t output_length;
};

/* Parses "connleak" and the words, parted by '|' so that a word may be empty or hold blanks. */
static inline void option_run(struct option_run *run, const char *words)
{
	static char copy[8192]; /* options borrow from it */
	char *argv[ARGS_MAX] = {"connleak"};
	char *rest = copy;
	int argc = 1;
	FILE *out;

	memset(run, 0, sizeof(*run));
	snprintf(copy, sizeof(copy), "%s", words ? words : "");
	while (words && rest && argc < ARGS_MAX - 1)
		argv[argc++] = strsep(&rest, "|");
	out = open_memstream(&run->output, &run->output_length);
	assert_non_null(out);
	run->result =
		options_parse_to(argc, argv, out, &run->options, run->error, sizeof(run->error));
	fclose(out);
}

static inline void option_run_end(struct option_run *run)
{
	options_free(&run->options);
	free(run->output);
}

#endif
