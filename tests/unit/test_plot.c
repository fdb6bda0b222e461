/* SPDX-License-Identifier: Apache-2.0 */
/* Small plots of characters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/plot.h"

static void plot_level_rounds_up_and_keeps_in_range(void **state)
{
	(void)state;
	assert_int_equal(plot_level(0, 8), 0);
	assert_int_equal(plot_level(-1, 8), 0);
	assert_int_equal(plot_level(0.001, 8), 1);
	assert_int_equal(plot_level(1, 8), 1);
	assert_int_equal(plot_level(1.001, 8), 2);
	assert_int_equal(plot_level(8, 8), 8);
	assert_int_equal(plot_level(9, 8), 8);
	assert_int_equal(plot_level(INFINITY, 8), 8);
	assert_int_equal(plot_level(1, 0), 0);
	assert_int_equal(plot_level(NAN, 8), 0);
}

static void assert_renders(const struct plot_row *rows, size_t row_count, size_t column_count,
			   bool utf8, const char *expected)
{
	char *text = plot_render(rows, row_count, column_count, "14:02", "14:10", 2, utf8);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static const double stairs[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, NAN, 0.1, 8};
static const double flat[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};

static void plot_render_ascii_scales_each_row(void **state)
{
	const struct plot_row rows[] = {{"opens", stairs, 0, "36 in all"}, {"open", flat, 0, "2"}};

	(void)state;
	assert_renders(rows, 2, 12, false,
		       "  opens |.:-=+*#%@ :@| 36 in all\n"
		       "  open  |@@@@@@@@@@@@| 2\n"
		       "         14:02  14:10\n");
}

static void plot_render_utf8_uses_blocks_and_a_given_top(void **state)
{
	const struct plot_row rows[] = {{"open", stairs, 0, ""}, {"stale", flat, 8, ""}};

	(void)state;
	assert_renders(rows, 2, 12, true,
		       "  open  |\u00b7\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588 "
		       "\u2581\u2588|\n"
		       "  stale |\u2582\u2582\u2582\u2582\u2582\u2582\u2582\u2582\u2582\u2582"
		       "\u2582\u2582|\n"
		       "         14:02  14:10\n");
}

static void plot_render_narrow_plots_keep_their_axis(void **state)
{
	const struct plot_row row = {"busy", flat, 0, ""};

	(void)state;
	assert_renders(&row, 1, 2, false, "  busy |@@|\n        14:02 14:10\n");
	assert_renders(&row, 1, 0, false, "  busy ||\n        14:02 14:10\n");
}

static void plot_render_all_zero_or_unknown_row_is_flat(void **state)
{
	static const double zero[] = {0, 0, 0}, unknown[] = {NAN, NAN, NAN};
	const struct plot_row rows[] = {{"a", zero, 0, ""}, {"b", unknown, 0, "?"}};

	(void)state;
	assert_renders(rows, 2, 3, false, "  a |...|\n  b |   | ?\n     14:02 14:10\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plot_level_rounds_up_and_keeps_in_range),
		cmocka_unit_test(plot_render_ascii_scales_each_row),
		cmocka_unit_test(plot_render_utf8_uses_blocks_and_a_given_top),
		cmocka_unit_test(plot_render_narrow_plots_keep_their_axis),
		cmocka_unit_test(plot_render_all_zero_or_unknown_row_is_flat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
