// SPDX-License-Identifier: Apache-2.0
/*
 * Why: an agent runs for months, over steps of the clock, suspends and the two changes of the zone
 * a year; the times in its sentences are to be those of the clock on the wall.
 *
 * Invariant: the events' clock is the monotonic one, so none of this moves a decision.
 */
#include "wall_clock.h"

#include <time.h>

#include "core/types.h"

/* Slewing is not a step: a sentence that is made twice is to read the same. */
#define SLACK_NS ((int64_t)(500 * NS_PER_MS))

bool wall_clock_take(struct wall_clock *clock, int64_t realtime_ns, int64_t monotonic_ns,
		     int32_t utc_offset_s)
{
	int64_t at_zero_ns = realtime_ns - monotonic_ns;
	int64_t moved_ns = at_zero_ns - clock->utc_at_zero_ns;

	if (clock->utc_at_zero_ns && utc_offset_s == clock->utc_offset_s && moved_ns < SLACK_NS &&
	    moved_ns > -SLACK_NS)
		return false;
	clock->utc_at_zero_ns = at_zero_ns;
	clock->utc_offset_s = utc_offset_s;
	clock->local_at_zero_ns = at_zero_ns + utc_offset_s * (int64_t)NS_PER_SEC;
	return true;
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now); /* cannot fail for these clocks */
	return (int64_t)now.tv_sec * (int64_t)NS_PER_SEC + now.tv_nsec;
}

bool wall_clock_read(struct wall_clock *clock)
{
	int64_t realtime_ns = clock_ns(CLOCK_REALTIME);
	time_t now = (time_t)(realtime_ns / (int64_t)NS_PER_SEC);
	struct tm local;
	int32_t offset_s = clock->utc_offset_s;

	if (localtime_r(&now, &local))
		offset_s = (int32_t)(local.tm_gmtoff / 60 * 60);
	return wall_clock_take(clock, realtime_ns, clock_ns(CLOCK_MONOTONIC), offset_s);
}
