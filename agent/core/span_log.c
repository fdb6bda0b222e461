// SPDX-License-Identifier: Apache-2.0
/*
 * A span in full is 92 bytes, and a quiet pool's has two figures that are not zero, the same as
 * those of the span before. So what is packed is what a span has other than that one: a mask of
 * figures and these, counts in seven bits a byte, the others in two bytes, which rounds them by
 * less than one part in 2,000. Of a pool at rest each span is one byte.
 *
 * Invariant: each span of a log can be told from the one before it and its own bytes; the first one
 * has all of its figures, and its number is in the block's head. All logs of a pool share one
 * block. Does not know what a figure means.
 */
#include "span_log.h"

#include <stdlib.h>
#include <string.h>

struct span_block {
	uint32_t first_number[SPAN_LOGS]; /* of the first span in each */
	uint16_t length[SPAN_LOGS]; /* bytes of each, side by side */
	uint16_t capacity;
	uint8_t bytes[];
};

/* The C library's blocks come in steps of 16 bytes, of which it takes the first eight itself. */
#define ROOM_STEP 16
#define ROOM_MIN (24 + 16 - sizeof(struct span_block) % 16)

enum figure_kind { COUNT, REAL };

/* The commonest first, so that the mask is mostly one byte. */
static const struct figure {
	uint8_t offset;
	uint8_t kind; /* enum figure_kind */
} figures[] = {
	{offsetof(struct meter_span, operation_count), COUNT},
	{offsetof(struct meter_span, sent_bytes), REAL},
	{offsetof(struct meter_span, exchange_log2_sum), REAL},
	{offsetof(struct meter_span, rtt_log2_sum), REAL},
	{offsetof(struct meter_span, busy_sum), REAL},
	{offsetof(struct meter_span, stale_max), COUNT},
	{offsetof(struct meter_span, open_max), COUNT},
	{offsetof(struct meter_span, sample_count), COUNT},
	{offsetof(struct meter_span, opened_count), COUNT},
	{offsetof(struct meter_span, closed_count), COUNT},
	{offsetof(struct meter_span, connect_count), COUNT},
	{offsetof(struct meter_span, connect_log2_sum), REAL},
	{offsetof(struct meter_span, connect_max_us), REAL},
	{offsetof(struct meter_span, exchange_count), COUNT},
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
/* In the mask: spans are missing before this one, and how many follows. */
#define GAP (1U << FIGURES)
/* Mask, gap, and five bytes for each of the greatest counts. */
#define PACKED_MAX (4 + 5 + 5 * FIGURES)

_Static_assert(sizeof(struct meter_span) == (FIGURES + 1) * sizeof(uint32_t),
	       "every figure is packed");
_Static_assert(SPAN_LOGS *SPAN_LOG_KEEP_MAX *PACKED_MAX <= UINT16_MAX, "lengths fit");

void span_logs_clear(struct span_logs *logs)
{
	free(logs->block);
	logs->block = NULL;
}

/* --- figures ---------------------------------------------------------------------------------- */

/* Of a float's exponent those from 2^-20 to 2^44, of its mantissa the ten highest bits. */
#define REAL_SHIFT 13
#define REAL_LEAST ((uint32_t)(127 - 20) << (23 - REAL_SHIFT))

/* Not negative; what is out of range becomes the nearest that is in it. */
static uint32_t round_real(uint32_t word)
{
	uint32_t high = (word + (1U << (REAL_SHIFT - 1))) >> REAL_SHIFT;

	if (high <= REAL_LEAST)
		return 1;
	return high - REAL_LEAST < UINT16_MAX ? high - REAL_LEAST : UINT16_MAX;
}

static uint8_t *put_real(uint8_t *at, uint32_t word)
{
	uint32_t rounded = round_real(word);

	*at++ = (uint8_t)rounded;
	*at++ = (uint8_t)(rounded >> 8);
	return at;
}

static const uint8_t *get_real(const uint8_t *at, uint32_t *ret_word)
{
	*ret_word = (REAL_LEAST + at[0] + ((uint32_t)at[1] << 8)) << REAL_SHIFT;
	return at + 2;
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

static uint32_t word_of(const struct meter_span *span, size_t i)
{
	uint32_t word;

	memcpy(&word, (const char *)span + figures[i].offset, sizeof(word));
	return word;
}

/* What a span is where its mask says nothing: some figures stay, others begin at none again. */
static struct meter_span expected_after(const struct meter_span *before)
{
	return (struct meter_span){.number = before->number + 1,
				   .sample_count = before->sample_count,
				   .open_max = before->open_max,
				   .stale_max = before->stale_max};
}

static size_t pack(const struct meter_span *original, const struct meter_span *before,
		   uint8_t packed[PACKED_MAX])
{
	struct meter_span span = *original, expected = expected_after(before);
	uint32_t mask = 0, gap = span.number - expected.number;
	uint8_t *at = packed;

	swap_parts_for_rests(&span);
	for (size_t i = 0; i < FIGURES; i++)
		mask |= (uint32_t)(word_of(&span, i) != word_of(&expected, i)) << i;
	at = put_count(at, gap ? mask | GAP : mask);
	if (gap)
		at = put_count(at, gap);
	for (; mask; mask &= mask - 1) {
		size_t i = (size_t)__builtin_ctz(mask);
		uint32_t word = word_of(&span, i);

		at = figures[i].kind == REAL ? put_real(at, word) : put_count(at, word);
	}
	return (size_t)(at - packed);
}

/* Makes *span, which is the one before, the one at at. */
static const uint8_t *unpack(const uint8_t *at, struct meter_span *span)
{
	uint32_t mask, gap = 0;

	*span = expected_after(span);
	at = get_count(at, &mask);
	if (mask & GAP)
		at = get_count(at, &gap);
	span->number += gap;
	for (mask &= GAP - 1; mask; mask &= mask - 1) {
		const struct figure *figure = &figures[__builtin_ctz(mask)];
		uint32_t word;

		at = figure->kind == REAL ? get_real(at, &word) : get_count(at, &word);
		memcpy((char *)span + figure->offset, &word, sizeof(word));
	}
	swap_parts_for_rests(span);
	return at;
}

/* --- the logs --------------------------------------------------------------------------------- */

static size_t begin_of(const struct span_block *block, unsigned int log)
{
	size_t begin = 0;

	for (unsigned int i = 0; i < log; i++)
		begin += block->length[i];
	return begin;
}

bool span_logs_next(const struct span_logs *logs, unsigned int log, struct span_walk *walk)
{
	const struct span_block *block = logs->block;
	const uint8_t *begin;

	if (!block || walk->position >= block->length[log])
		return false;
	begin = block->bytes + begin_of(block, log);
	if (walk->position == 0)
		walk->span = (struct meter_span){.number = block->first_number[log] - 1};
	walk->position = (uint16_t)(unpack(begin + walk->position, &walk->span) - begin);
	return true;
}

size_t span_logs_length(const struct span_logs *logs)
{
	return logs->block ? begin_of(logs->block, SPAN_LOGS) : 0;
}

static bool make_room(struct span_logs *logs, size_t needed)
{
	struct span_block *block = logs->block;
	size_t capacity = ROOM_MIN;

	if (block && needed <= block->capacity)
		return true;
	while (capacity < needed)
		capacity += ROOM_STEP;
	block = realloc(logs->block, sizeof(*block) + capacity);
	if (!block)
		return false;
	if (!logs->block)
		memset(block, 0, sizeof(*block));
	block->capacity = (uint16_t)capacity;
	logs->block = block;
	return true;
}

/* What becomes of a log when a span is added: bytes before it and after it, and what is between. */
struct change_of_log {
	uint8_t first[PACKED_MAX], last[PACKED_MAX];
	size_t first_length, last_length;
	size_t kept_from; /* position behind the one that is first from now on */
	uint32_t first_number;
};

static void prepare(const struct span_logs *logs, unsigned int log, const struct meter_span *span,
		    uint32_t keep, struct change_of_log *ret_change)
{
	struct meter_span nothing = {.number = span->number - 1};
	struct change_of_log *change = ret_change;
	struct span_walk walk = {.position = 0};

	change->first_length = 0;
	change->kept_from = 0;
	change->first_number = span->number;
	while (span_logs_next(logs, log, &walk)) {
		bool is_kept = span->number - walk.span.number < keep;

		if (is_kept && change->first_length == 0) {
			change->first_number = walk.span.number;
			nothing.number = walk.span.number - 1;
			change->first_length = pack(&walk.span, &nothing, change->first);
		}
		if (change->first_length == 0 || change->first_number == walk.span.number)
			change->kept_from = walk.position;
	}
	/* The first one has nothing before it. */
	change->last_length =
		pack(span, change->first_length > 0 ? &walk.span : &nothing, change->last);
}

void span_logs_add(struct span_logs *logs, unsigned int log, const struct meter_span *span,
		   uint32_t keep)
{
	size_t total, begin, kept, length, behind;
	struct change_of_log change;
	struct span_block *block;

	prepare(logs, log, span, keep, &change);
	total = span_logs_length(logs);
	kept = logs->block ? logs->block->length[log] - change.kept_from : 0;
	length = change.first_length + kept + change.last_length;
	if (!make_room(logs, total + length - (kept + change.kept_from)))
		return;
	block = logs->block;
	begin = begin_of(block, log);
	behind = begin + block->length[log];
	/* Whichever of the two goes to the left must be moved before it is overwritten. */
	if (begin + length > behind)
		memmove(block->bytes + begin + length, block->bytes + behind, total - behind);
	memmove(block->bytes + begin + change.first_length, block->bytes + begin + change.kept_from,
		kept);
	if (begin + length < behind)
		memmove(block->bytes + begin + length, block->bytes + behind, total - behind);
	memcpy(block->bytes + begin, change.first, change.first_length);
	memcpy(block->bytes + begin + change.first_length + kept, change.last, change.last_length);
	block->first_number[log] = change.first_number;
	block->length[log] = (uint16_t)length;
}
