/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that many have in common, kept once: the sites of connections, which a pool opens and uses
 * at a few places of a program, the names of processes, of which a service has many, and the
 * addresses of this host. A holder keeps a pointer, or where it has no room for one a number.
 */
#ifndef CONNLEAK_CORE_TEXTS_H
#define CONNLEAK_CORE_TEXTS_H

#include "index.h"
#include "numbers.h"

struct texts {
	struct index index;
	struct numbers numbers; /* of struct text, owned */
};

/* Returns 0 or -ENOMEM. */
int texts_init(struct texts *texts);

/* Every text must have been released. */
void texts_destroy(struct texts *texts);

/*
 * Replaces *text, NULL or one of texts, by the one that reads as news does and holds it; NULL is
 * "as before". Returns 0, or -ENOMEM and keeps it.
 */
int texts_replace(struct texts *texts, const char **text, const char *news);

/* As texts_replace(), with numbers: 0 is none. */
int texts_replace_number(struct texts *texts, uint32_t *number, const char *news);

/* The same of bytes of any sort; those of one struct texts are all texts, or all of one size. */
int texts_replace_bytes(struct texts *texts, uint32_t *number, const void *news, size_t size);

/* NULL for 0. Valid as long as the number is held. */
const char *texts_at(const struct texts *texts, uint32_t number);

/* Lets go of one hold on a text, which goes with the last; NULL is none. */
void texts_release(struct texts *texts, const void *text);
void texts_release_number(struct texts *texts, uint32_t number);

#endif
