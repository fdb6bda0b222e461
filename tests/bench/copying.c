// SPDX-License-Identifier: Apache-2.0
/*
 * The probes as the agent loads them, but with every open's stack copied: no rate limits it, and
 * nobody learns a place. What is copied is thrown away, so that this process costs next to nothing.
 *
 * usage: copying PORT BYTES     prints "ready", and when stdin has ended how many stacks were
 *                              copied, how many were refused, and the bytes of one on average
 */
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/site_probes.h"

#define LOOK_MS 1 /* the ring has room for 240 stacks, which is five times as long */

struct taken {
	uint64_t count, bytes;
};

static void take(void *userdata, const struct stack_sample *sample)
{
	struct taken *taken = userdata;

	taken->count++;
	taken->bytes += sample->stack_bytes;
}

static struct probes *open_probes(uint16_t port)
{
	static struct probes_setup setup;
	struct probes *probes = NULL;
	char error[512];

	setup.filter.port_bitmap[port / 8] = (uint8_t)(1 << port % 8);
	if (probes_open(&setup, &probes, error, sizeof(error)) < 0)
		fprintf(stderr, "copying: %s\n", error);
	return probes;
}

static void report(const struct site_probes *site_probes, const struct taken *taken)
{
	uint64_t lost[STACK_LOST_COUNT], refused = 0;

	site_probes_read_lost(site_probes, lost);
	for (unsigned i = 0; i < STACK_LOST_COUNT; i++)
		refused += lost[i];
	printf("%llu %llu %llu\n", (unsigned long long)taken->count, (unsigned long long)refused,
	       (unsigned long long)(taken->count ? taken->bytes / taken->count : 0));
}

int main(int argc, char **argv)
{
	uint16_t port = argc == 3 ? (uint16_t)strtoul(argv[1], NULL, 10) : 0;
	struct site_probes_setup setup = {
		.stack_bytes = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0,
		.stacks_per_s = UINT32_MAX,
	};
	struct pollfd end = {.fd = STDIN_FILENO, .events = POLLIN};
	struct site_probes *site_probes = NULL;
	struct taken taken = {0};
	struct probes *probes;
	char error[512];

	if (!port || !setup.stack_bytes || setup.stack_bytes > ABI_STACK_BYTES_MAX) {
		fprintf(stderr, "usage: copying PORT BYTES\n");
		return 2;
	}
	probes = open_probes(port);
	if (!probes)
		return 1;
	if (site_probes_open(probes, &setup, &site_probes, error, sizeof(error)) < 0) {
		fprintf(stderr, "copying: %s\n", error);
		return 1;
	}
	/* Before all others, or the ring is full; where that is refused the report tells. */
	(void)sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
	puts("ready");
	fflush(stdout);
	while (poll(&end, 1, LOOK_MS) == 0)
		(void)site_probes_drain(site_probes, take, &taken); /* what is left is refused */
	(void)site_probes_drain(site_probes, take, &taken); /* as above */
	report(site_probes, &taken);
	site_probes_close(site_probes);
	probes_close(probes);
	return 0;
}
