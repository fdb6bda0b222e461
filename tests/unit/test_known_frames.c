// SPDX-License-Identifier: Apache-2.0
/*
 * What a stack's addresses are called is known the second time, however they fall.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "sys/known_frames.h"

static void keep(struct known_frames **frames, uint64_t address, uint32_t count)
{
	struct symbol symbols[3] = {};

	for (uint32_t i = 0; i < count; i++)
		(void)snprintf(symbols[i].function, sizeof(symbols[i].function), "f%x.%u",
			       (unsigned int)address, i);
	known_frames_keep(frames, address, symbols, count);
}

static void known_frames_find_gives_what_was_kept(void **state)
{
	struct known_frames *frames = NULL;
	const struct symbol *found;
	uint32_t count = 0;

	(void)state;
	assert_null(known_frames_find(frames, 0x400100, &count));
	keep(&frames, 0x400100, 2);
	keep(&frames, 0x400200, 1);
	assert_null(known_frames_find(frames, 0x400101, &count));
	found = known_frames_find(frames, 0x400100, &count);
	assert_int_equal(count, 2);
	assert_string_equal(found[1].function, "f400100.1");
	assert_string_equal(known_frames_find(frames, 0x400200, &count)->function, "f400200.0");
	assert_int_equal(count, 1);
	known_frames_free(frames);
	known_frames_free(NULL);
}

/* The frames of a stack and of some more, wherever they are: none pushes out another. */
static void known_frames_of_a_stack_stay(void **state)
{
	(void)state;
	for (uint64_t base = 0; base < 200; base++) {
		struct known_frames *frames = NULL;
		uint64_t random = base;
		uint32_t count;

		for (uint32_t i = 0; i < 32; i++) {
			random = random * 6364136223846793005ULL + 1442695040888963407ULL;
			keep(&frames, random >> 40, 1);
		}
		random = base;
		for (uint32_t i = 0; i < 32; i++) {
			random = random * 6364136223846793005ULL + 1442695040888963407ULL;
			assert_non_null(known_frames_find(frames, random >> 40, &count));
		}
		known_frames_free(frames);
	}
}

static void known_frames_are_bounded(void **state)
{
	struct known_frames *frames = NULL;
	uint32_t count, kept = 0;

	(void)state;
	for (uint64_t i = 0; i < 10000; i++)
		keep(&frames, 16 * i, 1);
	for (uint64_t i = 0; i < 10000; i++)
		kept += known_frames_find(frames, 16 * i, &count) != NULL;
	assert_int_equal(kept, KNOWN_FRAMES_MAX);
	known_frames_free(frames);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_frames_find_gives_what_was_kept),
		cmocka_unit_test(known_frames_of_a_stack_stay),
		cmocka_unit_test(known_frames_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
