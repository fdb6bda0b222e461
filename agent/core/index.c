// SPDX-License-Identifier: Apache-2.0
/*
 * Connections, pools and clients are each looked up once an event, by keys of different shapes;
 * a chained index with the link inside the object serves the three without an allocation apiece.
 *
 * Invariant: bucket_count is a power of two, and link_count <= bucket_count unless memory ran out.
 * Does not compare keys, does not own objects and does not shrink.
 */
#include "index.h"

#include <errno.h>
#include <stdlib.h>

#define INITIAL_BUCKETS 64

int index_init(struct index *index)
{
	index->buckets = calloc(INITIAL_BUCKETS, sizeof(*index->buckets));
	if (!index->buckets)
		return -ENOMEM;
	index->bucket_count = INITIAL_BUCKETS;
	index->link_count = 0;
	return 0;
}

void index_destroy(struct index *index)
{
	free(index->buckets);
	index->buckets = NULL;
}

static void chain(struct index_link **buckets, size_t bucket_count, struct index_link *link)
{
	struct index_link **head = &buckets[index_mix(link->key) & (bucket_count - 1)];

	link->next = *head;
	*head = link;
}

static void grow(struct index *index)
{
	size_t bucket_count = index->bucket_count * 2;
	struct index_link **buckets = calloc(bucket_count, sizeof(*buckets));

	if (!buckets)
		return;
	for (size_t i = 0; i < index->bucket_count; i++) {
		struct index_link *link = index->buckets[i];

		while (link) {
			struct index_link *next = link->next;

			chain(buckets, bucket_count, link);
			link = next;
		}
	}
	free(index->buckets);
	index->buckets = buckets;
	index->bucket_count = bucket_count;
}

void index_insert(struct index *index, struct index_link *link, uint64_t key)
{
	if (index->link_count >= index->bucket_count)
		grow(index);
	link->key = key;
	chain(index->buckets, index->bucket_count, link);
	index->link_count++;
}

void index_remove(struct index *index, struct index_link *link)
{
	struct index_link **at = &index->buckets[index_mix(link->key) & (index->bucket_count - 1)];

	while (*at && *at != link)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = link->next;
	index->link_count--;
}

void index_each(const struct index *index, void (*visit)(void *userdata, struct index_link *link),
		void *userdata)
{
	for (size_t i = 0; i < index->bucket_count; i++) {
		struct index_link *link = index->buckets[i];

		while (link) {
			struct index_link *next = link->next;

			visit(userdata, link);
			link = next;
		}
	}
}
