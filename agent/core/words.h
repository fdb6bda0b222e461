/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words for what happens to connections, as traces, metrics and JSON have them.
 */
#ifndef CONNLEAK_CORE_WORDS_H
#define CONNLEAK_CORE_WORDS_H

#include "types.h"

struct word {
	const char *text;
	int value; /* of the enum that the table is about */
};

/* Tables that end with a text of NULL. Of the types of events, those that a trace has. */
extern const struct word word_events[], word_seen_states[], word_closes[], word_openers[],
	word_failures[];

/* The row of a word; NULL = none. */
const struct word *word_find(const struct word *words, const char *text);

/* The word of a value; NULL = none. */
const char *word_of(const struct word *words, int value);

const char *close_by_name(enum close_by by); /* "local"; NULL for what is none */

/* "running" or "ended"; NULL for the others, of which nobody is told. */
const char *opener_state_name(enum opener_state state);

/* FAIL_OTHER for a name that has no counter of its own; its name is "other". */
enum fail_reason fail_reason_of(const char *errno_name);
const char *fail_reason_name(enum fail_reason reason); /* "ECONNREFUSED" */

#endif
