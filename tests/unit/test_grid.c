// SPDX-License-Identifier: Apache-2.0
/* Cells, bars and sparklines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "screen/gauge.h"
#include "screen/grid.h"

static void assert_line(const struct grid *grid, const char *expected)
{
	char *text = grid_render(grid);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void put_what_is_too_long_is_cut_with_a_mark(void **state)
{
	struct grid grid;

	(void)state;
	assert_int_equal(grid_init(&grid, 10, 1, false), 0);
	assert_int_equal(grid_put(&grid, 0, 0, 4, GRID_PLAIN, "orders"), 4);
	assert_int_equal(grid_put(&grid, 5, 0, 9, GRID_PLAIN, "api"), 3);
	assert_line(&grid, "ord~ api\n");
	assert_int_equal(grid_put(&grid, 8, 0, 9, GRID_PLAIN, "xyz"), 2);
	assert_line(&grid, "ord~ apix~\n");
	assert_int_equal(grid_put(&grid, 10, 0, 9, GRID_PLAIN, "xyz"), 0);
	assert_int_equal(grid_put(&grid, 0, 1, 9, GRID_PLAIN, "xyz"), 0);
	grid_clear(&grid);
	assert_int_equal(grid_init(&grid, 10, 1, true), 0);
	(void)grid_put(&grid, 0, 0, 4, GRID_PLAIN, "orders");
	grid_put_right(&grid, 4, 0, 6, GRID_PLAIN, "api");
	assert_line(&grid, "ord\u2026   api\n");
	grid_put_right(&grid, 4, 0, 3, GRID_PLAIN, "too long");
	assert_line(&grid, "ord\u2026to\u2026api\n");
	grid_clear(&grid);
}

static void put_what_is_not_printable_is_a_question_mark(void **state)
{
	struct grid grid;

	(void)state;
	assert_int_equal(grid_init(&grid, 20, 1, true), 0);
	(void)grid_put(&grid, 0, 0, 20, GRID_PLAIN, "a\033[2J\n\x7f\xff\xc2\x9b\xcc\x81z");
	assert_line(&grid, "a?[2J?????z\n");
	grid_clear(&grid);
	assert_int_equal(grid_init(&grid, 20, 1, false), 0);
	(void)grid_put(&grid, 0, 0, 20, GRID_PLAIN, "caf\u00e9 \u4e2d!");
	assert_line(&grid, "caf? ?!\n");
	grid_clear(&grid);
}

static void put_wide_characters_take_two_columns(void **state)
{
	struct grid grid;

	(void)state;
	assert_int_equal(grid_init(&grid, 6, 1, true), 0);
	assert_int_equal(grid_text_width("\u4e2d\u6587", true), 4);
	assert_int_equal(grid_put(&grid, 0, 0, 6, GRID_PLAIN, "\u4e2d\u6587x"), 5);
	assert_line(&grid, "\u4e2d\u6587x\n");
	(void)grid_put(&grid, 1, 0, 2, GRID_PLAIN, "ab"); /* both halves of neighbours */
	assert_line(&grid, " ab x\n");
	assert_int_equal(grid_put(&grid, 0, 0, 4, GRID_PLAIN, "\u4e2d\u6587\u4e2d"), 3);
	grid_clear(&grid);
	assert_int_equal(grid_init(&grid, 3, 1, true), 0);
	assert_int_equal(grid_put(&grid, 0, 0, 3, GRID_PLAIN, "\u4e2d\u6587"), 3);
	assert_line(&grid, "\u4e2d\u2026\n");
	grid_clear(&grid);
}

static void bar_says_how_full_it_is(void **state)
{
	static const struct {
		double share;
		const char *ascii, *utf8;
	} cases[] = {
		{0, "----", "\u2591\u2591\u2591\u2591"},
		{-1, "----", "\u2591\u2591\u2591\u2591"},
		{0.001, "#---", "\u258f\u2591\u2591\u2591"},
		{0.5, "##--", "\u2588\u2588\u2591\u2591"},
		{0.6, "##--", "\u2588\u2588\u258d\u2591"},
		{0.999, "####", "\u2588\u2588\u2588\u2589"},
		{1, "####", "\u2588\u2588\u2588\u2588"},
		{17, "####", "\u2588\u2588\u2588\u2588"},
	};
	char bar[GAUGE_BYTES(4)];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(gauge_bar(cases[i].share, 4, false, bar, sizeof(bar)),
				    cases[i].ascii);
		assert_string_equal(gauge_bar(cases[i].share, 4, true, bar, sizeof(bar)),
				    cases[i].utf8);
	}
	assert_string_equal(gauge_bar(1, 100, false, bar, 4), "###");
}

static void spark_shows_the_maximum_of_each_column(void **state)
{
	static const uint32_t values[] = {UINT32_MAX, 0, 4, 8, 2, 8};
	char spark[GAUGE_BYTES(6)];

	(void)state;
	assert_string_equal(gauge_spark(values, 6, 6, true, spark, sizeof(spark)),
			    " \u00b7\u2584\u2588\u2582\u2588");
	assert_string_equal(gauge_spark(values, 6, 6, false, spark, sizeof(spark)), " .+@-@");
	assert_string_equal(gauge_spark(values, 6, 3, false, spark, sizeof(spark)), ".@@");
	/* What does not divide is over at the old end. */
	assert_string_equal(gauge_spark(values, 5, 3, false, spark, sizeof(spark)), " +@");
	assert_string_equal(gauge_spark(values, 0, 3, false, spark, sizeof(spark)), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_what_is_too_long_is_cut_with_a_mark),
		cmocka_unit_test(put_what_is_not_printable_is_a_question_mark),
		cmocka_unit_test(put_wide_characters_take_two_columns),
		cmocka_unit_test(bar_says_how_full_it_is),
		cmocka_unit_test(spark_shows_the_maximum_of_each_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
