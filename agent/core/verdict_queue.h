/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdict lines on their way from the pools to whoever drains the detector, oldest first.
 */
#ifndef CONNLEAK_CORE_VERDICT_QUEUE_H
#define CONNLEAK_CORE_VERDICT_QUEUE_H

#include "verdict.h"

struct queued_verdict;

/* Zeroed memory is a valid empty queue. */
struct verdict_queue {
	struct queued_verdict *first, *last;
	struct queued_verdict *handed_out; /* what verdict_queue_next() returned last */
};

/* Frees it with all copies that are in it. */
void verdict_queue_destroy(struct verdict_queue *queue);

/* Queues a copy. Returns 0 or -ENOMEM. */
int verdict_queue_push(struct verdict_queue *queue, const struct verdict *verdict);

/* Valid until the next call; NULL = empty. */
const struct verdict *verdict_queue_next(struct verdict_queue *queue);

#endif
