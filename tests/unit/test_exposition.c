// SPDX-License-Identifier: Apache-2.0
/* The two formats that Prometheus reads: what a parser there would refuse is not written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "sinks/exposition.h"

static void assert_page(struct exposition *page, const char *expected)
{
	char *text = NULL;
	size_t size = 0;

	assert_int_equal(exposition_finish(page, &text, &size), 0);
	assert_string_equal(text, expected);
	assert_int_equal(size, strlen(expected));
	free(text);
}

static void page_a_counter_in_both_formats(void **state)
{
	const struct exposition_label labels[] = {{"by", "local"}, {"pod", ""}};
	struct exposition page = {.format = EXPOSITION_CLASSIC};

	(void)state;
	exposition_family(&page, "x_closed", EXPOSITION_COUNTER, NULL, "Ends.");
	exposition_count(&page, labels, 2, UINT64_MAX);
	assert_page(&page, "# HELP x_closed_total Ends.\n# TYPE x_closed_total counter\n"
			   "x_closed_total{by=\"local\",pod=\"\"} 18446744073709551615\n");
	page.format = EXPOSITION_OPENMETRICS;
	exposition_family(&page, "x_closed", EXPOSITION_COUNTER, NULL, "Ends.");
	exposition_count(&page, labels, 1, 7);
	assert_page(&page, "# HELP x_closed Ends.\n# TYPE x_closed counter\n"
			   "x_closed_total{by=\"local\"} 7\n# EOF\n");
}

static void page_values_are_escaped(void **state)
{
	const struct exposition_label labels[] = {{"a", "q\"b\\n\nl"}, {"b", "\xff\xc3\xa9\xc3"}};
	struct exposition page = {.format = EXPOSITION_CLASSIC};

	(void)state;
	exposition_family(&page, "x", EXPOSITION_GAUGE, NULL, "X.");
	exposition_count(&page, labels, 2, 1);
	assert_page(&page, "# HELP x X.\n# TYPE x gauge\n"
			   "x{a=\"q\\\"b\\\\n\\nl\",b=\"\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\"} 1\n");
}

static void page_a_histogram_adds_up(void **state)
{
	static const struct histogram_scale scale = {.bucket_count = 3, .bounds_s = {0.5, 1, 60}};
	const struct exposition_label labels[] = {{"a", "b"}};
	struct exposition page = {.format = EXPOSITION_OPENMETRICS};
	struct histogram histogram = {0};

	(void)state;
	histogram_add(&histogram, &scale, 500000000, 2);
	histogram_add(&histogram, &scale, 2000000000, 1);
	histogram_add(&histogram, &scale, 100000000000, 4);
	exposition_family(&page, "x_seconds", EXPOSITION_HISTOGRAM, "seconds", "X.");
	exposition_histogram(&page, labels, 1, &histogram, &scale);
	assert_page(&page, "# HELP x_seconds X.\n# TYPE x_seconds histogram\n"
			   "# UNIT x_seconds seconds\n"
			   "x_seconds_bucket{a=\"b\",le=\"0.5\"} 2\n"
			   "x_seconds_bucket{a=\"b\",le=\"1.0\"} 2\n"
			   "x_seconds_bucket{a=\"b\",le=\"60.0\"} 3\n"
			   "x_seconds_bucket{a=\"b\",le=\"+Inf\"} 7\n"
			   "x_seconds_sum{a=\"b\"} 403\n"
			   "x_seconds_count{a=\"b\"} 7\n# EOF\n");
}

static void page_reals_are_numbers_of_the_format(void **state)
{
	struct exposition page = {.format = EXPOSITION_CLASSIC};

	(void)state;
	exposition_family(&page, "x", EXPOSITION_GAUGE, NULL, "X.");
	exposition_real(&page, NULL, 0, 0.1);
	exposition_real(&page, NULL, 0, 1e21);
	exposition_real(&page, NULL, 0, NAN);
	exposition_real(&page, NULL, 0, -INFINITY);
	assert_page(&page, "# HELP x X.\n# TYPE x gauge\nx 0.1\nx 1e+21\nx NaN\nx -Inf\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_a_counter_in_both_formats),
		cmocka_unit_test(page_values_are_escaped),
		cmocka_unit_test(page_a_histogram_adds_up),
		cmocka_unit_test(page_reals_are_numbers_of_the_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
