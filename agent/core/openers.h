/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which threads opened the connections of a verdict, as far as opens alone tell: connections that
 * belong to one thread each are left behind when the threads end.
 */
#ifndef CONNLEAK_CORE_OPENERS_H
#define CONNLEAK_CORE_OPENERS_H

#include "table.h"

struct openers {
	uint32_t suspect_count; /* suspects whose opener is known */
	uint32_t thread_count; /* distinct openers of these */
	uint32_t still_count; /* of these threads, those that have another connection in the pool */
	uint32_t ended_count; /* suspects whose thread is known to have ended */
};

/* Takes over what an EVENT_IO says of the opener; true when it has ended, which is told once. */
bool openers_note(struct conn *conn, const struct event *event);

/* Looks at the marked connections of pool, at most 256 of them. */
void openers_count(const struct pool *pool, struct openers *ret_openers);

/* Each suspect has an opener of its own, and none of these has another connection. */
bool openers_are_gone(const struct openers *openers);

#endif
