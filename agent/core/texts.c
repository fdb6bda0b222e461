// SPDX-License-Identifier: Apache-2.0
/*
 * A site is a line of some hundred characters, and a host has thousands of connections and a few
 * dozen sites.
 *
 * Invariant: two texts of one struct texts never read the same; each is held at least once.
 */
#include "texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct text {
	struct index_link link;
	size_t hold_count;
	char bytes[];
};

#define TEXT_OF(index_link) ((struct text *)((char *)(index_link)-offsetof(struct text, link)))

int texts_init(struct texts *texts)
{
	return index_init(&texts->index);
}

void texts_destroy(struct texts *texts)
{
	index_destroy(&texts->index);
}

/* FNV-1a. */
static uint64_t hash_of(const char *bytes)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (; *bytes; bytes++)
		hash = (hash ^ (unsigned char)*bytes) * 0x100000001b3ULL;
	return hash;
}

static struct text *find(const struct texts *texts, const char *bytes, uint64_t hash)
{
	for (struct index_link *at = index_bucket(&texts->index, hash); at; at = at->next)
		if (at->key == hash && strcmp(TEXT_OF(at)->bytes, bytes) == 0)
			return TEXT_OF(at);
	return NULL;
}

static struct text *make(struct texts *texts, const char *bytes, uint64_t hash)
{
	size_t size = strlen(bytes) + 1;
	struct text *text = malloc(sizeof(*text) + size);

	if (!text)
		return NULL;
	text->hold_count = 0;
	memcpy(text->bytes, bytes, size);
	index_insert(&texts->index, &text->link, hash);
	return text;
}

int texts_replace(struct texts *texts, const char **text, const char *news)
{
	struct text *found;
	uint64_t hash;

	if (!news || (*text && strcmp(*text, news) == 0))
		return 0;
	hash = hash_of(news);
	found = find(texts, news, hash);
	if (!found)
		found = make(texts, news, hash);
	if (!found)
		return -ENOMEM;
	found->hold_count++;
	texts_release(texts, *text);
	*text = found->bytes;
	return 0;
}

void texts_release(struct texts *texts, const char *text)
{
	struct text *held;

	if (!text)
		return;
	held = (struct text *)(void *)((char *)(uintptr_t)text - offsetof(struct text, bytes));
	if (--held->hold_count > 0)
		return;
	index_remove(&texts->index, &held->link);
	free(held);
}
