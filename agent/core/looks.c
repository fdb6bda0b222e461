// SPDX-License-Identifier: Apache-2.0
/*
 * Silence is measured up to the last moment at which activity would have been seen. Two sorts of
 * events carry counters and are no look at all connections: the last figures of one that is closed,
 * and word of the thread that opened one, which repeats those of the look before.
 *
 * Invariant: numbers go on from 1 and skip 0 when they come round.
 */
#include "looks.h"

void looks_note(struct looks *looks, struct conn *conn, const struct event *event)
{
	if (event->opener != OPENER_UNKNOWN)
		return;
	if (event->t_ns != looks->last_ns) {
		looks->before_ns = looks->last_ns;
		looks->last_ns = event->t_ns;
		if (++looks->number == 0)
			looks->number = 1;
		looks->count = 0;
	}
	looks->count++;
	conn->look = looks->number;
}

void looks_take_back(struct looks *looks, const struct conn *conn, uint64_t t_ns)
{
	if (looks->last_ns == t_ns && conn->look == looks->number && --looks->count == 0)
		looks->last_ns = looks->before_ns;
}
