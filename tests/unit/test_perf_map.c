// SPDX-License-Identifier: Apache-2.0
/*
 * Map files as JIT compilers write them, and as somebody else might.
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

#include "sys/perf_map.h"

static struct perf_map *map_of(const char *text, int64_t expected_taken)
{
	struct perf_map *map = perf_map_new();

	assert_non_null(map);
	assert_int_equal(perf_map_add(map, text, strlen(text)), expected_taken);
	return map;
}

static void perf_map_find_covers_start_but_not_end(void **state)
{
	const char *text = "1000 20 first\n2000 10 void com.shop.Orders.save(int)\n";
	struct perf_map *map = map_of(text, (int64_t)strlen(text));

	(void)state;
	assert_null(perf_map_find(map, 0xfff));
	assert_string_equal(perf_map_find(map, 0x1000), "first");
	assert_string_equal(perf_map_find(map, 0x101f), "first");
	assert_null(perf_map_find(map, 0x1020));
	assert_string_equal(perf_map_find(map, 0x2005), "void com.shop.Orders.save(int)");
	perf_map_free(map);
}

static void perf_map_find_takes_the_entry_written_last(void **state)
{
	const char *text = "1000 100 old\n1080 10 inner\n1000 40 new\n";
	struct perf_map *map = map_of(text, (int64_t)strlen(text));

	(void)state;
	assert_string_equal(perf_map_find(map, 0x1010), "new");
	assert_string_equal(perf_map_find(map, 0x1050), "old");
	assert_string_equal(perf_map_find(map, 0x1085), "inner");
	perf_map_free(map);
}

static void perf_map_add_leaves_a_line_that_is_not_complete(void **state)
{
	struct perf_map *map = map_of("1000 10 whole\n2000 10 ha", 14);

	(void)state;
	assert_null(perf_map_find(map, 0x2000));
	assert_int_equal(perf_map_add(map, "2000 10 half\n", 13), 13);
	assert_string_equal(perf_map_find(map, 0x2000), "half");
	assert_string_equal(perf_map_find(map, 0x1000), "whole");
	perf_map_free(map);
}

static void perf_map_add_refuses_what_is_no_entry(void **state)
{
	static const char *const lines[] = {
		"\n",
		"x\n",
		"1000\n",
		"1000 10\n",
		"1000 10 \n",
		"1000 0 empty\n",
		"10g0 10 name\n",
		"ffffffffffffffff 2 wraps\n",
		"10000000000000000 10 too_large\n",
		" 1000 10 name\n",
		"-1 10 name\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct perf_map *map = map_of(lines[i], (int64_t)strlen(lines[i]));

		assert_int_equal(perf_map_entry_count(map), 0);
		perf_map_free(map);
	}
}

static void perf_map_add_cuts_a_name_that_is_too_long(void **state)
{
	char text[2000], *name = text + 8;
	struct perf_map *map;

	(void)state;
	memset(text, 'n', sizeof(text));
	memcpy(text, "1000 10 ", 8);
	text[sizeof(text) - 2] = '\n';
	text[sizeof(text) - 1] = '\0';
	map = map_of(text, (int64_t)strlen(text));
	name[PERF_MAP_NAME_MAX] = '\0';
	assert_string_equal(perf_map_find(map, 0x1000), name);
	perf_map_free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(perf_map_find_covers_start_but_not_end),
		cmocka_unit_test(perf_map_find_takes_the_entry_written_last),
		cmocka_unit_test(perf_map_add_leaves_a_line_that_is_not_complete),
		cmocka_unit_test(perf_map_add_refuses_what_is_no_entry),
		cmocka_unit_test(perf_map_add_cuts_a_name_that_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
