/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of one look: gathered in any order, handed out in the order of time.
 */
#ifndef CONNLEAK_SYS_BATCH_H
#define CONNLEAK_SYS_BATCH_H

#include "core/types.h"

struct batch;

struct batch *batch_new(void); /* NULL when out of memory */
void batch_free(struct batch *batch);

/* Forgets all events and strings. */
void batch_reset(struct batch *batch);

/*
 * Adds a copy of the event and of its strings; its time is rounded down to a whole microsecond.
 * Returns 0 or -ENOMEM.
 */
int batch_add(struct batch *batch, const struct event *event);

/*
 * Ends the gathering: sorts by time, and keeps times from going back behind the batch before or
 * beyond now_ns, which a record that was written while its neighbours were read can do by
 * microseconds. Of one moment, EVENT_SEEN come first, the longest idle before all; the others stay
 * in the order in which they were added.
 */
void batch_seal(struct batch *batch, uint64_t now_ns);

/* The next event; NULL at the end. Valid until batch_reset(). */
const struct event *batch_next(struct batch *batch);

#endif
