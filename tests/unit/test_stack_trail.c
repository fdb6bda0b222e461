// SPDX-License-Identifier: Apache-2.0
/*
 * Walks up stacks, and what another stack has to have in common with them.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "sys/stack_trail.h"

#define SP 0x7ffc00001000ULL
#define CODE 0x555500001000ULL

#if defined(__x86_64__)
#define KEPT 4 /* rbp */
#define NOT_KEPT 10 /* rax */
#else
#define KEPT 29
#define NOT_KEPT 1
#endif

static struct stack_trail trail;
static __u64 registers[ABI_REGISTERS_MAX];
static struct trail_places places;

/* What each test begins with: a walk over two callers. The registers are data, so say nothing. */
static int begin(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ABI_REGISTERS_MAX; i++)
		registers[i] = 0x1234567;
	stack_trail_begin(&trail, SP, false);
	stack_trail_note_pc(&trail, CODE);
	stack_trail_note_read(&trail, SP + 16, 0x1111); /* data */
	stack_trail_note_read(&trail, SP + 24, CODE + 1);
	stack_trail_note_pc(&trail, CODE + 1);
	stack_trail_note_read(&trail, SP + 48, CODE + 2);
	stack_trail_note_pc(&trail, CODE + 2);
	return 0;
}

static void finish(void)
{
	stack_trail_finish(&trail, registers, &places);
}

/* True and the value when the places have one there. */
static bool has(uint32_t place, uint64_t value)
{
	for (uint32_t i = 0; i < places.place_count; i++)
		if (places.places[i] == place && places.values[i] == value)
			return true;
	return false;
}

static void stack_trail_finish_has_return_addresses_and_no_data(void **state)
{
	(void)state;
	finish();
	assert_true(has(24, CODE + 1));
	assert_true(has(48, CODE + 2));
	for (uint32_t i = 0; i < places.place_count; i++)
		assert_int_not_equal(places.places[i], 16);
}

static void stack_trail_finish_has_pointers_into_the_stack_as_distances(void **state)
{
	(void)state;
	stack_trail_note_read(&trail, SP + 40, SP + 4096);
	registers[KEPT] = SP + 512;
	registers[NOT_KEPT] = SP + 8;
	finish();
	assert_true(has(40 | PLACE_RELATIVE, 4096));
	assert_true(has(KEPT | PLACE_REGISTER | PLACE_RELATIVE, 512));
	assert_false(has(NOT_KEPT | PLACE_REGISTER | PLACE_RELATIVE, 8));
}

static void stack_trail_finish_has_zeros_that_may_have_ended_a_chain(void **state)
{
	(void)state;
	stack_trail_note_read(&trail, SP + 40, 0);
	registers[KEPT] = 0;
	finish();
	assert_true(has(40, 0));
	assert_true(has(KEPT | PLACE_REGISTER, 0));
}

static void stack_trail_finish_puts_neighbours_side_by_side(void **state)
{
	(void)state;
	stack_trail_note_read(&trail, SP + 40, SP + 64);
	finish();
	for (uint32_t i = 1; i < places.place_count; i++)
		assert_true((places.places[i - 1] & ~PLACE_RELATIVE) <
			    (places.places[i] & ~PLACE_RELATIVE));
}

static void stack_trail_finish_walk_beyond_the_copy_is_a_trail(void **state)
{
	(void)state;
	stack_trail_note_miss(&trail, SP + ABI_STACK_BYTES_MAX + 8);
	finish();
	assert_int_not_equal(places.place_count, 0);
}

/* --- what is no trail ------------------------------------------------------------------------- */

static void expect_none(void)
{
	finish();
	assert_int_equal(places.place_count, 0);
}

static void stack_trail_finish_caller_from_nowhere_is_none(void **state)
{
	(void)state;
	stack_trail_note_pc(&trail, CODE + 3);
	expect_none();
}

static void stack_trail_finish_reading_another_stack_is_none(void **state)
{
	(void)state;
	stack_trail_note_miss(&trail, SP + STACK_TRAIL_REACH_BYTES);
	expect_none();
}

static void stack_trail_finish_reading_below_the_stack_is_none(void **state)
{
	(void)state;
	stack_trail_note_miss(&trail, SP - 8);
	expect_none();
}

static void stack_trail_finish_copy_that_could_have_been_longer_is_none(void **state)
{
	(void)state;
	(void)begin(state);
	trail.is_short = true;
	finish();
	assert_int_not_equal(places.place_count, 0); /* it was not needed */
	stack_trail_note_miss(&trail, SP + 4096);
	expect_none();
}

static void stack_trail_finish_crooked_address_is_none(void **state)
{
	(void)state;
	stack_trail_note_read(&trail, SP + 33, 1);
	expect_none();
}

static void stack_trail_finish_walk_without_a_caller_is_none(void **state)
{
	(void)state;
	stack_trail_begin(&trail, SP, false);
	stack_trail_note_pc(&trail, CODE);
	expect_none();
}

static void stack_trail_finish_more_than_there_is_room_for_is_none(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ABI_TRAIL_PLACES_MAX; i++)
		stack_trail_note_read(&trail, SP + 64 + 8 * i, SP);
	expect_none();
	(void)begin(state);
	for (uint32_t i = 0; i < STACK_TRAIL_READS_MAX; i++)
		stack_trail_note_read(&trail, SP + 64 + 8 * i, 7);
	expect_none();
	(void)begin(state);
	for (uint32_t i = 0; i < STACK_TRAIL_PCS_MAX; i++)
		stack_trail_note_pc(&trail, CODE + 1);
	expect_none();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(stack_trail_finish_has_return_addresses_and_no_data, begin),
		cmocka_unit_test_setup(stack_trail_finish_has_pointers_into_the_stack_as_distances,
				       begin),
		cmocka_unit_test_setup(stack_trail_finish_has_zeros_that_may_have_ended_a_chain,
				       begin),
		cmocka_unit_test_setup(stack_trail_finish_puts_neighbours_side_by_side, begin),
		cmocka_unit_test_setup(stack_trail_finish_walk_beyond_the_copy_is_a_trail, begin),
		cmocka_unit_test_setup(stack_trail_finish_caller_from_nowhere_is_none, begin),
		cmocka_unit_test_setup(stack_trail_finish_reading_another_stack_is_none, begin),
		cmocka_unit_test_setup(stack_trail_finish_reading_below_the_stack_is_none, begin),
		cmocka_unit_test_setup(stack_trail_finish_copy_that_could_have_been_longer_is_none,
				       begin),
		cmocka_unit_test_setup(stack_trail_finish_crooked_address_is_none, begin),
		cmocka_unit_test_setup(stack_trail_finish_walk_without_a_caller_is_none, begin),
		cmocka_unit_test_setup(stack_trail_finish_more_than_there_is_room_for_is_none,
				       begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
