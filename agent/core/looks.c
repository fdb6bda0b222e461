// SPDX-License-Identifier: Apache-2.0
/*
 * Silence is measured up to the last moment at which activity would have been seen. Two sorts of
 * events carry counters and are no look at all connections: the last figures of one that is closed,
 * and word of the thread that opened one, which repeats those of the look before.
 *
 * What a use is told of with is the first look after it, where the source is in time; no
 * connection can then be taken for silent that has just been used. Where lines come late, all that
 * was counted would be wrong by a few, and what comes to light afterwards would take the evidence
 * back. So what is known ends as long before a look as all but one in 200 uses are late.
 *
 * Invariant: numbers go on from 1 and skip 0 when they come round.
 */
#include "looks.h"

#define LATE_QUANTILE 0.995

/* Of the first look at a connection nothing follows: what it tells may be of any time. */
static void note_lateness(struct looks *looks, const struct conn *conn, const struct event *event)
{
	uint64_t active_ns = event->last_send_ns > event->last_recv_ns ? event->last_send_ns
								       : event->last_recv_ns;

	if (conn->look == 0 || looks->before_ns == 0 || (int64_t)active_ns <= conn->last_active_ns)
		return;
	silence_add(&looks->behind,
		    active_ns < looks->before_ns ? looks->before_ns - active_ns : 0);
}

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
		looks->late_ns = silence_quantile_ns(&looks->behind, LATE_QUANTILE);
	}
	note_lateness(looks, conn, event);
	looks->count++;
	conn->look = looks->number;
}

void looks_take_back(struct looks *looks, const struct conn *conn, uint64_t t_ns)
{
	if (looks->last_ns == t_ns && conn->look == looks->number && --looks->count == 0)
		looks->last_ns = looks->before_ns;
}
