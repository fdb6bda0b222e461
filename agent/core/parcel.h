/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory most of whose bytes are zero, without these: counters are small for the room that they
 * have, and most of what could be known of something is not.
 */
#ifndef CONNLEAK_CORE_PARCEL_H
#define CONNLEAK_CORE_PARCEL_H

#include <stddef.h>
#include <stdint.h>

/* What is packed is so many bytes, or a multiple of them. */
#define PARCEL_UNIT sizeof(uint64_t)

/* What follows the last byte, so that it can be read and written with others. */
#define PARCEL_REST 7

/* Room for whatever size bytes come to: half a byte more of each unit, and the bits for the units.
 */
#define PARCEL_MAX(size)                                                                           \
	((size) + ((size) + 15) / 16 + ((size) + 63) / 64 + ((size) + 511) / 512 + PARCEL_REST)

/* Returns the length of what is packed, at most PARCEL_MAX(size). data is in the machine's order.
 */
size_t parcel_pack(const void *data, size_t size, uint8_t *ret_packed);

/* size is that of what was packed. */
void parcel_unpack(const uint8_t *packed, void *ret_data, size_t size);

#endif
