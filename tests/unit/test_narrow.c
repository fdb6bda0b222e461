/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For how long a few connections did all of the work, against how long that was ever enough.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/narrow.h"

#include "activity_order.h"
#include "core/types.h"

#define COUNT 4
#define TICK_S 5
#define HOUR_S 3600

struct world {
	struct narrow narrow;
	struct settings settings;
	struct pool pool;
	struct conn *conns[COUNT];
	double now_s;
};

static void setup(struct world *world)
{
	memset(world, 0, sizeof(*world));
	settings_init(&world->settings);
	world->now_s = 1000;
	world->pool.conn_count = COUNT;
	make_by_hand(world->conns, COUNT);
	for (int i = 0; i < COUNT; i++) {
		world->conns[i]->state = CONN_OPEN;
		world->conns[i]->last_active_ns = (int64_t)(world->now_s * 1e9);
	}
}

/* Once a second the next one of the first count connections is used. */
static void work(struct world *world, uint32_t count, double seconds, uint64_t bytes)
{
	double end_s = world->now_s + seconds;
	uint64_t sent_bytes = 0;

	while (world->now_s < end_s) {
		uint32_t turn = (uint32_t)world->now_s;

		world->now_s += 1;
		world->conns[turn % count]->last_active_ns = (int64_t)(world->now_s * 1e9);
		sent_bytes += bytes;
		if (turn % TICK_S != TICK_S - 1)
			continue;
		order_by_activity(&world->pool, world->conns, COUNT);
		narrow_sample(&world->narrow, &world->pool, (int64_t)(world->now_s * 1e9),
			      sent_bytes);
		sent_bytes = 0;
	}
	order_by_activity(&world->pool, world->conns, COUNT);
}

static bool find(struct world *world, double rate, double flat_s, struct narrow_end *ret_end)
{
	struct narrow_question question = {
		.last_ns = (int64_t)(world->now_s * 1e9),
		.flat_ns = (int64_t)(flat_s * 1e9),
		.rate = rate,
		.factor = 2,
	};

	return narrow_find(&world->narrow, &world->settings, &world->pool, &question, ret_end);
}

static void narrow_find_of_one_that_does_all_returns_it(void **state)
{
	struct narrow_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, HOUR_S, 100);
	assert_false(find(&world, 100, 1000, &end));
	work(&world, 1, 30, 100);
	assert_true(find(&world, 100, 1000, &end));
	assert_int_equal(end.left, 1);
	assert_in_range(end.span_ns, 28 * NS_PER_SEC, 31 * NS_PER_SEC);
	assert_in_range(end.usual_ns, NS_PER_SEC / 2, 3 * NS_PER_SEC);
	assert_true(end.work > 0.9 && end.work < 1.1);
}

static void narrow_find_where_the_work_fades_returns_false(void **state)
{
	struct narrow_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, HOUR_S, 100);
	work(&world, 1, 60, 30);
	assert_false(find(&world, 100, 1000, &end));
}

static void narrow_find_where_one_has_been_enough_before_returns_false(void **state)
{
	struct narrow_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, HOUR_S / 2, 100);
	work(&world, 1, 40, 100);
	work(&world, COUNT, HOUR_S / 2, 100);
	work(&world, 1, 45, 100);
	assert_false(find(&world, 100, 1000, &end));
}

static void narrow_find_of_a_young_pool_or_one_that_grew_returns_false(void **state)
{
	struct narrow_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, 150, 100);
	work(&world, 1, 60, 100);
	assert_false(find(&world, 100, 1000, &end));
	setup(&world);
	work(&world, COUNT, HOUR_S, 100);
	work(&world, 1, 60, 100);
	assert_true(find(&world, 100, 1000, &end));
	assert_false(find(&world, 100, world.now_s - 20, &end));
}

/* Ten minutes of a past are less than an hour, so more is asked of what follows. */
static void narrow_find_after_a_short_past_asks_for_twice_as_much(void **state)
{
	struct narrow_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, 600, 100);
	work(&world, 1, 3, 100);
	assert_false(find(&world, 100, 1000, &end));
	work(&world, 1, 20, 100);
	assert_true(find(&world, 100, 1000, &end));
}

static void narrow_find_counts_no_time_before_a_pause_was_over(void **state)
{
	struct narrow_end end;
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, HOUR_S, 100);
	world.now_s += 600;
	world.narrow.resumed_ns = (int64_t)(world.now_s * 1e9);
	work(&world, 1, 3, 100);
	assert_false(find(&world, 100, 1000, &end));
}

static void narrow_has_kept_up_where_the_work_went_on_returns_true(void **state)
{
	struct world world;

	(void)state;
	setup(&world);
	work(&world, COUNT, HOUR_S, 100);
	work(&world, 1, 20, 100);
	assert_true(narrow_has_kept_up(&world.narrow, &world.settings, 18 * NS_PER_SEC));
	work(&world, 1, 20, 20);
	assert_false(narrow_has_kept_up(&world.narrow, &world.settings, 18 * NS_PER_SEC));
	/* Before that long a time nothing is known. */
	assert_true(narrow_has_kept_up(&world.narrow, &world.settings, 90 * NS_PER_SEC));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(narrow_find_of_one_that_does_all_returns_it),
		cmocka_unit_test(narrow_find_where_the_work_fades_returns_false),
		cmocka_unit_test(narrow_find_where_one_has_been_enough_before_returns_false),
		cmocka_unit_test(narrow_find_of_a_young_pool_or_one_that_grew_returns_false),
		cmocka_unit_test(narrow_find_after_a_short_past_asks_for_twice_as_much),
		cmocka_unit_test(narrow_find_counts_no_time_before_a_pause_was_over),
		cmocka_unit_test(narrow_has_kept_up_where_the_work_went_on_returns_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
