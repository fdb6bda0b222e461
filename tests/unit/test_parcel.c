/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is mostly zero: what comes out is what went in, and zeros take no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/parcel.h"

#define UNITS_MAX 140
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

static void parcel_zeros_take_a_bit_each_eight_units(void **state)
{
	static const uint64_t units[UNITS_MAX];

	(void)state;
	assert_int_equal(there_and_back(units, sizeof(units)), 3 + PARCEL_REST);
}

static void parcel_units_take_the_bytes_of_their_shape(void **state)
{
	static const struct {
		uint64_t unit;
		size_t length; /* without that of the bits for the units and of the shape */
	} rows[] = {
		{1, 1},
		{0xff00000000000000, 2}, /* as two bytes at the end */
		{0x3f80000000000000, 2},
		{0x0100000000000080, 8},
		{0x8000000100, 4},
		{0x0123456789abcdef, 8},
		{UINT64_MAX, 8},
		{0x0001d7db67a00000, 6},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(there_and_back(&rows[i].unit, sizeof(rows[i].unit)),
				 3 + rows[i].length + PARCEL_REST);
}

/* Each number of zero bytes at either end. */
static void parcel_unpack_is_the_unit_whatever_its_shape(void **state)
{
	(void)state;
	for (unsigned int zeros = 0; zeros < 8; zeros++) {
		for (unsigned int end = zeros + 1; end <= 8; end++) {
			uint64_t unit = UINT64_MAX >> (64 - 8 * (end - zeros)) << 8 * zeros;

			assert_in_range(there_and_back(&unit, sizeof(unit)),
					3 + end - zeros + PARCEL_REST, 3 + 8 + PARCEL_REST);
		}
	}
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
		cmocka_unit_test(parcel_zeros_take_a_bit_each_eight_units),
		cmocka_unit_test(parcel_units_take_the_bytes_of_their_shape),
		cmocka_unit_test(parcel_unpack_is_the_unit_whatever_its_shape),
		cmocka_unit_test(parcel_unpack_is_what_was_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
