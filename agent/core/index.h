/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash index over objects that carry their own link: it grows with what is in it and never
 * allocates on a look-up or a removal.
 */
#ifndef CONNLEAK_CORE_INDEX_H
#define CONNLEAK_CORE_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct index_link {
	struct index_link *next; /* in the same bucket */
	uint64_t key; /* an id, or a hash of what the object is known by */
};

struct index {
	struct index_link **buckets; /* owned; the links are the objects' */
	size_t bucket_count; /* a power of two */
	size_t link_count;
};

/* Returns 0 or -ENOMEM. */
int index_init(struct index *index);
void index_destroy(struct index *index);

/* Cannot fail: where memory to grow is missing, the index goes on with longer chains. */
void index_insert(struct index *index, struct index_link *link, uint64_t key);
void index_remove(struct index *index, struct index_link *link);

/* Calls visit with each link, which it may remove; it may not insert. */
void index_each(const struct index *index, void (*visit)(void *userdata, struct index_link *link),
		void *userdata);

/* Spreads a key over all bits, since ids and pids are consecutive numbers. */
static inline uint64_t index_mix(uint64_t key)
{
	key ^= key >> 32;
	key *= 0xd6e8feb86659fd93ULL;
	key ^= key >> 32;
	key *= 0xd6e8feb86659fd93ULL;
	key ^= key >> 32;
	return key;
}

/* The first link of the bucket that key falls in: compare link->key, then what else there is. */
static inline struct index_link *index_bucket(const struct index *index, uint64_t key)
{
	return index->buckets[index_mix(key) & (index->bucket_count - 1)];
}

#endif
