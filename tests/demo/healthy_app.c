// SPDX-License-Identifier: Apache-2.0
/*
 * healthy-app PORT: one to eight requests at a time, each on a connection of the pool that goes
 * back when the request is done. Runs until it is stopped or the server is gone.
 */
#include <stdlib.h>
#include <unistd.h>

#include "pool.h"

#define REQUESTS_MAX 8

int main(int argc, char **argv)
{
	struct pool pool = {.port = pool_port_argument(argc, argv)};
	unsigned int seed = getpid();

	for (;;) {
		int count = 1 + rand_r(&seed) % REQUESTS_MAX;
		int fds[REQUESTS_MAX];

		for (int i = 0; i < count; i++) {
			fds[i] = pool_take(&pool);
			if (fds[i] < 0 || pool_exchange(fds[i]) < 0)
				return 1;
		}
		for (int i = 0; i < count; i++)
			pool_return(&pool, fds[i]);
		think_ms(10 + rand_r(&seed) % 90);
	}
}
