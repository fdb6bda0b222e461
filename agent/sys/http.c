// SPDX-License-Identifier: Apache-2.0
/*
 * The agent's one thread has connections to watch, so nobody who connects may hold it up: the
 * library reads and writes as far as sockets allow, the handler answers from memory, and whoever
 * takes too long, too many places or too much room is cut off and counted.
 *
 *	accept --> reading a request --> (waiting for a task) --> answer queued --> sent --> closed
 *	   |_________________________ max_request_ns in all __________________________|
 *
 * Invariant: every connection is in the list, oldest first, from when the library tells of it until
 * it tells of its end; and every connection ends in an answer or in a refusal that was counted.
 * One task is worked on at a time, so that one answer is being made at a time.
 * It does not know what is served.
 */
#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

/* For the head of a request and of an answer, each connection. */
#define CONNECTION_MEMORY_BYTES 32768UL
#define AFTER_ALL_OTHERS (SD_EVENT_PRIORITY_NORMAL + 100)
#define NS_PER_US_ 1000ULL

const struct http_limits http_default_limits = {
	.max_connections = 32,
	.max_request_ns = 10 * 1000000000ULL,
	.max_target_bytes = 4096, /* 256 process ids of 7 digits */
	.max_header_bytes = 8192,
	.max_body_bytes = 64UL * 1024 * 1024,
};

/* The library refuses some requests by itself; those count as unfinished. */
const unsigned int http_statuses[HTTP_STATUSES] = {200, 404, 405, 414, 431, 503, 400};

struct client {
	struct client *next, *prev; /* the oldest first */
	struct MHD_Connection *connection; /* the library's */
	uint64_t deadline_ns;
	bool is_answered, is_cut;
	struct http_task task; /* what makes its answer; it is suspended meanwhile */
	struct http_answer answer; /* made, and not handed to the library yet */
};

struct http_server {
	sd_event_source *io_source, *time_source;
	struct MHD_Daemon *daemon;
	int epoll_fd; /* the library's */
	struct http_limits limits;
	http_handler_fn handler;
	void *userdata;
	struct http_counts *counts;
	struct client *first, *last;
	uint32_t client_count; /* without those that are cut off */
	size_t body_bytes; /* of answers under way */
};

/* --- bodies ----------------------------------------------------------------------------------- */

struct http_body *http_body_new(char *bytes, size_t size)
{
	struct http_body *body = malloc(sizeof(*body));

	if (!body) {
		free(bytes);
		return NULL;
	}
	*body = (struct http_body){.reference_count = 1, .size = size, .bytes = bytes};
	return body;
}

struct http_body *http_body_ref(struct http_body *body)
{
	body->reference_count++;
	return body;
}

void http_body_unref(struct http_body *body)
{
	if (!body || --body->reference_count > 0)
		return;
	free(body->bytes);
	free(body);
}

/* What the library hands back when an answer is sent or given up. */
struct sending {
	struct http_server *server;
	struct http_body *body;
};

static void on_sent(void *cls)
{
	struct sending *sending = cls;

	if (--sending->body->sending_count == 0)
		sending->server->body_bytes -= sending->body->size;
	http_body_unref(sending->body);
	free(sending);
}

/* --- clients ---------------------------------------------------------------------------------- */

const char *http_refusal_name(enum http_refusal refusal)
{
	static const char *const names[HTTP_REFUSED_COUNT] = {
		[HTTP_REFUSED_CONNECTIONS] = "connections",
		[HTTP_REFUSED_TIME] = "time",
		[HTTP_REFUSED_SIZE] = "size",
		[HTTP_REFUSED_METHOD] = "method",
		[HTTP_REFUSED_MEMORY] = "memory",
		[HTTP_REFUSED_UNFINISHED] = "unfinished",
	};

	return names[refusal];
}

static int fd_of(const struct client *client)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(client->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

/* The library asks for its answer again. */
static void end_task(struct client *client)
{
	if (!client->task.step)
		return;
	client->task.free(client->task.userdata);
	client->task = (struct http_task){0};
	MHD_resume_connection(client->connection);
}

/* The library has no call for this; a socket that is shut down it closes by itself. */
static void cut_off(struct http_server *server, struct client *client, enum http_refusal reason)
{
	client->is_cut = true;
	server->client_count--;
	server->counts->refusals[reason]++;
	(void)shutdown(fd_of(client), SHUT_RDWR);
	end_task(client);
}

static void cut_oldest(struct http_server *server)
{
	for (struct client *client = server->first; client; client = client->next) {
		if (client->is_cut)
			continue;
		cut_off(server, client, HTTP_REFUSED_CONNECTIONS);
		return;
	}
}

static void client_add(struct http_server *server, struct MHD_Connection *connection,
		       void **socket_context)
{
	struct client *client = calloc(1, sizeof(*client));

	*socket_context = client;
	if (!client) /* the request is refused, then */
		return;
	client->connection = connection;
	client->deadline_ns = clock_monotonic_ns() + server->limits.max_request_ns;
	client->prev = server->last;
	*(server->last ? &server->last->next : &server->first) = client;
	server->last = client;
	if (++server->client_count > server->limits.max_connections)
		cut_oldest(server);
}

static void client_remove(struct http_server *server, struct client *client)
{
	if (!client)
		return;
	if (!client->is_answered && !client->is_cut)
		server->counts->refusals[HTTP_REFUSED_UNFINISHED]++;
	*(client->prev ? &client->prev->next : &server->first) = client->next;
	*(client->next ? &client->next->prev : &server->last) = client->prev;
	server->client_count -= !client->is_cut;
	http_body_unref(client->answer.body);
	free(client);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		client_add(cls, connection, socket_context);
	else
		client_remove(cls, *socket_context);
}

/* --- requests --------------------------------------------------------------------------------- */

static void count_status(struct http_counts *counts, unsigned int status)
{
	int i = 0;

	while (i < HTTP_STATUSES - 1 && http_statuses[i] != status)
		i++;
	counts->answers[i]++;
}

static enum MHD_Result send_response(struct http_server *server, struct MHD_Connection *connection,
				     unsigned int status, const char *content_type,
				     struct MHD_Response *response)
{
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	/* One request a connection: the deadline is that of the request then. */
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	if (r == MHD_YES)
		count_status(server->counts, status);
	return r;
}

static enum MHD_Result refuse(struct http_server *server, struct MHD_Connection *connection,
			      enum http_refusal reason, unsigned int status, const char *json)
{
	server->counts->refusals[reason]++;
	return send_response(server, connection, status, "application/json",
			     MHD_create_response_from_buffer(strlen(json), (void *)json,
							     MHD_RESPMEM_PERSISTENT));
}

const char *http_argument(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result add_size(void *cls, enum MHD_ValueKind kind, const char *key,
				const char *value)
{
	size_t *size = cls;

	(void)kind;
	*size += strlen(key) + (value ? strlen(value) : 0) + 2;
	return MHD_YES;
}

static size_t size_of(struct MHD_Connection *connection, enum MHD_ValueKind kind)
{
	size_t size = 0;

	(void)MHD_get_connection_values(connection, kind, add_size, &size);
	return size;
}

/* One answer alone may be of any size; what is being sent already takes no more room. */
static bool has_room(const struct http_server *server, const struct http_body *body)
{
	return server->body_bytes == 0 || body->sending_count > 0 ||
	       server->body_bytes + body->size <= server->limits.max_body_bytes;
}

static enum MHD_Result send_answer(struct http_server *server, struct MHD_Connection *connection,
				   const struct http_answer *answer)
{
	struct sending *sending = malloc(sizeof(*sending));
	struct MHD_Response *response;

	if (!sending || !answer->body || !has_room(server, answer->body)) {
		http_body_unref(answer->body);
		free(sending);
		return refuse(server, connection, HTTP_REFUSED_MEMORY, MHD_HTTP_SERVICE_UNAVAILABLE,
			      "{\"error\":\"too much is being sent already\"}\n");
	}
	*sending = (struct sending){server, answer->body};
	if (answer->body->sending_count++ == 0)
		server->body_bytes += answer->body->size;
	response = MHD_create_response_from_buffer_with_free_callback_cls(
		answer->body->size, answer->body->bytes, on_sent, sending);
	if (!response)
		on_sent(sending);
	return send_response(server, connection, answer->status, answer->content_type, response);
}

static enum MHD_Result answer_or_wait(struct http_server *server, struct client *client,
				      const struct http_request *request)
{
	struct http_answer answer = {0};

	server->handler(server->userdata, request, &answer);
	if (!answer.task.step)
		return send_answer(server, client->connection, &answer);
	client->task = answer.task;
	MHD_suspend_connection(client->connection);
	return MHD_YES;
}

static enum MHD_Result send_made(struct http_server *server, struct client *client)
{
	struct http_answer answer = client->answer;

	client->answer = (struct http_answer){0};
	return send_answer(server, client->connection, &answer);
}

/*
 * Called when the head of a request is there, and again when its task is done. It is answered at
 * once: a body, which no request that is served has, is never read.
 */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **request_context)
{
	struct http_server *server = cls;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct client *client = info ? info->socket_context : NULL;
	struct http_request request = {.path = url, .connection = connection};

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)request_context;
	if (!client || client->is_cut)
		return MHD_NO;
	if (client->answer.status)
		return send_made(server, client);
	client->is_answered = true;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(server, connection, HTTP_REFUSED_METHOD, MHD_HTTP_METHOD_NOT_ALLOWED,
			      "{\"error\":\"only GET and HEAD are served\"}\n");
	if (strlen(url) + size_of(connection, MHD_GET_ARGUMENT_KIND) >
	    server->limits.max_target_bytes)
		return refuse(server, connection, HTTP_REFUSED_SIZE, MHD_HTTP_URI_TOO_LONG,
			      "{\"error\":\"the address is too long\"}\n");
	if (size_of(connection, MHD_HEADER_KIND) > server->limits.max_header_bytes)
		return refuse(server, connection, HTTP_REFUSED_SIZE,
			      MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
			      "{\"error\":\"the headers are too long\"}\n");
	request.accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
	return answer_or_wait(server, client, &request);
}

static void on_log(void *cls, const char *format, va_list args)
{
	/* What clients do wrong is counted; the library's words for it are of no use to anybody. */
	(void)cls;
	(void)format;
	(void)args;
}

/* --- the loop --------------------------------------------------------------------------------- */

static void cut_late(struct http_server *server)
{
	uint64_t now_ns = clock_monotonic_ns();

	for (struct client *client = server->first; client; client = client->next) {
		if (now_ns < client->deadline_ns)
			return;
		if (!client->is_cut)
			cut_off(server, client, HTTP_REFUSED_TIME);
	}
}

/* Whoever waits for an answer may have ended his own half. */
static bool has_gone(const struct client *client)
{
	struct pollfd poll_fd = {.fd = fd_of(client)};
	char byte;

	if (client->task.step)
		return poll(&poll_fd, 1, 0) > 0;
	return !client->is_answered && recv(poll_fd.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/*
 * Whoever has gone away before his request was whole, or does not wait for the answer. The library
 * (0.9.75) does not notice the one when the end comes together with the last bytes: it waits for an
 * event that has been. The other is suspended.
 */
static void cut_gone(struct http_server *server)
{
	for (struct client *client = server->first; client; client = client->next)
		if (!client->is_cut && has_gone(client))
			cut_off(server, client, HTTP_REFUSED_UNFINISHED);
}

static struct client *find_waiting(const struct http_server *server)
{
	struct client *client = server->first;

	while (client && !client->task.step)
		client = client->next;
	return client;
}

/* A step of the task of whoever has waited longest. Returns whether its answer is there. */
static bool run_task(struct http_server *server)
{
	struct client *client = find_waiting(server);

	if (!client || client->task.step(client->task.userdata, &client->answer))
		return false;
	end_task(client);
	return true;
}

static void set_timer(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;
	uint64_t due_ns = UINT64_MAX, now_ns = clock_monotonic_ns();

	if (find_waiting(server))
		due_ns = now_ns;
	else if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES)
		due_ns = now_ns + wait_ms * 1000000ULL;
	for (struct client *client = server->first; client; client = client->next) {
		if (client->is_cut)
			continue;
		due_ns = client->deadline_ns < due_ns ? client->deadline_ns : due_ns;
		break;
	}
	if (due_ns == UINT64_MAX) {
		(void)sd_event_source_set_enabled(server->time_source, SD_EVENT_OFF);
		return;
	}
	/* Neither can fail for a source of this loop. */
	(void)sd_event_source_set_time(server->time_source, due_ns / NS_PER_US_ + 1);
	(void)sd_event_source_set_enabled(server->time_source, SD_EVENT_ONESHOT);
}

static void run_library(struct http_server *server)
{
	if (MHD_run(server->daemon) != MHD_YES)
		log_detail("the HTTP server has refused to run");
}

void http_server_run(struct http_server *server)
{
	cut_late(server);
	run_library(server);
	cut_gone(server);
	if (run_task(server))
		run_library(server);
	set_timer(server);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	http_server_run(userdata);
	return 0;
}

static int on_time(sd_event_source *source, uint64_t due_us, void *userdata)
{
	(void)source;
	(void)due_us;
	http_server_run(userdata);
	return 0;
}

static int add_to_loop(struct http_server *server, sd_event *event)
{
	int r = sd_event_add_io(event, &server->io_source, server->epoll_fd, EPOLLIN, on_io,
				server);

	if (r >= 0)
		r = sd_event_source_set_priority(server->io_source, AFTER_ALL_OTHERS);
	if (r >= 0)
		r = sd_event_add_time(event, &server->time_source, CLOCK_MONOTONIC, 0, 10000,
				      on_time, server);
	if (r >= 0)
		r = sd_event_source_set_priority(server->time_source, AFTER_ALL_OTHERS);
	if (r >= 0)
		r = sd_event_source_set_enabled(server->time_source, SD_EVENT_OFF);
	return r;
}

static int start(struct http_server *server, int listen_fd)
{
	const struct MHD_OptionItem place[] = {
		{listen_fd < 0 ? MHD_OPTION_END : MHD_OPTION_LISTEN_SOCKET, listen_fd, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	const union MHD_DaemonInfo *info;

	/* The library's own bound is a net under ours: it would make newcomers wait. */
	server->daemon =
		MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME |
					 (listen_fd < 0 ? MHD_USE_NO_LISTEN_SOCKET : 0),
				 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER,
				 on_log, NULL, MHD_OPTION_ARRAY, place, MHD_OPTION_CONNECTION_LIMIT,
				 (unsigned int)(2 * server->limits.max_connections + 2),
				 MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES,
				 MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
				 MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (!server->daemon)
		return errno ? -errno : -EIO;
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || info->epoll_fd < 0)
		return -EIO;
	server->epoll_fd = info->epoll_fd;
	return 0;
}

int http_server_new(sd_event *event, int listen_fd, const struct http_limits *limits,
		    http_handler_fn handler, void *userdata, struct http_counts *counts,
		    struct http_server **ret_server)
{
	struct http_server *server = calloc(1, sizeof(*server));
	int r = -ENOMEM;

	if (server) {
		server->limits = *limits;
		server->handler = handler;
		server->userdata = userdata;
		server->counts = counts;
		errno = 0;
		r = start(server, listen_fd);
	}
	if (r >= 0 && event)
		r = add_to_loop(server, event);
	if (r < 0) {
		/* The library closes the socket, also when it does not start. */
		if (!server)
			close(listen_fd);
		http_server_free(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

int http_server_adopt(struct http_server *server, int fd)
{
	struct sockaddr addr = {.sa_family = AF_UNIX};

	return MHD_add_connection(server->daemon, fd, &addr, sizeof(addr)) == MHD_YES ? 0 : -EIO;
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	sd_event_source_disable_unref(server->io_source);
	sd_event_source_disable_unref(server->time_source);
	/* The library cannot stop while somebody is suspended. */
	for (struct client *client = server->first; client; client = client->next)
		end_task(client);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	free(server);
}
