/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram of benign silences, and the purse of closes that pay for opens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/silence.h"
#include "core/types.h"

static void silence_quantile_of_nothing_is_zero(void **state)
{
	struct silences silences = {0};

	(void)state;
	assert_int_equal(silence_quantile_ns(&silences, 0.99), 0);
}

static void silence_quantile_is_within_a_fifth_above(void **state)
{
	static const uint64_t spans_ns[] = {
		1500 * NS_PER_US, 37 * NS_PER_MS,    800 * NS_PER_MS,	 10 * NS_PER_SEC,
		61 * NS_PER_SEC,  3600 * NS_PER_SEC, 86400 * NS_PER_SEC, 20 * 86400 * NS_PER_SEC,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(spans_ns) / sizeof(spans_ns[0]); i++) {
		struct silences silences = {0};
		uint64_t median_ns;

		for (int k = 0; k < 10; k++)
			silence_add(&silences, spans_ns[i]);
		silence_add(&silences, 22 * 86400 * NS_PER_SEC);
		median_ns = silence_quantile_ns(&silences, 0.5);
		assert_true(median_ns >= spans_ns[i]);
		assert_true(median_ns <= spans_ns[i] + spans_ns[i] / 4);
	}
}

static void silence_quantile_never_exceeds_the_longest(void **state)
{
	struct silences silences = {0};

	(void)state;
	silence_add(&silences, 61 * NS_PER_SEC);
	assert_int_equal(silence_quantile_ns(&silences, 0.99), 61 * NS_PER_SEC);
	silence_add(&silences, UINT64_MAX);
	assert_int_equal(silence_quantile_ns(&silences, 0.99), UINT64_MAX);
	assert_int_equal(silence_quantile_ns(&silences, 0), silence_quantile_ns(&silences, 0.5));
}

static void silence_quantile_99_ignores_one_in_two_hundred(void **state)
{
	struct silences silences = {0};

	(void)state;
	for (int i = 0; i < 199; i++)
		silence_add(&silences, 100 * NS_PER_MS);
	silence_add(&silences, 3600 * NS_PER_SEC);
	assert_true(silence_quantile_ns(&silences, 0.99) < 150 * NS_PER_MS);
	assert_int_equal(silences.longest_ns, 3600 * NS_PER_SEC);
}

static void silence_add_for_ever_stays_consistent(void **state)
{
	struct silences silences = {0};
	uint32_t sum = 0;

	(void)state;
	for (int i = 0; i < 300000; i++)
		silence_add(&silences, i % 100 == 0 ? 60 * NS_PER_SEC : 5 * NS_PER_MS);
	for (unsigned int bin = 0; bin < SILENCE_BINS; bin++)
		sum += silences.counts[bin];
	assert_int_equal(sum, silences.total);
	assert_true(silence_quantile_ns(&silences, 0.5) < 7 * NS_PER_MS);
	assert_true(silence_quantile_ns(&silences, 0.999) >= 60 * NS_PER_SEC);
}

static void silence_remove_takes_back_as_many_of_about_this_length(void **state)
{
	struct silences silences = {0};

	(void)state;
	silence_remove(&silences, 10 * NS_PER_SEC, 2);
	assert_int_equal(silences.total, 0);
	silence_add(&silences, 9 * NS_PER_SEC);
	silence_add(&silences, 10 * NS_PER_SEC);
	silence_add(&silences, 10 * NS_PER_SEC);
	silence_add(&silences, NS_PER_SEC);
	silence_remove(&silences, 10 * NS_PER_SEC, 2);
	assert_int_equal(silences.total, 2);
	silence_remove(&silences, 10 * NS_PER_SEC, 2);
	assert_int_equal(silences.total, 1);
	assert_true(silence_quantile_ns(&silences, 1) < 2 * NS_PER_SEC);
	silence_remove(&silences, NS_PER_SEC, 1);
	assert_int_equal(silence_quantile_ns(&silences, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_quantile_of_nothing_is_zero),
		cmocka_unit_test(silence_quantile_is_within_a_fifth_above),
		cmocka_unit_test(silence_quantile_never_exceeds_the_longest),
		cmocka_unit_test(silence_quantile_99_ignores_one_in_two_hundred),
		cmocka_unit_test(silence_add_for_ever_stays_consistent),
		cmocka_unit_test(silence_remove_takes_back_as_many_of_about_this_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
