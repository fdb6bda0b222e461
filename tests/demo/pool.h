/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small connection pool as applications have it: what is returned last is lent first, and a
 * connection is opened when none is free.
 */
#ifndef CONNLEAK_DEMO_POOL_H
#define CONNLEAK_DEMO_POOL_H

#include <stdint.h>

#define POOL_MAX 1024

struct pool {
	uint16_t port; /* of the server on 127.0.0.1, host byte order */
	int free_fds[POOL_MAX];
	int free_count;
	int open_count; /* lent ones included */
};

/* Lends a connection; opens one when none is free. Returns -1 when that cannot be done. */
int pool_take(struct pool *pool);
void pool_return(struct pool *pool, int fd);

/* Sends a question and waits for the answer. Returns 0 or -1. */
int pool_exchange(int fd);

/* The port from the command line; ends the program with one line when there is none. */
uint16_t pool_port_argument(int argc, char **argv);

void think_ms(unsigned int ms);

#endif
