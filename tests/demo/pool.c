// SPDX-License-Identifier: Apache-2.0
/*
 * The pool that both applications of the demonstration use, without a fault of its own: whether
 * it leaks is up to the application.
 */
#include "pool.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int pool_take(struct pool *pool)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons(pool->port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd;

	if (pool->free_count > 0)
		return pool->free_fds[--pool->free_count];
	if (pool->open_count == POOL_MAX)
		return -1;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return -1;
	}
	pool->open_count++;
	return fd;
}

void pool_return(struct pool *pool, int fd)
{
	pool->free_fds[pool->free_count++] = fd;
}

int pool_exchange(int fd)
{
	static const char question[] = "SELECT name FROM orders WHERE id = 4711";
	char answer[sizeof(question)];
	size_t length = 0;

	if (send(fd, question, sizeof(question), MSG_NOSIGNAL) != sizeof(question))
		return -1;
	while (length < sizeof(answer)) {
		ssize_t part = recv(fd, answer, sizeof(answer) - length, 0);

		if (part <= 0)
			return -1;
		length += part;
	}
	return 0;
}

uint16_t pool_port_argument(int argc, char **argv)
{
	int port = argc == 2 ? atoi(argv[1]) : 0;

	if (port <= 0 || port > 65535) {
		fprintf(stderr, "usage: %s PORT\n", argv[0]);
		exit(2);
	}
	return port;
}

void think_ms(unsigned int ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}
