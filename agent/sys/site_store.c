// SPDX-License-Identifier: Apache-2.0
/*
 * A program opens its connections at a few places, so a text is kept once, under a number made from
 * it, and a connection costs a number.
 *
 * Invariant: a text is in the kernel before a connection refers to it. Texts are counted by nobody;
 * those that no connection has are forgotten by the next agent's load.
 */
#include "site_store.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define BATCH 256

/* A text that the kernel has. */
struct known_text {
	uint64_t number;
	bool is_used;
	UT_hash_handle hh;
	char text[]; /* NUL-terminated */
};

struct site_store {
	int sites_fd, texts_fd;
	struct known_text *texts;
	uint64_t refused_count;
};

struct site_store *site_store_new(int sites_fd, int texts_fd)
{
	struct site_store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->sites_fd = sites_fd;
	store->texts_fd = texts_fd;
	return store;
}

static void drop_text(struct site_store *store, struct known_text *known)
{
	HASH_DEL(store->texts, known);
	free(known);
}

void site_store_free(struct site_store *store)
{
	struct known_text *known, *next;

	if (!store)
		return;
	HASH_ITER(hh, store->texts, known, next)
	{
		drop_text(store, known);
	}
	free(store);
}

/* FNV-1a: a number that does not depend on the session. */
static uint64_t number_of(const char *text)
{
	uint64_t number = 0xcbf29ce484222325ULL;

	for (; *text; text++)
		number = (number ^ (uint8_t)*text) * 0x100000001b3ULL;
	return number;
}

static struct known_text *find_text(const struct site_store *store, uint64_t number)
{
	struct known_text *known;

	HASH_FIND(hh, store->texts, &number, sizeof(number), known);
	return known;
}

static struct known_text *know_text(struct site_store *store, uint64_t number, const char *text)
{
	size_t size = strlen(text) + 1;
	struct known_text *known = calloc(1, sizeof(*known) + size);

	if (!known)
		return NULL;
	known->number = number;
	memcpy(known->text, text, size);
	HASH_ADD(hh, store->texts, number, sizeof(known->number), known);
	if (!hash_took(known)) {
		free(known);
		return NULL;
	}
	return known;
}

/* --- loading ---------------------------------------------------------------------------------- */

static int load_texts(struct site_store *store)
{
	uint64_t number, *before = NULL;
	struct site_text value;

	while (bpf_map_get_next_key(store->texts_fd, before, &number) == 0) {
		before = &number;
		if (bpf_map_lookup_elem(store->texts_fd, &number, &value) < 0)
			continue;
		value.text[sizeof(value.text) - 1] = '\0';
		if (!find_text(store, number) && !know_text(store, number, value.text))
			return -ENOMEM;
	}
	return 0;
}

static void forget_unused_texts(struct site_store *store)
{
	struct known_text *known, *next;

	HASH_ITER(hh, store->texts, known, next)
	{
		if (known->is_used)
			continue;
		(void)bpf_map_delete_elem(store->texts_fd, &known->number); /* gone is as good */
		drop_text(store, known);
	}
}

int site_store_load(struct site_store *store,
		    void (*handle)(void *userdata, uint64_t id, const char *text), void *userdata)
{
	uint64_t ids[BATCH], numbers[BATCH];
	uint32_t position, count;
	void *in = NULL;
	int r = load_texts(store), end = 0;

	while (r == 0 && !end) {
		count = BATCH;
		end = bpf_map_lookup_batch(store->sites_fd, in, &position, ids, numbers, &count,
					   NULL);
		if (end && end != -ENOENT)
			return end;
		for (uint32_t i = 0; i < count; i++) {
			struct known_text *known = find_text(store, numbers[i]);

			if (!known)
				continue;
			known->is_used = true;
			handle(userdata, ids[i], known->text);
		}
		in = &position;
	}
	if (r == 0)
		forget_unused_texts(store);
	return r;
}

/* --- keeping ---------------------------------------------------------------------------------- */

/* The kernel has the text under this number; false where it has no room, or another text there. */
static bool keep_text(struct site_store *store, uint64_t number, const char *text)
{
	struct known_text *known = find_text(store, number);
	struct site_text value = {};

	if (known)
		return strcmp(known->text, text) == 0;
	if (strlen(text) >= sizeof(value.text))
		return false;
	strcpy(value.text, text);
	if (bpf_map_update_elem(store->texts_fd, &number, &value, BPF_ANY) < 0)
		return false;
	(void)know_text(store, number, text); /* without memory it is written again next time */
	return true;
}

void site_store_put(struct site_store *store, uint64_t id, const char *text)
{
	uint64_t number = number_of(text);

	if (!keep_text(store, number, text) ||
	    bpf_map_update_elem(store->sites_fd, &id, &number, BPF_ANY) < 0)
		store->refused_count++;
}

void site_store_forget(struct site_store *store, uint64_t id)
{
	(void)bpf_map_delete_elem(store->sites_fd, &id); /* most have none */
}

uint64_t site_store_refused_count(const struct site_store *store)
{
	return store->refused_count;
}
