// SPDX-License-Identifier: Apache-2.0
/* What stands on a line, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "sample_kit.h"
#include "screen/nearlimit.h"
#include "screen/rows.h"

static const struct kit_pool pools[] = {
	{.pid = 1, .comm = "api", .workload = "w1", .open = 10, .stale = 3, .site = "save"},
	{.pid = 1,
	 .comm = "api",
	 .workload = "w1",
	 .remote = "10.0.3.8:3306",
	 .database = "mysql",
	 .open = 20,
	 .severity = 1,
	 .site = "load"},
	{.pid = 2,
	 .comm = "web",
	 .workload = "w1",
	 .open = 30,
	 .severity = 4,
	 .left_s = 60,
	 .site = "save"},
	{.pid = 3, .comm = "job", .workload = "w2", .open = 5, .severity = 3, .left_s = 30},
	{.pid = 4, .comm = "old", .workload = "w2", .open = 99, .severity = 4, .gone_s = 800},
};

#define COUNT (sizeof(pools) / sizeof(pools[0]))

static void make(const struct sample *sample, struct rows_query query, const struct rows *held,
		 struct rows *ret_rows)
{
	assert_int_equal(rows_make(sample, &query, held, ret_rows), 0);
}

/* "2 3 1 1 4": the pids of the lines. */
static void assert_pids(const struct rows *rows, const char *expected)
{
	char text[200] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < rows->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u", i ? " " : "",
					 rows->rows[i].pool->client.pid);
	assert_string_equal(text, expected);
}

static void make_worst_first_and_gone_last(void **state)
{
	struct sample *sample = kit_sample(pools, COUNT);
	struct rows rows;

	(void)state;
	make(sample, (struct rows_query){0}, NULL, &rows);
	assert_pids(&rows, "2 3 1 1 4");
	assert_int_equal(rows.rows[2].open_count, 20); /* suspected before nothing */
	assert_true(rows.rows[4].exited);
	assert_int_equal(rows.rows[4].open_count, 99);
	rows_clear(&rows);
	make(sample, (struct rows_query){.is_reversed = true}, NULL, &rows);
	assert_pids(&rows, "1 1 3 2 4");
	rows_clear(&rows);
	sample_free(sample);
}

static void make_sorted_by_a_column(void **state)
{
	static const struct {
		enum rows_sort sort;
		const char *pids;
	} cases[] = {
		{ROWS_BY_PID, "1 1 2 3 4"},	 {ROWS_BY_COMM, "1 1 3 2 4"},
		{ROWS_BY_OPEN, "2 1 1 3 4"},	 {ROWS_BY_STALE, "1 1 2 3 4"},
		{ROWS_BY_LEFT, "3 2 1 1 4"},	 {ROWS_BY_DATABASE, "1 1 2 3 4"},
		{ROWS_BY_WORKLOAD, "1 1 2 3 4"},
	};
	struct sample *sample = kit_sample(pools, COUNT);
	struct rows rows;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(sample, (struct rows_query){.sort = cases[i].sort}, NULL, &rows);
		assert_pids(&rows, cases[i].pids);
		rows_clear(&rows);
	}
	sample_free(sample);
}

static void make_groups_sum_up_what_is_there(void **state)
{
	struct sample *sample = kit_sample(pools, COUNT);
	struct rows rows;

	(void)state;
	make(sample, (struct rows_query){.group = ROWS_PROCESSES}, NULL, &rows);
	assert_pids(&rows, "2 3 1 4");
	assert_int_equal(rows.rows[2].open_count, 30);
	assert_int_equal(rows.rows[2].pool_count, 2);
	assert_int_equal(rows.rows[2].endpoint_count, 2);
	assert_int_equal(rows.rows[2].history[SAMPLE_HISTORY_COUNT - 1], 30);
	assert_float_equal(rows.rows[2].opens_per_s, 1, 1e-9);
	rows_clear(&rows);

	make(sample, (struct rows_query){.group = ROWS_WORKLOADS}, NULL, &rows);
	assert_int_equal(rows.count, 2);
	assert_int_equal(rows.rows[0].open_count, 60);
	assert_int_equal(rows.rows[0].process_count, 2);
	assert_int_equal(rows.rows[0].pool->client.pid, 2); /* the worst speaks for it */
	assert_int_equal(rows.rows[1].open_count, 5); /* without the one that is gone */
	assert_false(rows.rows[1].exited);
	rows_clear(&rows);

	make(sample, (struct rows_query){.group = ROWS_ENDPOINTS}, NULL, &rows);
	assert_int_equal(rows.count, 2);
	assert_int_equal(rows.rows[0].open_count, 45);
	assert_int_equal(rows.rows[0].process_count, 3);
	rows_clear(&rows);

	make(sample, (struct rows_query){.group = ROWS_SITES}, NULL, &rows);
	assert_int_equal(rows.count, 2);
	assert_string_equal(rows.rows[0].site, "save");
	assert_int_equal(rows.rows[0].open_count, 40);
	assert_int_equal(rows.rows[0].stale_count, 3);
	assert_int_equal(rows.rows[0].process_count, 2);
	rows_clear(&rows);
	sample_free(sample);
}

static void make_scope_shows_the_pools_of_a_group(void **state)
{
	struct sample *sample = kit_sample(pools, COUNT);
	struct rows groups, rows;

	(void)state;
	for (int group = ROWS_PROCESSES; group < ROWS_GROUP_COUNT; group++) {
		make(sample, (struct rows_query){.group = (enum rows_group)group}, NULL, &groups);
		for (uint32_t i = 0; i < groups.count; i++) {
			make(sample,
			     (struct rows_query){
				     .scope = {(enum rows_group)group, groups.rows[i].key}},
			     NULL, &rows);
			assert_int_equal(rows.count, groups.rows[i].pool_count);
			rows_clear(&rows);
		}
		rows_clear(&groups);
	}
	sample_free(sample);
}

static void make_held_order_stays_and_news_come_behind(void **state)
{
	struct kit_pool changed[COUNT + 1];
	struct sample *before = kit_sample(pools, COUNT), *sample;
	struct rows held, rows;

	(void)state;
	make(before, (struct rows_query){0}, NULL, &held);
	memcpy(changed, pools, sizeof(pools));
	changed[0].severity = 4; /* the last that is there becomes the worst */
	changed[0].left_s = 1;
	changed[3].pid = 33; /* one goes and another comes */
	changed[COUNT] = (struct kit_pool){.pid = 50, .comm = "new", .open = 1, .severity = 4};
	sample = kit_sample(changed, COUNT + 1);
	make(sample, (struct rows_query){0}, &held, &rows);
	assert_pids(&rows, "2 1 1 4 50 33");
	assert_int_equal(rows_find(&rows, held.rows[3].key), 2);
	rows_clear(&rows);
	make(sample, (struct rows_query){0}, NULL, &rows);
	assert_pids(&rows, "1 2 50 33 1 4");
	rows_clear(&rows);
	rows_clear(&held);
	sample_free(before);
	sample_free(sample);
}

static void make_same_address_in_two_namespaces_is_two_endpoints_only_on_loopback(void **state)
{
	struct kit_pool twice[] = {
		{.pid = 1, .comm = "a", .remote = "127.0.0.1:5432", .open = 1},
		{.pid = 2, .comm = "b", .remote = "127.0.0.1:5432", .open = 1},
		{.pid = 3, .comm = "c", .remote = "10.0.0.1:5432", .open = 1},
		{.pid = 4, .comm = "d", .remote = "10.0.0.1:5432", .open = 1},
	};
	struct sample *sample = kit_sample(twice, 4);
	struct rows rows;

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		sample->rows[i].netns = i + 1;
	make(sample, (struct rows_query){.group = ROWS_ENDPOINTS}, NULL, &rows);
	assert_int_equal(rows.count, 3);
	rows_clear(&rows);
	sample_free(sample);
}

static void nearlimit_is_of_all_pools_of_a_server(void **state)
{
	struct kit_pool many[] = {
		{.pid = 1, .comm = "a", .endpoint = "db", .open = 50, .limit = 100},
		{.pid = 2, .comm = "b", .endpoint = "db", .open = 45, .limit = 100},
		{.pid = 3, .comm = "c", .remote = "10.0.0.9:1", .open = 79, .limit = 100},
		{.pid = 4, .comm = "d", .remote = "10.0.0.8:1", .open = 8, .limit = 10},
		{.pid = 5, .comm = "e", .endpoint = "db", .open = 45, .limit = 100, .gone_s = 1},
	};
	struct sample *sample = kit_sample(many, 5);
	struct nearlimit found[4];

	(void)state;
	assert_int_equal(nearlimit_find(sample, 0.8, found, 4), 2);
	assert_int_equal(found[0].open_count, 95);
	assert_int_equal(found[1].open_count, 8);
	assert_int_equal(nearlimit_find(sample, 0.8, found, 1), 1);
	/* What the server has closed takes no place there. */
	sample->rows[0].peer_closed_count = 10;
	assert_int_equal(nearlimit_find(sample, 0.8, found, 4), 2);
	assert_int_equal(found[0].open_count, 85);
	sample_free(sample);
}

/* One rule names the server beside each pod; each of them has a limit of its own. */
static void nearlimit_of_loopback_is_of_one_namespace(void **state)
{
	struct kit_pool pods[] = {
		{.pid = 1,
		 .comm = "a",
		 .endpoint = "db",
		 .remote = "127.0.7.9:1",
		 .open = 90,
		 .limit = 100},
		{.pid = 2,
		 .comm = "b",
		 .endpoint = "db",
		 .remote = "127.0.7.9:1",
		 .open = 20,
		 .limit = 100},
	};
	struct sample *sample = kit_sample(pods, 2);
	struct nearlimit found[4];
	struct rows rows;

	(void)state;
	sample->rows[1].netns = sample->rows[0].netns + 1;
	assert_int_equal(nearlimit_find(sample, 0.8, found, 4), 1);
	assert_int_equal(found[0].open_count, 90);
	make(sample, (struct rows_query){.group = ROWS_ENDPOINTS}, NULL, &rows);
	assert_int_equal(rows.count, 2);
	rows_clear(&rows);
	sample->rows[1].netns = sample->rows[0].netns;
	assert_int_equal(nearlimit_find(sample, 0.8, found, 4), 1);
	assert_int_equal(found[0].open_count, 110);
	sample_free(sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(make_worst_first_and_gone_last),
		cmocka_unit_test(make_sorted_by_a_column),
		cmocka_unit_test(make_groups_sum_up_what_is_there),
		cmocka_unit_test(make_scope_shows_the_pools_of_a_group),
		cmocka_unit_test(make_held_order_stays_and_news_come_behind),
		cmocka_unit_test(
			make_same_address_in_two_namespaces_is_two_endpoints_only_on_loopback),
		cmocka_unit_test(nearlimit_is_of_all_pools_of_a_server),
		cmocka_unit_test(nearlimit_of_loopback_is_of_one_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
