/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of its own that turns samples into sites. It parses what containers hand it: so it has
 * no way to write, to execute, to connect or to signal, and no capability but those to read. When
 * it crashes or takes too long, it is ended and started anew, and the process whose files did that
 * is not looked at again.
 */
#ifndef CONNLEAK_SYS_SYMBOLIZER_H
#define CONNLEAK_SYS_SYMBOLIZER_H

#include "resolver.h"

#define SYMBOLIZER_NAME "connleak-symbolizer" /* argv[0] of the process */
#define SYMBOLIZER_QUEUE_MAX 512 /* samples that wait */
#define SYMBOLIZER_TIMEOUT_NS (5 * NS_PER_SEC) /* for one sample: large DWARF takes a second */

struct symbolizer;

/* Starts nothing yet. NULL when out of memory. */
struct symbolizer *symbolizer_new(void);
void symbolizer_free(struct symbolizer *symbolizer);

/* Takes a copy. Returns 0, -ENOSPC (counted) when too many wait, -ENOMEM. */
int symbolizer_submit(struct symbolizer *symbolizer, const struct stack_sample *sample);

/*
 * Sends what waits, takes what is ready, and sees to a process that has died or hangs. Calls handle
 * for each answer. Does not wait. Returns 0 or -errno of a process that cannot be started.
 */
int symbolizer_pump(struct symbolizer *symbolizer,
		    void (*handle)(void *userdata, const struct site_answer *answer),
		    void *userdata);

/* Samples that have no answer yet. */
uint32_t symbolizer_pending_count(const struct symbolizer *symbolizer);

/* Readable when an answer may be there; changes with the process; -1 = none. */
int symbolizer_fd(const struct symbolizer *symbolizer);

/* Waits until an answer may be there, at most timeout_ms. */
void symbolizer_wait(const struct symbolizer *symbolizer, int timeout_ms);

/* Samples that the queue had no room for, and processes that have died or hung over one. */
uint64_t symbolizer_dropped_count(const struct symbolizer *symbolizer);
uint64_t symbolizer_restart_count(const struct symbolizer *symbolizer);

/* What the process itself does, with its end of the socket as fd. Returns an exit status. */
int symbolizer_main(int fd);

#endif
