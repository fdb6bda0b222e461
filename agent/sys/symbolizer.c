// SPDX-License-Identifier: Apache-2.0
/*
 * The agent's end: a queue, a socket, and a process that may die. It is executed anew rather than
 * forked, so that it has nothing of the agent's memory or maps.
 *
 * Invariant: samples are answered in the order in which they were sent, so the one that a dead
 * process owes first is the one that killed it. Every sample gets one answer.
 */
#include "symbolizer.h"

#include "clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT_MAX 4 /* a socket buffer of 200 KB holds six of the largest */
#define REFUSED_MAX 64
#define RESTARTS_A_MINUTE 10

struct request {
	struct request *next;
	size_t length;
	struct stack_sample sample; /* only its first length bytes */
};

struct symbolizer {
	pid_t pid; /* 0 = not running */
	pid_t ending; /* killed, and not gone yet; 0 = none */
	int fd;
	struct request *first, **last; /* the oldest first */
	uint32_t count, in_flight;
	uint64_t head_since_ns; /* the first one is being worked on since */
	struct abi_client refused[REFUSED_MAX]; /* a ring */
	uint32_t refused_count;
	uint64_t dropped_count, restart_count;
	uint64_t minute_ns;
	uint32_t restarts_in_minute;
};

struct symbolizer *symbolizer_new(void)
{
	struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));

	if (!symbolizer)
		return NULL;
	symbolizer->fd = -1;
	symbolizer->last = &symbolizer->first;
	return symbolizer;
}

/* --- the process ------------------------------------------------------------------------------ */

/* Whether the one before is gone. It may hang in the kernel, on a dead disk: that is not waited
 * for.
 */
static bool has_gone(struct symbolizer *symbolizer)
{
	if (symbolizer->ending > 0 && waitpid(symbolizer->ending, NULL, WNOHANG) == 0)
		return false;
	symbolizer->ending = 0;
	return true;
}

static void stop(struct symbolizer *symbolizer)
{
	if (symbolizer->fd >= 0)
		close(symbolizer->fd);
	symbolizer->fd = -1;
	if (symbolizer->pid > 0) {
		(void)kill(symbolizer->pid, SIGKILL); /* gone is as good */
		symbolizer->ending = symbolizer->pid;
		(void)has_gone(symbolizer);
	}
	symbolizer->pid = 0;
	symbolizer->in_flight = 0;
}

static void become_symbolizer(int fd)
{
	char *const argv[] = {SYMBOLIZER_NAME, NULL};
	char *const environment[] = {NULL};
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail for a valid set */
	if (dup2(fd, STDIN_FILENO) < 0)
		_exit(1);
	execve("/proc/self/exe", argv, environment);
	_exit(1);
}

static int start(struct symbolizer *symbolizer)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close(pair[0]);
		close(pair[1]);
		return r;
	}
	if (pid == 0)
		become_symbolizer(pair[1]);
	close(pair[1]);
	symbolizer->fd = pair[0];
	symbolizer->pid = pid;
	return 0;
}

/* A host where it keeps dying is left alone until the next minute. */
static bool may_start(struct symbolizer *symbolizer)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (!has_gone(symbolizer))
		return false;
	if (now_ns - symbolizer->minute_ns > 60 * NS_PER_SEC) {
		symbolizer->minute_ns = now_ns;
		symbolizer->restarts_in_minute = 0;
	}
	return symbolizer->restarts_in_minute++ < RESTARTS_A_MINUTE;
}

/* --- the queue -------------------------------------------------------------------------------- */

static void drop_first(struct symbolizer *symbolizer)
{
	struct request *request = symbolizer->first;

	symbolizer->first = request->next;
	if (!symbolizer->first)
		symbolizer->last = &symbolizer->first;
	symbolizer->count--;
	symbolizer->head_since_ns = clock_monotonic_ns();
	free(request);
}

void symbolizer_free(struct symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	stop(symbolizer);
	while (symbolizer->first)
		drop_first(symbolizer);
	free(symbolizer);
}

int symbolizer_submit(struct symbolizer *symbolizer, const struct stack_sample *sample)
{
	size_t length = offsetof(struct stack_sample, stack);
	struct request *request;

	if (symbolizer->count >= SYMBOLIZER_QUEUE_MAX) {
		symbolizer->dropped_count++;
		return -ENOSPC;
	}
	length += sample->stack_bytes <= ABI_STACK_BYTES_MAX ? sample->stack_bytes
							     : ABI_STACK_BYTES_MAX;
	request = malloc(offsetof(struct request, sample) + length);
	if (!request)
		return -ENOMEM;
	request->next = NULL;
	request->length = length;
	memcpy(&request->sample, sample, length);
	*symbolizer->last = request;
	symbolizer->last = &request->next;
	symbolizer->count++;
	return 0;
}

static bool is_refused(const struct symbolizer *symbolizer, const struct abi_client *client)
{
	for (uint32_t i = 0; i < REFUSED_MAX && i < symbolizer->refused_count; i++)
		if (symbolizer->refused[i].pid == client->pid &&
		    symbolizer->refused[i].start_ns == client->start_ns)
			return true;
	return false;
}

static void answer_refused(const struct stack_sample *sample,
			   void (*handle)(void *userdata, const struct site_answer *answer),
			   void *userdata)
{
	struct site_answer answer = {
		.id = sample->id,
		.role = sample->role,
		.sequence = sample->sequence,
		.client = sample->client,
	};

	(void)snprintf(answer.site, sizeof(answer.site),
		       "unknown code (its files could not be read within %llu s)",
		       (unsigned long long)(SYMBOLIZER_TIMEOUT_NS / NS_PER_SEC));
	handle(userdata, &answer);
}

/* It has died, or hangs: on what it was at work with. */
static void bury(struct symbolizer *symbolizer)
{
	bool was_at_work = symbolizer->in_flight > 0;

	stop(symbolizer);
	symbolizer->restart_count++;
	if (was_at_work && symbolizer->first)
		symbolizer->refused[symbolizer->refused_count++ % REFUSED_MAX] =
			symbolizer->first->sample.client;
}

static void take_answers(struct symbolizer *symbolizer,
			 void (*handle)(void *userdata, const struct site_answer *answer),
			 void *userdata)
{
	struct site_answer answer;
	ssize_t n;

	/* Also where nothing is owed: of one that was killed the end has to be taken. */
	while (symbolizer->fd >= 0) {
		n = recv(symbolizer->fd, &answer, sizeof(answer), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* Nothing that it says about anything but the sample that it was given counts. */
		if (n != sizeof(answer) || symbolizer->in_flight == 0 ||
		    answer.id != symbolizer->first->sample.id) {
			bury(symbolizer);
			return;
		}
		answer.client = symbolizer->first->sample.client;
		answer.key = symbolizer->first->sample.key;
		answer.code_start = symbolizer->first->sample.code_start;
		answer.program = symbolizer->first->sample.program;
		answer.role = symbolizer->first->sample.role;
		answer.sequence = symbolizer->first->sample.sequence;
		answer.site[sizeof(answer.site) - 1] = '\0';
		symbolizer->in_flight--;
		drop_first(symbolizer);
		handle(userdata, &answer);
	}
}

static int send_requests(struct symbolizer *symbolizer)
{
	struct request *request = symbolizer->first;
	int r;

	for (uint32_t i = 0; i < symbolizer->in_flight && request; i++)
		request = request->next;
	while (request && symbolizer->in_flight < IN_FLIGHT_MAX) {
		if (symbolizer->pid == 0) {
			r = may_start(symbolizer) ? start(symbolizer) : -EAGAIN;
			if (r < 0)
				return r;
		}
		if (send(symbolizer->fd, &request->sample, request->length,
			 MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno != EAGAIN && errno != EINTR)
				bury(symbolizer);
			return 0;
		}
		if (symbolizer->in_flight++ == 0)
			symbolizer->head_since_ns = clock_monotonic_ns();
		request = request->next;
	}
	return 0;
}

int symbolizer_pump(struct symbolizer *symbolizer,
		    void (*handle)(void *userdata, const struct site_answer *answer),
		    void *userdata)
{
	(void)has_gone(symbolizer); /* else the next time */
	take_answers(symbolizer, handle, userdata);
	if (symbolizer->in_flight > 0 &&
	    clock_monotonic_ns() - symbolizer->head_since_ns > SYMBOLIZER_TIMEOUT_NS)
		bury(symbolizer);
	while (symbolizer->in_flight == 0 && symbolizer->first &&
	       is_refused(symbolizer, &symbolizer->first->sample.client)) {
		answer_refused(&symbolizer->first->sample, handle, userdata);
		drop_first(symbolizer);
	}
	return send_requests(symbolizer);
}

uint32_t symbolizer_pending_count(const struct symbolizer *symbolizer)
{
	return symbolizer->count;
}

int symbolizer_fd(const struct symbolizer *symbolizer)
{
	return symbolizer->fd;
}

void symbolizer_wait(const struct symbolizer *symbolizer, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = symbolizer->fd, .events = POLLIN};

	(void)poll(&poll_fd, symbolizer->fd >= 0, timeout_ms); /* a signal only ends it sooner */
}

uint64_t symbolizer_dropped_count(const struct symbolizer *symbolizer)
{
	return symbolizer->dropped_count;
}

uint64_t symbolizer_restart_count(const struct symbolizer *symbolizer)
{
	return symbolizer->restart_count;
}
