// SPDX-License-Identifier: Apache-2.0
/*
 * A span in full is 92 bytes, and a quiet pool's has two figures that are not zero. Packed it is
 * the low byte of its number, a mask of the figures that follow, and these: counts in seven bits a
 * byte, the others in three bytes, which rounds them by less than one part in 65,000. The kernel's
 * clock leaves more open than that.
 *
 * Invariant: the numbers in a log lie within SPAN_LOG_KEEP_MAX of the last one, so a byte of each
 * is enough. Does not know what a figure means.
 */
#include "span_log.h"

#include <stdlib.h>
#include <string.h>

/* The C library's blocks come in steps of 16 bytes, of which it takes the first eight itself. */
#define ROOM_STEP 16
#define ROOM_MIN 24

enum figure_kind { COUNT, REAL };

#define REAL_BYTES 3

/* The commonest first, so that the mask is one byte for a pool at rest and two for one at work. */
static const struct figure {
	uint8_t offset;
	uint8_t kind; /* enum figure_kind */
} figures[] = {
	{offsetof(struct meter_span, sample_count), COUNT},
	{offsetof(struct meter_span, open_max), COUNT},
	{offsetof(struct meter_span, stale_max), COUNT},
	{offsetof(struct meter_span, operation_count), COUNT},
	{offsetof(struct meter_span, sent_bytes), REAL},
	{offsetof(struct meter_span, exchange_log2_sum), REAL},
	{offsetof(struct meter_span, rtt_log2_sum), REAL},
	{offsetof(struct meter_span, busy_sum), REAL},
	{offsetof(struct meter_span, exchange_count), COUNT},
	{offsetof(struct meter_span, opened_count), COUNT},
	{offsetof(struct meter_span, closed_count), COUNT},
	{offsetof(struct meter_span, connect_count), COUNT},
	{offsetof(struct meter_span, connect_log2_sum), REAL},
	{offsetof(struct meter_span, connect_max_us), REAL},
	{offsetof(struct meter_span, opened_peak), COUNT},
	{offsetof(struct meter_span, rtt_count), COUNT},
	{offsetof(struct meter_span, failed_count), COUNT},
	{offsetof(struct meter_span, unreached_count), COUNT},
	{offsetof(struct meter_span, refused_count), COUNT},
	{offsetof(struct meter_span, early_close_count), COUNT},
	{offsetof(struct meter_span, slow_connect_count), COUNT},
	{offsetof(struct meter_span, retransmit_count), COUNT},
};

#define FIGURES (sizeof(figures) / sizeof(figures[0]))
/* Number, mask, and five bytes for each of the greatest counts. */
#define PACKED_MAX (1 + 4 + 5 * FIGURES)

_Static_assert(sizeof(struct meter_span) == (FIGURES + 1) * sizeof(uint32_t),
	       "every figure is packed");
_Static_assert(SPAN_LOG_KEEP_MAX *PACKED_MAX <= UINT16_MAX, "a length fits");

void span_log_clear(struct span_log *log)
{
	free(log->bytes);
	memset(log, 0, sizeof(*log));
}

/* --- one span --------------------------------------------------------------------------------- */

/*
 * Of most operations the exchange and the round trip are known, and most opens of a span fall into
 * one fine span of it: what is missing from the whole is shorter to write than the part, and mostly
 * nothing. Doing this twice undoes it.
 */
static void swap_parts_for_rests(struct meter_span *span)
{
	span->exchange_count = span->operation_count - span->exchange_count;
	span->rtt_count = span->operation_count - span->rtt_count;
	span->opened_peak = span->opened_count - span->opened_peak;
}

/* The low byte of a float is the end of its mantissa. */
static uint8_t *put_real(uint8_t *at, uint32_t word)
{
	uint32_t rounded = word <= UINT32_MAX - 0x80 ? word + 0x80 : word;

	for (int i = 1; i <= REAL_BYTES; i++)
		*at++ = (uint8_t)(rounded >> (8 * i));
	return at;
}

static const uint8_t *get_real(const uint8_t *at, uint32_t *ret_word)
{
	uint32_t word = 0;

	for (int i = 1; i <= REAL_BYTES; i++)
		word |= (uint32_t)*at++ << (8 * i);
	*ret_word = word;
	return at;
}

static uint8_t *put_count(uint8_t *at, uint32_t count)
{
	for (; count >= 0x80; count >>= 7)
		*at++ = (uint8_t)(count | 0x80);
	*at++ = (uint8_t)count;
	return at;
}

static const uint8_t *get_count(const uint8_t *at, uint32_t *ret_count)
{
	uint32_t count = *at & 0x7f;

	for (int shift = 7; *at++ & 0x80; shift += 7)
		count |= (uint32_t)(*at & 0x7f) << shift;
	*ret_count = count;
	return at;
}

static uint32_t word_of(const struct meter_span *span, size_t i)
{
	uint32_t word;

	memcpy(&word, (const char *)span + figures[i].offset, sizeof(word));
	return word;
}

static size_t pack(const struct meter_span *original, uint8_t packed[PACKED_MAX])
{
	struct meter_span span = *original;
	uint32_t mask = 0;
	uint8_t *at = packed;

	swap_parts_for_rests(&span);
	for (size_t i = 0; i < FIGURES; i++)
		mask |= (uint32_t)(word_of(&span, i) != 0) << i;
	*at++ = (uint8_t)span.number;
	at = put_count(at, mask);
	for (; mask; mask &= mask - 1) {
		size_t i = (size_t)__builtin_ctz(mask);
		uint32_t word = word_of(&span, i);

		at = figures[i].kind == COUNT ? put_count(at, word) : put_real(at, word);
	}
	return (size_t)(at - packed);
}

static const uint8_t *unpack(const struct span_log *log, const uint8_t *at,
			     struct meter_span *ret_span)
{
	uint32_t mask;

	memset(ret_span, 0, sizeof(*ret_span));
	ret_span->number = log->last_number - (uint8_t)(log->last_number - *at++);
	at = get_count(at, &mask);
	for (; mask; mask &= mask - 1) {
		const struct figure *figure = &figures[__builtin_ctz(mask)];
		uint32_t word;

		at = figure->kind == COUNT ? get_count(at, &word) : get_real(at, &word);
		memcpy((char *)ret_span + figure->offset, &word, sizeof(word));
	}
	swap_parts_for_rests(ret_span);
	return at;
}

/* --- the log ---------------------------------------------------------------------------------- */

static void forget(struct span_log *log, uint32_t number, uint32_t keep)
{
	size_t position = 0, begin = 0;
	struct meter_span span;

	while (span_log_next(log, &position, &span) && number - span.number >= keep)
		begin = position;
	if (begin == 0)
		return;
	log->length -= (uint16_t)begin;
	memmove(log->bytes, log->bytes + begin, log->length);
}

static bool make_room(struct span_log *log, size_t length)
{
	size_t needed = log->length + length, capacity = ROOM_MIN;
	uint8_t *bytes;

	if (needed <= log->capacity)
		return true;
	while (capacity < needed)
		capacity += ROOM_STEP;
	bytes = realloc(log->bytes, capacity);
	if (!bytes)
		return false;
	log->bytes = bytes;
	log->capacity = (uint16_t)capacity;
	return true;
}

void span_log_add(struct span_log *log, const struct meter_span *span, uint32_t keep)
{
	uint8_t packed[PACKED_MAX];
	size_t length = pack(span, packed);

	/* Before last_number moves on, which what is in the log is numbered from. */
	forget(log, span->number, keep);
	log->last_number = span->number;
	if (!make_room(log, length))
		return;
	memcpy(log->bytes + log->length, packed, length);
	log->length += (uint16_t)length;
}

bool span_log_next(const struct span_log *log, size_t *position, struct meter_span *ret_span)
{
	if (*position >= log->length)
		return false;
	*position = (size_t)(unpack(log, log->bytes + *position, ret_span) - log->bytes);
	return true;
}
