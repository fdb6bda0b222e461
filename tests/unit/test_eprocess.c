/* SPDX-License-Identifier: Apache-2.0 */
/* The test on records: how soon growth convinces it, and how seldom chance does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/eprocess.h"
#include "core/types.h"

#define I0 4
#define P_MIN 0.01

static void ask(struct eprocess *process, uint32_t x)
{
	eprocess_test(process, I0, P_MIN, x, process->known_ns + NS_PER_SEC);
}

static void eprocess_first_test_sets_the_base_and_proves_nothing(void **state)
{
	struct eprocess process = {0};

	(void)state;
	assert_true(eprocess_value(&process) == 1);
	assert_true(eprocess_is_due(&process, 5, NS_PER_SEC));
	eprocess_test(&process, I0, P_MIN, 40, 5);
	assert_true(eprocess_value(&process) == 1);
	assert_int_equal(eprocess_base(&process), 40);
	assert_false(eprocess_is_due(&process, 5 + NS_PER_SEC - 1, NS_PER_SEC));
	assert_true(eprocess_is_due(&process, 5 + NS_PER_SEC, NS_PER_SEC));
	eprocess_clear(&process);
}

static void eprocess_cold_process_needs_six_or_seven_straight_records(void **state)
{
	struct eprocess process = {0};
	uint32_t x = 0;

	(void)state;
	ask(&process, x);
	while (eprocess_value(&process) < 1e4)
		ask(&process, ++x);
	assert_in_range(x, 6, 7);
	assert_int_equal(eprocess_base(&process), 0);
	eprocess_clear(&process);
}

/* A slow growth, then a fast one: the bet on fast growth wins most and began last. */
static void eprocess_earliest_is_that_of_the_first_bet_that_proves_it(void **state)
{
	struct eprocess process = {0};
	uint32_t x = 0, base = 99;
	uint64_t began_ns = 0;

	(void)state;
	ask(&process, x);
	assert_false(eprocess_find_earliest(&process, 1e4, &base, &began_ns));
	for (int i = 0; i < 100; i++)
		ask(&process, 0);
	for (int i = 1; i <= 200; i++)
		ask(&process, i % 10 == 0 ? ++x : 0);
	for (int i = 0; i < 20; i++)
		ask(&process, ++x);
	assert_in_range(eprocess_base(&process), 15, 25);
	assert_true(eprocess_find_earliest(&process, 1e4, &base, &began_ns));
	assert_in_range(base, 0, 3);
	assert_true(began_ns < eprocess_began_ns(&process));
	assert_false(eprocess_find_earliest(&process, 1e300, &base, &began_ns));
	eprocess_clear(&process);
}

static void eprocess_with_history_three_records_are_enough(void **state)
{
	struct eprocess process = {0};
	uint32_t x = 3;

	(void)state;
	for (int i = 0; i < 200; i++)
		ask(&process, (uint32_t)i % 4);
	while (eprocess_value(&process) < 1e4)
		ask(&process, ++x);
	assert_int_equal(x, 3 + 3);
	assert_int_equal(eprocess_base(&process), 3);
	eprocess_clear(&process);
}

/* Of four such processes, of which three know nothing, the mean is still an alarm. */
static void eprocess_with_history_a_miss_between_three_records_is_made_up_for(void **state)
{
	struct eprocess process = {0};

	(void)state;
	for (int i = 0; i < 200; i++)
		ask(&process, 0);
	ask(&process, 1);
	ask(&process, 1);
	ask(&process, 2);
	assert_true(eprocess_value(&process) < 4e4);
	ask(&process, 3);
	assert_true(eprocess_value(&process) >= 4e4);
	eprocess_clear(&process);
}

static void eprocess_flat_or_falling_count_proves_nothing(void **state)
{
	struct eprocess process = {0};

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		ask(&process, i < 500 ? 7 : 7 - (i - 500) / 100);
		assert_true(eprocess_value(&process) == 1);
	}
	eprocess_clear(&process);
}

static void eprocess_one_record_in_ten_is_slow_but_sure(void **state)
{
	struct eprocess process = {0};
	uint32_t records = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		ask(&process, 0);
	while (eprocess_value(&process) < 1e4 && records < 100) {
		ask(&process, ++records);
		for (int i = 0; i < 9; i++)
			ask(&process, 0);
	}
	assert_in_range(records, 5, 10);
	eprocess_clear(&process);
}

/* xorshift, seeded: exchangeable counts as a healthy pool shows them. */
static uint32_t chance(uint64_t *random, uint32_t range)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (uint32_t)(*random >> 33) % range;
}

static void eprocess_exchangeable_counts_seldom_reach_an_alarm(void **state)
{
	uint64_t random = 88172645463325252ULL;
	int suspects = 0, alarms = 0;

	(void)state;
	for (int run = 0; run < 1000; run++) {
		struct eprocess process = {0};
		double highest = 1;

		for (int i = 0; i < 500; i++) {
			ask(&process, chance(&random, 1000000));
			if (eprocess_value(&process) > highest)
				highest = eprocess_value(&process);
		}
		suspects += highest >= 300;
		alarms += highest >= 1e4;
		eprocess_clear(&process);
	}
	assert_in_range(suspects, 0, 100);
	/* The promise is 500 tests / 1e4, 5% of the runs; it is a tenth of that. */
	assert_in_range(alarms, 0, 5);
}

static void eprocess_discount_takes_evidence_back_but_not_below_one(void **state)
{
	struct eprocess process = {0};

	(void)state;
	for (uint32_t x = 0; x < 7; x++)
		ask(&process, x);
	assert_true(eprocess_value(&process) >= 1e4);
	eprocess_discount(&process, 0.1);
	assert_true(eprocess_value(&process) < 1e4);
	for (int i = 0; i < 20; i++)
		eprocess_discount(&process, 0.1);
	assert_true(eprocess_value(&process) == 1);
	eprocess_clear(&process);
}

/* An hour in which the stock was never higher than three is history, though nothing was opened. */
static void eprocess_witness_makes_history_without_evidence(void **state)
{
	struct eprocess process = {0};
	uint32_t x = 3;

	(void)state;
	for (uint64_t i = 1; i <= 200; i++)
		eprocess_witness(&process, I0, i == 1 ? 9 : (uint32_t)i % 4, i * 60 * NS_PER_SEC);
	assert_true(eprocess_value(&process) == 1);
	assert_true(eprocess_is_due(&process, process.known_ns + 1, NS_PER_SEC));
	while (eprocess_value(&process) < 1e4)
		eprocess_test(&process, I0, P_MIN, ++x, process.known_ns + 12000 * NS_PER_SEC);
	assert_in_range(x, 3 + 3, 3 + 4);
	assert_in_range(eprocess_base(&process), 0, 3);
	assert_int_equal(eprocess_began_ns(&process), 200 * 60 * NS_PER_SEC);
	eprocess_clear(&process);
}

/* A bound that held is no test, however many there were. */
static void eprocess_is_due_counts_from_the_last_test(void **state)
{
	const uint64_t begin_ns = 1234567, half_ns = NS_PER_SEC / 2;
	struct eprocess process = {0};
	uint64_t t_ns = begin_ns;

	(void)state;
	eprocess_test(&process, I0, P_MIN, 2, t_ns);
	eprocess_witness(&process, I0, 1, t_ns += half_ns);
	assert_false(
		eprocess_is_due(&process, begin_ns + NS_PER_SEC - EPROCESS_UNIT_NS, NS_PER_SEC));
	assert_true(eprocess_is_due(&process, begin_ns + NS_PER_SEC, NS_PER_SEC));
	for (int i = 0; i < 100; i++)
		eprocess_witness(&process, I0, 1, t_ns += 3600 * NS_PER_SEC);
	assert_true(eprocess_is_due(&process, t_ns, 1800 * NS_PER_SEC));
	eprocess_test(&process, I0, P_MIN, 2, t_ns);
	assert_false(eprocess_is_due(&process, t_ns + NS_PER_SEC - 1, NS_PER_SEC));
	eprocess_clear(&process);
}

/* What lay idle beside the work is the record as well: nothing below it is news. */
static void eprocess_remember_sets_records_on_which_nothing_is_bet(void **state)
{
	struct eprocess process = {0};
	uint32_t x = 4;

	(void)state;
	for (uint64_t i = 1; i <= 120; i++)
		eprocess_remember(&process, I0, (uint32_t)i % 5, i * 30 * NS_PER_SEC);
	assert_true(eprocess_value(&process) == 1);
	assert_int_equal(eprocess_record(&process), 4);
	for (uint32_t below = 0; below <= 4; below++)
		ask(&process, below);
	assert_true(eprocess_value(&process) == 1);
	while (eprocess_value(&process) < 1e4)
		ask(&process, ++x);
	assert_int_equal(x, 4 + 3);
	assert_int_equal(eprocess_base(&process), 4);
	eprocess_clear(&process);
}

/* More than the record may be surplus, and says nothing either way. */
static void eprocess_witness_above_the_record_counts_for_nothing(void **state)
{
	struct eprocess process = {0};
	uint32_t count;

	(void)state;
	ask(&process, 2);
	count = process.test_count;
	eprocess_witness(&process, I0, 3, 100 * NS_PER_SEC);
	assert_int_equal(process.test_count, count);
	assert_int_equal(process.record, 2);
	eprocess_witness(&process, I0, 1, 200 * NS_PER_SEC);
	assert_int_equal(process.test_count, count + 1);
	assert_int_equal(process.record, 2);
	eprocess_clear(&process);
}

static void eprocess_evidence_that_died_starts_from_a_new_base(void **state)
{
	struct eprocess process = {0};
	uint32_t x = 0;

	(void)state;
	for (; x < 6; x++)
		ask(&process, x);
	for (int i = 0; i < 100; i++)
		ask(&process, 5);
	assert_true(eprocess_value(&process) == 1);
	ask(&process, 6);
	assert_int_equal(eprocess_base(&process), 5);
	eprocess_clear(&process);
}

static void eprocess_spike_of_two_days_ago_hides_nothing(void **state)
{
	struct eprocess process = {0};
	uint64_t hour_ns = 3600 * NS_PER_SEC, t_ns = 0;
	uint32_t x = 0;

	(void)state;
	eprocess_test(&process, I0, P_MIN, 0, t_ns);
	eprocess_test(&process, I0, P_MIN, 500, t_ns += hour_ns);
	for (int i = 0; i < 60; i++)
		eprocess_test(&process, I0, P_MIN, 0, t_ns += hour_ns);
	while (eprocess_value(&process) < 1e4 && x < 50)
		eprocess_test(&process, I0, P_MIN, ++x, t_ns += NS_PER_SEC);
	assert_in_range(x, 3, 6);
	eprocess_clear(&process);
}

static void eprocess_extreme_figures_stay_finite(void **state)
{
	struct eprocess process = {0};

	(void)state;
	process.test_count = (UINT32_MAX >> 2) - 1;
	for (uint32_t x = 0; x < 2000; x++)
		eprocess_test(&process, UINT32_MAX, 1e-6, x * 1000, x * NS_PER_SEC);
	assert_true(eprocess_value(&process) >= 1e12 && eprocess_value(&process) < 1e14);
	eprocess_test(&process, I0, P_MIN, UINT32_MAX, UINT64_MAX);
	assert_true(eprocess_value(&process) >= 1);
	eprocess_clear(&process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eprocess_first_test_sets_the_base_and_proves_nothing),
		cmocka_unit_test(eprocess_cold_process_needs_six_or_seven_straight_records),
		cmocka_unit_test(eprocess_earliest_is_that_of_the_first_bet_that_proves_it),
		cmocka_unit_test(eprocess_with_history_three_records_are_enough),
		cmocka_unit_test(eprocess_with_history_a_miss_between_three_records_is_made_up_for),
		cmocka_unit_test(eprocess_flat_or_falling_count_proves_nothing),
		cmocka_unit_test(eprocess_one_record_in_ten_is_slow_but_sure),
		cmocka_unit_test(eprocess_exchangeable_counts_seldom_reach_an_alarm),
		cmocka_unit_test(eprocess_witness_makes_history_without_evidence),
		cmocka_unit_test(eprocess_is_due_counts_from_the_last_test),
		cmocka_unit_test(eprocess_remember_sets_records_on_which_nothing_is_bet),
		cmocka_unit_test(eprocess_witness_above_the_record_counts_for_nothing),
		cmocka_unit_test(eprocess_discount_takes_evidence_back_but_not_below_one),
		cmocka_unit_test(eprocess_evidence_that_died_starts_from_a_new_base),
		cmocka_unit_test(eprocess_spike_of_two_days_ago_hides_nothing),
		cmocka_unit_test(eprocess_extreme_figures_stay_finite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
