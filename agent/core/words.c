// SPDX-License-Identifier: Apache-2.0
/*
 * What a trace calls local, the metrics, the JSON of the agent and the sentences call local as
 * well: the words of events are a contract, and they are written down once.
 *
 * Invariant: a word stands for one value and a value for one word; a table ends with a row that
 * has no text. What is read most often stands first.
 * Does not know where a word is read or written.
 */
#include "words.h"

#include <string.h>

const struct word word_events[] = {
	{"io", EVENT_IO},
	{"open", EVENT_OPEN},
	{"close", EVENT_CLOSE},
	{"established", EVENT_ESTABLISHED},
	{"failed", EVENT_FAILED},
	{"peer_closed", EVENT_PEER_CLOSED},
	{"exit", EVENT_EXIT},
	{"seen", EVENT_SEEN},
	{"lost", EVENT_LOST},
	{"end", EVENT_END},
	{NULL, 0},
};

const struct word word_seen_states[] = {
	{"established", SEEN_ESTABLISHED},
	{"connecting", SEEN_CONNECTING},
	{"peer_closed", SEEN_PEER_CLOSED},
	{NULL, 0},
};

const struct word word_closes[] = {
	{"local", CLOSE_LOCAL},	    {"peer", CLOSE_PEER}, {"reset", CLOSE_RESET},
	{"timeout", CLOSE_TIMEOUT}, {"exit", CLOSE_EXIT}, {NULL, 0},
};

const struct word word_openers[] = {
	{"running", OPENER_RUNNING},
	{"ended", OPENER_ENDED},
	{NULL, 0},
};

const struct word word_failures[] = {
	{"ECONNREFUSED", FAIL_REFUSED},
	{"ETIMEDOUT", FAIL_TIMEDOUT},
	{"ECONNRESET", FAIL_RESET},
	{"EHOSTUNREACH", FAIL_HOSTUNREACH},
	{"ENETUNREACH", FAIL_NETUNREACH},
	{"ECANCELED", FAIL_CANCELED},
	{"EADDRNOTAVAIL", FAIL_NOADDR},
	{"other", FAIL_OTHER},
	{NULL, 0},
};

const struct word *word_find(const struct word *words, const char *text)
{
	for (; words->text; words++)
		if (!strcmp(words->text, text))
			return words;
	return NULL;
}

const char *word_of(const struct word *words, int value)
{
	while (words->text && words->value != value)
		words++;
	return words->text;
}

const char *close_by_name(enum close_by by)
{
	return word_of(word_closes, (int)by);
}

const char *opener_state_name(enum opener_state state)
{
	return word_of(word_openers, (int)state);
}

enum fail_reason fail_reason_of(const char *errno_name)
{
	const struct word *row = word_find(word_failures, errno_name);

	return row ? (enum fail_reason)row->value : FAIL_OTHER;
}

const char *fail_reason_name(enum fail_reason reason)
{
	return word_of(word_failures, (int)reason);
}
