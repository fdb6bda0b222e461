/* SPDX-License-Identifier: Apache-2.0 */
/* The course of a pool in a fixed number of columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/timeline.h"

static void timeline_sample_first_minute_has_a_column_a_second(void **state)
{
	struct timeline timeline = {0};
	struct pool pool = {0};

	(void)state;
	for (uint64_t t = 0; t < 60; t++) {
		pool.conn_count = (uint32_t)t + 1;
		pool.totals.opened_count++;
		timeline_sample(&timeline, &pool, 3, (100 + t) * NS_PER_SEC);
	}
	assert_int_equal(timeline.count, 60);
	assert_int_equal(timeline.column_ns, NS_PER_SEC);
	assert_int_equal(timeline.begin_ns, 100 * NS_PER_SEC);
	assert_int_equal(timeline.columns[0].open_max, 1);
	assert_int_equal(timeline.columns[59].open_max, 60);
	assert_int_equal(timeline.columns[59].opened_count, 1);
	assert_int_equal(timeline.columns[59].stale_max, 3);
}

static void timeline_sample_longer_time_doubles_the_columns(void **state)
{
	struct timeline timeline = {0};
	struct pool pool = {0};
	uint64_t opened = 0, closed = 0;
	uint32_t samples = 0;

	(void)state;
	for (uint64_t t = 0; t < 3600; t++) {
		pool.totals.opened_count += 2;
		pool.totals.closed_count[t % CLOSE_BY_COUNT]++;
		timeline_sample(&timeline, &pool, 0, t * NS_PER_SEC);
	}
	assert_int_equal(timeline.column_ns, 64 * NS_PER_SEC);
	assert_int_equal(timeline.count, 57);
	for (uint32_t i = 0; i < timeline.count; i++) {
		opened += timeline.columns[i].opened_count;
		closed += timeline.columns[i].closed_count;
		samples += timeline.columns[i].sample_count;
	}
	assert_int_equal(opened, 7200);
	assert_int_equal(closed, 3600);
	assert_int_equal(samples, 3600);
	assert_int_equal(timeline_pause_ns(&timeline), 16 * NS_PER_SEC);
}

static void timeline_sample_gap_leaves_columns_unknown(void **state)
{
	struct timeline timeline = {0};
	struct pool pool = {.conn_count = 5};

	(void)state;
	timeline_sample(&timeline, &pool, 0, 0);
	timeline_sample(&timeline, &pool, 0, 40 * NS_PER_SEC);
	assert_int_equal(timeline.count, 41);
	assert_int_equal(timeline.columns[20].sample_count, 0);
	/* A year later everything before is one column. */
	timeline_sample(&timeline, &pool, 0, 365 * 86400 * NS_PER_SEC);
	assert_int_equal(timeline.columns[0].sample_count, 2);
	assert_true(timeline.count <= TIMELINE_COLUMNS);
}

static void timeline_sample_pool_that_came_back_counts_from_zero(void **state)
{
	struct timeline timeline = {0};
	struct pool pool = {.totals = {.opened_count = 10}};

	(void)state;
	timeline_sample(&timeline, &pool, 0, NS_PER_SEC);
	pool.totals.opened_count = 3;
	timeline_sample(&timeline, &pool, 0, 2 * NS_PER_SEC);
	assert_int_equal(timeline.columns[0].opened_count, 10);
	assert_int_equal(timeline.columns[1].opened_count, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timeline_sample_first_minute_has_a_column_a_second),
		cmocka_unit_test(timeline_sample_longer_time_doubles_the_columns),
		cmocka_unit_test(timeline_sample_gap_leaves_columns_unknown),
		cmocka_unit_test(timeline_sample_pool_that_came_back_counts_from_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
