// SPDX-License-Identifier: Apache-2.0
/*
 * 64 units of eight bytes are a bit for each eight of them that are not all zero, and for those a
 * bit for each unit that is not; then of each such unit its shape, two to a byte, and its bytes:
 *
 *	[eights] [units] ... [shape|shape] ... b b b b b ...	[eights] ...
 *
 * A shape is how many bytes of the unit are left out at its low end, and how many come then: there
 * are sixteen, and a unit has the shortest one that it fits into. Shapes lie apart from the bytes,
 * so that it is known where a unit begins before the one in front of it is read, and no branch
 * depends on what is in a unit.
 *
 * Invariant: what is unpacked is what was packed, to the bit. A parcel is of the machine that
 * packed it, and nobody else's.
 */
#include "parcel.h"

#include <stdbool.h>
#include <string.h>

#define EIGHT 8
#define BLOCK ((size_t)EIGHT * EIGHT)
#define SHAPES 16

/* What small numbers, floats and times in nanoseconds have most often. */
static const uint8_t shape_zeros[SHAPES] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 4, 4, 4, 6};
static const uint8_t shape_lengths[SHAPES] = {1, 2, 4, 5, 6, 8, 3, 4, 5, 6, 2, 6, 1, 2, 4, 2};

/* By the bytes that are zero at the unit's low end, and those at its high end. */
static const uint8_t shapes[EIGHT][EIGHT] = {
	{5, 5, 4, 3, 2, 2, 1, 0},   {5, 9, 8, 7, 6, 6, 1, 0},	  {11, 9, 8, 7, 10, 10, 0, 0},
	{11, 9, 8, 7, 10, 0, 0, 0}, {14, 14, 13, 12, 0, 0, 0, 0}, {14, 14, 13, 0, 0, 0, 0, 0},
	{15, 15, 0, 0, 0, 0, 0, 0}, {15, 0, 0, 0, 0, 0, 0, 0},
};

static uint64_t unit_at(const char *data, size_t index)
{
	uint64_t unit;

	memcpy(&unit, data + index * sizeof(unit), sizeof(unit));
	return unit;
}

/* Whether none of eight units is other than zero, as most are. */
static bool is_zero(const char *eight)
{
	uint64_t all = 0;

#pragma GCC unroll 8
	for (unsigned int i = 0; i < EIGHT; i++)
		all |= unit_at(eight, i);
	return all == 0;
}

/* Which of up to eight units are not zero, a bit each. */
static unsigned int nonzero_units(const char *eight, size_t count)
{
	unsigned int units = 0;

	if (count < EIGHT) {
		for (unsigned int i = 0; i < count; i++)
			units |= (unsigned int)(unit_at(eight, i) != 0) << i;
		return units;
	}
	if (is_zero(eight))
		return 0;
#pragma GCC unroll 8
	for (unsigned int i = 0; i < EIGHT; i++)
		units |= (unsigned int)(unit_at(eight, i) != 0) << i;
	return units;
}

/* Up to BLOCK units. Writes which of them are not zero, and returns the same. */
static uint64_t put_units(uint8_t **at, const char *data, size_t count)
{
	uint8_t *eights = (*at)++;
	uint64_t nonzero = 0;

	*eights = 0;
	for (unsigned int i = 0; i * EIGHT < count; i++) {
		unsigned int eight =
			nonzero_units(data + i * EIGHT * PARCEL_UNIT, count - (size_t)i * EIGHT);

		if (eight == 0)
			continue;
		*eights |= (uint8_t)(1U << i);
		nonzero |= (uint64_t)eight << i * EIGHT;
		*(*at)++ = (uint8_t)eight;
	}
	return nonzero;
}

static uint64_t get_units(const uint8_t **at)
{
	uint64_t nonzero = 0;

	for (unsigned int eights = *(*at)++; eights; eights &= eights - 1)
		nonzero |= (uint64_t) * (*at)++ << (unsigned int)__builtin_ctz(eights) * EIGHT;
	return nonzero;
}

/* Two to a byte; bits are counted by hand, for not every processor has an instruction for it. */
static size_t bytes_of_shapes(uint64_t nonzero)
{
	nonzero -= nonzero >> 1 & 0x5555555555555555;
	nonzero = (nonzero & 0x3333333333333333) + (nonzero >> 2 & 0x3333333333333333);
	nonzero = (nonzero + (nonzero >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return ((size_t)(nonzero * 0x0101010101010101 >> 56) + 1) / 2;
}

/* Writes a whole unit, of which what comes next overwrites the rest. */
static uint8_t *put_unit(uint8_t *at, uint64_t unit, unsigned int shape)
{
	unit >>= 8 * shape_zeros[shape];
	memcpy(at, &unit, sizeof(unit));
	return at + shape_lengths[shape];
}

/* Reads a whole unit, of which what comes next is left out. */
static const uint8_t *get_unit(const uint8_t *at, unsigned int shape, uint64_t *ret_unit)
{
	uint64_t unit;

	memcpy(&unit, at, sizeof(unit));
	unit &= UINT64_MAX >> (64 - 8 * shape_lengths[shape]);
	*ret_unit = unit << 8 * shape_zeros[shape];
	return at + shape_lengths[shape];
}

static unsigned int shape_of(uint64_t unit)
{
	return shapes[(unsigned int)__builtin_ctzll(unit) / 8]
		     [(unsigned int)__builtin_clzll(unit) / 8];
}

size_t parcel_pack(const void *data, size_t size, uint8_t *ret_packed)
{
	size_t count = size / PARCEL_UNIT;
	uint8_t *at = ret_packed;

	for (size_t first = 0; first < count; first += BLOCK) {
		const char *block = (const char *)data + first * PARCEL_UNIT;
		size_t left = count - first;
		uint64_t nonzero = put_units(&at, block, left < BLOCK ? left : BLOCK);
		uint8_t *pairs = at;

		at += bytes_of_shapes(nonzero);
		for (unsigned int i = 0; nonzero; nonzero &= nonzero - 1, i++) {
			uint64_t unit = unit_at(block, (size_t)__builtin_ctzll(nonzero));
			unsigned int shape = shape_of(unit);

			if (i % 2 == 0)
				pairs[i / 2] = (uint8_t)shape;
			else
				pairs[i / 2] |= (uint8_t)(shape << 4);
			at = put_unit(at, unit, shape);
		}
	}
	return (size_t)(at - ret_packed) + PARCEL_REST;
}

void parcel_unpack(const uint8_t *packed, void *ret_data, size_t size)
{
	char *block = ret_data, *end = block + size;

	memset(ret_data, 0, size);
	for (; block < end; block += BLOCK * PARCEL_UNIT) {
		uint64_t nonzero = get_units(&packed);
		const uint8_t *pairs = packed;

		packed += bytes_of_shapes(nonzero);
		for (unsigned int i = 0; nonzero; nonzero &= nonzero - 1, i++) {
			unsigned int shape = pairs[i / 2] >> 4 * (i % 2) & 0xf;
			uint64_t unit;

			packed = get_unit(packed, shape, &unit);
			memcpy(block + (size_t)__builtin_ctzll(nonzero) * PARCEL_UNIT, &unit,
			       sizeof(unit));
		}
	}
}
