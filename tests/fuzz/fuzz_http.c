/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a client sends to the agent's port, in one piece or cut in two, through the
 * server and our reading of path, arguments and Accept. Whatever comes must be answered or counted
 * as refused, leave no connection and no answer behind, and mean the same when it is read twice.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/api_route.h"
#include "sys/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_server *server;
static struct http_counts counts;
static struct http_body *body;

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

/* A path that is a route is spelled one way only. */
static void check_path(const char *path)
{
	static const char *const paths[] = {
		[API_METRICS] = "/metrics",
		[API_HEALTH] = "/healthz",
		[API_READY] = "/readyz",
		[API_POOLS] = "/v1/pools",
		[API_CONNECTIONS] = "/v1/connections",
		[API_VERDICTS] = "/v1/verdicts",
	};
	struct api_route route;
	char again[64];

	api_route_parse(path, &route);
	if (route.what == API_NOTHING) {
		require(!route.is_public && !route.has_text && !route.pid, "nothing is nothing");
		return;
	}
	if (route.what == API_EXPLAIN)
		(void)snprintf(again, sizeof(again), "/v1/explain/%u", route.pid);
	else
		(void)snprintf(again, sizeof(again), "%s", paths[route.what]);
	require(strcmp(path, again) == 0, "a route has one spelling");
	require(!route.is_public || strncmp(path, "/v1/", 4) != 0, "details are not public");
}

static void check_pids(const char *list)
{
	uint32_t pids[API_PIDS_MAX];
	int count = api_parse_pids(list, pids);

	require(count <= API_PIDS_MAX, "a bounded list");
	for (int i = 0; i < count; i++)
		require(pids[i] >= 1 && pids[i] <= 4194304, "a process id");
}

static void check_words(const char *text)
{
	bool is_text = false;

	check_path(text);
	check_pids(text);
	(void)api_wants_openmetrics(text);
	if (api_parse_format(text, &is_text) == 0)
		require(strcmp(text, is_text ? "text" : "json") == 0, "a format has one spelling");
}

static void answer(void *userdata, const struct http_request *request,
		   struct http_answer *ret_answer)
{
	const char *pids = http_argument(request, "pid");
	const char *format = http_argument(request, "format");

	(void)userdata;
	require(request->path != NULL, "a request has a path");
	check_path(request->path);
	check_pids(pids);
	if (format)
		check_words(format);
	ret_answer->status = api_wants_openmetrics(request->accept) ? 200 : 404;
	ret_answer->content_type = "text/plain";
	ret_answer->body = http_body_ref(body);
}

static void set_up(void)
{
	char *bytes = strdup("answer\n");

	require(bytes != NULL, "memory");
	body = http_body_new(bytes, strlen(bytes));
	require(body && http_server_new(NULL, -1, &http_default_limits, answer, NULL, &counts,
					&server) == 0,
		"a server");
}

static uint64_t ends(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < HTTP_STATUSES; i++)
		sum += counts.answers[i];
	for (int i = 0; i < HTTP_REFUSED_COUNT; i++)
		sum += counts.refusals[i];
	return sum;
}

static void converse(const uint8_t *data, size_t size, size_t cut)
{
	uint64_t before = ends();
	char sink[4096];
	int fds[2];

	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0,
		"sockets");
	require(http_server_adopt(server, fds[1]) == 0, "room for a client");
	http_server_run(server);
	(void)send(fds[0], data, cut, MSG_NOSIGNAL);
	http_server_run(server);
	(void)send(fds[0], data + cut, size - cut, MSG_NOSIGNAL);
	http_server_run(server);
	(void)recv(fds[0], sink, sizeof(sink), 0);
	(void)close(fds[0]);
	for (int i = 0; i < 20 && body->sending_count > 0; i++)
		http_server_run(server);
	http_server_run(server);
	http_server_run(server);
	require(body->sending_count == 0 && body->reference_count == 1, "no answer is left behind");
	require(ends() > before, "an answer or a refusal");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	require(text != NULL, "memory");
	memcpy(text, data, size);
	text[size] = '\0';
	check_words(text);
	free(text);
	if (!server)
		set_up();
	converse(data, size, size ? data[0] % size : 0);
	return 0;
}
