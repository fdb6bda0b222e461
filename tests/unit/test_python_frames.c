// SPDX-License-Identifier: Apache-2.0
/*
 * Location tables. That whole frames are read is a live test's, with real interpreters.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include "sys/python_frames.h"

#define ENTRY(kind, length) (uint8_t)(0x80 | (kind) << 3 | ((length)-1))

static void python_find_line_knows_every_kind(void **state)
{
	static const uint8_t table[] = {
		ENTRY(15, 1), /* no line */
		ENTRY(0, 2),  0x11, /* same line */
		ENTRY(11, 1), 5,	6, /* the next line */
		ENTRY(13, 3), 4, /* two lines on (zigzag 2) */
		ENTRY(14, 8), 5,	0, 1, 1, /* two lines back */
		ENTRY(14, 1), 0x40 | 8, 3, 0, 1, 1, /* +100 as two bytes */
	};
	static const uint32_t lines[] = {0, 10, 10, 11, 13, 13, 13, 11};

	(void)state;
	for (uint64_t unit = 0; unit < 8; unit++)
		assert_int_equal(python_find_line(table, sizeof(table), 10, unit), lines[unit]);
	assert_int_equal(python_find_line(table, sizeof(table), 10, 15), 11 + 100);
	assert_int_equal(python_find_line(table, sizeof(table), 10, 16), 0);
}

static void python_find_line_refuses_what_is_no_table(void **state)
{
	static const uint8_t none[] = {0x00, 0x81, 0x41};
	static const uint8_t back[] = {ENTRY(13, 1), 0x41, 0x7f, 0x7f, 0x3f};
	static const uint8_t cut[] = {ENTRY(14, 8), 0x7f};

	(void)state;
	assert_int_equal(python_find_line(none, sizeof(none), 10, 0), 0);
	assert_int_equal(python_find_line(back, sizeof(back), 10, 0), 0);
	assert_int_equal(python_find_line(cut, 1, 10, 3), 10);
	assert_int_equal(python_find_line(cut, 0, 10, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(python_find_line_knows_every_kind),
		cmocka_unit_test(python_find_line_refuses_what_is_no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
