// SPDX-License-Identifier: Apache-2.0
/*
 * pool PORT [stay]: thread A opens the connections of a pool, thread B borrows one and forgets it,
 * the main thread gives its own back. With stay it borrows and forgets without end, a thread C
 * keeps a connection in use all the time, and for each line of input one has many that are short.
 */
#include "stay.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

static int port;
static volatile int hand; /* from A to B: one free connection; -1 = none */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

APART int pool_open(void)
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

APART int query(int fd)
{
	char answer[8];

	if (send(fd, "hello", 5, 0) != 5)
		return -1;
	return (int)recv(fd, answer, sizeof(answer), 0);
}

APART int borrow_and_forget(void)
{
	int fd, n;

	pthread_mutex_lock(&lock);
	while (hand < 0)
		pthread_cond_wait(&changed, &lock);
	fd = hand;
	hand = -1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	n = query(fd); /* and no way back */
	return n + 1;
}

static void *run_pool(void *unused)
{
	prctl(PR_SET_NAME, "pool-filler");
	for (;;) {
		int fd = pool_open();

		pthread_mutex_lock(&lock);
		while (hand >= 0)
			pthread_cond_wait(&changed, &lock);
		hand = fd;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	}
	return unused;
}

static void *run_worker(void *count)
{
	prctl(PR_SET_NAME, "worker-7");
	for (long i = 0; i != (long)count; i++) {
		(void)borrow_and_forget();
		usleep(stay_us());
	}
	return NULL;
}

APART int beat(int fd)
{
	usleep(2000);
	return query(fd) + 1;
}

static void *run_heart(void *unused)
{
	int fd;

	prctl(PR_SET_NAME, "heart");
	fd = pool_open();
	while (beat(fd) > 0)
		;
	return unused;
}

#define SHORT_COUNT 700 /* more than the probe has room for */

static void *run_short(void *unused)
{
	while (getchar() != EOF)
		for (int i = 0; i < SHORT_COUNT; i++) {
			int fd = pool_open();

			(void)query(fd);
			close(fd);
			if (i == SHORT_COUNT - 1) {
				puts("over");
				fflush(stdout);
			}
		}
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t filler, worker, heart, brief;

	port = atoi(argv[1]);
	hand = -1;
	pthread_create(&filler, NULL, run_pool, NULL);
	if (argc > 2) {
		pthread_create(&heart, NULL, run_heart, NULL);
		pthread_create(&brief, NULL, run_short, NULL);
	}
	pthread_create(&worker, NULL, run_worker, (void *)(argc > 2 ? -1L : 3L));
	pthread_join(worker, NULL);
	return 0;
}
