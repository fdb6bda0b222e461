// SPDX-License-Identifier: Apache-2.0
/* One pool in detail: from the table, and from what the agent says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/detail_json.h"
#include "core/format.h"
#include "judged_table.h"
#include "screen/detail.h"

static int set_up(void **state)
{
	return world_set_up(state, NULL);
}

static void tell(struct world *world, double t_s, enum event_type type, uint64_t conn)
{
	struct event event = {.type = type, .conn = conn};

	world->now_ns = (uint64_t)(t_s * NS_PER_SEC);
	if (type == EVENT_IO) {
		event.sent_bytes = event.received_bytes = world->now_ns / NS_PER_MS;
		event.last_send_ns = world->now_ns - NS_PER_MS;
		event.last_recv_ns = world->now_ns;
	}
	world_feed(world, &event);
}

static void open_conn(struct world *world, double t_s, uint64_t conn, const char *site)
{
	struct event event = {.type = EVENT_OPEN, .conn = conn, .comm = "orders", .site = site};

	event.client.pid = 42;
	event.tid = 43;
	assert_int_equal(parse_netaddr("10.0.3.7:5432", &event.remote), 0);
	assert_int_equal(parse_netaddr("10.0.0.1:40000", &event.local), 0);
	world->now_ns = (uint64_t)(t_s * NS_PER_SEC);
	world_feed(world, &event);
	tell(world, t_s, EVENT_ESTABLISHED, conn);
}

static int take(struct world *world, uint32_t pid, struct detail **ret_detail)
{
	struct sample_scene scene = {
		.table = world->table,
		.detector = world->detector,
		.now_ns = world->now_ns,
	};
	struct sample_row row = {.client.pid = pid};

	assert_int_equal(parse_netaddr("10.0.3.7:5432", &row.remote), 0);
	return detail_take(&scene, &row, ret_detail);
}

static void take_groups_connections_by_site_most_first(void **state)
{
	struct world *world = *state;
	struct detail *detail;

	open_conn(world, 1, 1, "z");
	open_conn(world, 2, 2, "many\x1b");
	open_conn(world, 3, 3, NULL);
	open_conn(world, 4, 4, "many\x1b");
	open_conn(world, 5, 5, "z");
	open_conn(world, 6, 6, "z");
	tell(world, 7, EVENT_PEER_CLOSED, 5);
	assert_int_equal(take(world, 42, &detail), 0);
	assert_int_equal(detail->conn_count, 6);
	for (int i = 0; i < 3; i++)
		assert_string_equal(detail->conns[i].site, "z");
	assert_int_equal(detail->conns[0].id, 1); /* the most idle one first */
	assert_int_equal(detail->conns[2].id, 6);
	assert_string_equal(detail->conns[1].state, "peer_closed");
	assert_string_equal(detail->conns[1].group, "peer_closed");
	assert_string_equal(detail->conns[3].site, "many\\x1b");
	assert_null(detail->conns[5].site);
	assert_string_equal(detail->conns[0].local, "10.0.0.1:40000");
	assert_int_equal(detail->conns[0].tid, 43);
	assert_float_equal(detail->conns[0].age_s, 6, 1e-6);
	detail_free(detail);
}

static void take_of_a_pool_that_is_gone_says_so(void **state)
{
	struct world *world = *state;
	struct detail *detail = NULL;

	open_conn(world, 1, 1, "z");
	assert_int_equal(take(world, 7, &detail), -ENOENT);
	assert_null(detail);
}

/* Twelve are opened by a leaking request, one every five seconds, and never used again. */
static void take_of_a_leak_has_evidence_and_what_else_it_could_be(void **state)
{
	struct world *world = *state;
	struct detail *detail;
	uint32_t suspects = 0;
	uint64_t conn = 10;

	for (uint64_t i = 1; i <= 4; i++)
		open_conn(world, 1, i, "kept");
	for (int second = 2; second < 400; second++) {
		tell(world, second, EVENT_IO, 1 + (uint64_t)second % 4);
		if (second % 5 == 0) {
			open_conn(world, second, ++conn, "leaks");
			tell(world, second + 0.5, EVENT_IO, conn);
		}
	}
	assert_int_equal(take(world, 42, &detail), 0);
	assert_true(detail->evidence_count > 0);
	assert_true(detail->rival_count > 0);
	assert_non_null(detail->rivals[0].title);
	assert_non_null(detail->rivals[0].text);
	for (uint32_t i = 0; i < detail->conn_count; i++)
		if (strcmp(detail->conns[i].group, "suspect") == 0) {
			assert_string_equal(detail->conns[i].site, "leaks");
			suspects++;
		}
	assert_true(suspects > 12);
	detail_free(detail);
}

static void take_course_is_as_long_as_the_pool_is_old(void **state)
{
	static const struct {
		double until_s;
		uint64_t span_s;
		uint32_t count;
	} cases[] = {{95, 10, 10}, {290, 10, 29}, {3000, 60, 50}, {20000, 600, 34}};
	struct world *world = *state;
	double t_s = 1;

	open_conn(world, 1, 1, "z");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct detail *detail;
		uint32_t known = 0;

		for (; t_s < cases[i].until_s; t_s += 5)
			tell(world, t_s, EVENT_IO, 1);
		tell(world, cases[i].until_s, EVENT_IO, 1);
		assert_int_equal(take(world, 42, &detail), 0);
		assert_int_equal(detail->span_ns, cases[i].span_s * NS_PER_SEC);
		assert_true(detail->span_count >= cases[i].count);
		assert_int_equal(detail->begin_ns % detail->span_ns, 0);
		for (uint32_t k = 0; k < detail->span_count; k++)
			known += detail->spans[k].open >= 1;
		assert_true(known + 1 >= cases[i].count - 1);
		detail_free(detail);
	}
}

static const char answer[] =
	"{\"t\":5,\"pid\":42,\"pools\":[{\"pid\":42,\"remote\":\"10.0.3.9:5432\",\"netns\":7},"
	"{\"pid\":42,\"remote\":\"10.0.3.7:5432\",\"netns\":7,\"verdicts\":["
	"{\"state\":\"raised\",\"evidence\":[{\"name\":\"x\",\"text\":\"because\"},{}],"
	"\"rivals\":[{\"name\":\"traffic_spike\",\"ruling\":\"ruled_out\",\"text\":\"+2%\"},"
	"{\"name\":\"moon\",\"ruling\":\"ruled_in\",\"text\":\"full\"}]},"
	"{\"state\":\"cleared\",\"evidence\":[{\"text\":\"no more\"}]}],"
	"\"timeline\":{\"begin_t\":1,\"column_s\":2,\"step_s\":4,\"step_until_t\":3,\"columns\":["
	"null,"
	"{\"opens\":4,\"closes\":1,\"open\":8,\"stale\":3,\"busy\":0.5}]},"
	"\"connections\":[{\"conn\":9,\"tid\":5,\"local\":\"10.0.0.1:4\","
	"\"state\":\"established\",\"age_s\":5.5,\"age_is_bound\":true,\"idle_s\":2,"
	"\"idle_is_bound\":false,\"sent\":5,\"received\":6,\"group\":\"suspect\","
	"\"site\":\"sa\\u001b[2Jve\",\"last_site\":\"load\"},{\"age_s\":-1,\"sent\":-5}]}]}";

static int decode(const char *text, struct detail **ret_detail)
{
	struct sample_row row = {.client.pid = 42, .netns = 7};
	char error[200];

	assert_int_equal(parse_netaddr("10.0.3.7:5432", &row.remote), 0);
	return detail_json_decode(text, strlen(text), &row, ret_detail, error, sizeof(error));
}

static void decode_finds_the_pool_and_makes_it_harmless(void **state)
{
	struct detail *detail;

	(void)state;
	assert_int_equal(decode(answer, &detail), 0);
	assert_int_equal(detail->evidence_count, 1);
	assert_string_equal(detail->evidence[0], "because");
	assert_int_equal(detail->rival_count, 1); /* and not one that nobody knows */
	assert_string_equal(detail->rivals[0].title, "traffic spike");
	assert_int_equal(detail->rivals[0].ruling, RULING_RULED_OUT);
	assert_int_equal(detail->span_count, 2);
	assert_int_equal(detail->step_ns, 4 * NS_PER_SEC);
	assert_int_equal(detail->step_until_ns, 3 * NS_PER_SEC);
	assert_true(isnan(detail->spans[0].open));
	assert_float_equal(detail->spans[1].busy, 4, 1e-9);
	assert_int_equal(detail->conn_count, 2);
	assert_string_equal(detail->conns[0].site, "sa\\x1b[2Jve");
	assert_string_equal(detail->conns[0].last_site, "load");
	assert_true(detail->conns[0].age_is_bound);
	assert_int_equal(detail->conns[1].sent_bytes, 0);
	assert_float_equal(detail->conns[1].age_s, 0, 0);
	detail_free(detail);
}

static void decode_what_is_no_answer_is_refused(void **state)
{
	struct detail *detail = NULL;

	(void)state;
	assert_int_equal(decode("", &detail), -EINVAL);
	assert_int_equal(decode("[1]", &detail), -EINVAL);
	assert_int_equal(decode("{\"pools\":7}", &detail), -EINVAL);
	assert_int_equal(decode("{\"pools\":[]}", &detail), -ENOENT);
	assert_int_equal(decode("{\"pools\":[7,{\"remote\":\"x\"}]}", &detail), -ENOENT);
	assert_null(detail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(take_groups_connections_by_site_most_first, set_up,
						world_tear_down),
		cmocka_unit_test_setup_teardown(take_of_a_pool_that_is_gone_says_so, set_up,
						world_tear_down),
		cmocka_unit_test_setup_teardown(
			take_of_a_leak_has_evidence_and_what_else_it_could_be, set_up,
			world_tear_down),
		cmocka_unit_test_setup_teardown(take_course_is_as_long_as_the_pool_is_old, set_up,
						world_tear_down),
		cmocka_unit_test(decode_finds_the_pool_and_makes_it_harmless),
		cmocka_unit_test(decode_what_is_no_answer_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
