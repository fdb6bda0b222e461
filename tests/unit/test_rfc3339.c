/* SPDX-License-Identifier: Apache-2.0 */
/* Moments of the wall clock as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "core/rfc3339.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void rfc3339_parse_moment_is_unix_time(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2026-11-20T08:00:00Z", 1795161600000000000},
		{"2026-11-20T08:00:00.5Z", 1795161600500000000},
		{"2026-11-20t08:00:00.123456789z", 1795161600123456789},
		{"2026-11-20 08:00:00.1234567891234Z", 1795161600123456789},
		{"2026-11-20T09:30:00+01:30", 1795161600000000000},
		{"2026-11-20T03:00:00-05:00", 1795161600000000000},
		{"2000-02-29T00:00:00Z", 951782400000000000},
		{"2016-12-31T23:59:60Z", 1483228800000000000},
	};
	int32_t offset;
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(rfc3339_parse(rows[i].text, &ns, &offset));
		assert_int_equal(ns, rows[i].ns);
	}
}

static void rfc3339_parse_anything_else_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"2026-11-20",
		"2026-11-20T08:00:00",
		"2026-11-20T08:00Z",
		"2026-11-20T08:00:00.Z",
		"2026-11-20T08:00:00ZZ",
		"2026-11-20T08:00:00+1:00",
		"2026-11-20T08:00:00+24:00",
		"2026-13-20T08:00:00Z",
		"2026-00-20T08:00:00Z",
		"2026-02-29T08:00:00Z",
		"2100-02-29T08:00:00Z",
		"2026-11-31T08:00:00Z",
		"2026-11-00T08:00:00Z",
		"2026-11-20T24:00:00Z",
		"2026-11-20T08:60:00Z",
		"2026-11-20T08:00:61Z",
		"1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+01:00",
		"2251-01-01T00:00:00Z",
		"-2026-11-20T08:00:00Z",
		"26-11-20T08:00:00Z",
	};
	int32_t offset;
	int64_t ns = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		if (rfc3339_parse(texts[i], &ns, &offset))
			fail_msg("'%s' was taken", texts[i]);
		assert_int_equal(ns, 7);
	}
}

/* Every day at its last second, against the C library, and back. */
static void rfc3339_format_every_day_of_two_centuries(void **state)
{
	char text[RFC3339_SIZE], expected[RFC3339_SIZE];
	int32_t offset;
	int64_t back;

	(void)state;
	for (uint64_t day = 0; day < 200 * 365; day++) {
		uint64_t seconds = day * 86400 + 86399;
		time_t moment = (time_t)seconds;
		struct tm parts;

		assert_non_null(gmtime_r(&moment, &parts));
		assert_true(strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &parts));
		(void)rfc3339_format(seconds * NS_PER_SEC, 0, text, sizeof(text));
		if (strcmp(text, expected))
			fail_msg("'%s', not '%s'", text, expected);
		assert_true(rfc3339_parse(text, &back, &offset));
		assert_int_equal(back, seconds * NS_PER_SEC);
	}
}

static void rfc3339_format_fraction_has_the_digits_it_takes(void **state)
{
	char text[RFC3339_SIZE];

	(void)state;
	assert_string_equal(rfc3339_format(500000000, 0, text, sizeof(text)),
			    "1970-01-01T00:00:00.5Z");
	assert_string_equal(rfc3339_format(1, 0, text, sizeof(text)),
			    "1970-01-01T00:00:00.000000001Z");
}

static void rfc3339_format_zone_survives(void **state)
{
	static const int32_t offsets[] = {3600, -5 * 3600, 5 * 3600 + 45 * 60, -30 * 60, 0};
	char text[RFC3339_SIZE];
	int32_t offset;
	int64_t back;

	(void)state;
	assert_string_equal(rfc3339_format(1795161600000000000, 5400, text, sizeof(text)),
			    "2026-11-20T09:30:00+01:30");
	assert_string_equal(rfc3339_format(1795161600000000000, -18000, text, sizeof(text)),
			    "2026-11-20T03:00:00-05:00");
	for (size_t i = 0; i < COUNT(offsets); i++) {
		(void)rfc3339_format(1795161600000000000, offsets[i], text, sizeof(text));
		assert_true(rfc3339_parse(text, &back, &offset));
		assert_int_equal(back, 1795161600000000000);
		assert_int_equal(offset, offsets[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3339_parse_moment_is_unix_time),
		cmocka_unit_test(rfc3339_parse_anything_else_is_refused),
		cmocka_unit_test(rfc3339_format_every_day_of_two_centuries),
		cmocka_unit_test(rfc3339_format_fraction_has_the_digits_it_takes),
		cmocka_unit_test(rfc3339_format_zone_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
