/* SPDX-License-Identifier: Apache-2.0 */
/* The trace format, read; test_trace_write.c has the writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "core/trace.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

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

static struct event parsed(struct trace_reader *reader, const char *line)
{
	struct event event;
	char error[300] = "";
	int r = trace_parse_event(reader, line, strlen(line), &event, error, sizeof(error));

	if (r)
		fail_msg("%s: %d, %s", line, r, error);
	return event;
}

/* The same line for the JSON library instead of the scanner: a key nobody knows comes first. */
static const char *slow_form(const char *line, char *buffer, size_t size)
{
	(void)snprintf(buffer, size, "{\"x\":{\"y\":[null]},%s", line + 1);
	return buffer;
}

static void trace_parse_event_open_sets_every_member(void **state)
{
	static const char line[] =
		"{\"t\":12.034,\"ev\":\"open\",\"conn\":8812,\"pid\":4711,\"pstart\":3.5,\"tid\":"
		"4720,"
		"\"netns\":4026531840,\"comm\":\"orders-api\",\"remote\":\"10.0.3.7:5432\","
		"\"local\":\"[2001:db8::1]:40000\",\"cgroup\":\"/a.slice/b.service\","
		"\"exe\":\"/usr/bin/java\",\"site\":\"OrderRepo.save\","
		"\"namespace\":\"shop\",\"pod\":\"orders-0.x\",\"container\":\"api\",\"ns_pid\":7}";
	char slow[700], text[ADDR_TEXT_SIZE];

	for (int i = 0; i < 2; i++) {
		struct event event = parsed(*state, i ? slow_form(line, slow, sizeof(slow)) : line);

		assert_int_equal(event.type, EVENT_OPEN);
		assert_int_equal(event.t_ns, 12034 * NS_PER_MS);
		assert_int_equal(event.conn, 8812);
		assert_int_equal(event.client.pid, 4711);
		assert_int_equal(event.client.start_ns, 3500 * NS_PER_MS);
		assert_int_equal(event.tid, 4720);
		assert_int_equal(event.netns, 4026531840U);
		assert_string_equal(event.comm, "orders-api");
		assert_string_equal(format_netaddr(&event.remote, text, sizeof(text)),
				    "10.0.3.7:5432");
		assert_string_equal(format_netaddr(&event.local, text, sizeof(text)),
				    "[2001:db8::1]:40000");
		assert_string_equal(event.cgroup, "/a.slice/b.service");
		assert_string_equal(event.exe, "/usr/bin/java");
		assert_string_equal(event.site, "OrderRepo.save");
		assert_string_equal(event.namespace, "shop");
		assert_string_equal(event.pod, "orders-0.x");
		assert_string_equal(event.container, "api");
		assert_int_equal(event.ns_pid, 7);
	}
}

static void trace_parse_event_optional_keys_absent_or_null_are_unknown(void **state)
{
	static const char *const lines[] = {
		"{\"t\":1,\"ev\":\"open\",\"conn\":1,\"pid\":2,\"pstart\":0,\"remote\":\"1.2.3.4:"
		"5\"}",
		"{\"t\":1,\"ev\":\"open\",\"conn\":1,\"pid\":2,\"pstart\":0,\"remote\":\"1.2.3.4:"
		"5\","
		"\"tid\":null,\"comm\":null,\"local\":null,\"cgroup\":null,\"exe\":null,\"site\":"
		"null}",
	};

	for (size_t i = 0; i < COUNT(lines); i++) {
		struct event event = parsed(*state, lines[i]);

		assert_int_equal(event.tid, 0);
		assert_int_equal(event.local.port, 0);
		assert_int_equal(event.comm[0], 0);
		assert_null(event.cgroup);
		assert_null(event.exe);
		assert_null(event.site);
	}
}

static void trace_io_carries_sites_there_and_back(void **state)
{
	struct event event = {.type = EVENT_IO, .t_ns = NS_PER_SEC, .conn = 3};
	char line[512];

	event.site = "Pool.fill (pool.c:9) < main";
	event.last_site = "leak_rows (b.c:7)";
	assert_true(trace_format_event(&event, line, sizeof(line)) > 0);
	event = parsed(*state, line);
	assert_string_equal(event.site, "Pool.fill (pool.c:9) < main");
	assert_string_equal(event.last_site, "leak_rows (b.c:7)");
}

static void trace_io_carries_the_opener_there_and_back(void **state)
{
	static const char *const words[] = {NULL, "\"opener\":\"running\"", "\"opener\":\"ended\"",
					    NULL};
	char line[512];

	for (int opener = OPENER_UNKNOWN; opener <= OPENER_FOREIGN; opener++) {
		struct event event = {.type = EVENT_IO, .t_ns = NS_PER_SEC, .conn = 3};

		event.opener = (uint16_t)opener;
		assert_true(trace_format_event(&event, line, sizeof(line)) > 0);
		assert_int_equal(strstr(line, words[opener] ? words[opener] : "opener") != NULL,
				 words[opener] != NULL);
		event = parsed(*state, line);
		assert_int_equal(event.opener, words[opener] ? opener : OPENER_UNKNOWN);
	}
}

static void trace_parse_event_seen_has_state_idle_and_age(void **state)
{
#define SEEN "{\"t\":9,\"ev\":\"seen\",\"conn\":1,\"pid\":2,\"pstart\":1,\"remote\":\"1.2.3.4:5\""
	struct event event = parsed(*state, SEEN "}");

	assert_int_equal(event.seen_state, SEEN_ESTABLISHED);
	assert_false(event.has_idle);
	assert_int_equal(event.age_ns, 0);
	event = parsed(*state, SEEN ",\"state\":\"connecting\",\"idle\":0,\"age\":0.5}");
	assert_int_equal(event.seen_state, SEEN_CONNECTING);
	assert_true(event.has_idle);
	assert_int_equal(event.idle_ns, 0);
	assert_int_equal(event.age_ns, 500 * NS_PER_MS);
	event = parsed(*state, SEEN ",\"state\":\"peer_closed\",\"idle\":300.25}");
	assert_int_equal(event.seen_state, SEEN_PEER_CLOSED);
	assert_int_equal(event.idle_ns, 300250 * NS_PER_MS);
}

static void trace_parse_event_other_events_set_their_members(void **state)
{
	struct event event = parsed(*state, "{\"t\":1,\"ev\":\"established\",\"conn\":7}");

	assert_int_equal(event.type, EVENT_ESTABLISHED);
	assert_int_equal(event.conn, 7);
	event = parsed(*state, "{\"t\":1,\"ev\":\"peer_closed\",\"conn\":7}");
	assert_int_equal(event.type, EVENT_PEER_CLOSED);
	event = parsed(*state, "{\"t\":1,\"ev\":\"failed\",\"conn\":7,\"error\":\"ECONNREFUSED\"}");
	assert_int_equal(event.type, EVENT_FAILED);
	assert_string_equal(event.error, "ECONNREFUSED");
	event = parsed(*state,
		       "{\"t\":15.0,\"ev\":\"io\",\"conn\":7,\"sent\":1200,\"received\":8000,"
		       "\"last_send\":14.80,\"last_recv\":14.81}");
	assert_int_equal(event.type, EVENT_IO);
	assert_int_equal(event.sent_bytes, 1200);
	assert_int_equal(event.received_bytes, 8000);
	assert_int_equal(event.last_send_ns, 14800 * NS_PER_MS);
	assert_int_equal(event.last_recv_ns, 14810 * NS_PER_MS);
	assert_int_equal(event.rtt_us, 0);
	assert_int_equal(event.retransmit_count, 0);
	event = parsed(*state, "{\"t\":15.0,\"ev\":\"io\",\"conn\":7,\"sent\":1,\"received\":2,"
			       "\"rtt_us\":230,\"retrans\":4}");
	assert_int_equal(event.rtt_us, 230);
	assert_int_equal(event.retransmit_count, 4);
	event = parsed(*state, "{\"t\":1,\"ev\":\"close\",\"conn\":7,\"by\":\"timeout\"}");
	assert_int_equal(event.type, EVENT_CLOSE);
	assert_int_equal(event.by, CLOSE_TIMEOUT);
	assert_int_equal(event.segment_count, 0);
	event = parsed(*state,
		       "{\"t\":1,\"ev\":\"close\",\"conn\":7,\"by\":\"local\",\"segments\":4}");
	assert_int_equal(event.segment_count, 4);
	event = parsed(*state,
		       "{\"t\":1,\"ev\":\"close\",\"conn\":7,\"by\":\"local\",\"segments\":65536}");
	assert_int_equal(event.segment_count, UINT16_MAX);
	event = parsed(*state, "{\"t\":1,\"ev\":\"exit\",\"pid\":7,\"pstart\":3.5}");
	assert_int_equal(event.type, EVENT_EXIT);
	assert_int_equal(event.client.pid, 7);
	event = parsed(*state, "{\"t\":1,\"ev\":\"lost\",\"count\":3}");
	assert_int_equal(event.type, EVENT_LOST);
	assert_int_equal(event.lost_count, 3);
	event = parsed(*state, "{\"t\":600.0,\"ev\":\"end\"}");
	assert_int_equal(event.type, EVENT_END);
	assert_int_equal(event.t_ns, 600 * NS_PER_SEC);
}

static void trace_parse_event_io_before_the_origin_is_never(void **state)
{
	struct event event = parsed(*state, "{\"t\":1,\"ev\":\"io\",\"conn\":7,\"sent\":1,"
					    "\"received\":2,\"last_send\":-3.5,\"last_recv\":-1}");

	assert_int_equal(event.last_send_ns, 0);
	assert_int_equal(event.last_recv_ns, 0);
	event = parsed(*state, "{\"t\":1,\"ev\":\"io\",\"conn\":7,\"sent\":1,\"received\":2,"
			       "\"last_send\":null}");
	assert_int_equal(event.last_send_ns, 0);
}

static void trace_parse_event_times_come_out_to_the_digit(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} rows[] = {
		{"0", 0},
		{"0.0", 0},
		{"0.000000001", 1},
		{"0.1", 100 * NS_PER_MS},
		{"12.034", 12034 * NS_PER_MS},
		{"600.000000001", 600000000001ULL},
		{"4194304.123456789", 4194304123456789ULL},
		{"4400354.141260550",
		 4400354141260550ULL}, /* its product with 1e9 rounds to the wrong side */
		{"8388607.999999999", 8388607999999999ULL},
		{"1790000000.123457", 1790000000123457000ULL},
		{"4294967295.999999", 4294967295999999000ULL},
		{"1e3", 1000 * NS_PER_SEC},
		{"1.5E-3", 1500 * NS_PER_US},
		{"0.0000000000001", 0},
	};
	char line[100], slow[200];

	for (size_t i = 0; i < COUNT(rows); i++) {
		(void)snprintf(line, sizeof(line), "{\"t\":%s,\"ev\":\"end\"}", rows[i].text);
		assert_int_equal(parsed(*state, line).t_ns, rows[i].ns);
		assert_int_equal(parsed(*state, slow_form(line, slow, sizeof(slow))).t_ns,
				 rows[i].ns);
	}
}

static void trace_parse_event_spaces_and_key_order_do_not_matter(void **state)
{
	struct event event =
		parsed(*state, " { \"conn\" : 7 ,\t\"ev\" : \"established\" , \"t\" : 1.5 } \r");

	assert_int_equal(event.type, EVENT_ESTABLISHED);
	assert_int_equal(event.t_ns, 1500 * NS_PER_MS);
	assert_int_equal(event.conn, 7);
}

static void trace_parse_event_unknown_keys_are_ignored(void **state)
{
	struct event event = parsed(*state, "{\"t\":1,\"ev\":\"end\",\"new\":{\"a\":[1,\"\\n\"]},"
					    "\"conn\":\"of no concern\"}");

	assert_int_equal(event.type, EVENT_END);
}

static void trace_parse_event_escapes_and_unicode_are_read(void **state)
{
	struct event event = parsed(*state, "{\"t\":1,\"ev\":\"open\",\"conn\":1,\"pid\":2,"
					    "\"pstart\":0,\"remote\":\"1.2.3.4:5\","
					    "\"comm\":\"a\\u00e9\\\"b\",\"site\":\"\xc3\xa9\\n\"}");

	assert_string_equal(event.comm, "a\xc3\xa9\"b");
	assert_string_equal(event.site, "\xc3\xa9\n");
}

static void trace_parse_event_long_comm_is_cut_at_a_character(void **state)
{
	static const char form[] = "{\"t\":1,\"ev\":\"open\",\"conn\":1,\"pid\":2,\"pstart\":0,"
				   "\"remote\":\"1.2.3.4:5\",\"comm\":\"%s\"}";
	char line[300];

	(void)snprintf(line, sizeof(line), form, "0123456789abcdefgh");
	assert_string_equal(parsed(*state, line).comm, "0123456789abcde");
	(void)snprintf(line, sizeof(line), form, "0123456789abcd\xc3\xa9");
	assert_string_equal(parsed(*state, line).comm, "0123456789abcd");
}

#define OPEN(rest) "{\"t\":1,\"ev\":\"open\"," rest "}"
#define WHO "\"conn\":1,\"pid\":2,\"pstart\":0"

static void trace_parse_event_wrong_value_is_named(void **state)
{
	static const struct {
		const char *line, *error;
	} rows[] = {
		{"{\"ev\":\"end\"}", "key 't' is missing"},
		{"{\"t\":null,\"ev\":\"end\"}", "key 't' is missing"},
		{"{\"t\":1}", "key 'ev' is missing"},
		{"{\"t\":\"1\",\"ev\":\"end\"}", "t '1': not a number of seconds"},
		{"{\"t\":true,\"ev\":\"end\"}", "t true: not a number of seconds"},
		{"{\"t\":-1,\"ev\":\"end\"}", "t -1: not in 0-9000000000 s"},
		{"{\"t\":-0.5,\"ev\":\"end\"}", "t -0.5: not in 0-9000000000 s"},
		{"{\"t\":1e300,\"ev\":\"end\"}", "t 1e300: not in 0-9000000000 s"},
		{"{\"t\":9000000001,\"ev\":\"end\"}", "t 9000000001: not in 0-9000000000 s"},
		{"{\"t\":1,\"ev\":\"opne\"}", "ev 'opne' is unknown"},
		{"{\"t\":1,\"ev\":\"churn\"}", "ev 'churn' is unknown"},
		{"{\"t\":1,\"ev\":7}", "ev 7: not a string"},
		{"{\"t\":1,\"ev\":\"established\"}", "key 'conn' is missing"},
		{"{\"t\":1,\"ev\":\"established\",\"conn\":1.0}", "conn 1.0: not an integer"},
		{"{\"t\":1,\"ev\":\"established\",\"conn\":\"1\"}", "conn '1': not an integer"},
		{"{\"t\":1,\"ev\":\"established\",\"conn\":-1}",
		 "conn -1: not in 0-9223372036854775807"},
		{"{\"t\":1,\"ev\":\"failed\",\"conn\":1}", "key 'error' is missing"},
		{"{\"t\":1,\"ev\":\"failed\",\"conn\":1,\"error\":\"refused\"}",
		 "error 'refused': not the name of an errno"},
		{"{\"t\":1,\"ev\":\"failed\",\"conn\":1,\"error\":\"EAAAAAAAAAAAAAAAAAAAAAAA\"}",
		 "error 'EAAAAAAAAAAAAAAAAAAAAAAA': not the name of an errno"},
		{"{\"t\":1,\"ev\":\"close\",\"conn\":1}", "key 'by' is missing"},
		{"{\"t\":1,\"ev\":\"close\",\"conn\":1,\"by\":\"magic\"}", "by 'magic' is unknown"},
		{"{\"t\":1,\"ev\":\"io\",\"conn\":1,\"received\":1}", "key 'sent' is missing"},
		{"{\"t\":1,\"ev\":\"io\",\"conn\":1,\"sent\":-1,\"received\":1}",
		 "sent -1: not in 0-9223372036854775807"},
		{"{\"t\":1,\"ev\":\"lost\",\"count\":[]}", "count []: not an integer"},
		{"{\"t\":1,\"ev\":\"exit\",\"pid\":0,\"pstart\":1}", "pid 0: not in 1-4294967295"},
		{"{\"t\":1,\"ev\":\"exit\",\"pid\":4294967296,\"pstart\":1}",
		 "pid 4294967296: not in 1-4294967295"},
		{"{\"t\":1,\"ev\":\"exit\",\"pid\":1}", "key 'pstart' is missing"},
		{OPEN("\"conn\":1,\"pstart\":0,\"remote\":\"1.2.3.4:5\""), "key 'pid' is missing"},
		{OPEN(WHO), "key 'remote' is missing"},
		{OPEN(WHO ",\"remote\":\"1.2.3.4\""),
		 "remote '1.2.3.4': not ADDR:PORT or [V6]:PORT"},
		{OPEN(WHO ",\"remote\":\"1.2.3.4:5\",\"local\":\"x\""),
		 "local 'x': not ADDR:PORT or [V6]:PORT"},
		{OPEN(WHO ",\"remote\":\"1.2.3.4:5\",\"tid\":4294967296"),
		 "tid 4294967296: not in 0-4294967295"},
		{OPEN(WHO ",\"remote\":\"1.2.3.4:5\",\"comm\":7"), "comm 7: not a string"},
		{OPEN(WHO ",\"remote\":\"1.2.3.4:5\",\"pod\":\"a/b\""),
		 "pod 'a/b': not a name of Kubernetes"},
		{OPEN(WHO ",\"remote\":\"1.2.3.4:5\",\"namespace\":\"a.b\""),
		 "namespace 'a.b': not a name of Kubernetes"},
		{OPEN(WHO ",\"remote\":\"1.2.3.4:5\",\"container\":\"\""),
		 "container '': not a name of Kubernetes"},
		{OPEN(WHO ",\"remote\":\"1.2.3.4:5\",\"ns_pid\":-1"),
		 "ns_pid -1: not in 0-4294967295"},
		{OPEN(WHO ",\"remote\":\"\\u001b[2J\\n\""),
		 "remote '\\x1b[2J\\x0a': not ADDR:PORT or [V6]:PORT"},
		{SEEN ",\"state\":\"gone\"}", "state 'gone' is unknown"},
		{SEEN ",\"idle\":-1}", "idle -1: not in 0-9000000000 s"},
	};
	struct event event = {.t_ns = 77};
	char error[200];

	for (size_t i = 0; i < COUNT(rows); i++) {
		error[0] = '\0';
		assert_int_equal(trace_parse_event(*state, rows[i].line, strlen(rows[i].line),
						   &event, error, sizeof(error)),
				 -EINVAL);
		assert_string_equal(error, rows[i].error);
		assert_int_equal(event.t_ns, 77);
	}
}

static void trace_parse_event_long_value_is_cut_in_the_message(void **state)
{
	char line[3000] = "{\"t\":1,\"ev\":\"", error[200];
	struct event event;

	memset(line + strlen(line), 'e', 2000);
	strcat(line, "\"}");
	assert_int_equal(
		trace_parse_event(*state, line, strlen(line), &event, error, sizeof(error)),
		-EINVAL);
	assert_true(strlen(error) < 80);
	assert_non_null(strstr(error, "eeeeeeeee"));
	assert_non_null(strstr(error, "is unknown"));
}

static void trace_parse_event_no_json_object_is_ebadmsg(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"null",
		"[1]",
		"{",
		"{\"t\":1,\"ev\":\"end\"",
		"{\"t\":1,\"ev\":\"end\"}}",
		"{\"t\":1,\"ev\":\"end\"} x",
		"{\"t\":1,\"ev\":\"end\",}",
		"{\"t\":1,\"t\":1,\"ev\":\"end\"}",
		"{\"t\":01,\"ev\":\"end\"}",
		"{\"t\":1.,\"ev\":\"end\"}",
		"{\"t\":.5,\"ev\":\"end\"}",
		"{\"t\":+1,\"ev\":\"end\"}",
		"{\"t\":1.2.3,\"ev\":\"end\"}",
		"{\"t\":NaN,\"ev\":\"end\"}",
		"{\"t\":1e999,\"ev\":\"end\"}",
		"{\"t\":99999999999999999999,\"ev\":\"end\"}",
		"{t:1,\"ev\":\"end\"}",
		"{\"t\":1,\"ev\":'end'}",
		"{\"t\":1,\"ev\":\"e\\u0000nd\"}",
		"{\"t\":1,\"ev\":\"\xff\"}",
		"{\"t\":1,\"ev\":\"a\tb\"}",
	};
	struct event event;
	char error[200];

	for (size_t i = 0; i < COUNT(lines); i++) {
		error[0] = '\0';
		if (trace_parse_event(*state, lines[i], strlen(lines[i]), &event, error,
				      sizeof(error)) != -EBADMSG)
			fail_msg("%s was not refused", lines[i]);
		assert_non_null(strstr(error, "not a JSON object"));
	}
	assert_int_equal(trace_parse_event(*state, "{\"t\":1\0,\"ev\":\"end\"}", 19, &event, error,
					   sizeof(error)),
			 -EBADMSG);
}

static void trace_parse_event_deep_nesting_is_refused(void **state)
{
	size_t depth = 30000;
	char *line = malloc(depth + 100), error[200];
	struct event event;

	assert_non_null(line);
	strcpy(line, "{\"t\":1,\"ev\":\"end\",\"x\":");
	memset(line + strlen(line), '[', depth);
	assert_int_equal(trace_parse_event(*state, line, 23 + depth, &event, error, sizeof(error)),
			 -EBADMSG);
	free(line);
}

static void trace_parse_header_reads_host_and_wall_clock(void **state)
{
	static const char line[] = "{\"connleak_trace\":1,\"host\":\"node-a\","
				   "\"realtime\":\"2026-11-20T08:00:00Z\",\"more\":[]}";
	struct trace_header header;
	char error[200], text[300];

	(void)state;
	assert_int_equal(trace_parse_header(line, strlen(line), &header, error, sizeof(error)), 0);
	assert_int_equal(header.version, 1);
	assert_string_equal(header.host, "node-a");
	assert_int_equal(header.realtime_at_zero_ns, 1795161600 * (int64_t)NS_PER_SEC);
	assert_true(trace_format_header(&header, text, sizeof(text)) > 0);
	assert_string_equal(text, "{\"connleak_trace\":1,\"host\":\"node-a\","
				  "\"realtime\":\"2026-11-20T08:00:00Z\"}\n");
}

static void trace_parse_header_bare_one_knows_nothing(void **state)
{
	struct trace_header header;
	char error[200], text[100];

	(void)state;
	assert_int_equal(
		trace_parse_header("{\"connleak_trace\":1}", 20, &header, error, sizeof(error)), 0);
	assert_string_equal(header.host, "");
	assert_int_equal(header.realtime_at_zero_ns, 0);
	assert_true(trace_format_header(&header, text, sizeof(text)) > 0);
	assert_string_equal(text, "{\"connleak_trace\":1}\n");
}

static void trace_parse_header_wrong_one_is_refused_and_named(void **state)
{
	static const struct {
		const char *line, *error;
	} rows[] = {
		{"{\"t\":1,\"ev\":\"end\"}",
		 "not the header of a trace: key 'connleak_trace' is missing"},
		{"{\"connleak_trace\":2}",
		 "connleak_trace 2: only version 1 of the format is known"},
		{"{\"connleak_trace\":\"1\"}", "connleak_trace '1': not an integer"},
		{"{\"connleak_trace\":1,\"host\":7}", "host 7: not a string"},
		{"{\"connleak_trace\":1,\"realtime\":\"yesterday\"}",
		 "realtime 'yesterday': not a time like 2026-11-20T08:00:00Z"},
	};
	struct trace_header header;
	char error[200];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(trace_parse_header(rows[i].line, strlen(rows[i].line), &header,
						    error, sizeof(error)),
				 -EINVAL);
		assert_string_equal(error, rows[i].error);
	}
	assert_int_equal(trace_parse_header("junk", 4, &header, error, sizeof(error)), -EBADMSG);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(trace_parse_event_open_sets_every_member),
		TEST(trace_parse_event_optional_keys_absent_or_null_are_unknown),
		TEST(trace_io_carries_sites_there_and_back),
		TEST(trace_io_carries_the_opener_there_and_back),
		TEST(trace_parse_event_seen_has_state_idle_and_age),
		TEST(trace_parse_event_other_events_set_their_members),
		TEST(trace_parse_event_io_before_the_origin_is_never),
		TEST(trace_parse_event_times_come_out_to_the_digit),
		TEST(trace_parse_event_spaces_and_key_order_do_not_matter),
		TEST(trace_parse_event_unknown_keys_are_ignored),
		TEST(trace_parse_event_escapes_and_unicode_are_read),
		TEST(trace_parse_event_long_comm_is_cut_at_a_character),
		TEST(trace_parse_event_wrong_value_is_named),
		TEST(trace_parse_event_long_value_is_cut_in_the_message),
		TEST(trace_parse_event_no_json_object_is_ebadmsg),
		TEST(trace_parse_event_deep_nesting_is_refused),
		TEST(trace_parse_header_reads_host_and_wall_clock),
		TEST(trace_parse_header_bare_one_knows_nothing),
		TEST(trace_parse_header_wrong_one_is_refused_and_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
