/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers stay with their objects and are given out again when nobody has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/numbers.h"

#define COUNT 100

static void numbers_take_tells_objects_apart_and_none_is_0(void **state)
{
	struct numbers numbers = {0};
	uint32_t taken[COUNT];
	int objects[COUNT];

	(void)state;
	assert_null(numbers_at(&numbers, 0));
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(numbers_prepare(&numbers), 0);
		taken[i] = numbers_take(&numbers, &objects[i]);
		assert_int_not_equal(taken[i], 0);
	}
	for (int i = 0; i < COUNT; i++)
		assert_ptr_equal(numbers_at(&numbers, taken[i]), &objects[i]);
	numbers_free(&numbers);
}

static void numbers_give_back_is_taken_before_a_new_one(void **state)
{
	struct numbers numbers = {0};
	uint32_t taken[COUNT];
	int objects[COUNT];

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(numbers_prepare(&numbers), 0);
		taken[i] = numbers_take(&numbers, &objects[i]);
	}
	for (int round = 0; round < 5; round++) {
		for (int i = round; i < COUNT; i += 3)
			numbers_give_back(&numbers, taken[i]);
		for (int i = round; i < COUNT; i += 3) {
			assert_int_equal(numbers_prepare(&numbers), 0);
			taken[i] = numbers_take(&numbers, &objects[i]);
			assert_true(taken[i] <= COUNT);
		}
		for (int i = 0; i < COUNT; i++)
			assert_ptr_equal(numbers_at(&numbers, taken[i]), &objects[i]);
	}
	numbers_free(&numbers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_take_tells_objects_apart_and_none_is_0),
		cmocka_unit_test(numbers_give_back_is_taken_before_a_new_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
