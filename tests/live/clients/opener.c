// SPDX-License-Identifier: Apache-2.0
/*
 * Connecting in every way there is, and very often.
 */
#include "opener.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OUTCOME_TIMEOUT_MS 30000

bool way_parse(const char *word, enum way *ret_way)
{
	static const char *const names[WAY_COUNT] = {
		[WAY_BLOCKING] = "blocking",
		[WAY_NONBLOCKING] = "nonblocking",
		[WAY_URING] = "uring",
		[WAY_URING_ASYNC] = "uring-async",
	};

	for (enum way way = 0; way < WAY_COUNT; way++) {
		if (strcmp(names[way], word) == 0) {
			*ret_way = way;
			return true;
		}
	}
	return false;
}

int opener_begin(int fd, const struct sockaddr_storage *addr, socklen_t length)
{
	int flags = fcntl(fd, F_GETFL);
	int error = 0;

	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (connect(fd, (const struct sockaddr *)addr, length) < 0)
		error = errno;
	(void)fcntl(fd, F_SETFL, flags);
	return error;
}

int opener_finish(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
	socklen_t length = sizeof(int);
	int error = 0;

	if (poll(&poll_fd, 1, OUTCOME_TIMEOUT_MS) != 1)
		return EAGAIN;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return errno;
	return error;
}

static int connect_by_uring(int fd, const struct sockaddr_storage *addr, socklen_t length,
			    unsigned int flags)
{
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int error = io_uring_queue_init(4, &ring, 0);

	if (error < 0)
		return -error;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_connect(sqe, fd, (const struct sockaddr *)addr, length);
	io_uring_sqe_set_flags(sqe, flags);
	error = io_uring_submit_and_wait(&ring, 1);
	if (error >= 0)
		error = io_uring_wait_cqe(&ring, &cqe);
	if (error == 0)
		error = cqe->res;
	io_uring_queue_exit(&ring);
	return -error;
}

int opener_connect(int fd, enum way way, const struct sockaddr_storage *addr, socklen_t length)
{
	int error;

	switch (way) {
	case WAY_NONBLOCKING:
		error = opener_begin(fd, addr, length);
		return error == EINPROGRESS ? opener_finish(fd) : error;
	case WAY_URING:
		return connect_by_uring(fd, addr, length, 0);
	case WAY_URING_ASYNC:
		return connect_by_uring(fd, addr, length, IOSQE_ASYNC);
	default:
		return connect(fd, (const struct sockaddr *)addr, length) < 0 ? errno : 0;
	}
}

enum ending { ENDING_CLOSE, ENDING_ABORT, ENDING_REFUSED, ENDING_RESET };

static void storm_end(struct storm *storm, int fd, enum ending ending)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	char byte;

	if (ending == ENDING_RESET) {
		/* Close only after the reset is here, or it would be a close of our own. */
		if (recv(fd, &byte, 1, 0) < 0 && errno == ECONNRESET)
			storm->reset_count++;
		else
			storm->other_count++;
		return;
	}
	if (ending == ENDING_ABORT)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	storm->closed_count++;
}

static void storm_one(struct storm *storm, enum ending ending)
{
	const struct sockaddr_storage *addr = ending == ENDING_REFUSED ? &storm->refused
					      : ending == ENDING_RESET ? &storm->reset
								       : &storm->echo;
	int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		storm->other_count++;
		return;
	}
	if (connect(fd, (const struct sockaddr *)addr, storm->addr_length) == 0) {
		storm->opened_count++;
		storm_end(storm, fd, ending);
	} else if (errno == ECONNREFUSED) {
		storm->opened_count++;
		storm->refused_count++;
	} else if (errno == ECONNRESET) {
		/* The reset came between the handshake and our waking up. */
		storm->opened_count++;
		storm->reset_count++;
	} else {
		storm->other_count++;
	}
	close(fd);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

void storm_run(struct storm *storm)
{
	static const enum ending endings[5] = {ENDING_CLOSE, ENDING_REFUSED, ENDING_CLOSE,
					       ENDING_RESET, ENDING_ABORT};
	uint64_t start_ns = now_ns();
	uint64_t step_ns = 1000000000ULL / storm->per_second_count;

	for (uint64_t i = 0; i < storm->total_count; i++) {
		uint64_t due_ns = start_ns + i * step_ns;
		struct timespec due = {.tv_sec = due_ns / 1000000000ULL,
				       .tv_nsec = due_ns % 1000000000ULL};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
		storm_one(storm, endings[i % 5]);
	}
	storm->elapsed_ms = (now_ns() - start_ns) / 1000000;
}
