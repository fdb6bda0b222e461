// SPDX-License-Identifier: Apache-2.0
/*
 * CONFIG_HZ is nowhere to be read in a container (/proc/config.gz and /boot are the host's, and
 * sysconf() gives USER_HZ), so it is worked out from the clock itself.
 *
 * Invariant: the count of ticks that was read at a moment never stands for a later one.
 * Does not read the count: who has it hands it in.
 */
#include "clock.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "core/types.h"

/* kernel/Kconfig.hz and the architectures that have their own. */
static const unsigned int known_hz[] = {100, 250, 300, 1000, 1024, 200, 128, 48, 24};
#define KNOWN_HZ_COUNT (sizeof(known_hz) / sizeof(known_hz[0]))

uint64_t clock_monotonic_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

static void set(struct tick_clock *clock, unsigned int hz, uint64_t jiffies, uint64_t ns)
{
	clock->jiffies = jiffies;
	clock->ns = ns;
	clock->tick_ns = (NS_PER_SEC + hz / 2) / hz; /* TICK_NSEC */
}

int tick_clock_init(struct tick_clock *ret_clock, uint64_t jiffies, uint64_t ns)
{
	double seconds = (double)ns / NS_PER_SEC;
	double best = INFINITY, second = INFINITY;
	unsigned int best_hz = 0;

	for (size_t i = 0; i < KNOWN_HZ_COUNT; i++) {
		double predicted = 4294967296.0 + known_hz[i] * (seconds - 300);
		double off_s = fabs((double)jiffies - predicted) / known_hz[i];

		if (off_s < best) {
			second = best;
			best = off_s;
			best_hz = known_hz[i];
		} else if (off_s < second) {
			second = off_s;
		}
	}
	/* A healthy clock is off by the time of early boot at most, before ticks are counted. */
	if (best > 5 || second < 2 * best + 1)
		return -EAGAIN;
	set(ret_clock, best_hz, jiffies, ns);
	return 0;
}

int tick_clock_measure(struct tick_clock *ret_clock, uint64_t jiffies0, uint64_t ns0,
		       uint64_t jiffies1, uint64_t ns1)
{
	double rate;

	if (ns1 <= ns0 || jiffies1 <= jiffies0)
		return -EINVAL;
	rate = (double)(jiffies1 - jiffies0) * NS_PER_SEC / (double)(ns1 - ns0);
	for (size_t i = 0; i < KNOWN_HZ_COUNT; i++)
		if (fabs(rate - known_hz[i]) < known_hz[i] * 0.08) {
			/* 1000 and 1024 cannot be told apart in a moment; the first is meant. */
			set(ret_clock, known_hz[i], jiffies1, ns1);
			return 0;
		}
	return -EINVAL;
}

void tick_clock_refine(struct tick_clock *clock, uint64_t jiffies, uint64_t ns)
{
	int64_t predicted = tick_clock_to_ns(clock, jiffies);

	/* A tick begins at or before the moment at which its count is read. */
	if (predicted > (int64_t)ns)
		clock->ns -= (uint64_t)(predicted - (int64_t)ns);
}

int64_t tick_clock_to_ns(const struct tick_clock *clock, uint64_t jiffies)
{
	int64_t ticks = (int64_t)(jiffies - clock->jiffies);

	return (int64_t)clock->ns + ticks * (int64_t)clock->tick_ns;
}
