/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is mostly zero: what comes out is what went in, and zeros take no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/parcel.h"

#define UNITS_MAX 20
#define GUARD 0xa5

/* Packs size bytes, and unpacks them over other ones. Returns the length between. */
static size_t there_and_back(const uint64_t *units, size_t size)
{
	uint8_t packed[PARCEL_MAX(UNITS_MAX * PARCEL_UNIT) + 1];
	uint64_t back[UNITS_MAX];
	size_t length;

	memset(packed, GUARD, sizeof(packed));
	memset(back, GUARD, sizeof(back));
	length = parcel_pack(units, size, packed);
	assert_true(length <= PARCEL_MAX(size));
	assert_int_equal(packed[PARCEL_MAX(size)], GUARD);
	parcel_unpack(packed, back, size);
	assert_memory_equal(back, units, size);
	return length;
}

static void parcel_zeros_take_a_bit_each_unit(void **state)
{
	static const uint64_t units[UNITS_MAX];

	(void)state;
	assert_int_equal(there_and_back(units, sizeof(units)), 3 + PARCEL_REST);
}

/* But for those that lie between two others. */
static void parcel_bytes_that_are_not_zero_take_one_each(void **state)
{
	static const struct {
		uint64_t unit;
		size_t length; /* without that of the bits for the units */
	} rows[] = {
		{1, 2},
		{0xff00000000000000, 2},
		{0x0100000000000080, 9},
		{0x8000000100, 5},
		{0x0123456789abcdef, 9},
		{UINT64_MAX, 9},
		{0x0102030405060700, 8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(there_and_back(&rows[i].unit, sizeof(rows[i].unit)),
				 1 + rows[i].length + PARCEL_REST);
}

/* Whatever the size, and where in it the bytes are. */
static void parcel_unpack_is_what_was_packed(void **state)
{
	uint64_t units[UNITS_MAX], random = 12345;

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		size_t count = 1 + i % UNITS_MAX;

		for (size_t k = 0; k < count; k++) {
			random = random * 6364136223846793005ULL + 1442695040888963407ULL;
			units[k] = random >> (random >> 58) & random >> (random >> 52 & 63);
		}
		(void)there_and_back(units, count * PARCEL_UNIT);
	}
	memset(units, 0xff, sizeof(units));
	assert_int_equal(there_and_back(units, sizeof(units)), PARCEL_MAX(sizeof(units)));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parcel_zeros_take_a_bit_each_unit),
		cmocka_unit_test(parcel_bytes_that_are_not_zero_take_one_each),
		cmocka_unit_test(parcel_unpack_is_what_was_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
