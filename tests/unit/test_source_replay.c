/* SPDX-License-Identifier: Apache-2.0 */
/* Trace files, good, cut off and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/source_replay.h"

#define HEADER "{\"connleak_trace\":1,\"host\":\"node-a\"}\n"
#define END(t) "{\"t\":" t ",\"ev\":\"end\"}\n"
#define ESTABLISHED(t) "{\"t\":" t ",\"ev\":\"established\",\"conn\":1}\n"

static int file_with(const char *bytes, size_t length)
{
	char path[] = "/tmp/test_source_replay.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, bytes, length), length);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static struct source_replay *opened_bytes(const char *bytes, size_t length)
{
	struct source_replay *replay = NULL;
	char error[300] = "";

	if (source_replay_open_fd(file_with(bytes, length), "t.jsonl", &replay, error,
				  sizeof(error)))
		fail_msg("not opened: %s", error);
	return replay;
}

static struct source_replay *opened(const char *text)
{
	return opened_bytes(text, strlen(text));
}

static void check_not_opened(const char *bytes, size_t length, int expected, const char *sentence)
{
	struct source_replay *replay = NULL;
	char error[300] = "";

	assert_int_equal(source_replay_open_fd(file_with(bytes, length), "t.jsonl", &replay, error,
					       sizeof(error)),
			 expected);
	assert_null(replay);
	if (!strstr(error, sentence))
		fail_msg("'%s' does not say '%s'", error, sentence);
	assert_memory_equal(error, "t.jsonl:", 8);
}

static void source_replay_next_whole_trace_gives_each_event(void **state)
{
	struct source_replay *replay = opened(
		HEADER ESTABLISHED("1.5") "{\"t\":1.5,\"ev\":\"lost\",\"count\":3}\n" END("9"));
	struct event event;

	(void)state;
	assert_string_equal(source_replay_header(replay)->host, "node-a");
	assert_string_equal(source_replay_name(replay), "t.jsonl");
	assert_int_equal(source_replay_line(replay), 1);
	assert_int_equal(source_replay_next(replay, &event), 1);
	assert_int_equal(event.type, EVENT_ESTABLISHED);
	assert_int_equal(source_replay_line(replay), 2);
	assert_int_equal(source_replay_next(replay, &event), 1);
	assert_int_equal(event.lost_count, 3);
	assert_int_equal(source_replay_next(replay, &event), 1);
	assert_int_equal(event.type, EVENT_END);
	assert_int_equal(source_replay_line(replay), 4);
	assert_int_equal(source_replay_next(replay, &event), 0);
	assert_int_equal(source_replay_next(replay, &event), 0);
	assert_false(source_replay_was_cut(replay));
	assert_string_equal(source_replay_error(replay), "");
	source_replay_close(replay);
}

static void source_replay_next_last_line_without_lf_is_used(void **state)
{
	struct source_replay *replay = opened(HEADER "{\"t\":9,\"ev\":\"end\"}");
	struct event event;

	(void)state;
	assert_int_equal(source_replay_next(replay, &event), 1);
	assert_int_equal(event.type, EVENT_END);
	assert_int_equal(source_replay_next(replay, &event), 0);
	assert_false(source_replay_was_cut(replay));
	source_replay_close(replay);
}

static void source_replay_next_cut_off_line_ends_the_trace(void **state)
{
	struct source_replay *replay = opened(HEADER ESTABLISHED("1") "{\"t\":2,\"ev\":\"est");
	struct event event;

	(void)state;
	assert_int_equal(source_replay_next(replay, &event), 1);
	assert_int_equal(source_replay_next(replay, &event), 0);
	assert_true(source_replay_was_cut(replay));
	assert_string_equal(source_replay_error(replay),
			    "t.jsonl:3: the trace is cut off in the middle of a line");
	assert_int_equal(source_replay_next(replay, &event), 0);
	source_replay_close(replay);
}

static void source_replay_next_whole_but_wrong_last_line_is_an_error(void **state)
{
	struct source_replay *replay = opened(HEADER "{\"t\":2,\"ev\":\"opne\"}");
	struct event event;

	(void)state;
	assert_int_equal(source_replay_next(replay, &event), -EINVAL);
	assert_string_equal(source_replay_error(replay), "t.jsonl:2: ev 'opne' is unknown");
	source_replay_close(replay);
}

static void source_replay_next_no_end_event_is_cut_off(void **state)
{
	struct source_replay *replay = opened(HEADER ESTABLISHED("1"));
	struct event event;

	(void)state;
	assert_int_equal(source_replay_next(replay, &event), 1);
	assert_int_equal(source_replay_next(replay, &event), 0);
	assert_true(source_replay_was_cut(replay));
	assert_string_equal(source_replay_error(replay),
			    "t.jsonl:2: the trace is cut off: it has no 'end' event");
	source_replay_close(replay);
}

static void source_replay_next_wrong_line_is_named_and_final(void **state)
{
	struct source_replay *replay =
		opened(HEADER ESTABLISHED("1") "{\"t\":2,\"ev\":\"opne\"}\n" END("3"));
	struct event event;

	(void)state;
	assert_int_equal(source_replay_next(replay, &event), 1);
	assert_int_equal(source_replay_next(replay, &event), -EINVAL);
	assert_string_equal(source_replay_error(replay), "t.jsonl:3: ev 'opne' is unknown");
	assert_int_equal(source_replay_next(replay, &event), -EINVAL);
	assert_false(source_replay_was_cut(replay));
	source_replay_close(replay);
}

static void source_replay_next_broken_line_with_lf_is_an_error(void **state)
{
	struct source_replay *replay = opened(HEADER "{\"t\":2,\"ev\":\"est\n" END("3"));
	struct event event;

	(void)state;
	assert_int_equal(source_replay_next(replay, &event), -EBADMSG);
	assert_memory_equal(source_replay_error(replay), "t.jsonl:2: not a JSON object", 28);
	source_replay_close(replay);
}

static void source_replay_next_empty_line_is_an_error(void **state)
{
	struct source_replay *replay = opened(HEADER "\n" END("3"));
	struct event event;

	(void)state;
	assert_int_equal(source_replay_next(replay, &event), -EBADMSG);
	assert_string_equal(source_replay_error(replay), "t.jsonl:2: the line is empty");
	source_replay_close(replay);
}

static void source_replay_next_time_going_back_names_both_times(void **state)
{
	struct source_replay *replay =
		opened(HEADER ESTABLISHED("2.5") ESTABLISHED("2.499999999") END("3"));
	struct event event;

	(void)state;
	assert_int_equal(source_replay_next(replay, &event), 1);
	assert_int_equal(source_replay_next(replay, &event), -ERANGE);
	assert_string_equal(
		source_replay_error(replay),
		"t.jsonl:3: t 2.499999999 goes back: the event before was at 2.500000000");
	source_replay_close(replay);
}

static void source_replay_next_crlf_is_accepted(void **state)
{
	struct source_replay *replay =
		opened("{\"connleak_trace\":1}\r\n{\"t\":1,\"ev\":\"end\"}\r\n");
	struct event event;

	(void)state;
	assert_int_equal(source_replay_next(replay, &event), 1);
	assert_int_equal(source_replay_next(replay, &event), 0);
	assert_false(source_replay_was_cut(replay));
	source_replay_close(replay);
}

/* A trace of HEADER and one line padded to the given length. */
static char *padded_trace(size_t line_length)
{
	static const char start[] = HEADER "{\"t\":1,\"ev\":\"end\",\"pad\":\"";
	size_t head = strlen(HEADER);
	char *text = malloc(head + line_length + 2);

	assert_non_null(text);
	memset(text, 'p', head + line_length);
	memcpy(text, start, strlen(start));
	memcpy(text + head + line_length - 2, "\"}\n", 4);
	return text;
}

static void source_replay_next_longest_line_is_read(void **state)
{
	char *text = padded_trace(TRACE_LINE_MAX);
	struct source_replay *replay = opened(text);
	struct event event;

	(void)state;
	assert_int_equal(source_replay_next(replay, &event), 1);
	assert_int_equal(source_replay_next(replay, &event), 0);
	source_replay_close(replay);
	free(text);
}

static void source_replay_next_longer_line_is_refused(void **state)
{
	static const size_t lengths[] = {TRACE_LINE_MAX + 1, 8 * TRACE_LINE_MAX};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *text = padded_trace(lengths[i]);
		struct source_replay *replay = opened(text);
		struct event event;

		assert_int_equal(source_replay_next(replay, &event), -EMSGSIZE);
		assert_string_equal(source_replay_error(replay),
				    "t.jsonl:2: the line is longer than 65536 bytes");
		source_replay_close(replay);
		free(text);
	}
}

static void source_replay_next_many_lines_cross_every_refill(void **state)
{
	size_t count = 100000, size = count * 64 + 1000, used;
	char *text = malloc(size);
	struct source_replay *replay;
	struct event event;

	(void)state;
	assert_non_null(text);
	used = (size_t)snprintf(text, size, HEADER);
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, size - used,
					 "{\"t\":%zu.5,\"ev\":\"established\",\"conn\":%zu}\n", i,
					 i);
	replay = opened_bytes(text, used);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(source_replay_next(replay, &event), 1);
		assert_int_equal(event.conn, i);
		assert_int_equal(source_replay_line(replay), i + 2);
	}
	assert_int_equal(source_replay_next(replay, &event), 0);
	source_replay_close(replay);
	free(text);
}

static void source_replay_open_fd_of_a_pipe_reads_what_comes(void **state)
{
	static const char text[] = HEADER END("1");
	struct source_replay *replay = NULL;
	struct event event;
	char error[200];
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	/* The header comes in two pieces' worth of bytes with part of the event. */
	assert_int_equal(write(ends[1], text, strlen(HEADER) + 5), strlen(HEADER) + 5);
	assert_int_equal(source_replay_open_fd(ends[0], "stdin", &replay, error, sizeof(error)), 0);
	assert_int_equal(write(ends[1], text + strlen(HEADER) + 5, strlen(END("1")) - 5),
			 strlen(END("1")) - 5);
	assert_int_equal(source_replay_next(replay, &event), 1);
	assert_int_equal(close(ends[1]), 0);
	assert_int_equal(source_replay_next(replay, &event), 0);
	assert_false(source_replay_was_cut(replay));
	source_replay_close(replay);
}

static void source_replay_open_what_is_no_trace_is_refused(void **state)
{
	static char huge[2 * TRACE_LINE_MAX];

	(void)state;
	check_not_opened("", 0, -EINVAL, "is empty");
	check_not_opened("\xef\xbb\xbf" HEADER, strlen(HEADER) + 3, -EINVAL, "byte order mark");
	check_not_opened("\x1f\x8b\x08\x00", 4, -EINVAL, "gzip");
	check_not_opened("\x7f"
			 "ELF\0\0\0",
			 7, -EINVAL, "binary");
	check_not_opened("hello\n", 6, -EBADMSG, "t.jsonl:1: not a JSON object");
	check_not_opened(END("1"), strlen(END("1")), -EINVAL, "'connleak_trace' is missing");
	check_not_opened("{\"connleak_trace\":2}\n", 21, -EINVAL, "version 1");
	check_not_opened("{\"connleak_tr", 13, -EBADMSG, "t.jsonl:1: ");
	memset(huge, 'x', sizeof(huge));
	check_not_opened(huge, sizeof(huge), -EMSGSIZE, "longer than 65536 bytes");
}

static void source_replay_open_path_errors_name_the_path(void **state)
{
	struct source_replay *replay = NULL;
	char error[300];

	(void)state;
	assert_int_equal(source_replay_open("/nonexistent/\x1b[2J", &replay, error, sizeof(error)),
			 -ENOENT);
	assert_string_equal(error, "/nonexistent/\\x1b[2J: No such file or directory");
	assert_int_equal(source_replay_open("/tmp", &replay, error, sizeof(error)), -EISDIR);
	assert_string_equal(error, "/tmp: is a directory, not a trace");
	assert_null(replay);
}

static void source_replay_close_null_is_nothing(void **state)
{
	(void)state;
	source_replay_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source_replay_next_whole_trace_gives_each_event),
		cmocka_unit_test(source_replay_next_last_line_without_lf_is_used),
		cmocka_unit_test(source_replay_next_cut_off_line_ends_the_trace),
		cmocka_unit_test(source_replay_next_whole_but_wrong_last_line_is_an_error),
		cmocka_unit_test(source_replay_next_no_end_event_is_cut_off),
		cmocka_unit_test(source_replay_next_wrong_line_is_named_and_final),
		cmocka_unit_test(source_replay_next_broken_line_with_lf_is_an_error),
		cmocka_unit_test(source_replay_next_empty_line_is_an_error),
		cmocka_unit_test(source_replay_next_time_going_back_names_both_times),
		cmocka_unit_test(source_replay_next_crlf_is_accepted),
		cmocka_unit_test(source_replay_next_longest_line_is_read),
		cmocka_unit_test(source_replay_next_longer_line_is_refused),
		cmocka_unit_test(source_replay_next_many_lines_cross_every_refill),
		cmocka_unit_test(source_replay_open_fd_of_a_pipe_reads_what_comes),
		cmocka_unit_test(source_replay_open_what_is_no_trace_is_refused),
		cmocka_unit_test(source_replay_open_path_errors_name_the_path),
		cmocka_unit_test(source_replay_close_null_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
