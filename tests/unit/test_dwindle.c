/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether fewer and fewer connections did the work, step by step, for longer than they ever had.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/dwindle.h"

#include "activity_order.h"
#include "core/types.h"

#define COUNT 4
#define TICK_S 5
#define HOUR_S 3600

struct world {
	struct dwindle dwindle;
	struct pool pool;
	struct conn *conns[COUNT];
	double now_s, resumed_s;
};

static void setup(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->now_s = 1000;
	world->pool.conn_count = COUNT;
	make_by_hand(world->conns, COUNT);
	for (int i = 0; i < COUNT; i++) {
		world->conns[i]->state = CONN_OPEN;
		world->conns[i]->last_active_ns = (int64_t)(world->now_s * 1e9);
	}
}

/* Once a second the next one of the first count connections is used. */
static void work(struct world *world, uint32_t count, double seconds)
{
	double end_s = world->now_s + seconds;

	while (world->now_s < end_s) {
		uint32_t turn = (uint32_t)world->now_s;

		world->now_s += 1;
		world->conns[turn % count]->last_active_ns = (int64_t)(world->now_s * 1e9);
		if (turn % TICK_S != TICK_S - 1)
			continue;
		order_by_activity(&world->pool, world->conns, COUNT);
		dwindle_sample(&world->dwindle, &world->pool, (int64_t)(world->resumed_s * 1e9),
			       (int64_t)(world->now_s * 1e9));
	}
	order_by_activity(&world->pool, world->conns, COUNT);
}

static bool find(struct world *world, struct dwindle_end *ret_end)
{
	return dwindle_find(&world->dwindle, &world->pool, (int64_t)(world->resumed_s * 1e9),
			    (int64_t)(world->now_s * 1e9), ret_end);
}

static void dwindle_find_of_a_pool_that_lost_one_after_the_other_returns_two_steps(void **state)
{
	struct dwindle_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, 60);
	assert_false(find(&world, &end));
	work(&world, 2, 40);
	work(&world, 1, 20);
	assert_true(find(&world, &end));
	assert_int_equal(end.last.left, 1);
	assert_in_range(end.last.span_ns, 19 * NS_PER_SEC, 22 * NS_PER_SEC);
	assert_in_range(end.last.longest_ns, NS_PER_SEC / 2, 5 * NS_PER_SEC);
	assert_in_range(end.earlier.left, 2, 3);
	assert_in_range(end.earlier.span_ns, 58 * NS_PER_SEC, 65 * NS_PER_SEC);
	assert_in_range(end.earlier.longest_ns, NS_PER_SEC / 2, 10 * NS_PER_SEC);
}

/* Half an hour between two leaks: the second one is still measured by what was before the first. */
static void dwindle_find_where_it_takes_long_remembers_what_was_before(void **state)
{
	struct dwindle_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, 2 * HOUR_S);
	work(&world, 3, 1800);
	work(&world, 2, 1800);
	assert_true(find(&world, &end));
	assert_int_equal(end.last.left, 2);
	assert_int_equal(end.earlier.left, 3);
	assert_in_range(end.earlier.longest_ns, NS_PER_SEC / 2, 10 * NS_PER_SEC);
}

static void dwindle_find_where_all_but_one_became_needless_at_once_returns_false(void **state)
{
	struct dwindle_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, HOUR_S);
	work(&world, 1, 60);
	assert_false(find(&world, &end));
}

static void dwindle_find_where_that_has_been_enough_before_returns_false(void **state)
{
	struct dwindle_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, HOUR_S / 2);
	work(&world, 2, 60);
	work(&world, 1, 30);
	work(&world, COUNT, HOUR_S / 2);
	work(&world, 2, 60);
	work(&world, 1, 30);
	assert_false(find(&world, &end));
}

static void dwindle_find_without_a_past_returns_false(void **state)
{
	struct dwindle_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, 15);
	work(&world, 2, 40);
	work(&world, 1, 20);
	assert_false(find(&world, &end));
}

static void dwindle_find_counts_no_time_before_a_pause_was_over(void **state)
{
	struct dwindle_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, 600);
	work(&world, 2, 40);
	world.now_s += 600;
	world.resumed_s = world.now_s;
	work(&world, 1, 20);
	assert_false(find(&world, &end));
}

static bool find_alone(struct world *world, struct dwindle_end *ret_end)
{
	return dwindle_find_alone(&world->dwindle, &world->pool, (int64_t)(world->resumed_s * 1e9),
				  (int64_t)(world->now_s * 1e9), ret_end);
}

static void dwindle_find_alone_where_one_was_never_enough_returns_that_step(void **state)
{
	struct dwindle_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, HOUR_S);
	assert_false(find_alone(&world, &end));
	work(&world, 1, 60);
	assert_true(find_alone(&world, &end));
	assert_int_equal(end.earlier.left, 0);
	assert_int_equal(end.last.left, 1);
	assert_in_range(end.last.span_ns, 59 * NS_PER_SEC, 62 * NS_PER_SEC);
	assert_in_range(end.last.longest_ns, NS_PER_SEC / 2, 5 * NS_PER_SEC);
	assert_in_range(end.last.count, HOUR_S / TICK_S - 20, HOUR_S / TICK_S + 20);
}

/* So often one alone was not enough for longer than longest_s, and now it was for span_s. */
static const struct alone {
	const char *name;
	uint32_t count;
	double longest_s, span_s, share;
	bool is_beyond;
} alones[] = {
	{"hundreds of times, and now for twice as long", 700, 20, 44, 1, true},
	{"hundreds of times, and now for a third more", 1000, 90, 120, 1, false},
	{"a hundred times, and now for twice as long", 110, 20, 41, 1, false},
	{"a hundred times, and now for three times as long", 110, 20, 60, 1, true},
	{"some dozens of times, and now for five times as long", 60, 20, 100, 1, false},
	{"for seconds, as one of a team that ends", 700, 2, 16, 1, false},
	{"for minutes, as by night", 700, 20, 360, 1, false},
	{"with nearly as much to do as ever", 700, 20, 44, 0.96, true},
	{"with less to do, and so none met for longer", 700, 20, 44, 0.7, false},
	{"with an amount to do that is not known", 700, 20, 44, NAN, false},
};

static void dwindle_is_beyond_weighs_how_often_it_was_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(alones) / sizeof(alones[0]); i++) {
		const struct alone *alone = &alones[i];
		struct dwindle_step step = {
			.left = 1,
			.count = alone->count,
			.span_ns = (uint64_t)(alone->span_s * NS_PER_SEC),
			.longest_ns = (uint64_t)(alone->longest_s * NS_PER_SEC),
		};

		if (dwindle_is_beyond(&step, alone->share) != alone->is_beyond)
			fail_msg("%s: %s", alone->name, alone->is_beyond ? "is not" : "is");
	}
}

static void dwindle_are_beyond_weighs_what_was_done_since_each(void **state)
{
	struct dwindle_end end = {
		.last = {.left = 1, .span_ns = 20 * NS_PER_SEC, .longest_ns = 10 * NS_PER_SEC},
		.earlier = {.left = 2, .span_ns = 60 * NS_PER_SEC, .longest_ns = 15 * NS_PER_SEC},
	};

	(void)state;
	assert_true(dwindle_are_beyond(&end, 1, 1));
	assert_true(dwindle_are_beyond(&end, 0.9, 0.9));
	assert_false(dwindle_are_beyond(&end, 0.8, 1));
	assert_false(dwindle_are_beyond(&end, 1, 0.8));
	assert_false(dwindle_are_beyond(&end, NAN, 1));
	assert_false(dwindle_are_beyond(&end, 1, NAN));
}

static bool find_left(struct world *world, struct dwindle_step *ret_step)
{
	return dwindle_find_left(&world->dwindle, &world->pool, (int64_t)(world->resumed_s * 1e9),
				 (int64_t)(world->now_s * 1e9), ret_step);
}

static void dwindle_find_left_returns_the_most_unusual_step(void **state)
{
	struct dwindle_step step;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, 30 * TICK_S);
	work(&world, 2, 10);
	work(&world, 1, 20);
	assert_true(find_left(&world, &step));
	assert_int_equal(step.left, 1);
	assert_in_range(step.span_ns, 19 * NS_PER_SEC, 22 * NS_PER_SEC);
	work(&world, 2, 60);
	assert_true(find_left(&world, &step));
	assert_int_equal(step.left, 2);
}

static void dwindle_find_left_without_a_past_returns_false(void **state)
{
	struct dwindle_step step;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, 15 * TICK_S);
	work(&world, 1, 20);
	assert_false(find_left(&world, &step));
}

/* In so little time whole teams end. */
static void dwindle_find_left_counts_no_step_of_less_than_five_seconds(void **state)
{
	struct dwindle_step step;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, 30 * TICK_S);
	work(&world, 1, 1);
	assert_false(find_left(&world, &step));
	work(&world, 1, 4);
	assert_true(find_left(&world, &step));
	assert_in_range(step.span_ns, 5 * NS_PER_SEC, 8 * NS_PER_SEC);
}

static bool is_left(double span_s, double longest_s, uint32_t count, double share)
{
	struct dwindle_step step = {
		.left = 1,
		.count = count,
		.span_ns = (uint64_t)(span_s * NS_PER_SEC),
		.longest_ns = (uint64_t)(longest_s * NS_PER_SEC),
	};

	return dwindle_is_left(&step, share);
}

static void dwindle_is_left_where_it_was_never_enough_for_half_as_long(void **state)
{
	(void)state;
	assert_true(is_left(9.5, 3.3, 85, 0.9));
	assert_true(is_left(6, 3, 100, 1));
	assert_false(is_left(5, 3, 100, 1));
	assert_false(is_left(7, 0.6, 120, 0.3));
	assert_false(is_left(9.5, 3.3, 85, NAN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			dwindle_find_of_a_pool_that_lost_one_after_the_other_returns_two_steps),
		cmocka_unit_test(dwindle_find_where_it_takes_long_remembers_what_was_before),
		cmocka_unit_test(
			dwindle_find_where_all_but_one_became_needless_at_once_returns_false),
		cmocka_unit_test(dwindle_find_where_that_has_been_enough_before_returns_false),
		cmocka_unit_test(dwindle_find_without_a_past_returns_false),
		cmocka_unit_test(dwindle_find_counts_no_time_before_a_pause_was_over),
		cmocka_unit_test(dwindle_find_alone_where_one_was_never_enough_returns_that_step),
		cmocka_unit_test(dwindle_find_left_returns_the_most_unusual_step),
		cmocka_unit_test(dwindle_find_left_without_a_past_returns_false),
		cmocka_unit_test(dwindle_find_left_counts_no_step_of_less_than_five_seconds),
		cmocka_unit_test(dwindle_is_left_where_it_was_never_enough_for_half_as_long),
		cmocka_unit_test(dwindle_are_beyond_weighs_what_was_done_since_each),
		cmocka_unit_test(dwindle_is_beyond_weighs_how_often_it_was_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
