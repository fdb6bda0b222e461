// SPDX-License-Identifier: Apache-2.0
/*
 * The clock on the wall: steps, suspends and summer time move it; slewing does not.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include "core/types.h"
#include "sys/wall_clock.h"

#define SEC ((int64_t)NS_PER_SEC)
#define EPOCH (1795000000 * SEC)

static void wall_clock_take_only_what_people_notice_is_news(void **state)
{
	struct wall_clock clock = {0};

	(void)state;
	assert_true(wall_clock_take(&clock, EPOCH, 100 * SEC, 3600));
	assert_int_equal(clock.utc_at_zero_ns, EPOCH - 100 * SEC);
	assert_int_equal(clock.local_at_zero_ns, EPOCH + 3500 * SEC);
	/* Time passes; NTP slews by a few milliseconds. */
	assert_false(wall_clock_take(&clock, EPOCH + 60 * SEC, 160 * SEC, 3600));
	assert_false(wall_clock_take(&clock, EPOCH + 90 * SEC + SEC / 3, 190 * SEC, 3600));
	assert_int_equal(clock.utc_at_zero_ns, EPOCH - 100 * SEC);
	/* Somebody sets the clock back by an hour. */
	assert_true(wall_clock_take(&clock, EPOCH - 3500 * SEC, 200 * SEC, 3600));
	assert_int_equal(clock.utc_at_zero_ns, EPOCH - 3700 * SEC);
	/* A night's suspend: the monotonic clock has stood still. */
	assert_true(wall_clock_take(&clock, EPOCH + 30000 * SEC, 201 * SEC, 3600));
	assert_int_equal(clock.utc_at_zero_ns, EPOCH + 29799 * SEC);
	/* Summer time begins. */
	assert_true(wall_clock_take(&clock, EPOCH + 30001 * SEC, 202 * SEC, 7200));
	assert_int_equal(clock.local_at_zero_ns, EPOCH + (29799 + 7200) * SEC);
	assert_false(wall_clock_take(&clock, EPOCH + 30002 * SEC, 203 * SEC, 7200));
}

static void wall_clock_read_agrees_with_itself(void **state)
{
	struct wall_clock clock = {0};

	(void)state;
	assert_true(wall_clock_read(&clock));
	assert_false(wall_clock_read(&clock));
	assert_int_equal(clock.utc_offset_s % 60, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wall_clock_take_only_what_people_notice_is_news),
		cmocka_unit_test(wall_clock_read_agrees_with_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
