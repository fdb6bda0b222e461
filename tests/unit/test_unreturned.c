/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the last connections of a pool were opened because none of the others was given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "activity_order.h"
#include "core/types.h"
#include "core/unreturned.h"

#define COUNT 6
#define S (int64_t) NS_PER_SEC
/* The first two are old, one more is opened every second from here on. */
#define GROWS (1000 * S)
#define END (GROWS + 10 * S)

struct world {
	struct pool pool;
	struct conn *conns[COUNT];
};

/* Each was used for the last time so long before the next one was opened; the last one at END. */
static void setup(struct world *world, int64_t before_ns)
{
	memset(world, 0, sizeof(*world));
	make_by_hand(world->conns, COUNT);
	for (int i = 0; i < COUNT; i++) {
		struct conn *conn = world->conns[i];

		conn->state = CONN_OPEN;
		conn->open_ns = i < 2 ? S : GROWS + (i - 2) * 2 * S;
		conn->last_active_ns = GROWS + (i - 1) * 2 * S - before_ns;
		if (i == 0)
			conn->last_active_ns = GROWS - before_ns;
	}
	world->conns[1]->last_active_ns = world->conns[0]->last_active_ns;
	world->conns[COUNT - 1]->last_active_ns = END;
	order_as_they_come(&world->pool, world->conns, COUNT);
	world->pool.conn_count = COUNT;
}

static void unreturned_find_where_none_came_back_counts_the_opens(void **state)
{
	struct unreturned_end end;
	struct world world;

	(void)state;
	setup(&world, 3 * S / 2);
	assert_true(unreturned_find(&world.pool, 0, END, NS_PER_SEC, &end));
	assert_int_equal(end.open_count, COUNT - 2);
	assert_int_equal(end.silent_count, COUNT - 1);
	assert_int_equal(end.had_count, COUNT - 1);
	assert_true(end.span_ns == (uint64_t)(END - GROWS));
	assert_true(end.first_ns == world.conns[0]->last_active_ns);
}

static void unreturned_find_where_they_may_be_in_hand_returns_false(void **state)
{
	struct unreturned_end end;
	struct world world;

	(void)state;
	setup(&world, S / 2);
	assert_false(unreturned_find(&world.pool, 0, END, 6 * NS_PER_SEC, &end));
}

/* A burst: all have answered after the last one was opened. */
static void unreturned_find_where_all_were_at_work_returns_false(void **state)
{
	struct unreturned_end end;
	struct world world;

	(void)state;
	setup(&world, 3 * S / 2);
	for (int i = 0; i < COUNT - 1; i++)
		world.conns[i]->last_active_ns = END - S;
	assert_false(unreturned_find(&world.pool, 0, END, NS_PER_SEC, &end));
}

static void unreturned_find_of_a_young_pool_returns_false(void **state)
{
	struct unreturned_end end;
	struct world world;

	(void)state;
	setup(&world, 3 * S / 2);
	world.pool.first_ns = (uint64_t)(GROWS - 60 * S);
	assert_false(unreturned_find(&world.pool, 0, END, NS_PER_SEC, &end));
}

/* Threads stop to open connections when each has one; what stops at the limit needed more. */
static void unreturned_find_of_a_young_pool_at_the_limit_returns_true(void **state)
{
	struct unreturned_end end;
	struct world world;

	(void)state;
	setup(&world, 3 * S / 2);
	world.pool.first_ns = (uint64_t)(GROWS - 60 * S);
	for (int i = 0; i < 2; i++) {
		world.conns[i]->open_ns = GROWS - 60 * S;
		world.conns[i]->has_returned = 1;
	}
	assert_true(unreturned_find(&world.pool, COUNT, END, NS_PER_SEC, &end));
	assert_false(unreturned_find(&world.pool, COUNT + 1, END, NS_PER_SEC, &end));
}

/* Those who open have another reason to: the pool has what it has never used. */
static void unreturned_find_does_not_count_what_was_never_used(void **state)
{
	struct unreturned_end end;
	struct world world;

	(void)state;
	setup(&world, 3 * S / 2);
	world.pool.first_ns = (uint64_t)S;
	assert_false(unreturned_find(&world.pool, 0, END, NS_PER_SEC, &end));
	world.conns[0]->has_returned = world.conns[1]->has_returned = 1;
	assert_true(unreturned_find(&world.pool, 0, END, NS_PER_SEC, &end));
	assert_int_equal(end.open_count, COUNT - 2);
}

static void unreturned_find_of_opens_in_place_of_closed_ones_returns_false(void **state)
{
	struct unreturned_end end;
	struct world world;

	(void)state;
	setup(&world, 3 * S / 2);
	for (int i = 2; i < COUNT; i++)
		world.conns[i]->is_replacement = 1;
	assert_false(unreturned_find(&world.pool, 0, END, NS_PER_SEC, &end));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unreturned_find_where_none_came_back_counts_the_opens),
		cmocka_unit_test(unreturned_find_where_they_may_be_in_hand_returns_false),
		cmocka_unit_test(unreturned_find_where_all_were_at_work_returns_false),
		cmocka_unit_test(unreturned_find_of_a_young_pool_returns_false),
		cmocka_unit_test(unreturned_find_of_a_young_pool_at_the_limit_returns_true),
		cmocka_unit_test(unreturned_find_does_not_count_what_was_never_used),
		cmocka_unit_test(unreturned_find_of_opens_in_place_of_closed_ones_returns_false),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
