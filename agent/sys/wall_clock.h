/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time it is for people, at t = 0 of the events' clock. Nothing is decided by it: it is for
 * "since 14:02" alone.
 */
#ifndef CONNLEAK_SYS_WALL_CLOCK_H
#define CONNLEAK_SYS_WALL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct wall_clock {
	int64_t utc_at_zero_ns; /* 0 = not read yet */
	int32_t utc_offset_s; /* whole minutes, so that a trace can hold it */
	int64_t local_at_zero_ns; /* the two added up */
};

/*
 * Takes readings of CLOCK_REALTIME and CLOCK_MONOTONIC of one moment, and the zone's offset then.
 * Returns whether that is news: at first, after a step of the clock, a suspend (the monotonic clock
 * stands still meanwhile) or a change of the offset. What is less than half a second is kept as it
 * was.
 */
bool wall_clock_take(struct wall_clock *clock, int64_t realtime_ns, int64_t monotonic_ns,
		     int32_t utc_offset_s);

/* The same with the clocks and the zone of this host. */
bool wall_clock_read(struct wall_clock *clock);

#endif
