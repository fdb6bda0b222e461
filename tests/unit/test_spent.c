/* SPDX-License-Identifier: Apache-2.0 */
/* Whether each connection that the endpoint takes was used up, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "activity_order.h"
#include "core/spent.h"
#include "core/types.h"

#define COUNT 16
#define S (int64_t) NS_PER_SEC
#define BEGIN (1000 * S)
/* Used every four seconds. */
#define END (BEGIN + 4 * COUNT * S)

struct world {
	struct pool pool;
	struct conn *conns[COUNT];
};

/* All opened at the begin, and one used after the other. */
static void setup(struct world *world)
{
	memset(world, 0, sizeof(*world));
	make_by_hand(world->conns, COUNT);
	for (int i = 0; i < COUNT; i++) {
		struct conn *conn = world->conns[i];

		conn->state = CONN_OPEN;
		conn->open_ns = BEGIN;
		conn->last_active_ns = BEGIN + 4 * (i + 1) * S;
		conn->last_io = IO_RECEIVED;
		conn->other_span = conn_span(1000);
		conn->has_returned = 1;
		conn->habit = 1;
	}
	order_as_they_come(&world->pool, world->conns, COUNT);
	world->pool.conn_count = COUNT;
	world->pool.first_ns = (uint64_t)BEGIN;
}

static bool find(const struct world *world, uint64_t limit, int64_t quiet_ns)
{
	struct spent_end end;

	return spent_find(&world->pool, limit, END + quiet_ns, &end);
}

static void spent_find_where_each_was_used_once_returns_it(void **state)
{
	struct spent_end end;
	struct world world;

	(void)state;
	setup(&world);
	assert_true(spent_find(&world.pool, COUNT, END + 200 * S, &end));
	assert_int_equal(end.count, COUNT);
	assert_int_equal(end.once_count, COUNT);
	assert_true(end.span_ns == (uint64_t)(4 * (COUNT - 1) * S));
	assert_true(end.first_ns == BEGIN + 4 * S);
}

/* A round of pings comes again when the pool is twice as old, and jobs have pauses. */
static void spent_find_before_it_lasted_twice_as_long_as_the_work_returns_false(void **state)
{
	struct world world;

	(void)state;
	setup(&world);
	assert_false(find(&world, COUNT, 127 * S));
	assert_true(find(&world, COUNT, 129 * S));
	world.pool.first_ns = (uint64_t)(BEGIN - 100 * S);
	assert_false(find(&world, COUNT, 200 * S));
}

static void spent_find_where_there_may_be_more_returns_false(void **state)
{
	struct world world;

	(void)state;
	setup(&world);
	assert_false(find(&world, 0, 200 * S));
	assert_false(find(&world, COUNT + 1, 200 * S));
	/* One was never used. */
	world.conns[0]->last_active_ns = BEGIN + S / 100;
	world.conns[0]->has_returned = 0;
	assert_false(find(&world, COUNT, 200 * S));
}

static void spent_find_where_they_were_used_again_returns_false(void **state)
{
	struct world world;

	(void)state;
	setup(&world);
	world.conns[3]->habit = world.conns[7]->habit = 20;
	assert_true(find(&world, COUNT, 200 * S));
	world.conns[5]->habit = 20;
	assert_false(find(&world, COUNT, 200 * S));
}

/* A statement that runs, a beat, an age that is not known. */
static void spent_find_where_one_is_not_silent_returns_false(void **state)
{
	struct world world;

	(void)state;
	setup(&world);
	world.conns[3]->last_io = IO_SENT;
	assert_false(find(&world, COUNT, 200 * S));
	setup(&world);
	world.conns[3]->age_is_bound = 1;
	assert_false(find(&world, COUNT, 200 * S));
}

/* Whoever warms up a pool touches all of it within seconds. */
static void spent_find_where_all_were_used_at_once_returns_false(void **state)
{
	struct world world;

	(void)state;
	setup(&world);
	for (int i = 0; i < COUNT; i++)
		world.conns[i]->last_active_ns = END - (COUNT - i) * S / 2;
	assert_false(find(&world, COUNT, 200 * S));
	setup(&world);
	for (int i = 0; i < COUNT; i++)
		world.conns[i]->last_active_ns = i < COUNT / 2 ? BEGIN + S : END;
	assert_false(find(&world, COUNT, 200 * S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spent_find_where_each_was_used_once_returns_it),
		cmocka_unit_test(
			spent_find_before_it_lasted_twice_as_long_as_the_work_returns_false),
		cmocka_unit_test(spent_find_where_there_may_be_more_returns_false),
		cmocka_unit_test(spent_find_where_they_were_used_again_returns_false),
		cmocka_unit_test(spent_find_where_one_is_not_silent_returns_false),
		cmocka_unit_test(spent_find_where_all_were_used_at_once_returns_false),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
