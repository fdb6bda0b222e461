// SPDX-License-Identifier: Apache-2.0
/*
 * One event can bring about verdicts on many pools, and a verdict must outlive the pool that it
 * is about: sinks see copies, in the order in which they came about.
 *
 * Invariant: every copy is freed by the call after the one that handed it out, or at the end.
 * Has no bound of its own: the detector queues at most a few lines for a pool and a call.
 */
#include "verdict_queue.h"

#include <errno.h>
#include <stdlib.h>

struct queued_verdict {
	struct verdict verdict;
	struct queued_verdict *next;
};

static void free_one(struct queued_verdict *queued)
{
	if (!queued)
		return;
	verdict_clear(&queued->verdict);
	free(queued);
}

void verdict_queue_destroy(struct verdict_queue *queue)
{
	while (verdict_queue_next(queue))
		;
}

int verdict_queue_push(struct verdict_queue *queue, const struct verdict *verdict)
{
	struct queued_verdict *queued = malloc(sizeof(*queued));

	if (!queued)
		return -ENOMEM;
	if (verdict_copy(verdict, &queued->verdict) < 0) {
		free(queued);
		return -ENOMEM;
	}
	queued->next = NULL;
	if (queue->last)
		queue->last->next = queued;
	else
		queue->first = queued;
	queue->last = queued;
	return 0;
}

const struct verdict *verdict_queue_next(struct verdict_queue *queue)
{
	struct queued_verdict *queued = queue->first;

	free_one(queue->handed_out);
	queue->handed_out = queued;
	if (!queued)
		return NULL;
	queue->first = queued->next;
	if (!queue->first)
		queue->last = NULL;
	return &queued->verdict;
}
