// SPDX-License-Identifier: Apache-2.0
/*
 * Opens connections at one place and sends on each in turn, from places that are hard to tell
 * apart, until there is a line on stdin. Then sends on each once more, prints where from, and ends
 * with all of them open.
 *
 * usage: senders PORT COUNT; prints LOCAL-PORT PLACE a line, with "thread" at its end where it is
 * one named worker-7
 */
#include <alloca.h>
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))
#define PLACES 5
#define CONNS_MAX 64

static int conns[CONNS_MAX];
static const char *place; /* of the last send */
static volatile int last; /* a call in the last place would be a jump, and no frame */

APART static int open_one(const char *port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		exit(1);
	return fd;
}

APART static void query(int fd, const char *name)
{
	char answer[8];

	place = name;
	if (send(fd, "hello", 5, 0) != 5 || recv(fd, answer, sizeof(answer), 0) < 0)
		exit(1);
	last++;
}

APART void save_orders(int fd)
{
	query(fd, "save_orders");
	last++;
}

APART void load_orders(int fd)
{
	query(fd, "load_orders");
	last++;
}

/* Its frame has another size each time, and what is left of the one before lies in it. */
APART void send_with_room(int fd, unsigned bytes)
{
	volatile char *room = alloca(bytes);

	room[0] = 1;
	query(fd, "send_with_room");
	last += room[0];
}

APART void send_below(int fd, unsigned depth)
{
	if (depth > 0)
		send_below(fd, depth - 1);
	else
		query(fd, "send_below");
	last++;
}

APART static void *run_worker(void *fd)
{
	prctl(PR_SET_NAME, "worker-7");
	query(*(int *)fd, "run_worker");
	last++;
	return NULL;
}

static int send_from(unsigned which, int fd)
{
	pthread_t thread;

	switch (which % PLACES) {
	case 0:
		save_orders(fd);
		return 0;
	case 1:
		load_orders(fd);
		return 0;
	case 2:
		send_with_room(fd, 64 + 64 * (which % 3));
		return 0;
	case 3:
		send_below(fd, which % 3);
		return 0;
	default:
		if (pthread_create(&thread, NULL, run_worker, &fd) == 0)
			pthread_join(thread, NULL);
		return 1;
	}
}

static void print_conn(int fd, int is_thread)
{
	struct sockaddr_in local;
	socklen_t length = sizeof(local);

	if (getsockname(fd, (struct sockaddr *)&local, &length) < 0)
		exit(1);
	printf("%u %s%s\n", ntohs(local.sin_port), place, is_thread ? " thread" : "");
}

int main(int argc, char **argv)
{
	struct pollfd line = {.fd = STDIN_FILENO, .events = POLLIN};
	unsigned random = 17;
	int count = argc > 2 ? atoi(argv[2]) : 0;

	if (count < 1 || count > CONNS_MAX)
		return 2;
	for (int i = 0; i < count; i++)
		conns[i] = open_one(argv[1]);
	for (int i = 0; poll(&line, 1, 1) == 0; i = (i + 1) % count) {
		random = random * 1103515245 + 12345;
		(void)send_from(random >> 16, conns[i]);
	}
	for (int i = 0; i < count; i++) {
		random = random * 1103515245 + 12345;
		print_conn(conns[i], send_from(random >> 16, conns[i]));
	}
	return 0;
}
