/* SPDX-License-Identifier: Apache-2.0 */
/* The trace format, written: what is written is what the reader makes the same event of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "core/format.h"
#include "core/trace.h"

static int setup(void **state)
{
	*state = trace_reader_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	trace_reader_free(*state);
	return 0;
}

/* Writes, reads, writes again: both texts must be the same, and the line the one expected. */
static void check_round_trip(struct trace_reader *reader, const struct event *event,
			     const char *expected)
{
	char first[1000], second[1000], error[200];
	struct event again;
	int length = trace_format_event(event, first, sizeof(first));

	assert_string_equal(first, expected);
	assert_int_equal(length, strlen(expected));
	assert_int_equal(
		trace_parse_event(reader, first, (size_t)length - 1, &again, error, sizeof(error)),
		0);
	assert_int_equal(again.t_ns, event->t_ns);
	assert_int_equal(trace_format_event(&again, second, sizeof(second)), length);
	assert_string_equal(second, expected);
}

static void trace_format_event_is_read_back_the_same(void **state)
{
	struct event event = {
		.type = EVENT_OPEN,
		.t_ns = 12034 * NS_PER_MS,
		.conn = 8812,
		.client = {.pid = 4711, .start_ns = 3500 * NS_PER_MS},
		.comm = "orders-api",
	};

	assert_int_equal(parse_netaddr("10.0.3.7:5432", &event.remote), 0);
	check_round_trip(*state, &event,
			 "{\"t\":12.034,\"ev\":\"open\",\"conn\":8812,\"pid\":4711,\"pstart\":3.5,"
			 "\"comm\":\"orders-api\",\"remote\":\"10.0.3.7:5432\"}\n");
	event.type = EVENT_SEEN;
	event.tid = 4720;
	event.netns = 9;
	event.cgroup = "/a\"\\\n\x01";
	event.exe = "/usr/bin/java";
	event.site = "save\xc3\xa9";
	event.seen_state = SEEN_PEER_CLOSED;
	event.has_idle = true;
	event.age_ns = 1;
	event.namespace = "shop";
	event.pod = "orders-0";
	event.container = "api";
	event.ns_pid = 7;
	assert_int_equal(parse_netaddr("[::1]:40000", &event.local), 0);
	check_round_trip(
		*state, &event,
		"{\"t\":12.034,\"ev\":\"seen\",\"conn\":8812,\"pid\":4711,\"pstart\":3.5,"
		"\"tid\":4720,\"netns\":9,\"comm\":\"orders-api\",\"remote\":\"10.0.3.7:5432\","
		"\"local\":\"[::1]:40000\",\"cgroup\":\"/a\\\"\\\\\\u000a\\u0001\","
		"\"exe\":\"/usr/bin/java\",\"site\":\"save\xc3\xa9\",\"namespace\":\"shop\","
		"\"pod\":\"orders-0\",\"container\":\"api\",\"ns_pid\":7,\"state\":\"peer_closed\","
		"\"idle\":0.0,\"age\":0.000000001}\n");
}

static void trace_format_event_exact_age_is_read_back_as_exact(void **state)
{
	struct event event = {.type = EVENT_SEEN,
			      .t_ns = 15 * NS_PER_SEC,
			      .conn = 1,
			      .client = {.pid = 4711},
			      .age_is_exact = true};

	assert_int_equal(parse_netaddr("10.0.3.7:5432", &event.remote), 0);
	check_round_trip(*state, &event,
			 "{\"t\":15.0,\"ev\":\"seen\",\"conn\":1,\"pid\":4711,\"pstart\":0.0,"
			 "\"remote\":\"10.0.3.7:5432\",\"state\":\"established\","
			 "\"exact_age\":0.0}\n");
	event.age_ns = 3600 * NS_PER_SEC;
	check_round_trip(*state, &event,
			 "{\"t\":15.0,\"ev\":\"seen\",\"conn\":1,\"pid\":4711,\"pstart\":0.0,"
			 "\"remote\":\"10.0.3.7:5432\",\"state\":\"established\","
			 "\"exact_age\":3600.0}\n");
}

static void trace_format_event_other_events_are_read_back(void **state)
{
	struct event event = {.type = EVENT_IO,
			      .t_ns = 15 * NS_PER_SEC,
			      .conn = 8812,
			      .sent_bytes = 1200,
			      .received_bytes = INT64_MAX,
			      .last_send_ns = 14800001 * NS_PER_US};

	check_round_trip(
		*state, &event,
		"{\"t\":15.0,\"ev\":\"io\",\"conn\":8812,\"sent\":1200,"
		"\"received\":9223372036854775807,\"last_send\":14.800001,\"last_recv\":0.0}\n");
	event.received_bytes = 1;
	event.rtt_us = 230;
	event.retransmit_count = UINT32_MAX;
	check_round_trip(*state, &event,
			 "{\"t\":15.0,\"ev\":\"io\",\"conn\":8812,\"sent\":1200,\"received\":1,"
			 "\"last_send\":14.800001,\"last_recv\":0.0,\"rtt_us\":230,"
			 "\"retrans\":4294967295}\n");
	event = (struct event){.type = EVENT_FAILED, .conn = 1, .error = "ECONNREFUSED"};
	check_round_trip(*state, &event,
			 "{\"t\":0.0,\"ev\":\"failed\",\"conn\":1,\"error\":\"ECONNREFUSED\"}\n");
	event = (struct event){.type = EVENT_CLOSE, .conn = 1, .by = CLOSE_RESET};
	check_round_trip(*state, &event,
			 "{\"t\":0.0,\"ev\":\"close\",\"conn\":1,\"by\":\"reset\"}\n");
	event.segment_count = UINT16_MAX;
	check_round_trip(*state, &event,
			 "{\"t\":0.0,\"ev\":\"close\",\"conn\":1,\"by\":\"reset\","
			 "\"segments\":65535}\n");
	event = (struct event){.type = EVENT_EXIT, .client = {.pid = 7, .start_ns = 1}};
	check_round_trip(*state, &event,
			 "{\"t\":0.0,\"ev\":\"exit\",\"pid\":7,\"pstart\":0.000000001}\n");
	event = (struct event){.type = EVENT_LOST, .lost_count = 3};
	check_round_trip(*state, &event, "{\"t\":0.0,\"ev\":\"lost\",\"count\":3}\n");
	event = (struct event){.type = EVENT_END, .t_ns = 999999999999999999ULL};
	check_round_trip(*state, &event, "{\"t\":999999999.999999999,\"ev\":\"end\"}\n");
	event = (struct event){.type = EVENT_ESTABLISHED, .conn = 1};
	check_round_trip(*state, &event, "{\"t\":0.0,\"ev\":\"established\",\"conn\":1}\n");
	event = (struct event){.type = EVENT_PEER_CLOSED, .conn = 1};
	check_round_trip(*state, &event, "{\"t\":0.0,\"ev\":\"peer_closed\",\"conn\":1}\n");
}

static void trace_format_event_churn_has_no_line(void **state)
{
	struct event event = {.type = EVENT_CHURN};
	char line[100];

	(void)state;
	assert_int_equal(trace_format_event(&event, line, sizeof(line)), 0);
}

static void trace_format_event_comm_of_16_raw_bytes_is_valid_json(void **state)
{
	struct event event = {.type = EVENT_OPEN, .conn = 1, .client = {.pid = 2}};
	char line[300], error[100];
	struct event again;
	int length;

	memset(event.comm, 'c', sizeof(event.comm));
	event.comm[1] = (char)0xff;
	event.comm[15] = (char)0xc3;
	event.remote.port = 5;
	length = trace_format_event(&event, line, sizeof(line));
	assert_true(length > 0);
	assert_non_null(strstr(line, "\"c\xef\xbf\xbd"
				     "ccccccccccccc\xef\xbf\xbd\""));
	assert_int_equal(
		trace_parse_event(*state, line, (size_t)length, &again, error, sizeof(error)), 0);
}

static void trace_format_event_small_buffer_is_enospc(void **state)
{
	struct event event = {.type = EVENT_END, .t_ns = NS_PER_SEC};
	static const char expected[] = "{\"t\":1.0,\"ev\":\"end\"}\n";
	char line[64];

	(void)state;
	for (size_t size = 0; size < sizeof(expected); size++) {
		memset(line, 'x', sizeof(line));
		assert_int_equal(trace_format_event(&event, line, size), -ENOSPC);
		assert_int_equal(line[size], 'x');
	}
	assert_int_equal(trace_format_event(&event, line, sizeof(expected)), strlen(expected));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(trace_format_event_is_read_back_the_same),
		TEST(trace_format_event_exact_age_is_read_back_as_exact),
		TEST(trace_format_event_other_events_are_read_back),
		TEST(trace_format_event_churn_has_no_line),
		TEST(trace_format_event_comm_of_16_raw_bytes_is_valid_json),
		TEST(trace_format_event_small_buffer_is_enospc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
