// SPDX-License-Identifier: Apache-2.0
/*
 * One look at the kernel gives samples, ends and exits, each in an order of its own. The table
 * wants one stream that never goes back in time; this makes it.
 *
 * Invariant: what batch_next() returns never has a smaller time than what it returned before, over
 * all batches of one struct batch.
 */
#include "batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	struct event event;
	size_t sequence;
};

struct batch {
	struct slot *slots;
	size_t count, capacity, position;
	char **strings; /* owned copies of what the events point to */
	size_t string_count, string_capacity;
	uint64_t last_ns;
};

struct batch *batch_new(void)
{
	return calloc(1, sizeof(struct batch));
}

void batch_reset(struct batch *batch)
{
	for (size_t i = 0; i < batch->string_count; i++)
		free(batch->strings[i]);
	batch->string_count = 0;
	batch->count = 0;
	batch->position = 0;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	batch_reset(batch);
	free(batch->strings);
	free(batch->slots);
	free(batch);
}

/* Replaces *text by a copy that lives as long as the batch. */
static int keep_string(struct batch *batch, const char **text)
{
	char *copy;

	if (!*text)
		return 0;
	if (batch->string_count == batch->string_capacity) {
		size_t capacity = batch->string_capacity ? batch->string_capacity * 2 : 64;
		char **strings = realloc(batch->strings, capacity * sizeof(*strings));

		if (!strings)
			return -ENOMEM;
		batch->strings = strings;
		batch->string_capacity = capacity;
	}
	copy = strdup(*text);
	if (!copy)
		return -ENOMEM;
	batch->strings[batch->string_count++] = copy;
	*text = copy;
	return 0;
}

int batch_add(struct batch *batch, const struct event *event)
{
	struct slot *slot;

	if (batch->count == batch->capacity) {
		size_t capacity = batch->capacity ? batch->capacity * 2 : 256;
		struct slot *slots = realloc(batch->slots, capacity * sizeof(*slots));

		if (!slots)
			return -ENOMEM;
		batch->slots = slots;
		batch->capacity = capacity;
	}
	slot = &batch->slots[batch->count];
	slot->event = *event;
	slot->event.t_ns -= event->t_ns % NS_PER_US;
	slot->sequence = batch->count;
	if (keep_string(batch, &slot->event.cgroup) || keep_string(batch, &slot->event.exe) ||
	    keep_string(batch, &slot->event.site) || keep_string(batch, &slot->event.last_site) ||
	    keep_string(batch, &slot->event.namespace) || keep_string(batch, &slot->event.pod) ||
	    keep_string(batch, &slot->event.container))
		return -ENOMEM;
	batch->count++;
	return 0;
}

static int rank(const struct event *event)
{
	return event->type != EVENT_SEEN;
}

static int compare(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	if (x->event.t_ns != y->event.t_ns)
		return x->event.t_ns < y->event.t_ns ? -1 : 1;
	/*
	 * What was open before comes all at one moment: the longest silent first, which is the
	 * order in which the table keeps them, so that each is added at the end.
	 */
	if (rank(&x->event) != rank(&y->event))
		return rank(&x->event) - rank(&y->event);
	if (x->event.type == EVENT_SEEN && x->event.idle_ns != y->event.idle_ns)
		return x->event.idle_ns > y->event.idle_ns ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

void batch_seal(struct batch *batch, uint64_t now_ns)
{
	now_ns -= now_ns % NS_PER_US;
	if (now_ns < batch->last_ns)
		now_ns = batch->last_ns;
	for (size_t i = 0; i < batch->count; i++) {
		struct event *event = &batch->slots[i].event;

		if (event->t_ns < batch->last_ns)
			event->t_ns = batch->last_ns;
		if (event->t_ns > now_ns)
			event->t_ns = now_ns;
	}
	if (batch->count)
		qsort(batch->slots, batch->count, sizeof(*batch->slots), compare);
	batch->last_ns = now_ns;
}

const struct event *batch_next(struct batch *batch)
{
	if (batch->position == batch->count)
		return NULL;
	return &batch->slots[batch->position++].event;
}
