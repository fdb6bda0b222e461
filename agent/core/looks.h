/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the source has looked at the counters of connections: what is known of silence is as old as
 * that. A look is all events EVENT_IO of one time.
 */
#ifndef CONNLEAK_CORE_LOOKS_H
#define CONNLEAK_CORE_LOOKS_H

#include "table.h"

/* Zeroed memory is a source that has not looked yet. */
struct looks {
	uint64_t last_ns, before_ns; /* the last look, and the one before it; 0 = none yet */
	uint32_t count; /* io events of the last look, less final ones */
	uint16_t number; /* of the last look; 0 = none yet */
};

/* To be called for each EVENT_IO of conn. */
void looks_note(struct looks *looks, struct conn *conn, const struct event *event);

/* To be called for a close of conn at t_ns: the figures that came with it are no look. */
void looks_take_back(struct looks *looks, const struct conn *conn, uint64_t t_ns);

#endif
