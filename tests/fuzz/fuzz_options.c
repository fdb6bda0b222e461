// SPDX-License-Identifier: Apache-2.0
/*
 * Any command line, its words parted by newlines: no crash, no leak, and a refusal is one line
 * that is safe for a terminal.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/option.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[WORDS_MAX + 2] = {"connleak"};
	char *copy = malloc(size + 1), *rest = copy;
	FILE *out = fopen("/dev/null", "we");
	struct options options;
	enum option_result result;
	char error[2048] = "";
	int argc = 1;

	if (!copy || !out)
		abort();
	memcpy(copy, data, size);
	copy[size] = '\0';
	while (rest && argc <= WORDS_MAX)
		argv[argc++] = strsep(&rest, "\n");
	result = options_parse_to(argc, argv, out, &options, error, sizeof(error));
	if ((result == OPTION_ERROR || result == OPTION_NO_MEMORY) != (error[0] != '\0') ||
	    strpbrk(error, "\n\033"))
		abort();
	options_free(&options);
	fclose(out);
	free(copy);
	return 0;
}
