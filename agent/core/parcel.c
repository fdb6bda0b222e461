// SPDX-License-Identifier: Apache-2.0
/*
 * Eight units of eight bytes are a bit for each unit that is not zero, and then of each of these a
 * bit for each byte that is not, and those bytes:
 *
 *	[units] [bytes] b b b [bytes] b ...   [units] ...
 *
 * Invariant: what is unpacked is what was packed, to the bit. A parcel is of the machine that
 * packed it, and nobody else's.
 */
#include "parcel.h"

#include <string.h>

#define BLOCK 8

/* Bit i is set where byte i from the lowest is not zero. */
static unsigned int nonzero_bytes(uint64_t word)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7f;
	uint64_t tops = (((word & low) + low) | word) & ~low;

	return (unsigned int)((tops >> 7) * 0x0102040810204080 >> 56);
}

/* Which of the units of a block are not zero, a bit each. */
static unsigned int nonzero_units(const uint64_t *block)
{
	unsigned int units = 0;

	for (unsigned int i = 0; i < BLOCK; i++)
		units |= (unsigned int)(block[i] != 0) << i;
	return units;
}

static uint8_t *put_word(uint8_t *at, uint64_t word)
{
	unsigned int bytes = nonzero_bytes(word);

	for (*at++ = (uint8_t)bytes; bytes; bytes &= bytes - 1)
		*at++ = (uint8_t)(word >> 8 * __builtin_ctz(bytes));
	return at;
}

static const uint8_t *get_word(const uint8_t *at, uint64_t *ret_word)
{
	unsigned int bytes = *at++;
	uint64_t word = 0;

	for (; bytes; bytes &= bytes - 1)
		word |= (uint64_t)*at++ << 8 * __builtin_ctz(bytes);
	*ret_word = word;
	return at;
}

size_t parcel_pack(const void *data, size_t size, uint8_t *ret_packed)
{
	const char *from = data;
	uint8_t *at = ret_packed;

	for (size_t left = size; left > 0;) {
		size_t length = left < BLOCK * PARCEL_UNIT ? left : BLOCK * PARCEL_UNIT;
		uint64_t block[BLOCK] = {0};
		unsigned int units;

		memcpy(block, from, length);
		from += length;
		left -= length;
		units = nonzero_units(block);
		for (*at++ = (uint8_t)units; units; units &= units - 1)
			at = put_word(at, block[__builtin_ctz(units)]);
	}
	return (size_t)(at - ret_packed);
}

void parcel_unpack(const uint8_t *packed, void *ret_data, size_t size)
{
	char *block = ret_data, *end = block + size;

	memset(ret_data, 0, size);
	for (; block < end; block += BLOCK * PARCEL_UNIT) {
		for (unsigned int units = *packed++; units; units &= units - 1) {
			uint64_t word;

			packed = get_word(packed, &word);
			memcpy(block + (size_t)__builtin_ctz(units) * PARCEL_UNIT, &word,
			       sizeof(word));
		}
	}
}
