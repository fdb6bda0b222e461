// SPDX-License-Identifier: Apache-2.0
/*
 * Why in steps: an agent that is stopped, or swapped out, accepts a question and does not answer,
 * and that must not take the keys from whoever looks at its figures.
 *
 * Invariant: what api_call_take() hands out is complete, as long as the head has said. A call
 * belongs to one question; it keeps no connection. How long is long enough is the caller's.
 */
#include "api_call.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api_client.h"
#include "core/format.h"

#define GROW_BYTES 65536UL

enum stage { STAGE_CONNECT, STAGE_SEND, STAGE_HEAD, STAGE_BODY };

struct api_call {
	int fd;
	enum stage stage;
	struct sockaddr_un addr;
	char request[API_HEAD_MAX_BYTES];
	size_t request_bytes, sent;
	struct api_head head; /* from STAGE_BODY on */
	char *bytes; /* of the answer; owned */
	size_t used, capacity;
};

int api_call_new(const char *socket_path, const char *target, struct api_call **ret_call)
{
	struct api_call *call = calloc(1, sizeof(*call));
	size_t length = strlen(socket_path);
	int n, r = 0;

	*ret_call = NULL;
	if (!call)
		return -ENOMEM;
	call->addr.sun_family = AF_UNIX;
	n = snprintf(call->request, sizeof(call->request),
		     "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", target);
	if (length == 0 || length >= sizeof(call->addr.sun_path) || n < 0 ||
	    (size_t)n >= sizeof(call->request))
		r = -ENAMETOOLONG;
	call->fd = r == 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
	if (r == 0 && call->fd < 0)
		r = -errno;
	if (r < 0) {
		api_call_free(call);
		return r;
	}
	memcpy(call->addr.sun_path, socket_path, length);
	call->request_bytes = (size_t)n;
	*ret_call = call;
	return 0;
}

void api_call_free(struct api_call *call)
{
	if (!call)
		return;
	if (call->fd >= 0)
		close(call->fd);
	free(call->bytes);
	free(call);
}

int api_call_fd(const struct api_call *call)
{
	return call->fd;
}

short api_call_events(const struct api_call *call)
{
	switch (call->stage) {
	case STAGE_CONNECT:
		return 0;
	case STAGE_SEND:
		return POLLOUT;
	default:
		return POLLIN;
	}
}

/* --- steps: 1 = the stage is over, 0 = it has to wait, -errno ----------------------------------
 */

/* A unix socket connects at once; EAGAIN is a full queue of an agent that does not accept. */
static int step_connect(struct api_call *call)
{
	if (connect(call->fd, (struct sockaddr *)&call->addr, sizeof(call->addr)) == 0)
		return 1;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static int step_send(struct api_call *call)
{
	while (call->sent < call->request_bytes) {
		ssize_t n = send(call->fd, call->request + call->sent,
				 call->request_bytes - call->sent, MSG_NOSIGNAL);

		if (n >= 0)
			call->sent += (size_t)n;
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return -errno;
	}
	return 1;
}

static int reserve(struct api_call *call, size_t more)
{
	size_t needed = call->used + more + 1;
	char *bytes;

	if (needed <= call->capacity)
		return 0;
	bytes = realloc(call->bytes, needed);
	if (!bytes)
		return -ENOMEM;
	call->bytes = bytes;
	call->capacity = needed;
	return 0;
}

/* Reads at most more bytes. Returns 1 where some have come, 0 where it has to wait; -errno. */
static int receive(struct api_call *call, size_t more)
{
	int r = reserve(call, more);
	ssize_t n;

	if (r < 0)
		return r;
	do {
		n = recv(call->fd, call->bytes + call->used, more, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -EBADMSG; /* it has said more than it has sent */
	call->used += (size_t)n;
	call->bytes[call->used] = '\0';
	return 1;
}

static int step_head(struct api_call *call)
{
	int r;

	do {
		r = receive(call, API_HEAD_MAX_BYTES);
		if (r <= 0)
			return r;
		r = api_parse_head(call->bytes, call->used, &call->head);
	} while (r == 0);
	return r;
}

static int step_body(struct api_call *call)
{
	size_t whole = call->head.head_bytes + call->head.body_bytes;

	/* Room grows with what has come, not with what was announced. */
	while (call->used < whole) {
		size_t left = whole - call->used;
		size_t step = call->used > GROW_BYTES ? call->used : GROW_BYTES;
		int r = receive(call, left < step ? left : step);

		if (r <= 0)
			return r;
	}
	return call->used > whole ? -EBADMSG : 1;
}

int api_call_step(struct api_call *call)
{
	static int (*const steps[])(struct api_call * call) = {
		[STAGE_CONNECT] = step_connect,
		[STAGE_SEND] = step_send,
		[STAGE_HEAD] = step_head,
		[STAGE_BODY] = step_body,
	};
	int r;

	for (;;) {
		r = steps[call->stage](call);
		if (r <= 0 || call->stage == STAGE_BODY)
			return r;
		call->stage++;
	}
}

/* --- what has come of it -----------------------------------------------------------------------
 */

static int explain_failure(int r, const struct api_call *call, char *error, size_t error_size)
{
	char safe[256];
	const char *path = call ? call->addr.sun_path : "";
	const char *reason = r == -EBADMSG     ? "what answers there is not connleak's agent"
			     : r == -EMSGSIZE  ? "the answer is too long"
			     : r == -ETIMEDOUT ? "the agent does not answer"
					       : strerror(-r);

	(void)format_safe(path, sizeof(call->addr.sun_path), safe, sizeof(safe));
	(void)snprintf(error, error_size, "%s%s%s", safe, path[0] ? ": " : "", reason);
	return r;
}

int api_call_take(struct api_call *call, int result, char **ret_body, size_t *ret_size, char *error,
		  size_t error_size)
{
	const struct api_head *head;

	if (result < 0)
		return explain_failure(result, call, error, error_size);
	head = &call->head;
	if (head->status != 200) {
		(void)api_parse_refusal(head->status, call->bytes + head->head_bytes,
					head->body_bytes, error, error_size);
		return -EREMOTEIO;
	}
	memmove(call->bytes, call->bytes + head->head_bytes, head->body_bytes + 1);
	*ret_body = call->bytes;
	if (ret_size)
		*ret_size = head->body_bytes;
	call->bytes = NULL;
	return 0;
}
