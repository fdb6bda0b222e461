// SPDX-License-Identifier: Apache-2.0
/*
 * A program that is looked at in the moment of its exec has its own file mapped and nothing else.
 * An interpreter that is in a library is there a few milliseconds later.
 *
 * Invariant: a program is looked at INTRODUCTION_TRIES times more, and not at all once its
 * interpreter is known. Does not look itself.
 */
#include "introductions.h"

#include <stddef.h>

void introductions_note(struct introductions *introductions, const struct abi_client *client,
			bool is_known, uint64_t now_ns)
{
	struct introduction *free_one = NULL;

	for (unsigned i = 0; i < INTRODUCTIONS_MAX; i++) {
		struct introduction *at = &introductions->all[i];

		if (at->client.pid == client->pid && at->client.start_ns == client->start_ns) {
			at->tries_left = is_known ? 0 : at->tries_left;
			at->due_ns = now_ns + INTRODUCTION_GAP_NS;
			return;
		}
		if (at->tries_left == 0)
			free_one = at;
	}
	if (is_known || !free_one)
		return;
	free_one->client = *client;
	free_one->tries_left = INTRODUCTION_TRIES;
	free_one->due_ns = now_ns + INTRODUCTION_GAP_NS;
}

void introductions_go_on(struct introductions *introductions, uint64_t now_ns,
			 int (*introduce)(void *userdata, const struct abi_client *client),
			 void *userdata)
{
	for (unsigned i = 0; i < INTRODUCTIONS_MAX; i++) {
		struct introduction *at = &introductions->all[i];

		if (at->tries_left == 0 || at->due_ns > now_ns)
			continue;
		at->tries_left--;
		/* What is refused has no answer that would make it due again. */
		at->due_ns = introduce(userdata, &at->client) == 0 ? UINT64_MAX
								   : now_ns + INTRODUCTION_GAP_NS;
	}
}
