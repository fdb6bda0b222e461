/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways in which a program can connect a TCP socket.
 */
#ifndef CONNLEAK_TESTS_OPENER_H
#define CONNLEAK_TESTS_OPENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum way {
	WAY_BLOCKING,
	WAY_NONBLOCKING,
	WAY_URING, /* tried inline, then polled for */
	WAY_URING_ASYNC, /* by a worker thread of the kernel */
	WAY_COUNT,
};

/* Parses "blocking", "nonblocking", "uring", "uring-async". */
bool way_parse(const char *word, enum way *ret_way);

/* Connects fd and waits for the outcome. Returns 0 or the errno of the attempt. */
int opener_connect(int fd, enum way way, const struct sockaddr_storage *addr, socklen_t length);

/* Begins a non-blocking connect. Returns 0 (done), EINPROGRESS or the errno of the attempt. */
int opener_begin(int fd, const struct sockaddr_storage *addr, socklen_t length);

/* Waits for what opener_begin() began. Returns 0 or the errno of the attempt. */
int opener_finish(int fd);

struct storm {
	uint64_t total_count, per_second_count;
	struct sockaddr_storage echo, refused, reset;
	socklen_t addr_length;
	/* What came of it: */
	uint64_t opened_count, refused_count, closed_count, reset_count, other_count;
	uint64_t elapsed_ms;
};

/*
 * Opens total_count connections at a steady rate, each ended at once. Of every five, three are
 * closed here (one of them with a reset), one is refused and one is reset by the server.
 * Gives up after twice the time that it should take.
 */
void storm_run(struct storm *storm);

#endif
