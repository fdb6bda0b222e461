// SPDX-License-Identifier: Apache-2.0
/*
 * orders PORT: opens a connection in one function, uses it in another, and ends without closing it.
 */
#include "stay.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

APART int open_orders(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("connect");
		exit(1);
	}
	return fd;
}

APART int save_order(int fd)
{
	char answer[8];

	if (send(fd, "hello", 5, 0) != 5)
		return -1;
	return (int)recv(fd, answer, sizeof(answer), 0);
}

int main(int argc, char **argv)
{
	int fd = open_orders(argc > 1 ? atoi(argv[1]) : 0);
	int n = save_order(fd);

	usleep(stay_us());
	return n == 5 ? 0 : 1;
}
