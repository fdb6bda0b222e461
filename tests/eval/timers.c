// SPDX-License-Identifier: Apache-2.0
/*
 * A heap with four children a node: half the depth of a binary one, and simulations spend much of
 * their time here.
 *
 * Invariant: of two timers at the same time, the one set first comes first. Cannot take a timer
 * back: whoever sets it looks at arg when it comes.
 */
#include "timers.h"

#include <stdlib.h>

static bool is_before(const struct timer *a, const struct timer *b)
{
	return a->t_ns != b->t_ns ? a->t_ns < b->t_ns : a->sequence < b->sequence;
}

void timers_add(struct timers *timers, uint64_t t_ns, timer_fn fn, void *self, uint64_t arg)
{
	struct timer timer = {t_ns, timers->sequence++, fn, self, arg};
	size_t at;

	if (timers->count == timers->size) {
		timers->size = timers->size ? 2 * timers->size : 256;
		timers->heap = realloc(timers->heap, timers->size * sizeof(*timers->heap));
		if (!timers->heap)
			abort();
	}
	at = timers->count++;
	while (at > 0 && is_before(&timer, &timers->heap[(at - 1) / 4])) {
		timers->heap[at] = timers->heap[(at - 1) / 4];
		at = (at - 1) / 4;
	}
	timers->heap[at] = timer;
}

static size_t first_child(const struct timers *timers, size_t at)
{
	size_t first = 4 * at + 1, best = first;

	for (size_t child = first + 1; child < first + 4 && child < timers->count; child++)
		if (is_before(&timers->heap[child], &timers->heap[best]))
			best = child;
	return best;
}

bool timers_take(struct timers *timers, struct timer *ret_timer)
{
	struct timer last;
	size_t at = 0;

	if (timers->count == 0)
		return false;
	*ret_timer = timers->heap[0];
	last = timers->heap[--timers->count];
	while (4 * at + 1 < timers->count) {
		size_t child = first_child(timers, at);

		if (!is_before(&timers->heap[child], &last))
			break;
		timers->heap[at] = timers->heap[child];
		at = child;
	}
	if (timers->count > 0)
		timers->heap[at] = last;
	return true;
}

uint64_t timers_next_ns(const struct timers *timers)
{
	return timers->count ? timers->heap[0].t_ns : UINT64_MAX;
}

void timers_destroy(struct timers *timers)
{
	free(timers->heap);
}
