/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server for a program that has something better to do: one request a connection, GET and
 * HEAD only, everything bounded, on the program's own event loop.
 */
#ifndef CONNLEAK_SYS_HTTP_H
#define CONNLEAK_SYS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/* Bytes of an answer, shared by all clients that are being sent it. */
struct http_body {
	uint32_t reference_count;
	uint32_t sending_count; /* clients that it is being sent to */
	size_t size;
	char *bytes; /* owned */
};

/* Takes over bytes; one reference is the caller's. NULL when out of memory (bytes are freed). */
struct http_body *http_body_new(char *bytes, size_t size);
struct http_body *http_body_ref(struct http_body *body);
void http_body_unref(struct http_body *body); /* accepts NULL */

struct http_request {
	const char *path; /* decoded; any bytes but NUL */
	const char *accept; /* header; NULL = none */
	void *connection; /* for http_argument() */
};

/* The value of an argument of the address, decoded; NULL = not given, or without "=". */
const char *http_argument(const struct http_request *request, const char *name);

struct http_answer;

/* An answer that takes too long to be made at once: it is made between other things. */
struct http_task {
	/* Does a little of it, some milliseconds. Returns false when *ret_answer is there. */
	bool (*step)(void *userdata, struct http_answer *ret_answer);
	void (*free)(void *userdata); /* after the last step, or when nobody waits any more */
	void *userdata; /* owned, from when it is handed to the server */
};

struct http_answer {
	unsigned int status; /* 200, ... */
	const char *content_type; /* static */
	struct http_body *body; /* a reference that the server takes over; NULL = out of memory */
	struct http_task task; /* of the handler only, and in place of all that; step NULL = none */
};

typedef void (*http_handler_fn)(void *userdata, const struct http_request *request,
				struct http_answer *ret_answer);

struct http_limits {
	uint32_t max_connections; /* the one that has been there longest makes room for a new one */
	uint64_t max_request_ns; /* from accept to the last byte of the answer */
	size_t max_target_bytes; /* of path and arguments, decoded */
	size_t max_header_bytes; /* of all headers */
	size_t max_body_bytes; /* of all answers under way; one alone may be larger */
};

extern const struct http_limits http_default_limits;

/* Why a client was cut off or refused. */
enum http_refusal {
	HTTP_REFUSED_CONNECTIONS, /* too many at once */
	HTTP_REFUSED_TIME, /* max_request_ns was over */
	HTTP_REFUSED_SIZE, /* target or headers */
	HTTP_REFUSED_METHOD, /* neither GET nor HEAD */
	HTTP_REFUSED_MEMORY, /* too much is being sent already */
	HTTP_REFUSED_UNFINISHED, /* gone, or no HTTP, before a request was complete */
	HTTP_REFUSED_COUNT,
};

const char *http_refusal_name(enum http_refusal refusal); /* "connections" */

/* The statuses that are counted one by one; any other counts as the last. */
#define HTTP_STATUSES 7
extern const unsigned int http_statuses[HTTP_STATUSES];

struct http_counts {
	uint64_t answers[HTTP_STATUSES]; /* by status, as http_statuses has them */
	uint64_t refusals[HTTP_REFUSED_COUNT];
};

struct http_server;

/*
 * Serves what comes in on listen_fd, which it takes over, from the loop, after everything else that
 * waits there. listen_fd -1: only what is adopted; event NULL: only when it is run by hand. counts
 * is borrowed and added to. Returns 0 or -errno.
 */
int http_server_new(sd_event *event, int listen_fd, const struct http_limits *limits,
		    http_handler_fn handler, void *userdata, struct http_counts *counts,
		    struct http_server **ret_server);

/* Cuts off who is still connected. Accepts NULL. */
void http_server_free(struct http_server *server);

/* Hands over one more client, as if it had connected. Returns 0 or -errno; fd is closed then. */
int http_server_adopt(struct http_server *server, int fd);

/* Does what is to be done now; the loop does this by itself. */
void http_server_run(struct http_server *server);

#endif
