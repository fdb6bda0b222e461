/* SPDX-License-Identifier: Apache-2.0 */
/* How long the gaps between turns are: bins, quantiles of them, and how they are forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/types.h"
#include "core/weights.h"

static void weights_bin_end_is_the_first_gap_of_the_next_bin(void **state)
{
	(void)state;
	for (unsigned int bin = 0; bin < WEIGHTS_BINS - 1; bin++) {
		uint32_t end = weights_bin_end(bin);

		assert_int_equal(weights_bin(end - 1), bin);
		assert_int_equal(weights_bin(end), bin + 1);
	}
	assert_int_equal(weights_bin(UINT32_MAX), WEIGHTS_BINS - 1);
	assert_int_equal(weights_bin_end(WEIGHTS_BINS - 1), UINT32_MAX);
}

/* 10,000 short gaps and ten long ones, which are half of the time. */
static void weights_quantile_counts_a_gap_by_its_length(void **state)
{
	struct weights weights = {0};

	(void)state;
	for (int i = 0; i < 10000; i++)
		weights_add(&weights, 4, 0);
	for (int i = 0; i < 10; i++)
		weights_add(&weights, 4000, 0);
	assert_int_equal(weights_quantile(&weights, 0.6), 5);
	assert_true(weights_quantile(&weights, 0.4) > 4000);
	assert_int_equal(weights.count, 10010);
}

static void weights_quantile_of_nothing_is_the_shortest(void **state)
{
	const struct weights weights = {0};

	(void)state;
	assert_int_equal(weights_quantile(&weights, 0.005), 4);
}

static void weights_add_forgets_by_half_a_day(void **state)
{
	struct weights weights = {0};

	(void)state;
	weights_add(&weights, 1000, 5 * NS_PER_SEC);
	weights_add(&weights, 4, 86404 * NS_PER_SEC);
	assert_true(weights.sum == 1004);
	weights_add(&weights, 4, 86405 * NS_PER_SEC);
	assert_true(weights.sum == 506);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_bin_end_is_the_first_gap_of_the_next_bin),
		cmocka_unit_test(weights_quantile_counts_a_gap_by_its_length),
		cmocka_unit_test(weights_quantile_of_nothing_is_the_shortest),
		cmocka_unit_test(weights_add_forgets_by_half_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
