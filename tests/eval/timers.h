/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens when, in a simulation.
 */
#ifndef CONNLEAK_EVAL_TIMERS_H
#define CONNLEAK_EVAL_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* self is whatever the timer was set for; arg tells a timer that has been overtaken. */
typedef void (*timer_fn)(void *self, uint64_t arg);

struct timer {
	uint64_t t_ns, sequence;
	timer_fn fn;
	void *self;
	uint64_t arg;
};

/* Zeroed memory is a valid empty set. */
struct timers {
	struct timer *heap; /* owned */
	size_t count, size;
	uint64_t sequence;
};

/* Aborts when out of memory: a simulation that lost an event would lie. */
void timers_add(struct timers *timers, uint64_t t_ns, timer_fn fn, void *self, uint64_t arg);

/* Takes the next one out; false when there is none. */
bool timers_take(struct timers *timers, struct timer *ret_timer);

/* UINT64_MAX when there is none. */
uint64_t timers_next_ns(const struct timers *timers);

void timers_destroy(struct timers *timers);

#endif
