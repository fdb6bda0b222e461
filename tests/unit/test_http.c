// SPDX-License-Identifier: Apache-2.0
/* The server with bounds small enough to be met, over real sockets and without a loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/http.h"

#define MS 1000000ULL

struct rig {
	struct http_server *server;
	struct http_counts counts;
	struct http_body *body; /* what is answered */
	unsigned int asked_count;
};

static void answer(void *userdata, const struct http_request *request, struct http_answer *ret)
{
	struct rig *rig = userdata;

	rig->asked_count++;
	assert_non_null(request->path);
	ret->status = strcmp(request->path, "/page") == 0 ? 200 : 404;
	ret->content_type = "text/plain";
	ret->body = rig->body ? http_body_ref(rig->body) : NULL;
}

static void rig_open(struct rig *rig, const struct http_limits *limits, size_t body_size)
{
	char *bytes = malloc(body_size);

	*rig = (struct rig){0};
	assert_non_null(bytes);
	memset(bytes, 'b', body_size);
	rig->body = http_body_new(bytes, body_size);
	assert_non_null(rig->body);
	assert_int_equal(http_server_new(NULL, -1, limits, answer, rig, &rig->counts, &rig->server),
			 0);
}

static void rig_close(struct rig *rig)
{
	http_server_free(rig->server);
	/* Nobody else holds it once the server is gone. */
	assert_int_equal(rig->body->reference_count, 1);
	http_body_unref(rig->body);
}

static int rig_connect(struct rig *rig)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	assert_int_equal(http_server_adopt(rig->server, fds[1]), 0);
	http_server_run(rig->server);
	return fds[0];
}

static void say(struct rig *rig, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	http_server_run(rig->server);
}

static bool is_cut(struct rig *rig, int fd)
{
	char byte;

	http_server_run(rig->server);
	http_server_run(rig->server);
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* All that comes until the end, with a NUL. */
static char *hear(struct rig *rig, int fd)
{
	char *text = calloc(1, 1 << 20);
	size_t used = 0;

	assert_non_null(text);
	for (int i = 0; i < 1000; i++) {
		ssize_t got = recv(fd, text + used, (1 << 20) - 1 - used, 0);

		if (got == 0)
			break;
		if (got > 0)
			used += (size_t)got;
		else
			assert_int_equal(errno, EAGAIN);
		http_server_run(rig->server);
	}
	return text;
}

static char *ask(struct rig *rig, const char *request)
{
	int fd = rig_connect(rig);
	char *text;

	say(rig, fd, request);
	text = hear(rig, fd);
	close(fd);
	http_server_run(rig->server);
	return text;
}

static uint64_t refusals(const struct rig *rig, enum http_refusal reason)
{
	return rig->counts.refusals[reason];
}

static void server_answers_and_closes(void **state)
{
	struct rig rig;
	char *text;

	(void)state;
	rig_open(&rig, &http_default_limits, 5);
	text = ask(&rig,
		   "GET /page HTTP/1.1\r\nHost: x\r\n\r\nGET /page HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(text, "\r\n\r\nbbbbb"));
	assert_non_null(strstr(text, "Connection: close"));
	free(text);
	text = ask(&rig, "GET /other HTTP/1.0\r\n\r\n");
	assert_memory_equal(text, "HTTP/1.1 404", 12);
	free(text);
	assert_int_equal(rig.asked_count, 2); /* the second of two in a row is not heard */
	assert_int_equal(rig.counts.answers[0], 1);
	assert_int_equal(rig.counts.answers[1], 1);
	for (int i = 0; i < HTTP_REFUSED_COUNT; i++)
		assert_int_equal(rig.counts.refusals[i], 0);
	rig_close(&rig);
}

static void server_the_oldest_makes_room(void **state)
{
	struct http_limits limits = http_default_limits;
	int fds[10];
	struct rig rig;
	char *text;

	(void)state;
	limits.max_connections = 4;
	rig_open(&rig, &limits, 5);
	for (int i = 0; i < 10; i++) {
		fds[i] = rig_connect(&rig);
		say(&rig, fds[i], "GET /pa");
	}
	assert_int_equal(refusals(&rig, HTTP_REFUSED_CONNECTIONS), 6);
	for (int i = 0; i < 10; i++)
		assert_int_equal(is_cut(&rig, fds[i]), i < 6);
	text = ask(&rig, "GET /page HTTP/1.0\r\n\r\n");
	assert_memory_equal(text, "HTTP/1.1 200", 12);
	free(text);
	for (int i = 0; i < 10; i++)
		close(fds[i]);
	rig_close(&rig);
}

static void server_time_is_bounded_however_busy_the_client_is(void **state)
{
	struct http_limits limits = http_default_limits;
	struct rig rig;
	int fd, late = 0;

	(void)state;
	limits.max_request_ns = 50 * MS;
	rig_open(&rig, &limits, 5);
	fd = rig_connect(&rig);
	/* A byte every millisecond: never idle, never done. */
	while (!is_cut(&rig, fd) && ++late < 2000) {
		(void)send(fd, "G", 1, MSG_NOSIGNAL);
		(void)poll(NULL, 0, 1);
	}
	assert_in_range(late, 1, 1999);
	assert_int_equal(refusals(&rig, HTTP_REFUSED_TIME), 1);
	assert_int_equal(refusals(&rig, HTTP_REFUSED_UNFINISHED), 0);
	close(fd);
	rig_close(&rig);
}

static void server_who_does_not_read_is_cut_off_in_time(void **state)
{
	struct http_limits limits = http_default_limits;
	struct rig rig;
	int fd, waits = 0;

	(void)state;
	limits.max_request_ns = 50 * MS;
	rig_open(&rig, &limits, 4 << 20);
	fd = rig_connect(&rig);
	say(&rig, fd, "GET /page HTTP/1.0\r\n\r\n");
	assert_int_equal(rig.body->sending_count, 1);
	while (rig.body->sending_count > 0 && ++waits < 2000) {
		http_server_run(rig.server);
		(void)poll(NULL, 0, 1);
	}
	assert_in_range(waits, 1, 1999);
	assert_int_equal(refusals(&rig, HTTP_REFUSED_TIME), 1);
	close(fd);
	rig_close(&rig);
}

static void server_sizes_are_bounded(void **state)
{
	struct http_limits limits = http_default_limits;
	struct rig rig;
	char *text;

	(void)state;
	limits.max_target_bytes = 20;
	limits.max_header_bytes = 40;
	rig_open(&rig, &limits, 5);
	text = ask(&rig, "GET /page?1234567890=1234567890 HTTP/1.0\r\n\r\n");
	assert_memory_equal(text, "HTTP/1.1 414", 12);
	free(text);
	text = ask(&rig,
		   "GET /page HTTP/1.0\r\nX: 0123456789012345678901234567890123456789\r\n\r\n");
	assert_memory_equal(text, "HTTP/1.1 431", 12);
	free(text);
	assert_int_equal(refusals(&rig, HTTP_REFUSED_SIZE), 2);
	assert_int_equal(rig.asked_count, 0);
	rig_close(&rig);
}

static void server_methods_are_two(void **state)
{
	struct rig rig;
	char *text;

	(void)state;
	rig_open(&rig, &http_default_limits, 5);
	text = ask(&rig, "POST /page HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
	assert_memory_equal(text, "HTTP/1.1 405", 12);
	assert_non_null(strstr(text, "Allow: GET, HEAD\r\n"));
	free(text);
	text = ask(&rig, "HEAD /page HTTP/1.0\r\n\r\n");
	assert_memory_equal(text, "HTTP/1.1 200", 12);
	assert_non_null(strstr(text, "Content-Length: 5\r\n"));
	assert_null(strstr(text, "bbb"));
	free(text);
	assert_int_equal(refusals(&rig, HTTP_REFUSED_METHOD), 1);
	rig_close(&rig);
}

static void server_memory_of_answers_is_bounded(void **state)
{
	struct http_limits limits = http_default_limits;
	struct http_body *first;
	struct rig rig;
	int fd, again;
	char *text, *bytes = calloc(1, 4 << 20);

	(void)state;
	limits.max_body_bytes = 5 << 20;
	rig_open(&rig, &limits, 4 << 20);
	fd = rig_connect(&rig);
	say(&rig, fd, "GET /page HTTP/1.0\r\n\r\n");
	/* The same bytes to another one take no more room. */
	again = rig_connect(&rig);
	say(&rig, again, "GET /page HTTP/1.0\r\n\r\n");
	assert_int_equal(rig.body->sending_count, 2);
	first = rig.body;
	assert_non_null(bytes);
	rig.body = http_body_new(bytes, 4 << 20);
	text = ask(&rig, "GET /page HTTP/1.0\r\n\r\n");
	assert_memory_equal(text, "HTTP/1.1 503", 12);
	free(text);
	assert_int_equal(refusals(&rig, HTTP_REFUSED_MEMORY), 1);
	close(fd);
	close(again);
	for (int i = 0; i < 10; i++)
		http_server_run(rig.server);
	assert_int_equal(first->sending_count, 0);
	assert_int_equal(first->reference_count, 1);
	http_body_unref(first);
	fd = rig_connect(&rig);
	say(&rig, fd, "GET /page HTTP/1.0\r\n\r\n");
	assert_int_equal(rig.body->sending_count, 1); /* there is room again */
	close(fd);
	rig_close(&rig);
}

static void server_an_answer_without_memory_is_503(void **state)
{
	struct http_body *body;
	struct rig rig;
	char *text;

	(void)state;
	rig_open(&rig, &http_default_limits, 5);
	body = rig.body;
	rig.body = NULL;
	text = ask(&rig, "GET /page HTTP/1.0\r\n\r\n");
	assert_memory_equal(text, "HTTP/1.1 503", 12);
	free(text);
	rig.body = body;
	rig_close(&rig);
}

static void server_an_end_in_the_middle_is_counted(void **state)
{
	static const char *const parts[] = {"", "G", "GET /page HTTP/1.0\r\n", "\x16\x03\x01",
					    "\r\n\r\n"};
	struct rig rig;

	(void)state;
	rig_open(&rig, &http_default_limits, 5);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int fd = rig_connect(&rig);

		(void)send(fd, parts[i], strlen(parts[i]), MSG_NOSIGNAL);
		close(fd);
		for (int j = 0; j < 5; j++)
			http_server_run(rig.server);
		assert_int_equal(refusals(&rig, HTTP_REFUSED_UNFINISHED), i + 1);
	}
	assert_int_equal(rig.asked_count, 0);
	rig_close(&rig);
}

/* --- answers that are made in steps ----------------------------------------------------------- */

#define STEPS 16

struct steps {
	struct rig *rig;
	unsigned int left;
	char name; /* what its answer is made of */
};

/* Beside the rig: what its tasks have done. */
static struct {
	unsigned int begun_count, freed_count, step_count;
	char order[64]; /* names, a step each */
} tasks;

static bool do_step(void *userdata, struct http_answer *ret_answer)
{
	struct steps *steps = userdata;
	char *bytes;

	tasks.order[tasks.step_count++ % sizeof(tasks.order)] = steps->name;
	if (--steps->left > 0)
		return true;
	bytes = malloc(3);
	assert_non_null(bytes);
	memset(bytes, steps->name, 3);
	ret_answer->status = 200;
	ret_answer->content_type = "text/plain";
	ret_answer->body = http_body_new(bytes, 3);
	return false;
}

static void free_steps(void *userdata)
{
	tasks.freed_count++;
	free(userdata);
}

/* "/a" is answered in steps, with "aaa"; everything else at once. */
static void answer_in_steps(void *userdata, const struct http_request *request,
			    struct http_answer *ret)
{
	struct steps *steps;

	if (strlen(request->path) != 2) {
		answer(userdata, request, ret);
		return;
	}
	steps = malloc(sizeof(*steps));
	assert_non_null(steps);
	*steps = (struct steps){userdata, STEPS, request->path[1]};
	ret->task = (struct http_task){do_step, free_steps, steps};
	tasks.begun_count++;
}

static void rig_open_with_tasks(struct rig *rig, const struct http_limits *limits)
{
	memset(&tasks, 0, sizeof(tasks));
	rig_open(rig, limits, 5);
	http_server_free(rig->server);
	assert_int_equal(
		http_server_new(NULL, -1, limits, answer_in_steps, rig, &rig->counts, &rig->server),
		0);
}

static void task_is_done_between_other_answers(void **state)
{
	struct rig rig;
	char *text;
	int fd;

	(void)state;
	rig_open_with_tasks(&rig, &http_default_limits);
	fd = rig_connect(&rig);
	say(&rig, fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(tasks.step_count, 1);
	text = ask(&rig, "GET /page HTTP/1.0\r\n\r\n");
	assert_non_null(strstr(text, "\r\n\r\nbbbbb"));
	free(text);
	assert_in_range(tasks.step_count, 1, STEPS - 1);
	text = hear(&rig, fd);
	assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(text, "Content-Length: 3\r\n"));
	assert_non_null(strstr(text, "\r\n\r\naaa"));
	free(text);
	close(fd);
	assert_int_equal(tasks.step_count, STEPS);
	assert_int_equal(tasks.freed_count, 1);
	assert_int_equal(rig.counts.answers[0], 2);
	rig_close(&rig);
}

/* One answer is being made at a time, however many wait: memory for one is enough. */
static void task_of_the_first_is_done_before_the_next_begins(void **state)
{
	struct rig rig;
	int fds[3];

	(void)state;
	rig_open_with_tasks(&rig, &http_default_limits);
	for (int i = 0; i < 3; i++) {
		char request[] = "GET /a HTTP/1.0\r\n\r\n";

		request[5] = (char)('a' + i);
		fds[i] = rig_connect(&rig);
		say(&rig, fds[i], request);
	}
	for (int i = 0; i < 3; i++) {
		char body[] = "\r\n\r\naaa", *text = hear(&rig, fds[i]);

		memset(body + 4, 'a' + i, 3);
		assert_non_null(strstr(text, body));
		free(text);
		close(fds[i]);
	}
	for (unsigned int i = 0; i < tasks.step_count; i++)
		assert_int_equal(tasks.order[i], 'a' + i / STEPS);
	assert_int_equal(tasks.step_count, 3 * STEPS);
	rig_close(&rig);
}

static void task_of_somebody_who_has_gone_is_given_up(void **state)
{
	struct rig rig;
	char *text;
	int fd;

	(void)state;
	rig_open_with_tasks(&rig, &http_default_limits);
	fd = rig_connect(&rig);
	say(&rig, fd, "GET /a HTTP/1.0\r\n\r\n");
	close(fd);
	http_server_run(rig.server);
	assert_int_equal(tasks.freed_count, 1);
	assert_true(tasks.step_count < STEPS);
	assert_int_equal(refusals(&rig, HTTP_REFUSED_UNFINISHED), 1);
	/* Who has only nothing more to say waits for an answer. */
	fd = rig_connect(&rig);
	say(&rig, fd, "GET /b HTTP/1.0\r\n\r\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	text = hear(&rig, fd);
	assert_non_null(strstr(text, "\r\n\r\nbbb"));
	free(text);
	close(fd);
	rig_close(&rig);
}

static void task_that_takes_too_long_is_cut_off(void **state)
{
	struct http_limits limits = http_default_limits;
	struct rig rig;
	int fd, waits = 0;
	char byte;

	(void)state;
	limits.max_request_ns = 1;
	rig_open_with_tasks(&rig, &limits);
	fd = rig_connect(&rig);
	(void)send(fd, "GET /a HTTP/1.0\r\n\r\n", 19, MSG_NOSIGNAL);
	while (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && ++waits < 100)
		http_server_run(rig.server);
	assert_in_range(waits, 0, 99);
	assert_int_equal(refusals(&rig, HTTP_REFUSED_TIME), 1);
	assert_int_equal(tasks.freed_count, tasks.begun_count);
	close(fd);
	rig_close(&rig);
}

static void task_under_way_ends_with_the_server(void **state)
{
	struct rig rig;
	int fds[4];

	(void)state;
	rig_open_with_tasks(&rig, &http_default_limits);
	for (int i = 0; i < 4; i++) {
		fds[i] = rig_connect(&rig);
		/* A body, too, which nobody reads. */
		say(&rig, fds[i], "GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
	}
	assert_int_equal(tasks.begun_count, 4);
	rig_close(&rig);
	assert_int_equal(tasks.freed_count, 4);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_answers_and_closes),
		cmocka_unit_test(server_the_oldest_makes_room),
		cmocka_unit_test(server_time_is_bounded_however_busy_the_client_is),
		cmocka_unit_test(server_who_does_not_read_is_cut_off_in_time),
		cmocka_unit_test(server_sizes_are_bounded),
		cmocka_unit_test(server_methods_are_two),
		cmocka_unit_test(server_memory_of_answers_is_bounded),
		cmocka_unit_test(server_an_answer_without_memory_is_503),
		cmocka_unit_test(server_an_end_in_the_middle_is_counted),
		cmocka_unit_test(task_is_done_between_other_answers),
		cmocka_unit_test(task_of_the_first_is_done_before_the_next_begins),
		cmocka_unit_test(task_of_somebody_who_has_gone_is_given_up),
		cmocka_unit_test(task_that_takes_too_long_is_cut_off),
		cmocka_unit_test(task_under_way_ends_with_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
