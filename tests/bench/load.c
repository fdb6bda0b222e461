// SPDX-License-Identifier: Apache-2.0
/*
 * The load that connleak is measured under: both ends of loopback connections in one process, one
 * thread and no protocol, so that what the kernel and its probes do is all that there is to do.
 *
 * usage: load connects SECONDS PORT [STACK]
 *                                      connect, accept, close; prints COUNT, then ns by the clock
 *                                      and ns on the processor; STACK: from below as many bytes of
 *                                      stack as that, all in use
 *        load echo SECONDS PORT        a byte there and back on one connection; the same
 *        load hold COUNT PORT [POOLS]  opens COUNT connections to POOLS addresses (default 1),
 *                                      prints "ready"; then for each line of stdin a byte on
 *                                      every connection and "done"; ends with stdin
 *
 * An address of 127.0.0.0/8 each has some 28,000 local ports; so connects go round them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ADDRESSES 250
#define HOLD_MAX 9900
#define STACK_MAX 65536

struct pair {
	int client, server;
};

static uint64_t read_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now); /* cannot fail for these clocks */
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1024))
		die("listen");
	return fd;
}

/* Each process of several has its own round of addresses. */
static struct pair pair_open(int listener, uint16_t port, uint32_t number)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct pair pair;
	uint32_t host = number % ADDRESSES;

	address.sin_addr.s_addr = htonl(0x7f000001 | (uint32_t)getpid() % 250 << 16 | host << 8);
	pair.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (pair.client < 0 || connect(pair.client, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	pair.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (pair.server < 0)
		die("accept");
	return pair;
}

static void report(uint64_t count, uint64_t wall_ns, uint64_t processor_ns)
{
	printf("%llu %llu %llu\n", (unsigned long long)count, (unsigned long long)wall_ns,
	       (unsigned long long)processor_ns);
}

static void run_connects(double seconds, uint16_t port)
{
	int listener = listen_on(port);
	uint64_t spent = read_ns(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t start = read_ns(CLOCK_MONOTONIC), end = start + (uint64_t)(seconds * 1e9),
		 now = start;
	uint32_t count = 0;

	while (now < end) {
		for (int i = 0; i < 32; i++) {
			struct pair pair = pair_open(listener, port, count++);

			close(pair.client);
			close(pair.server);
		}
		now = read_ns(CLOCK_MONOTONIC);
	}
	report(count, now - start, read_ns(CLOCK_PROCESS_CPUTIME_ID) - spent);
}

/* With the frames of callers above it that have all been written to, as those of real ones are. */
static void run_connects_below(uint32_t stack_bytes, double seconds, uint16_t port)
{
	volatile char frames[stack_bytes + 1];

	for (uint32_t i = 0; i <= stack_bytes; i += 64)
		frames[i] = 1;
	run_connects(seconds, port);
	(void)frames[0]; /* which keeps them until now */
}

static void pass_byte(const struct pair *pair)
{
	char byte = 'x';

	if (send(pair->client, &byte, 1, 0) != 1 || recv(pair->server, &byte, 1, 0) != 1 ||
	    send(pair->server, &byte, 1, 0) != 1 || recv(pair->client, &byte, 1, 0) != 1)
		die("a byte there and back");
}

static void run_echo(double seconds, uint16_t port)
{
	int listener = listen_on(port), one = 1;
	struct pair pair = pair_open(listener, port, 0);
	uint64_t spent = read_ns(CLOCK_PROCESS_CPUTIME_ID), start, end, now, count = 0;

	if (setsockopt(pair.client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    setsockopt(pair.server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		die("TCP_NODELAY");
	now = start = read_ns(CLOCK_MONOTONIC);
	end = start + (uint64_t)(seconds * 1e9);
	while (now < end) {
		for (int i = 0; i < 128; i++)
			pass_byte(&pair);
		count += 128;
		now = read_ns(CLOCK_MONOTONIC);
	}
	report(count, now - start, read_ns(CLOCK_PROCESS_CPUTIME_ID) - spent);
}

static void run_hold(uint32_t count, uint16_t port, uint32_t pools)
{
	static struct pair pairs[HOLD_MAX];
	int listener = listen_on(port);
	char line[16];

	if (count > HOLD_MAX) {
		errno = EMFILE;
		die("hold");
	}
	for (uint32_t i = 0; i < count; i++)
		pairs[i] = pair_open(listener, port, i % pools);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		for (uint32_t i = 0; i < count; i++)
			pass_byte(&pairs[i]);
		puts("done");
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	bool has_amount = argc == 4 || argc == 5;
	double amount = has_amount ? strtod(argv[2], NULL) : 0;
	uint16_t port = has_amount ? (uint16_t)strtoul(argv[3], NULL, 10) : 0;
	uint32_t last = argc == 5 ? (uint32_t)strtoul(argv[4], NULL, 10) : 1;

	if (amount > 0 && port && !strcmp(argv[1], "connects") && last <= STACK_MAX)
		run_connects_below(last, amount, port);
	else if (amount > 0 && port && !strcmp(argv[1], "echo"))
		run_echo(amount, port);
	else if (amount > 0 && port && last > 0 && !strcmp(argv[1], "hold"))
		run_hold((uint32_t)amount, port, last);
	else {
		fprintf(stderr,
			"usage: load connects SECONDS PORT [STACK] | echo SECONDS PORT | hold "
			"COUNT PORT [POOLS]\n");
		return 2;
	}
	return 0;
}
