// SPDX-License-Identifier: Apache-2.0
/* The agent's answers are input from outside: read whole, within bounds, or refused in one
 * sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/api_client.h"

static int parse(const char *text, struct api_head *ret_head)
{
	return api_parse_head(text, strlen(text), ret_head);
}

static void parse_head_an_answer_tells_its_parts(void **state)
{
	struct api_head head;

	(void)state;
	assert_int_equal(
		parse("HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH:  12 \r\n\r\n{}", &head), 1);
	assert_int_equal(head.status, 200);
	assert_int_equal(head.head_bytes, 52);
	assert_int_equal(head.body_bytes, 12);
	assert_int_equal(parse("HTTP/1.0 404\r\nContent-Length: 0\r\n\r\n", &head), 1);
	assert_int_equal(head.status, 404);
	assert_int_equal(head.body_bytes, 0);
}

static void parse_head_a_part_of_one_asks_for_more(void **state)
{
	static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
	struct api_head head;

	(void)state;
	for (size_t length = 0; length < sizeof(whole) - 1; length++)
		assert_int_equal(api_parse_head(whole, length, &head), 0);
	assert_int_equal(api_parse_head(whole, sizeof(whole) - 1, &head), 1);
}

static void parse_head_what_is_no_answer_is_refused(void **state)
{
	static const char *const wrong[] = {
		"SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/2 200\r\nContent-Length: 1\r\n\r\n",
		"HTTP/1.1 2000\r\nContent-Length: 1\r\n\r\n",
		"HTTP/1.1 999 X\r\nContent-Length: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
	};
	struct api_head head;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse(wrong[i], &head), -EBADMSG);
}

static void parse_head_without_end_is_bounded(void **state)
{
	char *long_head = calloc(1, API_HEAD_MAX_BYTES + 1);
	struct api_head head;
	int length;

	(void)state;
	assert_non_null(long_head);
	memset(long_head, 'x', API_HEAD_MAX_BYTES);
	length = snprintf(long_head, 32, "HTTP/1.1 200 OK\r\nA: ");
	long_head[length] = 'x';
	assert_int_equal(api_parse_head(long_head, API_HEAD_MAX_BYTES - 1, &head), 0);
	assert_int_equal(api_parse_head(long_head, API_HEAD_MAX_BYTES, &head), -EMSGSIZE);
	free(long_head);
}

static void parse_refusal_is_safe_for_a_terminal(void **state)
{
	static const char hostile[] = "{\"error\":\"\\u001b[2Jno\\nsuch process\"}";
	char text[128];

	(void)state;
	api_parse_refusal(404, hostile, strlen(hostile), text, sizeof(text));
	assert_string_equal(text, "\\x1b[2Jno\\x0asuch process");
	api_parse_refusal(503, "nonsense", 8, text, sizeof(text));
	assert_string_equal(text, "status 503");
	api_parse_refusal(503, "{\"error\":7}", 11, text, sizeof(text));
	assert_string_equal(text, "status 503");
}

/* --- over a real socket ----------------------------------------------------------------------- */

struct place {
	char directory[64];
	char path[96];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	(void)snprintf(place->directory, sizeof(place->directory), "/tmp/connleak-test-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	(void)snprintf(place->path, sizeof(place->path), "%s/socket", place->directory);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	(void)unlink(place->path);
	(void)rmdir(place->directory);
	free(place);
	return 0;
}

static int listen_at(const struct place *place)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", place->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

/* A process that answers one request with these bytes and closes. */
static pid_t answer_with(const struct place *place, const char *bytes, size_t length)
{
	int listener = listen_at(place);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		char request[4096];
		int fd = accept(listener, NULL, NULL);
		ssize_t got = read(fd, request, sizeof(request)), sent = 0;

		while (got > 0 && (size_t)sent < length) {
			ssize_t step = send(fd, bytes + sent, length - (size_t)sent, MSG_NOSIGNAL);

			if (step < 0)
				break;
			sent += step;
		}
		_exit(got > 0 && memcmp(request, "GET /v1/pools HTTP/1.0\r\n", 24) == 0 ? 0 : 1);
	}
	close(listener);
	return pid;
}

static int get(const struct place *place, char **ret_body, size_t *ret_size, char *error,
	       size_t error_size)
{
	return api_get(place->path, "/v1/pools", ret_body, ret_size, error, error_size);
}

static void reap(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void get_returns_the_body(void **state)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
	char *body = NULL, error[256] = "";
	size_t size = 0;
	pid_t pid = answer_with(*state, answer, sizeof(answer) - 1);

	assert_int_equal(get(*state, &body, &size, error, sizeof(error)), 0);
	assert_string_equal(body, "{\"a\":1}");
	assert_int_equal(size, 7);
	free(body);
	reap(pid);
}

static void get_a_long_body_is_whole(void **state)
{
	static const char head[] = "HTTP/1.0 200 OK\r\nContent-Length: 3000000\r\n\r\n";
	size_t length = sizeof(head) - 1 + 3000000, size = 0;
	char *answer = malloc(length), *body = NULL, error[256] = "";
	pid_t pid;

	assert_non_null(answer);
	memset(answer, 'b', length);
	memcpy(answer, head, sizeof(head) - 1);
	pid = answer_with(*state, answer, length);
	assert_int_equal(get(*state, &body, &size, error, sizeof(error)), 0);
	assert_int_equal(size, 3000000);
	assert_int_equal(strspn(body, "b"), 3000000);
	free(body);
	free(answer);
	reap(pid);
}

static void get_a_body_cut_short_is_no_answer(void **state)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\":1}";
	char *body = NULL, error[256] = "";
	pid_t pid = answer_with(*state, answer, sizeof(answer) - 1);

	assert_int_equal(get(*state, &body, NULL, error, sizeof(error)), -EBADMSG);
	assert_null(body);
	assert_non_null(strstr(error, "not connleak's agent"));
	reap(pid);
}

static void get_more_than_announced_is_no_answer(void **state)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n{\"a\":1}";
	char *body = NULL, error[256] = "";
	pid_t pid = answer_with(*state, answer, sizeof(answer) - 1);

	assert_int_equal(get(*state, &body, NULL, error, sizeof(error)), -EBADMSG);
	assert_null(body);
	reap(pid);
}

static void get_a_refusal_is_the_agents_sentence(void **state)
{
	static const char answer[] =
		"HTTP/1.0 404 Not Found\r\nContent-Length: 20\r\n\r\n{\"error\":\"no such\"}\n";
	char *body = NULL, error[256] = "";
	pid_t pid = answer_with(*state, answer, sizeof(answer) - 1);

	assert_int_equal(get(*state, &body, NULL, error, sizeof(error)), -EREMOTEIO);
	assert_string_equal(error, "no such");
	assert_null(body);
	reap(pid);
}

static void get_without_an_agent_says_so(void **state)
{
	struct place *place = *state;
	char *body = NULL, error[256] = "";
	int r = get(place, &body, NULL, error, sizeof(error));

	assert_int_equal(r, -ENOENT);
	assert_true(api_is_absent(r));
	close(listen_at(place)); /* a stale socket */
	r = get(place, &body, NULL, error, sizeof(error));
	assert_int_equal(r, -ECONNREFUSED);
	assert_true(api_is_absent(r));
	assert_false(api_is_absent(-EBADMSG));
	assert_false(api_is_absent(-EREMOTEIO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_head_an_answer_tells_its_parts),
		cmocka_unit_test(parse_head_a_part_of_one_asks_for_more),
		cmocka_unit_test(parse_head_what_is_no_answer_is_refused),
		cmocka_unit_test(parse_head_without_end_is_bounded),
		cmocka_unit_test(parse_refusal_is_safe_for_a_terminal),
		cmocka_unit_test_setup_teardown(get_returns_the_body, set_up, tear_down),
		cmocka_unit_test_setup_teardown(get_a_long_body_is_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(get_a_body_cut_short_is_no_answer, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(get_more_than_announced_is_no_answer, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(get_a_refusal_is_the_agents_sentence, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(get_without_an_agent_says_so, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
