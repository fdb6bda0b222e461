// SPDX-License-Identifier: Apache-2.0
/*
 * What is asked for over the agent's socket is shown on a terminal by a program that may run as
 * root, so whoever answers there is not trusted: head and body are bounded, and what is no answer
 * of the agent is an error and not a guess.
 *
 * It follows no redirection, and it does not know what a body means. The exchange itself is
 * api_call.c.
 *
 * Invariant: what is handed on is a body that is complete, or one sentence that is safe for a
 * terminal.
 */
#include "api_client.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api_call.h"
#include "core/format.h"

#define SENTENCE_MAX 400

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

/* --- one that is waited for --------------------------------------------------------------------
 */

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Until the call can go on, at the latest then. Returns 0 or -errno. */
static int wait_for(const struct api_call *call, uint64_t deadline_ms)
{
	struct pollfd pollfd = {.fd = api_call_fd(call), .events = api_call_events(call)};
	uint64_t now = now_ms(), wait_ms = deadline_ms - now;

	if (now >= deadline_ms)
		return -ETIMEDOUT;
	/* The queue of a socket cannot be waited for. */
	if (!pollfd.events && wait_ms > API_RETRY_MS)
		wait_ms = API_RETRY_MS;
	return poll(&pollfd, pollfd.events ? 1 : 0, (int)wait_ms) < 0 && errno != EINTR ? -errno
											: 0;
}

int api_get(const char *socket_path, const char *target, char **ret_body, size_t *ret_size,
	    char *error, size_t error_size)
{
	uint64_t deadline_ms = now_ms() + API_TIMEOUT_MS;
	struct api_call *call;
	int r = api_call_new(socket_path, target, &call);

	while (r == 0) {
		r = api_call_step(call);
		if (r == 0)
			r = wait_for(call, deadline_ms);
	}
	r = api_call_take(call, r, ret_body, ret_size, error, error_size);
	api_call_free(call);
	return r;
}

bool api_is_absent(int result)
{
	return result == -ENOENT || result == -ECONNREFUSED || result == -EACCES ||
	       result == -ENOTDIR || result == -EPERM;
}
