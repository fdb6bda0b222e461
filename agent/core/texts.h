/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that many have in common, kept once: the sites of connections, which a pool opens and uses
 * at a few places of a program, and the names of processes, of which a service has many.
 */
#ifndef CONNLEAK_CORE_TEXTS_H
#define CONNLEAK_CORE_TEXTS_H

#include "index.h"

struct texts {
	struct index index;
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

/* Lets go of one hold on a text, which goes with the last; NULL is none. */
void texts_release(struct texts *texts, const char *text);

#endif
