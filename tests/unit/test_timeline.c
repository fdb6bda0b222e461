/* SPDX-License-Identifier: Apache-2.0 */
/* The course of a pool in a fixed number of columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/meter.h"
#include "core/timeline.h"

static void timeline_sample_first_minute_has_a_column_a_second(void **state)
{
	struct timeline timeline = {0};
	struct pool pool = {0};

	(void)state;
	for (uint64_t t = 0; t < 60; t++) {
		pool.conn_count = (uint32_t)t + 1;
		pool.counts[COUNT_OPENED]++;
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
		pool.counts[COUNT_OPENED] += 2;
		pool.counts[COUNT_CLOSED + t % CLOSE_BY_COUNT]++;
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
	struct pool pool = {.counts = {[COUNT_OPENED] = 10}};

	(void)state;
	timeline_sample(&timeline, &pool, 0, NS_PER_SEC);
	pool.counts[COUNT_OPENED] = 3;
	timeline_sample(&timeline, &pool, 0, 2 * NS_PER_SEC);
	assert_int_equal(timeline.columns[0].opened_count, 10);
	assert_int_equal(timeline.columns[1].opened_count, 3);
}

/* A pool that opens one a second, sampled every five, for so long. */
static void run_meter(struct meter *meter, struct pool *pool, uint64_t from_s, uint64_t to_s)
{
	for (uint64_t t = from_s; t < to_s; t++) {
		struct change change = {
			.type = CHANGE_OPENED, .t_ns = t * NS_PER_SEC, .pool = pool};
		struct conn conn = {.pool = pool};

		change.conn = &conn;
		pool->counts[COUNT_OPENED]++;
		pool->conn_count++;
		meter_observe(meter, &change);
		if (t % 5 == 0)
			meter_sample(meter, pool, 2, t * NS_PER_SEC);
	}
}

/* What is remembered of a pool that is length_s old at the end. */
static void recall(uint64_t begin_s, uint64_t length_s, struct timeline *timeline)
{
	struct meter meter = {0};
	struct pool pool = {0};

	run_meter(&meter, &pool, begin_s, begin_s + length_s);
	assert_true(timeline_recall(timeline, &meter, (begin_s + length_s - 1) * NS_PER_SEC));
	meter_clear(&meter);
}

static void timeline_recall_takes_the_narrowest_columns_that_fit(void **state)
{
	static const struct {
		uint64_t length_s, column_s;
		uint32_t count;
		uint64_t step_s; /* of what is older */
	} cases[] = {
		{100, 10, 10, 0},	{290, 10, 29, 0},      {420, 10, 42, 120},
		{1200, 20, 60, 120},	{1300, 30, 44, 120},   {2400, 40, 60, 120},
		{3540, 60, 59, 120},	{7200, 120, 60, 1200}, {14400, 240, 60, 1200},
		{28000, 600, 47, 1200},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct timeline timeline = {0};
		uint64_t opened = 0;

		recall(12000, cases[i].length_s, &timeline);
		assert_int_equal(timeline.column_ns, cases[i].column_s * NS_PER_SEC);
		assert_int_equal(timeline.begin_ns, 12000 * NS_PER_SEC);
		assert_int_equal(timeline.count, cases[i].count);
		assert_int_equal(timeline.step_ns, cases[i].step_s * NS_PER_SEC);
		for (uint32_t j = 0; j < timeline.count; j++) {
			opened += timeline.columns[j].opened_count;
			assert_int_equal(timeline.columns[j].stale_max, 2);
			assert_true(timeline.columns[j].sample_count > 0);
		}
		/* What was opened when the meter began is the state that it began with. */
		assert_in_range(opened, cases[i].length_s - 6, cases[i].length_s);
	}
}

/* Seven minutes: the last five in spans of their own, the two before in one. */
static void timeline_recall_shares_what_is_remembered_in_wider_spans(void **state)
{
	struct timeline timeline = {0};
	uint32_t count = 0;

	(void)state;
	recall(12000, 420, &timeline);
	assert_int_equal(timeline.step_until_ns, 12120 * NS_PER_SEC);
	for (uint32_t i = 0; i < 12; i++) {
		count += timeline.columns[i].opened_count;
		/* Each has the greatest of the two minutes, in which one a second was opened. */
		assert_int_equal(timeline.columns[i].open_max, 116);
		assert_in_range(timeline.columns[i].opened_count, 9, 10);
		assert_float_equal(timeline.columns[i].busy_sum, 0, 1e-9);
	}
	assert_in_range(count, 114, 120);
	for (uint32_t i = 12; i < 41; i++) {
		assert_int_equal(timeline.columns[i].open_max, 10 * (i + 1) - 4);
		assert_int_equal(timeline.columns[i].sample_count, 2);
	}
}

/* The first span began before the pool did: its columns share what it has. */
static void timeline_recall_shares_the_first_span_from_the_beginning_on(void **state)
{
	struct timeline timeline = {0};
	uint32_t count = 0;

	(void)state;
	recall(12077, 600, &timeline);
	assert_int_equal(timeline.begin_ns, 12060 * NS_PER_SEC);
	assert_int_equal(timeline.column_ns, 20 * NS_PER_SEC);
	for (uint32_t i = 0; i < 3; i++)
		count += timeline.columns[i].opened_count;
	assert_in_range(count, 42, 43);
}

static void timeline_recall_of_days_is_the_last_eight_hours(void **state)
{
	struct timeline timeline = {0};

	(void)state;
	recall(12000, 40000, &timeline);
	assert_int_equal(timeline.begin_ns, (51999 / 1200 - METER_LONG_COUNT + 1) * METER_LONG_NS);
	assert_int_equal(timeline.column_ns, 600 * NS_PER_SEC);
	assert_int_equal(timeline.count, 47);
	assert_int_equal(timeline.columns[0].opened_count, 600);
	assert_int_equal(timeline.step_until_ns, 49200 * NS_PER_SEC);
}

static void timeline_recall_of_nothing_leaves_it_as_it_is(void **state)
{
	struct timeline timeline = {.count = 3};
	struct meter meter = {.first_ns = 5 * NS_PER_SEC};

	(void)state;
	assert_false(timeline_recall(&timeline, &meter, 9 * NS_PER_SEC));
	assert_int_equal(timeline.count, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timeline_sample_first_minute_has_a_column_a_second),
		cmocka_unit_test(timeline_sample_longer_time_doubles_the_columns),
		cmocka_unit_test(timeline_sample_gap_leaves_columns_unknown),
		cmocka_unit_test(timeline_sample_pool_that_came_back_counts_from_zero),
		cmocka_unit_test(timeline_recall_takes_the_narrowest_columns_that_fit),
		cmocka_unit_test(timeline_recall_shares_what_is_remembered_in_wider_spans),
		cmocka_unit_test(timeline_recall_shares_the_first_span_from_the_beginning_on),
		cmocka_unit_test(timeline_recall_of_days_is_the_last_eight_hours),
		cmocka_unit_test(timeline_recall_of_nothing_leaves_it_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
