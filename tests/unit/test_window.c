// SPDX-License-Identifier: Apache-2.0
/* A long array of which few cells are used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/window.h"

#define CELLS 252

static void cell_keeps_what_was_put_in_whatever_the_order(void **state)
{
	unsigned int seed = 3;

	(void)state;
	for (int round = 0; round < 50; round++) {
		uint32_t expected[CELLS] = {0};
		struct window window = {0};

		for (int i = 0; i < 60; i++) {
			unsigned int index = (unsigned int)rand_r(&seed) % CELLS;
			uint32_t *cell = window_cell(&window, index, sizeof(*cell));

			assert_non_null(cell);
			assert_int_equal(*cell, expected[index]);
			*cell = expected[index] = (uint32_t)rand_r(&seed);
		}
		for (unsigned int i = 0; i < CELLS; i++)
			assert_int_equal(*(uint32_t *)window_cell(&window, i, sizeof(uint32_t)),
					 expected[i]);
		window_clear(&window);
		assert_null(window.part);
	}
}

static void cell_next_to_others_makes_the_window_no_larger_than_a_step(void **state)
{
	struct window window = {0};
	unsigned int first, count;

	(void)state;
	assert_null(window_cells(&window, &first, &count));
	assert_int_equal(count, 0);
	for (unsigned int i = 101; i < 107; i++)
		assert_non_null(window_cell(&window, i, 1));
	assert_non_null(window_cells(&window, &first, &count));
	assert_int_equal(first, 100);
	assert_int_equal(count, 8);
	assert_non_null(window_cell(&window, 99, 1));
	assert_non_null(window_cells(&window, &first, &count));
	assert_int_equal(first, 96);
	assert_int_equal(count, 12);
	window_clear(&window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cell_keeps_what_was_put_in_whatever_the_order),
		cmocka_unit_test(cell_next_to_others_makes_the_window_no_larger_than_a_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
