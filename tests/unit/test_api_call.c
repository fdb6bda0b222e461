// SPDX-License-Identifier: Apache-2.0
/* A question to the agent that is asked in steps: none of them waits, whatever the other side does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/api_call.h"
#include "sys/api_client.h"

struct place {
	char directory[32], path[64];
	int listener;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (!place)
		return -1;
	strcpy(place->directory, "/tmp/test-api-call-XXXXXX");
	if (!mkdtemp(place->directory))
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/socket", place->directory);
	strcpy(addr.sun_path, place->path);
	place->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*state = place;
	return bind(place->listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	       listen(place->listener, 0) < 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	close(place->listener);
	unlink(place->path);
	rmdir(place->directory);
	free(place);
	return 0;
}

static struct api_call *begin(const struct place *place)
{
	struct api_call *call;

	assert_int_equal(api_call_new(place->path, "/v1/pools", &call), 0);
	return call;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void step_an_answer_in_pieces_is_waited_for_and_whole(void **state)
{
	struct place *place = *state;
	struct api_call *call = begin(place);
	char request[256] = "", error[128], *body = NULL;
	size_t size = 0;
	int fd;

	assert_int_equal(api_call_step(call), 0);
	assert_int_equal(api_call_events(call), POLLIN);
	fd = accept(place->listener, NULL, NULL);
	assert_true(recv(fd, request, sizeof(request) - 1, 0) > 0);
	assert_ptr_equal(strstr(request, "GET /v1/pools HTTP/1.0\r\n"), request);
	say(fd, "HTTP/1.0 200 OK\r\nContent-");
	assert_int_equal(api_call_step(call), 0);
	say(fd, "Length: 7\r\n\r\n{\"a\"");
	assert_int_equal(api_call_step(call), 0);
	assert_int_equal(api_call_events(call), POLLIN);
	say(fd, ":1}");
	assert_int_equal(api_call_step(call), 1);
	assert_int_equal(api_call_take(call, 1, &body, &size, error, sizeof(error)), 0);
	assert_string_equal(body, "{\"a\":1}");
	assert_int_equal(size, 7);
	free(body);
	close(fd);
	api_call_free(call);
}

static void step_with_a_full_queue_comes_again(void **state)
{
	struct place *place = *state;
	struct api_call *first = begin(place), *second = begin(place);
	int fd;

	assert_int_equal(api_call_step(first), 0);
	assert_int_equal(api_call_events(first), POLLIN);
	assert_int_equal(api_call_step(second), 0);
	assert_int_equal(api_call_events(second), 0);
	fd = accept(place->listener, NULL, NULL);
	assert_int_equal(api_call_step(second), 0);
	assert_int_equal(api_call_events(second), POLLIN);
	close(fd);
	api_call_free(first);
	api_call_free(second);
}

static void take_of_one_that_was_given_up_says_so(void **state)
{
	struct place *place = *state;
	struct api_call *call = begin(place);
	char error[128] = "", *body = NULL;

	assert_int_equal(api_call_step(call), 0);
	assert_int_equal(api_call_take(call, -ETIMEDOUT, &body, NULL, error, sizeof(error)),
			 -ETIMEDOUT);
	assert_null(body);
	assert_non_null(strstr(error, "the agent does not answer"));
	assert_ptr_equal(strstr(error, place->path), error);
	api_call_free(call);
}

static void new_with_a_path_that_is_too_long_is_none(void **state)
{
	struct api_call *call;
	char path[200], error[128] = "", *body = NULL;
	int r;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	r = api_call_new(path, "/v1/pools", &call);
	assert_int_equal(r, -ENAMETOOLONG);
	assert_null(call);
	assert_int_equal(api_call_take(call, r, &body, NULL, error, sizeof(error)), r);
	assert_string_equal(error, strerror(ENAMETOOLONG));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(step_an_answer_in_pieces_is_waited_for_and_whole,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(step_with_a_full_queue_comes_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(take_of_one_that_was_given_up_says_so, set_up,
						tear_down),
		cmocka_unit_test(new_with_a_path_that_is_too_long_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
