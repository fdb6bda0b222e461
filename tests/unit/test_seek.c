// SPDX-License-Identifier: Apache-2.0
/* Moments of a recording. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "screen/seek.h"

static void parse_gives_the_moment(void **state)
{
	/* From 23:50:00 for 20 minutes; now is 5 minutes in. */
	const struct seek_place place = {
		.begin_ns = 1000 * NS_PER_SEC,
		.end_ns = 2200 * NS_PER_SEC,
		.now_ns = 1300 * NS_PER_SEC,
		.realtime_at_zero_ns = (86400 - 600 - 1000) * 1000000000LL,
	};
	static const struct {
		const char *text;
		uint64_t t_s;
	} cases[] = {
		{"+5m", 1600},	  {"-30s", 1270},  {"-30", 1270},   {"-10m", 1000},
		{"+1h", 2200},	  {"50%", 1600},   {"0%", 1000},    {"100%", 2200},
		{"t=1234", 1234}, {"t=0", 1000},   {"23:51", 1060}, {"23:51:07", 1067},
		{"00:05", 1900},  {"12:00", 2200},
	};
	char error[200];
	uint64_t t_ns;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (seek_parse(cases[i].text, &place, &t_ns, error, sizeof(error)))
			fail_msg("%s: %s", cases[i].text, error);
		if (t_ns != cases[i].t_s * NS_PER_SEC)
			fail_msg("%s: %llu", cases[i].text, (unsigned long long)t_ns);
	}
}

static void parse_what_is_no_moment_is_refused(void **state)
{
	static const char *const texts[] = {"",	     "+",      "later", "25:00",  "1:30",
					    "14:60", "14:02:", "101%",	"-1%",	  "+5x",
					    "+0x5",  "t=",     "t=x",	"+1e999", "\033[2J"};
	struct seek_place place = {.end_ns = 10, .realtime_at_zero_ns = 1};
	char error[200];
	uint64_t t_ns = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(seek_parse(texts[i], &place, &t_ns, error, sizeof(error)),
				 -EINVAL);
		assert_non_null(strstr(error, "is no moment"));
		assert_null(strchr(error, '\033'));
	}
	place = (struct seek_place){0};
	assert_int_equal(seek_parse("14:02", &place, &t_ns, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "does not say what time"));
	assert_int_equal(seek_parse("50%", &place, &t_ns, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "not known how long"));
	assert_int_equal(t_ns, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_gives_the_moment),
		cmocka_unit_test(parse_what_is_no_moment_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
