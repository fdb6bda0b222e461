// SPDX-License-Identifier: Apache-2.0
/*
 * What is asked for over the agent's socket is shown on a terminal by a program that may run as
 * root, so whoever answers there is not trusted: head and body are bounded, the whole exchange has
 * a deadline, and what is no answer of the agent is an error and not a guess.
 *
 * Invariant: *ret_body is complete, as long as the head has said, or there is none.
 * It keeps no connection and follows no redirection, and it does not know what a body means.
 */
#include "api_client.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/format.h"

#define GROW_BYTES 65536UL
#define SENTENCE_MAX 400

struct exchange {
	int fd; /* -1 = none */
	uint64_t deadline_ms;
	char *bytes; /* owned */
	size_t used, capacity;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- the head of an answer -------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK": the status, 0 = not one. */
static unsigned int parse_status(const char *line, size_t length)
{
	static const char start[] = "HTTP/1.";
	const char *at = line + sizeof(start) - 1;

	if (length < sizeof(start) - 1 + 5 || memcmp(line, start, sizeof(start) - 1) != 0)
		return 0;
	if (!is_digit(at[0]) || at[1] != ' ' || at[2] < '1' || at[2] > '5' || !is_digit(at[3]) ||
	    !is_digit(at[4]))
		return 0;
	if (length > sizeof(start) - 1 + 5 && at[5] != ' ')
		return 0;
	return (unsigned int)((at[2] - '0') * 100 + (at[3] - '0') * 10 + (at[4] - '0'));
}

/* Digits with spaces around them. False for anything else, and for more than the bound. */
static bool parse_length(const char *text, size_t length, size_t *ret_bytes)
{
	size_t at = 0, value = 0, digits = 0;

	while (at < length && (text[at] == ' ' || text[at] == '\t'))
		at++;
	for (; at < length && is_digit(text[at]); at++, digits++) {
		value = value * 10 + (size_t)(text[at] - '0');
		if (value > API_BODY_MAX_BYTES)
			return false;
	}
	while (at < length && (text[at] == ' ' || text[at] == '\t'))
		at++;
	*ret_bytes = value;
	return digits > 0 && at == length;
}

/* Returns 1 where the line is the length of the body, 0 for another line, -EBADMSG. */
static int parse_field(const char *line, size_t length, size_t *ret_bytes)
{
	static const char name[] = "content-length:", coded[] = "transfer-encoding:";

	if (length >= sizeof(coded) - 1 && strncasecmp(line, coded, sizeof(coded) - 1) == 0)
		return -EBADMSG;
	if (length < sizeof(name) - 1 || strncasecmp(line, name, sizeof(name) - 1) != 0)
		return 0;
	return parse_length(line + sizeof(name) - 1, length - (sizeof(name) - 1), ret_bytes)
		       ? 1
		       : -EBADMSG;
}

static int parse_fields(const char *line, const char *end, size_t *ret_bytes)
{
	bool found = false;

	while (line < end) {
		const char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
		int r;

		stop = stop ? stop : end;
		r = parse_field(line, (size_t)(stop - line), ret_bytes);
		if (r < 0 || (r == 1 && found))
			return -EBADMSG;
		found = found || r == 1;
		line = stop < end ? stop + 2 : end;
	}
	return found ? 1 : -EBADMSG;
}

int api_parse_head(const char *bytes, size_t length, struct api_head *ret_head)
{
	size_t span = length < API_HEAD_MAX_BYTES ? length : API_HEAD_MAX_BYTES;
	const char *end, *line_end;
	struct api_head head = {0};
	int r;

	if (!bytes || length == 0)
		return 0;
	end = memmem(bytes, span, "\r\n\r\n", 4);
	line_end = memmem(bytes, span, "\r\n", 2);

	if (line_end) {
		head.status = parse_status(bytes, (size_t)(line_end - bytes));
		if (head.status == 0)
			return -EBADMSG;
	}
	if (!end || !line_end)
		return length < API_HEAD_MAX_BYTES ? 0 : -EMSGSIZE;
	head.head_bytes = (size_t)(end - bytes) + 4;
	r = line_end < end ? parse_fields(line_end + 2, end, &head.body_bytes) : -EBADMSG;
	if (r == 1)
		*ret_head = head;
	return r;
}

const char *api_parse_refusal(unsigned int status, const char *body, size_t length, char *buffer,
			      size_t size)
{
	json_t *object = json_loadb(body, length, 0, NULL);
	const char *sentence = json_string_value(json_object_get(object, "error"));

	if (sentence && sentence[0])
		(void)format_safe(sentence, SENTENCE_MAX, buffer, size);
	else
		(void)snprintf(buffer, size, "status %u", status);
	json_decref(object);
	return buffer;
}

/* --- the exchange ----------------------------------------------------------------------------- */

/* Waits until the socket can be read or written. Returns 0 or -errno. */
static int wait_for(const struct exchange *exchange, short events)
{
	struct pollfd pollfd = {.fd = exchange->fd, .events = events};
	uint64_t now = now_ms();
	int r;

	if (now >= exchange->deadline_ms)
		return -ETIMEDOUT;
	r = poll(&pollfd, 1, (int)(exchange->deadline_ms - now));
	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

static int connect_to(struct exchange *exchange, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t length = strlen(path);

	if (length == 0 || length >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, length);
	exchange->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (exchange->fd < 0)
		return -errno;
	/* A unix socket connects at once; EAGAIN is a full queue of an agent that does not accept.
	 */
	while (connect(exchange->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (now_ms() >= exchange->deadline_ms)
			return -ETIMEDOUT;
		(void)poll(NULL, 0, 10);
	}
	return 0;
}

static int send_request(struct exchange *exchange, const char *target)
{
	char request[API_HEAD_MAX_BYTES];
	size_t length, sent = 0;
	int n = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n",
			 target);

	if (n < 0 || (size_t)n >= sizeof(request))
		return -ENAMETOOLONG;
	length = (size_t)n;
	while (sent < length) {
		ssize_t step = send(exchange->fd, request + sent, length - sent, MSG_NOSIGNAL);
		int r = 0;

		if (step >= 0)
			sent += (size_t)step;
		else if (errno == EAGAIN)
			r = wait_for(exchange, POLLOUT);
		else if (errno != EINTR)
			r = -errno;
		if (r < 0)
			return r;
	}
	return 0;
}

static int reserve(struct exchange *exchange, size_t more)
{
	size_t needed = exchange->used + more + 1;
	char *bytes;

	if (needed <= exchange->capacity)
		return 0;
	bytes = realloc(exchange->bytes, needed);
	if (!bytes)
		return -ENOMEM;
	exchange->bytes = bytes;
	exchange->capacity = needed;
	return 0;
}

/* Reads at most more bytes. Returns how many; 0 is the end; -errno. */
static ssize_t receive(struct exchange *exchange, size_t more)
{
	for (;;) {
		int r = reserve(exchange, more);
		ssize_t step;

		if (r < 0)
			return r;
		step = recv(exchange->fd, exchange->bytes + exchange->used, more, 0);
		if (step >= 0) {
			exchange->used += (size_t)step;
			exchange->bytes[exchange->used] = '\0';
			return step;
		}
		r = errno == EAGAIN ? wait_for(exchange, POLLIN) : errno == EINTR ? 0 : -errno;
		if (r < 0)
			return r;
	}
}

static int receive_answer(struct exchange *exchange, struct api_head *ret_head)
{
	size_t whole;
	int r;

	do {
		ssize_t step = receive(exchange, API_HEAD_MAX_BYTES);

		if (step <= 0)
			return step < 0 ? (int)step : -EBADMSG;
		r = api_parse_head(exchange->bytes, exchange->used, ret_head);
	} while (r == 0);
	if (r < 0)
		return r;
	whole = ret_head->head_bytes + ret_head->body_bytes;
	if (exchange->used > whole)
		return -EBADMSG;
	/* Room grows with what has come, not with what was announced. */
	while (exchange->used < whole) {
		size_t left = whole - exchange->used;
		size_t step = exchange->used > GROW_BYTES ? exchange->used : GROW_BYTES;
		ssize_t got = receive(exchange, left < step ? left : step);

		if (got <= 0)
			return got < 0 ? (int)got : -EBADMSG;
	}
	return 0;
}

static int explain_failure(int r, const char *path, char *error, size_t error_size)
{
	char safe[256];
	const char *reason = r == -EBADMSG     ? "what answers there is not connleak's agent"
			     : r == -EMSGSIZE  ? "the answer is too long"
			     : r == -ETIMEDOUT ? "the agent does not answer"
					       : strerror(-r);

	(void)format_safe(path, 200, safe, sizeof(safe));
	(void)snprintf(error, error_size, "%s: %s", safe, reason);
	return r;
}

int api_get(const char *socket_path, const char *target, char **ret_body, size_t *ret_size,
	    char *error, size_t error_size)
{
	struct exchange exchange = {.fd = -1, .deadline_ms = now_ms() + API_TIMEOUT_MS};
	struct api_head head = {0};
	int r = connect_to(&exchange, socket_path);

	if (r == 0)
		r = send_request(&exchange, target);
	if (r == 0)
		r = receive_answer(&exchange, &head);
	if (exchange.fd >= 0)
		close(exchange.fd);
	if (r < 0) {
		free(exchange.bytes);
		return explain_failure(r, socket_path, error, error_size);
	}
	if (head.status != 200) {
		(void)api_parse_refusal(head.status, exchange.bytes + head.head_bytes,
					head.body_bytes, error, error_size);
		free(exchange.bytes);
		return -EREMOTEIO;
	}
	memmove(exchange.bytes, exchange.bytes + head.head_bytes, head.body_bytes + 1);
	*ret_body = exchange.bytes;
	if (ret_size)
		*ret_size = head.body_bytes;
	return 0;
}

bool api_is_absent(int result)
{
	return result == -ENOENT || result == -ECONNREFUSED || result == -EACCES ||
	       result == -ENOTDIR || result == -EPERM;
}
