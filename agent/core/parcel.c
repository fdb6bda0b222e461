// SPDX-License-Identifier: Apache-2.0
/*
 * Eight units of eight bytes are a bit for each unit that is not zero, and then of each of these
 *how many of its bytes are zero at its low end and how many come then up to the last one that is
 *not, and those bytes:
 *
 *	[units] [length|zeros] b b b [length|zeros] b ...   [units] ...
 *
 * Zeros between two other bytes of a unit are few and are kept: so a unit is one load and one
 *store, and no branch depends on what is in it.
 *
 * Invariant: what is unpacked is what was packed, to the bit. A parcel is of the machine that
 * packed it, and nobody else's.
 */
#include "parcel.h"

#include <string.h>

#define BLOCK 8

/* Which of the units of a block are not zero, a bit each. */
static unsigned int nonzero_units(const uint64_t *block)
{
	unsigned int units = 0;

#pragma GCC unroll 8
	for (unsigned int i = 0; i < BLOCK; i++)
		units |= (unsigned int)(block[i] != 0) << i;
	return units;
}

/* word is not zero. Writes a whole unit, of which what comes next overwrites the rest. */
static uint8_t *put_word(uint8_t *at, uint64_t word)
{
	unsigned int zeros = (unsigned int)__builtin_ctzll(word) / 8;
	unsigned int length = PARCEL_UNIT - zeros - (unsigned int)__builtin_clzll(word) / 8;

	*at++ = (uint8_t)(length << 4 | zeros);
	word >>= 8 * zeros;
	memcpy(at, &word, sizeof(word));
	return at + length;
}

/* Reads a whole unit, of which what comes next is left out. */
static const uint8_t *get_word(const uint8_t *at, uint64_t *ret_word)
{
	unsigned int length = *at >> 4, zeros = *at & 0xf;
	uint64_t word;

	memcpy(&word, ++at, sizeof(word));
	*ret_word = (word & UINT64_MAX >> (64 - 8 * length)) << 8 * zeros;
	return at + length;
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
	return (size_t)(at - ret_packed) + PARCEL_REST;
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
