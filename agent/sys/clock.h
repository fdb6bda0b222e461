/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jiffies to nanoseconds: the kernel stamps the last send and receive of a socket in ticks.
 */
#ifndef CONNLEAK_SYS_CLOCK_H
#define CONNLEAK_SYS_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC, the clock of events. */
uint64_t clock_monotonic_ns(void);

/* Relation of jiffies64 to CLOCK_MONOTONIC. */
struct tick_clock {
	uint64_t jiffies; /* at ns */
	uint64_t ns;
	uint64_t tick_ns; /* length of a jiffy */
};

/*
 * Finds out CONFIG_HZ from one reading of jiffies64 and CLOCK_MONOTONIC. Both stop in suspend, and
 * jiffies64 starts at 2^32 - 300 * HZ (INITIAL_JIFFIES of include/linux/jiffies.h), so each HZ
 * predicts another reading. Returns 0 on success, or -EAGAIN near an uptime of 300 s, where all
 * predictions meet: then take tick_clock_measure() with a second reading.
 */
int tick_clock_init(struct tick_clock *ret_clock, uint64_t jiffies, uint64_t ns);

/* From two readings at least 0.2 s apart. Returns 0, or -EINVAL when no known HZ fits. */
int tick_clock_measure(struct tick_clock *ret_clock, uint64_t jiffies0, uint64_t ns0,
		       uint64_t jiffies1, uint64_t ns1);

/* Narrows down where in the tick the first reading was, so that no stamp lies in the future. */
void tick_clock_refine(struct tick_clock *clock, uint64_t jiffies, uint64_t ns);

/* The moment of a tick; may be before boot (negative) for a stamp that is nonsense. */
int64_t tick_clock_to_ns(const struct tick_clock *clock, uint64_t jiffies);

#endif
