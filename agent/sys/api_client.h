/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the running agent over its socket: one GET, one answer, then the connection is done.
 */
#ifndef CONNLEAK_SYS_API_CLIENT_H
#define CONNLEAK_SYS_API_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define API_SOCKET_PATH "/run/connleak/connleak.sock"

/* 100,000 connections as JSON are some 40 MB. */
#define API_BODY_MAX_BYTES (256UL * 1024 * 1024)
#define API_HEAD_MAX_BYTES 8192UL
/* Of the whole exchange: an agent under load answers within a second. */
#define API_TIMEOUT_MS 10000

/*
 * GETs target ("/v1/pools") from the agent that listens on socket_path. On success *ret_body is the
 * body with a NUL behind it, which the caller frees; ret_size is its length without the NUL and may
 * be NULL. Else one line, safe for a terminal, is in error, and the result is
 *   -ENOENT, -ECONNREFUSED  no agent listens there
 *   -EACCES                 the socket is there and not for this user
 *   -EREMOTEIO              the agent has refused; the sentence is the agent's
 *   -ETIMEDOUT, -EBADMSG (not an answer), -EMSGSIZE (too long), another -errno
 */
int api_get(const char *socket_path, const char *target, char **ret_body, size_t *ret_size,
	    char *error, size_t error_size);

/* Whether a result of api_get() says that own probes are the way to go, and nothing is wrong. */
bool api_is_absent(int result);

struct api_head {
	unsigned int status; /* 100 to 599 */
	size_t head_bytes; /* up to and with the empty line */
	size_t body_bytes;
};

/*
 * Reads the head of an answer from its first bytes. Returns 1 with *ret_head filled; 0 where more
 * bytes are needed; -EBADMSG where no answer of the agent begins so (it always says the length of
 * its body); -EMSGSIZE. Pure.
 */
int api_parse_head(const char *bytes, size_t length, struct api_head *ret_head);

/*
 * The sentence in the body of a refusal, {"error":"..."}, made safe for a terminal, or "status N"
 * where there is none. Returns buffer.
 */
const char *api_parse_refusal(unsigned int status, const char *body, size_t length, char *buffer,
			      size_t size);

#endif
