/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the source has looked at the counters of connections: what is known of silence is as old as
 * that. A look is all events EVENT_IO of one time.
 *
 * A source that is behind tells of some uses only with a later look; how far behind it is, is
 * learned from the times that it gives for them.
 */
#ifndef CONNLEAK_CORE_LOOKS_H
#define CONNLEAK_CORE_LOOKS_H

#include "silence.h"
#include "table.h"

/* Zeroed memory is a source that has not looked yet. */
struct looks {
	uint64_t last_ns, before_ns; /* the last look, and the one before it; 0 = none yet */
	uint32_t count; /* io events of the last look, less final ones */
	uint16_t number; /* of the last look; 0 = none yet */
	struct silences
		behind; /* how long before the look before it a use was that a look told of */
	uint64_t late_ns; /* hardly any use was told of later, as of the last look; 0 = in time */
};

/* To be called for each EVENT_IO of conn, before conn is changed by it. */
void looks_note(struct looks *looks, struct conn *conn, const struct event *event);

/* To be called for a close of conn at t_ns: the figures that came with it are no look. */
void looks_take_back(struct looks *looks, const struct conn *conn, uint64_t t_ns);

#endif
