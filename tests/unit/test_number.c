// SPDX-License-Identifier: Apache-2.0
/* Numbers as people type them, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "screen/number.h"

static void parse_numbers_and_times_are_taken(void **state)
{
	static const struct {
		const char *text;
		double number;
	} rows[] = {{"0", 0},	 {"5", 5},    {".5", 0.5},   {"2.50", 2.5},  {"1e3", 1000},
		    {"30s", 30}, {"5m", 300}, {"5min", 300}, {"1.5h", 5400}, {"2d", 172800}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double number = -1;

		if (!number_parse(rows[i].text, false, &number) || number != rows[i].number)
			fail_msg("%s is %g", rows[i].text, number);
	}
}

static void parse_percent_is_taken_where_it_is_allowed(void **state)
{
	double number = -1;

	(void)state;
	assert_true(number_parse("80%", true, &number));
	assert_true(number == 80);
	assert_false(number_parse("81%", false, &number));
	assert_true(number == 80);
}

static void parse_anything_else_is_refused(void **state)
{
	static const char *const texts[] = {"",	    ".",    "-5",  "+5",  " 5",	   "5 ",
					    "0x10", "0X10", "inf", "nan", "1e999", "1e308h",
					    "5ms",  "5m5",  "m",   "5%%", "5,5"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		double number = 7;

		if (number_parse(texts[i], true, &number) || number != 7)
			fail_msg("'%s' was taken for %g", texts[i], number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_numbers_and_times_are_taken),
		cmocka_unit_test(parse_percent_is_taken_where_it_is_allowed),
		cmocka_unit_test(parse_anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
