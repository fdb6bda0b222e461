// SPDX-License-Identifier: Apache-2.0
/*
 * leaky-app PORT: the same work as healthy-app, but twice a second a request takes the path on
 * which nobody returns the connection. Runs until it is stopped or the server is gone.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "pool.h"

#define REQUESTS_MAX 8
#define LEAK_EVERY_MS 500

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	struct pool pool = {.port = pool_port_argument(argc, argv)};
	unsigned int seed = getpid();
	long leak_due_ms = now_ms() + LEAK_EVERY_MS;

	for (;;) {
		int count = 1 + rand_r(&seed) % REQUESTS_MAX;
		int fds[REQUESTS_MAX];

		for (int i = 0; i < count; i++) {
			fds[i] = pool_take(&pool);
			if (fds[i] < 0 || pool_exchange(fds[i]) < 0)
				return 1;
		}
		for (int i = 0; i < count; i++) {
			if (i == 0 && now_ms() >= leak_due_ms)
				leak_due_ms += LEAK_EVERY_MS; /* the error path: not returned */
			else
				pool_return(&pool, fds[i]);
		}
		think_ms(10 + rand_r(&seed) % 90);
	}
}
