// SPDX-License-Identifier: Apache-2.0
/* Samples of the table: counts, names, what follows from two of them, and their JSON form. */
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

#include "cli/sample_json.h"
#include "core/format.h"
#include "judged_table.h"
#include "screen/sample_follow.h"
#include "screen/sample_take.h"

static int set_up(void **state)
{
	return world_set_up(state, "orders-db=10.0.0.7:5432,limit=40");
}

static void open_conn(struct world *world, uint64_t conn, uint32_t pid, const char *remote)
{
	struct event event = {.type = EVENT_OPEN, .conn = conn, .comm = "or\x1b[2J", .tid = pid};

	event.client = (struct client_id){.pid = pid, .start_ns = 1000 * NS_PER_US};
	event.cgroup = "/system.slice/orders.service";
	event.exe = "/usr/bin/orders";
	event.site = conn % 2 ? "odd" : "even";
	assert_int_equal(parse_netaddr(remote, &event.remote), 0);
	world_feed(world, &event);
	event = (struct event){.type = EVENT_ESTABLISHED, .conn = conn};
	world_feed(world, &event);
}

static void tell(struct world *world, enum event_type type, uint64_t conn)
{
	struct event event = {.type = type, .conn = conn};

	world_feed(world, &event);
}

static struct sample *take(struct world *world)
{
	struct sample_scene scene = {
		.table = world->table,
		.detector = world->detector,
		.databases = world->databases,
		.now_ns = world->now_ns,
		.since_ns = NS_PER_SEC,
		.realtime_at_zero_ns = 1700000000LL * 1000000000,
		.lost_count = 3,
		.with_sites = true,
	};
	struct sample *sample;

	assert_int_equal(sample_take(&scene, &sample), 0);
	return sample;
}

static void take_counts_each_connection_once(void **state)
{
	struct world *world = *state;
	struct event io = {.type = EVENT_IO, .conn = 2, .sent_bytes = 10};
	struct sample *sample;
	const struct sample_row *row;

	world->now_ns = 100 * NS_PER_SEC;
	for (uint64_t conn = 1; conn <= 5; conn++)
		open_conn(world, conn, 42, "10.0.0.7:5432");
	tell(world, EVENT_PEER_CLOSED, 3);
	world->now_ns = 10000 * NS_PER_SEC;
	io.last_send_ns = world->now_ns;
	world_feed(world, &io);
	sample = take(world);
	assert_int_equal(sample->row_count, 1);
	assert_int_equal(sample->conn_count, 5);
	row = &sample->rows[0];
	assert_int_equal(row->open_count, 5);
	assert_int_equal(row->busy_count, 1);
	assert_int_equal(row->peer_closed_count, 1);
	assert_int_equal(row->stale_count, 3);
	assert_int_equal(row->idle_count + row->connecting_count, 0);
	assert_int_equal(row->limit, 40);
	assert_int_equal(row->limit_kind, SAMPLE_LIMIT_CONFIGURED);
	assert_string_equal(row->endpoint, "orders-db");
	assert_string_equal(row->database, "postgresql");
	assert_string_equal(row->comm, "or\\x1b[2J");
	assert_string_equal(row->workload, "orders.service");
	assert_string_equal(row->unit, "orders.service");
	assert_string_equal(row->exe, "/usr/bin/orders");
	assert_int_equal(row->site_count, 2);
	assert_string_equal(row->sites[0].site, "odd");
	assert_int_equal(row->sites[0].open_count, 3);
	assert_string_equal(row->sites[1].site, "even");
	assert_int_equal(row->sites[1].stale_count, 1);
	sample_free(sample);
}

static void take_more_sites_than_kept_sums_up_the_rest(void **state)
{
	struct world *world = *state;
	struct event event = {.type = EVENT_OPEN};
	struct sample *sample;
	uint32_t sum = 0;
	char site[16];

	world->now_ns = NS_PER_SEC;
	for (uint64_t conn = 1; conn <= 20; conn++) {
		(void)snprintf(site, sizeof(site), "site %d", (int)conn);
		event.conn = conn;
		event.client.pid = 9;
		event.site = site;
		assert_int_equal(parse_netaddr("10.0.0.7:5432", &event.remote), 0);
		world_feed(world, &event);
	}
	sample = take(world);
	assert_int_equal(sample->rows[0].site_count, SAMPLE_SITES_MAX + 1);
	for (uint32_t i = 0; i < sample->rows[0].site_count; i++)
		sum += sample->rows[0].sites[i].open_count;
	assert_int_equal(sum, 20);
	assert_null(sample->rows[0].sites[0].site);
	assert_int_equal(sample->rows[0].sites[0].open_count, 12);
	sample_free(sample);
}

static void take_history_has_the_last_spans_and_no_others(void **state)
{
	struct world *world = *state;
	struct sample *sample;
	const uint32_t *history;

	world->now_ns = 1000 * NS_PER_SEC;
	open_conn(world, 1, 42, "10.0.0.7:5432");
	world->now_ns = 1025 * NS_PER_SEC;
	open_conn(world, 2, 42, "10.0.0.7:5432");
	world->now_ns = 1041 * NS_PER_SEC;
	tell(world, EVENT_END, 0);
	sample = take(world);
	history = sample->rows[0].history;
	assert_int_equal(history[SAMPLE_HISTORY_COUNT - 1], 2);
	assert_int_equal(history[SAMPLE_HISTORY_COUNT - 2], 2);
	assert_int_equal(history[SAMPLE_HISTORY_COUNT - 4], 1);
	assert_int_equal(history[SAMPLE_HISTORY_COUNT - 6], SAMPLE_UNKNOWN);
	assert_int_equal(history[0], SAMPLE_UNKNOWN);
	sample_free(sample);
}

static void follow_rates_are_those_between_the_two(void **state)
{
	struct world *world = *state;
	struct sample *before, *sample;

	world->now_ns = 10 * NS_PER_SEC;
	open_conn(world, 1, 42, "10.0.0.7:5432");
	before = take(world);
	world->now_ns = 14 * NS_PER_SEC;
	for (uint64_t conn = 2; conn <= 9; conn++)
		open_conn(world, conn, 42, "10.0.0.7:5432");
	tell(world, EVENT_CLOSE, 1);
	tell(world, EVENT_CLOSE, 2);
	sample = take(world);
	assert_int_equal(sample_follow(sample, before), 0);
	assert_int_equal(sample->row_count, 1);
	assert_float_equal(sample->rows[0].opens_per_s, 2, 1e-9);
	assert_float_equal(sample->rows[0].closes_per_s, 0.5, 1e-9);
	assert_float_equal(sample->rows[0].fails_per_s, 0, 1e-9);
	sample_free(before);
	sample_free(sample);
}

/* Two samples made by hand: a row goes, and another that came later stays where it is. */
static struct sample *made(uint64_t t_s, bool with_first, uint32_t second_pid)
{
	struct sample *sample = sample_new();
	struct sample_row *row;

	assert_non_null(sample);
	sample->now_ns = t_s * NS_PER_SEC;
	assert_int_equal(sample_reserve(sample, 2), 0);
	if (with_first) {
		row = sample_add_row(sample);
		row->client.pid = 1;
		row->open_count = 7;
		assert_int_equal(sample_copy_text(sample, "gone soon", &row->comm), 0);
	}
	row = sample_add_row(sample);
	row->client.pid = second_pid;
	return sample;
}

static void follow_what_is_gone_stays_a_minute(void **state)
{
	struct sample *first = made(100, true, 2), *second = made(102, false, 2),
		      *third = made(161, false, 2), *fourth = made(163, false, 2);

	(void)state;
	assert_int_equal(sample_follow(second, first), 0);
	sample_free(first);
	assert_int_equal(second->row_count, 2);
	assert_true(second->rows[1].exited);
	assert_int_equal(second->rows[1].exited_ns, 102 * NS_PER_SEC);
	assert_string_equal(second->rows[1].comm, "gone soon");
	assert_int_equal(second->rows[1].open_count, 7);
	assert_int_equal(sample_follow(third, second), 0);
	sample_free(second);
	assert_int_equal(third->row_count, 2);
	assert_int_equal(third->rows[1].exited_ns, 102 * NS_PER_SEC);
	assert_int_equal(sample_follow(fourth, third), 0);
	sample_free(third);
	assert_int_equal(fourth->row_count, 1);
	sample_free(fourth);
}

static void follow_a_pid_that_is_used_again_is_another_row(void **state)
{
	struct sample *first = made(100, true, 2), *second = made(102, true, 2);

	(void)state;
	second->rows[0].client.start_ns = 99 * NS_PER_SEC;
	assert_int_equal(sample_follow(second, first), 0);
	assert_int_equal(second->row_count, 3);
	assert_false(second->rows[0].exited);
	assert_true(second->rows[2].exited);
	sample_free(first);
	sample_free(second);
}

static struct sample *decoded(const char *text)
{
	struct sample *sample = NULL;
	char error[200] = "";
	int r = sample_json_decode(text, strlen(text), &sample, error, sizeof(error));

	if (r)
		fail_msg("%s", error);
	return sample;
}

static void json_of_what_was_read_is_what_was_written(void **state)
{
	struct world *world = *state;
	struct sample *sample, *again;
	char *text, *second;

	world->now_ns = 1000 * NS_PER_SEC + 123 * NS_PER_US;
	for (uint64_t conn = 1; conn <= 5; conn++)
		open_conn(world, conn, 42, "10.0.0.7:5432");
	open_conn(world, 6, 43, "[2001:db8::1]:27017");
	world->now_ns += 30 * NS_PER_SEC;
	tell(world, EVENT_END, 0);
	sample = take(world);
	assert_int_equal(sample_add_loss(sample, "ring_full", 3), 0);
	sample->rows[0].verdict = (struct sample_verdict){
		.id = 7,
		.kind = VERDICT_STORM,
		.state = VERDICT_UPDATED,
		.severity = SEVERITY_CRITICAL,
		.since_ns = 990 * NS_PER_SEC,
		.suspect_count = 12,
		.growth_per_hour = 60,
		.exhausts_in_s = 2340,
		.exhausts_in_low_s = 1500,
		.exhausts_in_high_s = NAN,
		.summary = "STORM \\x1b",
	};
	sample->rows[1].exited = true;
	sample->rows[1].exited_ns = 1001 * NS_PER_SEC;
	text = sample_json_print(sample);
	assert_non_null(text);
	again = decoded(text);
	second = sample_json_print(again);
	assert_string_equal(second, text);
	assert_int_equal(again->now_ns, sample->now_ns);
	assert_int_equal(again->since_ns, sample->since_ns);
	assert_int_equal(again->conn_count, 6);
	assert_true(sample_row_equal(&again->rows[0], &sample->rows[0]));
	assert_true(sample_row_equal(&again->rows[1], &sample->rows[1]));
	assert_true(isnan(again->rows[0].verdict.exhausts_in_high_s));
	assert_string_equal(again->rows[0].verdict.summary, "STORM \\x1b");
	free(text);
	free(second);
	sample_free(sample);
	sample_free(again);
}

static void json_of_a_start_that_is_unknown_is_null(void **state)
{
	struct sample *sample = made(100, true, 1), *again;
	char *text;

	(void)state;
	for (uint32_t i = 0; i < sample->row_count; i++)
		assert_int_equal(parse_netaddr("10.0.0.1:5432", &sample->rows[i].remote), 0);
	sample->rows[0].client.start_ns = 0;
	sample->rows[1].client.start_ns = 7 * NS_PER_SEC;
	text = sample_json_print(sample);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"pstart\":null"));
	again = decoded(text);
	assert_int_equal(again->rows[0].client.start_ns, 0);
	assert_int_equal(again->rows[1].client.start_ns, 7 * NS_PER_SEC);
	free(text);
	sample_free(sample);
	sample_free(again);
}

static void json_that_lies_is_refused_with_the_place(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"[]", "not a JSON object"},
		{"{\"t\":", "not a JSON object"},
		{"{}", "pools is not a list"},
		{"{\"t\":-1,\"pools\":[]}", "t is not a time in seconds"},
		{"{\"t\":1e300,\"pools\":[]}", "t is not a time in seconds"},
		{"{\"lost\":1.5,\"pools\":[]}", "lost is not a count"},
		{"{\"pools\":[7]}", "pools[0].remote is not an address with a port"},
		{"{\"pools\":[{\"remote\":\"10.0.0.1:1\"},{\"remote\":\"x\"}]}",
		 "pools[1].remote is not an address with a port"},
		{"{\"pools\":[{\"remote\":\"10.0.0.1:1\",\"comm\":\"a\\u001b[2J\"}]}",
		 "pools[0].comm is not a printable text"},
		{"{\"pools\":[{\"remote\":\"10.0.0.1:1\",\"open\":4294967296}]}",
		 "pools[0].open is not a count"},
		{"{\"pools\":[{\"remote\":\"10.0.0.1:1\",\"history\":[-1]}]}",
		 "pools[0].history has something that is not a count"},
		{"{\"pools\":[{\"remote\":\"10.0.0.1:1\",\"verdict_detail\":{\"id\":1,"
		 "\"kind\":\"bad\"}}]}",
		 "pools[0].kind is not a word of this place"},
		{"{\"pools\":[{\"remote\":\"10.0.0.1:1\",\"verdict_detail\":{\"id\":1,"
		 "\"kind\":\"leak\",\"state\":\"cleared\"}}]}",
		 "pools[0].state is not a word of this place"},
	};
	char error[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample *sample = NULL;

		assert_int_equal(sample_json_decode(cases[i].text, strlen(cases[i].text), &sample,
						    error, sizeof(error)),
				 -EINVAL);
		assert_string_equal(error, cases[i].error);
		assert_null(sample);
	}
}

static void json_of_a_later_version_is_read_as_far_as_it_is_known(void **state)
{
	struct sample *sample = decoded("{\"t\":5,\"observed_s\":9,\"news\":[1],\"pools\":"
					"[{\"remote\":\"10.0.0.1:1\",\"pid\":3,\"more\":{}}]}");

	(void)state;
	assert_int_equal(sample->row_count, 1);
	assert_int_equal(sample->rows[0].client.pid, 3);
	assert_int_equal(sample->since_ns, 0);
	assert_true(isnan(sample->rows[0].opens_per_s));
	assert_int_equal(sample->rows[0].history[0], SAMPLE_UNKNOWN);
	sample_free(sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(take_counts_each_connection_once, set_up,
						world_tear_down),
		cmocka_unit_test_setup_teardown(take_more_sites_than_kept_sums_up_the_rest, set_up,
						world_tear_down),
		cmocka_unit_test_setup_teardown(take_history_has_the_last_spans_and_no_others,
						set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(follow_rates_are_those_between_the_two, set_up,
						world_tear_down),
		cmocka_unit_test(follow_what_is_gone_stays_a_minute),
		cmocka_unit_test(follow_a_pid_that_is_used_again_is_another_row),
		cmocka_unit_test_setup_teardown(json_of_what_was_read_is_what_was_written, set_up,
						world_tear_down),
		cmocka_unit_test(json_of_a_start_that_is_unknown_is_null),
		cmocka_unit_test(json_that_lies_is_refused_with_the_place),
		cmocka_unit_test(json_of_a_later_version_is_read_as_far_as_it_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
