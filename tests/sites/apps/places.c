// SPDX-License-Identifier: Apache-2.0
/*
 * Opens connections, one after the other, at places that are hard to tell apart, and prints the
 * name of each place. With -DTURNED the same code at the same addresses has its names exchanged.
 *
 * usage: places PORT COUNT [PROGRAM]: one at each place; then, for each line on stdin, COUNT more;
 * at the line "become" executes PROGRAM, with PORT and COUNT.
 */
#include <alloca.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef TURNED
#define FIRST open_second
#define SECOND open_first
#else
#define FIRST open_first
#define SECOND open_second
#endif
#define NAME_OF(function) NAME_OF_(function)
#define NAME_OF_(function) #function

#define PLACES 7

static uint16_t port;

static __attribute__((noinline)) int open_one(const char *place)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		exit(1);
	printf("%s\n", place);
	fflush(stdout);
	return fd;
}

/* volatile: a call in the last place would be a jump, and no frame. */
static volatile int last;

__attribute__((noinline)) void FIRST(void)
{
	last = open_one(NAME_OF(FIRST));
}

__attribute__((noinline)) void SECOND(void)
{
	last = open_one(NAME_OF(SECOND));
}

/* Its frame has another size each time, and what is left of the one before lies in it. */
__attribute__((noinline)) void open_with_room(unsigned bytes)
{
	volatile char *room = alloca(bytes);

	room[0] = 1;
	last = open_one("open_with_room");
	last += room[0];
}

__attribute__((noinline)) void open_below(unsigned depth)
{
	if (depth > 0)
		open_below(depth - 1);
	else
		last = open_one("open_below");
	last++;
}

/* Two callers of one function: the line differs only further up. */
__attribute__((noinline)) static void open_for(const char *name)
{
	last = open_one(name);
}

__attribute__((noinline)) void save_orders(void)
{
	open_for("save_orders");
	last++;
}

__attribute__((noinline)) void load_orders(void)
{
	open_for("load_orders");
	last++;
}

static void *run_worker(void *unused)
{
	(void)unused;
	prctl(PR_SET_NAME, "worker-7");
	FIRST();
	return NULL;
}

static void open_in_thread(void)
{
	pthread_t thread;

	printf("thread ");
	if (pthread_create(&thread, NULL, run_worker, NULL) == 0)
		pthread_join(thread, NULL);
}

static void open_at(unsigned place, unsigned turn)
{
	switch (place) {
	case 0:
		return FIRST();
	case 1:
		return SECOND();
	case 2:
		return open_with_room(64 + 64 * (turn % 3));
	case 3:
		return open_below(turn % 3);
	case 4:
		return save_orders();
	case 5:
		return load_orders();
	default:
		return open_in_thread();
	}
}

int main(int argc, char **argv)
{
	unsigned count = argc > 2 ? (unsigned)atoi(argv[2]) : 0, random = 17;
	char line[16];

	if (count == 0)
		return 2;
	port = (uint16_t)atoi(argv[1]);
	for (unsigned i = 0; i < PLACES; i++)
		open_at(i, 0);
	while (fgets(line, sizeof(line), stdin)) {
		if (argc > 3 && strcmp(line, "become\n") == 0)
			execl(argv[3], argv[3], argv[1], argv[2], NULL);
		for (unsigned i = 0; i < count; i++) {
			random = random * 1103515245 + 12345;
			open_at((random >> 16 & 0x7fff) % PLACES, random >> 24);
		}
	}
	return 0;
}
