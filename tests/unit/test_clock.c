// SPDX-License-Identifier: Apache-2.0
/* The kernel's ticks as moments: exact where they can be, and never in the future. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/types.h"
#include "sys/clock.h"

#define FIRST_JIFFIES(hz) ((1ULL << 32) - 300ULL * (hz))

/* jiffies64 as a kernel with this HZ would have it after so many seconds. */
static uint64_t jiffies_after(unsigned int hz, uint64_t seconds)
{
	return FIRST_JIFFIES(hz) + hz * seconds;
}

static void init_each_hz_is_recognized(void **state)
{
	static const unsigned int hz[] = {100, 250, 300, 1000};
	static const uint64_t uptimes[] = {20, 200, 400, 86400, 86400 * 400};
	struct tick_clock clock;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 5; k++) {
			uint64_t j = jiffies_after(hz[i], uptimes[k]);

			assert_int_equal(tick_clock_init(&clock, j, uptimes[k] * NS_PER_SEC), 0);
			assert_int_equal(clock.tick_ns, (NS_PER_SEC + hz[i] / 2) / hz[i]);
		}
}

static void init_at_300_s_of_uptime_asks_for_a_measurement(void **state)
{
	struct tick_clock clock;

	(void)state;
	assert_int_equal(tick_clock_init(&clock, jiffies_after(250, 300), 300 * NS_PER_SEC),
			 -EAGAIN);
	assert_int_equal(tick_clock_measure(&clock, 1000, NS_PER_SEC, 1063, NS_PER_SEC * 5 / 4), 0);
	assert_int_equal(clock.tick_ns, 4 * NS_PER_MS);
}

static void init_counter_that_fits_no_hz_is_refused(void **state)
{
	struct tick_clock clock;

	(void)state;
	assert_int_equal(tick_clock_init(&clock, 12345, 5000 * NS_PER_SEC), -EAGAIN);
	assert_int_equal(tick_clock_measure(&clock, 0, 0, 7, NS_PER_SEC), -EINVAL);
	assert_int_equal(tick_clock_measure(&clock, 10, NS_PER_SEC, 10, NS_PER_SEC), -EINVAL);
}

static void to_ns_stamps_before_and_after_the_reading_are_exact(void **state)
{
	struct tick_clock clock = {.jiffies = 1000, .ns = 50 * NS_PER_SEC, .tick_ns = NS_PER_MS};

	(void)state;
	assert_int_equal(tick_clock_to_ns(&clock, 1000), 50 * NS_PER_SEC);
	assert_int_equal(tick_clock_to_ns(&clock, 1500), 50 * NS_PER_SEC + 500 * NS_PER_MS);
	assert_int_equal(tick_clock_to_ns(&clock, 0), 49 * NS_PER_SEC);
	assert_true(tick_clock_to_ns(&clock, (uint64_t)-100000) < 0);
}

static void refine_no_stamp_lies_in_the_future(void **state)
{
	struct tick_clock clock = {
		.jiffies = 1000, .ns = 1000 * NS_PER_MS + 900 * NS_PER_US, .tick_ns = NS_PER_MS};

	(void)state;
	/* The first reading was late in its tick; one early in a later tick shows it. */
	tick_clock_refine(&clock, 1010, 1010 * NS_PER_MS + 50 * NS_PER_US);
	assert_int_equal(tick_clock_to_ns(&clock, 1010), 1010 * NS_PER_MS + 50 * NS_PER_US);
	tick_clock_refine(&clock, 1020, 1020 * NS_PER_MS + 700 * NS_PER_US);
	assert_int_equal(tick_clock_to_ns(&clock, 1020), 1020 * NS_PER_MS + 50 * NS_PER_US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_each_hz_is_recognized),
		cmocka_unit_test(init_at_300_s_of_uptime_asks_for_a_measurement),
		cmocka_unit_test(init_counter_that_fits_no_hz_is_refused),
		cmocka_unit_test(to_ns_stamps_before_and_after_the_reading_are_exact),
		cmocka_unit_test(refine_no_stamp_lies_in_the_future),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
