// SPDX-License-Identifier: Apache-2.0
/*
 * A site is a line of some hundred characters, and a host has thousands of connections and a few
 * dozen sites.
 *
 * Invariant: two texts of one struct texts never read the same; each is held at least once, and
 * its number is in texts->numbers.
 */
#include "texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct text {
	struct index_link link;
	uint32_t hold_count;
	uint32_t number;
	uint32_t size; /* with the NUL of a text */
	char bytes[];
};

#define TEXT_OF(index_link) ((struct text *)((char *)(index_link)-offsetof(struct text, link)))

int texts_init(struct texts *texts)
{
	texts->numbers = (struct numbers){0};
	return index_init(&texts->index);
}

void texts_destroy(struct texts *texts)
{
	index_destroy(&texts->index);
	numbers_free(&texts->numbers);
}

/* FNV-1a. */
static uint64_t hash_of(const unsigned char *bytes, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	return hash;
}

static struct text *find(const struct texts *texts, const void *bytes, size_t size, uint64_t hash)
{
	for (struct index_link *at = index_bucket(&texts->index, hash); at; at = at->next)
		if (at->key == hash && TEXT_OF(at)->size == size &&
		    memcmp(TEXT_OF(at)->bytes, bytes, size) == 0)
			return TEXT_OF(at);
	return NULL;
}

/* --- holds ------------------------------------------------------------------------------------ */

static struct text *make(struct texts *texts, const void *bytes, size_t size, uint64_t hash)
{
	struct text *text = malloc(sizeof(*text) + size);

	if (!text)
		return NULL;
	if (numbers_prepare(&texts->numbers) < 0) {
		free(text);
		return NULL;
	}
	text->hold_count = 0;
	text->size = (uint32_t)size;
	memcpy(text->bytes, bytes, size);
	text->number = numbers_take(&texts->numbers, text);
	index_insert(&texts->index, &text->link, hash);
	return text;
}

static struct text *hold(struct texts *texts, const void *bytes, size_t size)
{
	uint64_t hash = hash_of(bytes, size);
	struct text *text = find(texts, bytes, size, hash);

	if (!text)
		text = make(texts, bytes, size, hash);
	if (text)
		text->hold_count++;
	return text;
}

static struct text *text_of(const void *bytes)
{
	return (struct text *)(void *)((char *)(uintptr_t)bytes - offsetof(struct text, bytes));
}

static void let_go(struct texts *texts, struct text *text)
{
	if (--text->hold_count > 0)
		return;
	numbers_give_back(&texts->numbers, text->number);
	index_remove(&texts->index, &text->link);
	free(text);
}

int texts_replace(struct texts *texts, const char **text, const char *news)
{
	struct text *held;

	if (!news || (*text && strcmp(*text, news) == 0))
		return 0;
	held = hold(texts, news, strlen(news) + 1);
	if (!held)
		return -ENOMEM;
	texts_release(texts, *text);
	*text = held->bytes;
	return 0;
}

int texts_replace_number(struct texts *texts, uint32_t *number, const char *news)
{
	const char *text = texts_at(texts, *number);

	if (!news || (text && strcmp(text, news) == 0))
		return 0;
	return texts_replace_bytes(texts, number, news, strlen(news) + 1);
}

int texts_replace_bytes(struct texts *texts, uint32_t *number, const void *news, size_t size)
{
	struct text *held = hold(texts, news, size);

	if (!held)
		return -ENOMEM;
	texts_release_number(texts, *number);
	*number = held->number;
	return 0;
}

const char *texts_at(const struct texts *texts, uint32_t number)
{
	const struct text *text = numbers_at(&texts->numbers, number);

	return text ? text->bytes : NULL;
}

void texts_release(struct texts *texts, const void *text)
{
	if (text)
		let_go(texts, text_of(text));
}

void texts_release_number(struct texts *texts, uint32_t number)
{
	texts_release(texts, texts_at(texts, number));
}
