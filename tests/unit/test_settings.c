/* SPDX-License-Identifier: Apache-2.0 */
/* The detector's settings: defaults, what is taken and what is refused, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "core/settings.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SECOND_NS 1000000000ULL

static void settings_init_gives_the_measured_defaults(void **state)
{
	struct settings settings;

	(void)state;
	settings_init(&settings);
	assert_true(settings.alarm == 1e4);
	assert_true(settings.suspect == 300);
	assert_true(settings.p_min == 0.01);
	assert_int_equal(settings.t0_ns, 10 * SECOND_NS);
	assert_int_equal(settings.credit_ns, 60 * SECOND_NS);
	assert_int_equal(settings.tick_ns, 5 * SECOND_NS);
	assert_int_equal(settings.hold_ns, 10 * SECOND_NS);
	assert_int_equal(settings.clear_ns, 600 * SECOND_NS);
	assert_int_equal(settings.close_wait_ns, 60 * SECOND_NS);
	assert_int_equal(settings.exposure_ns, 3600 * SECOND_NS);
	assert_int_equal(settings.i0, 4);
	assert_int_equal(settings.leak_min, 5);
	assert_int_equal(settings.suspect_min, 3);
}

static void settings_set_takes_numbers_of_the_unit(void **state)
{
	static const struct {
		const char *value;
		uint64_t ns;
	} rows[] = {
		{"10s", 10 * SECOND_NS},      {"10", 10 * SECOND_NS},
		{"1.5s", 3 * SECOND_NS / 2},  {"250ms", SECOND_NS / 4},
		{"2m", 120 * SECOND_NS},      {"1h", 3600 * SECOND_NS},
		{"100000us", SECOND_NS / 10}, {"200000000ns", SECOND_NS / 5},
		{"1e1", 10 * SECOND_NS},
	};
	struct settings settings;
	char error[200];

	(void)state;
	settings_init(&settings);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(settings_set(&settings, "T0", rows[i].value, error, sizeof(error)),
				 0);
		assert_int_equal(settings.t0_ns, rows[i].ns);
	}
	assert_int_equal(settings_set(&settings, "A", "2e5", error, sizeof(error)), 0);
	assert_true(settings.alarm == 2e5);
	assert_int_equal(settings_set(&settings, "LMIN", "8", error, sizeof(error)), 0);
	assert_int_equal(settings.leak_min, 8);
}

static void settings_set_nonsense_is_refused_and_changes_nothing(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{"A", "0"},	   {"A", "-5"},	       {"A", ""},	{"A", "nan"},
		{"A", "inf"},	   {"A", "1e400"},     {"A", "100s"},	{"A", "0x100"},
		{"A", " 100"},	   {"A", "100 "},      {"A", "1,000"},	{"T0", "-1s"},
		{"T0", "0"},	   {"T0", "inf"},      {"T0", "nan"},	{"T0", "10 parsecs"},
		{"T0", "10 s"},	   {"T0", "s"},	       {"T0", ""},	{"T0", "1e"},
		{"T0", "10S"},	   {"T0", "10000h"},   {"T0", "."},	{"T0", "+"},
		{"PMIN", "0"},	   {"PMIN", "1"},      {"LMIN", "0"},	{"LMIN", "2.5"},
		{"LMIN", "-3"},	   {"LMIN", "1e99"},   {"I0", "0"},	{"TICK", "0"},
		{"A", "infinity"}, {"A", "-infinity"}, {"A", "NaN(1)"},
	};
	struct settings settings, before;
	char error[200];

	(void)state;
	settings_init(&settings);
	memcpy(&before, &settings, sizeof(before));
	for (size_t i = 0; i < COUNT(rows); i++) {
		error[0] = '\0';
		if (settings_set(&settings, rows[i].key, rows[i].value, error, sizeof(error)) !=
		    -EINVAL)
			fail_msg("%s=%s was taken", rows[i].key, rows[i].value);
		assert_non_null(strstr(error, rows[i].key));
		assert_non_null(strstr(error, rows[i].value));
		assert_memory_equal(&settings, &before, sizeof(before));
	}
}

static void settings_set_refusal_names_value_and_range(void **state)
{
	struct settings settings;
	char error[200];

	(void)state;
	settings_init(&settings);
	assert_int_equal(settings_set(&settings, "T0", "10 parsecs", error, sizeof(error)),
			 -EINVAL);
	assert_string_equal(error, "setting T0: '10 parsecs' is not a time from 0.1 s to 86400 s");
	assert_int_equal(settings_set(&settings, "LMIN", "0", error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "setting LMIN: '0' is not a whole number from 1 to 100000");
	assert_int_equal(settings_set(&settings, "B\033[2J", "1", error, sizeof(error)), -ENOENT);
	assert_string_equal(error, "setting 'B\\x1b[2J' does not exist");
	assert_int_equal(settings_set(&settings, "", "1", error, sizeof(error)), -ENOENT);
}

static void settings_check_values_that_do_not_go_together_are_refused(void **state)
{
	static const struct {
		const char *low_key, *low, *high_key, *high;
		bool is_taken;
	} rows[] = {
		{"A_SUSPECT", "50", "A", "100", true},
		{"A_SUSPECT", "100", "A", "100", true},
		{"A_SUSPECT", "300", "A", "100", false},
		{"LMIN_SUSPECT", "1", "LMIN", "1", true},
		{"LMIN_SUSPECT", "3", "LMIN", "2", false},
		{"BUSY_CLEAR", "0.4", "BUSY_SATURATED", "0.5", true},
		{"BUSY_CLEAR", "1", "BUSY_SATURATED", "0.85", false},
	};
	struct settings settings;
	char error[200];

	(void)state;
	settings_init(&settings);
	assert_int_equal(settings_check(&settings, error, sizeof(error)), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		settings_init(&settings);
		/* Whichever comes first: the first one alone may contradict a default. */
		assert_int_equal(settings_set(&settings, rows[i].high_key, rows[i].high, error,
					      sizeof(error)),
				 0);
		assert_int_equal(
			settings_set(&settings, rows[i].low_key, rows[i].low, error, sizeof(error)),
			0);
		assert_int_equal(settings_check(&settings, error, sizeof(error)),
				 rows[i].is_taken ? 0 : -EINVAL);
	}
	assert_string_equal(error, "settings BUSY_SATURATED = 0.85 and BUSY_CLEAR = 1: "
				   "BUSY_SATURATED must be at least BUSY_CLEAR; else a verdict is "
				   "cleared while it holds");
}

static void settings_rows_have_a_reason_and_a_default_in_range(void **state)
{
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	(void)state;
	assert_true(count >= 13);
	for (size_t i = 0; i < count; i++) {
		assert_true(rows[i].low <= rows[i].initial && rows[i].initial <= rows[i].high);
		/* What it is, and after a stop why the default is what it is. */
		assert_non_null(strpbrk(rows[i].help, ";:,"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_init_gives_the_measured_defaults),
		cmocka_unit_test(settings_set_takes_numbers_of_the_unit),
		cmocka_unit_test(settings_set_nonsense_is_refused_and_changes_nothing),
		cmocka_unit_test(settings_set_refusal_names_value_and_range),
		cmocka_unit_test(settings_check_values_that_do_not_go_together_are_refused),
		cmocka_unit_test(settings_rows_have_a_reason_and_a_default_in_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
