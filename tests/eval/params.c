// SPDX-License-Identifier: Apache-2.0
/*
 * A run must be written down in one word, for the command that replays it is the most useful
 * thing that the evaluation prints.
 *
 * Invariant: params_pick() of 0 .. combinations - 1 gives each combination once. Unknown keys are
 * ignored here; the names of families are checked where they are looked up.
 */
#include "params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *find(const char *params, const char *key)
{
	size_t length = strlen(key);

	while (params && *params) {
		if (strncmp(params, key, length) == 0 && params[length] == '=')
			return params + length + 1;
		params = strchr(params, ',');
		if (params)
			params++;
	}
	return NULL;
}

double params_number(const char *params, const char *key, double otherwise)
{
	const char *value = find(params, key);
	double number;
	char *end;

	if (!value)
		return otherwise;
	number = strtod(value, &end);
	switch (*end) {
	case 'm':
		return number * 60;
	case 'h':
		return number * 3600;
	case 'd':
		return number * 86400;
	default:
		return number;
	}
}

const char *params_word(const char *params, const char *key, const char *otherwise, char *buffer,
			size_t size)
{
	const char *value = find(params, key);

	if (!value)
		return otherwise;
	(void)snprintf(buffer, size, "%.*s", (int)strcspn(value, ","), value);
	return buffer;
}

static uint32_t alternatives(const char *item)
{
	uint32_t count = 1;

	for (; *item && *item != ','; item++)
		count += *item == '|';
	return count;
}

uint32_t params_combinations(const char *grid)
{
	uint32_t count = 1;

	while (*grid) {
		count *= alternatives(grid);
		grid += strcspn(grid, ",");
		grid += *grid == ',';
	}
	return count;
}

/* Copies "key=" and the index-th of its alternatives. */
static size_t copy_item(const char *item, uint32_t index, char *buffer, size_t size)
{
	int key = (int)strcspn(item, "=") + 1;
	const char *value = item + key;
	int written;

	while (index-- > 0)
		value += strcspn(value, "|") + 1;
	written = snprintf(buffer, size, "%.*s%.*s", key, item, (int)strcspn(value, "|,"), value);
	return (size_t)written < size ? (size_t)written : size - 1;
}

const char *params_pick(const char *grid, uint32_t index, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	while (*grid && used + 2 < size) {
		uint32_t count = alternatives(grid);

		if (used > 0)
			buffer[used++] = ',';
		used += copy_item(grid, index % count, buffer + used, size - used);
		index /= count;
		grid += strcspn(grid, ",");
		grid += *grid == ',';
	}
	return buffer;
}
