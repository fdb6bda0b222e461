// SPDX-License-Identifier: Apache-2.0
/*
 * A site is a line of some hundred characters, and a host has thousands of connections and a few
 * dozen sites.
 *
 * Invariant: two texts of one struct texts never read the same; each is held at least once, and
 * its number is its slot.
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
#define SLOTS_MIN 16

int texts_init(struct texts *texts)
{
	*texts = (struct texts){.slot_count = 1};
	return index_init(&texts->index);
}

void texts_destroy(struct texts *texts)
{
	index_destroy(&texts->index);
	free(texts->slots);
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

/* --- numbers ---------------------------------------------------------------------------------- */

static int make_slot(struct texts *texts)
{
	uint32_t room = texts->slot_room ? 2 * texts->slot_room : SLOTS_MIN;
	struct text_slot *slots;

	if (texts->first_free || texts->slot_count < texts->slot_room)
		return 0;
	slots = reallocarray(texts->slots, room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	texts->slots = slots;
	texts->slot_room = room;
	return 0;
}

/* make_slot() has made sure that there is one. */
static void take_slot(struct texts *texts, struct text *text)
{
	text->number = texts->first_free;
	if (text->number)
		texts->first_free = texts->slots[text->number].next_free;
	else
		text->number = texts->slot_count++;
	texts->slots[text->number] = (struct text_slot){.text = text};
}

static void give_slot_back(struct texts *texts, uint32_t number)
{
	texts->slots[number] = (struct text_slot){.next_free = texts->first_free};
	texts->first_free = number;
}

/* --- holds ------------------------------------------------------------------------------------ */

static struct text *make(struct texts *texts, const void *bytes, size_t size, uint64_t hash)
{
	struct text *text = malloc(sizeof(*text) + size);

	if (!text)
		return NULL;
	if (make_slot(texts) < 0) {
		free(text);
		return NULL;
	}
	text->hold_count = 0;
	text->size = (uint32_t)size;
	memcpy(text->bytes, bytes, size);
	take_slot(texts, text);
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
	give_slot_back(texts, text->number);
	index_remove(&texts->index, &text->link);
	free(text);
}

int texts_replace_bytes(struct texts *texts, const void **bytes, const void *news, size_t size)
{
	struct text *held;

	if (!news || (*bytes && memcmp(*bytes, news, size) == 0))
		return 0;
	held = hold(texts, news, size);
	if (!held)
		return -ENOMEM;
	texts_release(texts, *bytes);
	*bytes = held->bytes;
	return 0;
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
	int error = texts_replace(texts, &text, news);

	if (error == 0 && text)
		*number = text_of(text)->number;
	return error;
}

const char *texts_at(const struct texts *texts, uint32_t number)
{
	return number ? texts->slots[number].text->bytes : NULL;
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
