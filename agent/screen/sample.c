// SPDX-License-Identifier: Apache-2.0
/*
 * The screen is drawn, sent and compared long after the table has moved on, and in processes that
 * have no table. So what a screen needs is copied once, into one arena.
 *
 * Invariant: every string is safe for a terminal. Does not know where a sample comes from
 * (sample_take.c, a decoder), and does not sort, group or select.
 */
#include "sample.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "core/index.h"

#define BLOCK_BYTES 65536
#define TEXT_SIZE 4096 /* the longest string kept, with its NUL: a path */

/* Blocks that never move, newest first. */
struct sample_arena {
	struct sample_arena *next;
	size_t used, size;
	_Alignas(16) char bytes[];
};

void *sample_alloc(struct sample *sample, size_t bytes)
{
	struct sample_arena *block = sample->arena;
	size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
	void *room;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + 15) / 16 * 16;
	size = (size + 15) / 16 * 16;
	if (!block || block->size - block->used < bytes) {
		block = malloc(sizeof(*block) + size);
		if (!block)
			return NULL;
		block->next = sample->arena;
		block->used = 0;
		block->size = size;
		sample->arena = block;
	}
	room = block->bytes + block->used;
	block->used += bytes;
	memset(room, 0, bytes);
	return room;
}

int sample_copy_safe(struct sample *sample, const char *text, const char **ret_copy)
{
	size_t length;
	char *copy;

	*ret_copy = NULL;
	if (!text)
		return 0;
	length = strlen(text);
	copy = sample_alloc(sample, length + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, length);
	*ret_copy = copy;
	return 0;
}

int sample_copy_text(struct sample *sample, const char *text, const char **ret_copy)
{
	char safe[TEXT_SIZE];

	*ret_copy = NULL;
	if (!text)
		return 0;
	return sample_copy_safe(sample, format_safe(text, SIZE_MAX, safe, sizeof(safe)), ret_copy);
}

struct sample *sample_new(void)
{
	return calloc(1, sizeof(struct sample));
}

void sample_free(struct sample *sample)
{
	if (!sample)
		return;
	while (sample->arena) {
		struct sample_arena *next = sample->arena->next;

		free(sample->arena);
		sample->arena = next;
	}
	free(sample->losses);
	free(sample->rows);
	free(sample);
}

/* Rows do not grow one by one: whoever fills them knows how many there are. */
int sample_reserve(struct sample *sample, uint32_t row_count)
{
	struct sample_row *rows =
		reallocarray(sample->rows, row_count ? row_count : 1, sizeof(struct sample_row));

	if (!rows)
		return -ENOMEM;
	sample->rows = rows;
	sample->row_capacity = row_count;
	return 0;
}

struct sample_row *sample_add_row(struct sample *sample)
{
	struct sample_row *row;

	if (sample->row_count >= sample->row_capacity)
		return NULL;
	row = &sample->rows[sample->row_count++];
	memset(row, 0, sizeof(*row));
	for (int i = 0; i < SAMPLE_HISTORY_COUNT; i++)
		row->history[i] = SAMPLE_UNKNOWN;
	row->opens_per_s = row->closes_per_s = row->fails_per_s = NAN;
	return row;
}

int sample_add_loss(struct sample *sample, const char *reason, uint64_t count)
{
	struct sample_loss *losses = reallocarray(sample->losses, sample->loss_count + (size_t)1,
						  sizeof(struct sample_loss));

	if (!losses)
		return -ENOMEM;
	sample->losses = losses;
	losses[sample->loss_count].count = count;
	if (sample_copy_text(sample, reason, &losses[sample->loss_count].reason) < 0)
		return -ENOMEM;
	sample->loss_count++;
	return 0;
}

bool sample_row_equal(const struct sample_row *a, const struct sample_row *b)
{
	return client_id_equal(a->client, b->client) && a->netns == b->netns &&
	       a->remote.port == b->remote.port &&
	       memcmp(a->remote.ip, b->remote.ip, sizeof(a->remote.ip)) == 0;
}

uint64_t sample_row_hash(const struct sample_row *row)
{
	uint64_t high, low;

	memcpy(&high, row->remote.ip, 8);
	memcpy(&low, row->remote.ip + 8, 8);
	high = index_mix(high) ^ low;
	high = index_mix(high) ^ ((uint64_t)row->netns << 16 | row->remote.port);
	high = index_mix(high) ^ row->client.start_ns;
	return index_mix(high) ^ index_mix(row->client.pid);
}

uint64_t sample_failed_count(const struct sample_row *row)
{
	uint64_t sum = 0;

	for (int i = 0; i < FAIL_REASON_COUNT; i++)
		sum += row->totals.failed_count[i];
	return sum;
}

uint64_t sample_closed_count(const struct sample_row *row)
{
	uint64_t sum = 0;

	for (int i = 0; i < CLOSE_BY_COUNT; i++)
		sum += row->totals.counts.closed_count[i];
	return sum;
}

const char *sample_verdict_word(const struct sample_verdict *verdict)
{
	if (!verdict->id)
		return NULL;
	return verdict->state == VERDICT_SUSPECT ? "suspect" : verdict_kind_name(verdict->kind);
}

const char *sample_limit_name(enum sample_limit kind)
{
	static const char *const names[] = {
		[SAMPLE_LIMIT_NONE] = "none",
		[SAMPLE_LIMIT_CONFIGURED] = "configured",
		[SAMPLE_LIMIT_LEARNED] = "learned",
	};

	return names[kind];
}
