/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a pool still closes what is idle, as it always did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "activity_order.h"
#include "core/overdue.h"

#define COUNT 6
#define S NS_PER_SEC
#define IDLE_S 10
#define REST_S 1000

struct world {
	struct settings settings;
	struct evictions evictions;
	struct overdue overdue;
	struct pool pool;
	struct conn *conns[COUNT];
};

static void close_one(struct world *world, double idle_s, uint32_t left)
{
	struct conn conn = {.pool = &world->pool, .state = CONN_CLOSED};
	struct change change = {
		.type = CHANGE_CLOSED,
		.t_ns = 500 * S,
		.pool = &world->pool,
		.conn = &conn,
		.by = CLOSE_LOCAL,
		.idle_ns = (uint64_t)(idle_s * 1e9),
		.idle_since_ns = (int64_t)(500 * S) - (int64_t)(idle_s * 1e9),
	};
	struct moment moment = {
		.settings = &world->settings,
		.losses = {.last_ns = INT64_MIN},
		.t_ns = 500 * S,
		.known_ns = (int64_t)(500 * S),
	};

	world->pool.conn_count = left;
	(void)evictions_observe(&world->evictions, &moment, &change);
	overdue_observe(&world->overdue, &world->evictions, &world->settings, &change);
}

/* A pool of COUNT, all silent since REST_S, that has closed others at IDLE_S, down to left. */
static void setup(struct world *world, uint32_t closes, uint32_t left)
{
	memset(world, 0, sizeof(*world));
	make_by_hand(world->conns, COUNT);
	settings_init(&world->settings);
	for (uint32_t i = 0; i < closes; i++)
		close_one(world, IDLE_S, left);
	for (int i = 0; i < COUNT; i++) {
		struct conn *conn = world->conns[i];

		conn->state = CONN_OPEN;
		conn->has_returned = true;
		conn->last_active_ns = (int64_t)(REST_S * S);
	}
	order_as_they_come(&world->pool, world->conns, COUNT);
	world->pool.conn_count = COUNT;
}

static void tear_down(struct world *world)
{
	eprocess_clear(&world->evictions.process);
}

static bool find_after(struct world *world, uint32_t silent_s, struct overdue_end *ret_end)
{
	return overdue_find(&world->overdue, &world->evictions, &world->settings, &world->pool,
			    (int64_t)((REST_S + silent_s) * S), ret_end);
}

static void overdue_find_of_what_is_not_closed_counts_it(void **state)
{
	struct overdue_end end;
	struct world world;

	(void)state;
	setup(&world, 20, 1);
	assert_false(find_after(&world, IDLE_S + 1, &end));
	assert_true(find_after(&world, 2 * IDLE_S, &end));
	assert_int_equal(end.count, COUNT);
	assert_int_equal(end.kept, 1);
	assert_int_equal(end.close_count, 20);
	assert_true(end.idle_ns >= IDLE_S * S && end.idle_ns < 2 * IDLE_S * S);
	tear_down(&world);
}

/* Those that were used once may be listened on. */
static void overdue_find_of_what_was_never_given_back_returns_false(void **state)
{
	struct overdue_end end;
	struct world world;

	(void)state;
	setup(&world, 20, 1);
	for (int i = 0; i < COUNT / 2; i++)
		world.conns[i]->has_returned = false;
	assert_true(find_after(&world, 2 * IDLE_S, &end));
	world.conns[COUNT / 2]->has_returned = false;
	assert_false(find_after(&world, 2 * IDLE_S, &end));
	tear_down(&world);
}

static void overdue_find_of_the_minimum_that_is_kept_returns_false(void **state)
{
	struct overdue_end end;
	struct world world;

	(void)state;
	setup(&world, 20, COUNT - 1);
	assert_false(find_after(&world, 600, &end));
	tear_down(&world);
}

static void overdue_find_before_it_is_a_habit_returns_false(void **state)
{
	struct overdue_end end;
	struct world world;

	(void)state;
	setup(&world, 7, 0);
	assert_false(find_after(&world, 600, &end));
	tear_down(&world);
	/* Closed after any time: by those who used it. */
	setup(&world, 0, 0);
	for (uint32_t i = 1; i <= 20; i++)
		close_one(&world, 2.0 * i, 0);
	world.pool.conn_count = COUNT;
	assert_false(find_after(&world, 600, &end));
	tear_down(&world);
}

static void overdue_find_where_one_is_in_use_returns_false(void **state)
{
	struct overdue_end end;
	struct world world;

	(void)state;
	setup(&world, 20, 0);
	world.conns[COUNT - 1]->last_io = IO_SENT;
	assert_false(find_after(&world, 60, &end));
	tear_down(&world);
}

static void overdue_find_where_they_were_used_again_returns_false(void **state)
{
	struct overdue_end end;
	struct world world;
	struct change change = {.type = CHANGE_ACTIVE, .silence_ns = 60 * S};

	(void)state;
	setup(&world, 20, 0);
	change.pool = &world.pool;
	change.conn = world.conns[0];
	for (int i = 0; i < 2; i++)
		overdue_observe(&world.overdue, &world.evictions, &world.settings, &change);
	assert_false(find_after(&world, 60, &end));
	tear_down(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overdue_find_of_what_is_not_closed_counts_it),
		cmocka_unit_test(overdue_find_of_what_was_never_given_back_returns_false),
		cmocka_unit_test(overdue_find_of_the_minimum_that_is_kept_returns_false),
		cmocka_unit_test(overdue_find_before_it_is_a_habit_returns_false),
		cmocka_unit_test(overdue_find_where_one_is_in_use_returns_false),
		cmocka_unit_test(overdue_find_where_they_were_used_again_returns_false),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
