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
#define BYTES 1000 /* a second */

struct world {
	struct dwindle dwindle;
	struct pool pool;
	struct conn *conns[COUNT];
	double now_s, resumed_s;
};

static void setup(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->now_s = 5000;
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

static void observe(struct meter *meter, struct table *table, struct event event, uint64_t t_s)
{
	struct change change;

	event.t_ns = t_s * NS_PER_SEC;
	event.conn = 1;
	event.client = (struct client_id){.pid = 7, .start_ns = 1};
	event.remote = (struct netaddr){.port = 5432};
	assert_int_equal(table_apply(table, &event, &change), 0);
	if (change.pool)
		meter_observe(meter, &change);
	if (change.pool && t_s % TICK_S == 0)
		meter_sample(meter, change.pool, 0, event.t_ns);
	table_settle(table);
}

/* What was sent in the last hours, as much all the time but for the last less_s. */
static void measure(const struct world *world, double less_s, double share, struct meter *ret_meter)
{
	struct table *table = table_new(NULL);
	uint64_t now_s = (uint64_t)world->now_s, sent = 0;
	uint64_t t_s = now_s > 2 * HOUR_S ? now_s - 2 * HOUR_S : 1;

	assert_non_null(table);
	observe(ret_meter, table, (struct event){.type = EVENT_OPEN}, t_s);
	while (++t_s <= now_s) {
		sent += (uint64_t)(BYTES * ((double)t_s > world->now_s - less_s ? share : 1)) +
			t_s % 7;
		observe(ret_meter, table,
			(struct event){.type = EVENT_IO,
				       .sent_bytes = sent,
				       .received_bytes = sent,
				       .last_send_ns = t_s * NS_PER_SEC,
				       .last_recv_ns = t_s * NS_PER_SEC},
			t_s);
	}
	table_free(table);
}

static struct dwindle_end weigh_with(const struct world *world, const struct meter *meter)
{
	struct dwindle_end end;

	dwindle_weigh(&world->dwindle, &world->pool, meter, (int64_t)(world->resumed_s * 1e9),
		      (int64_t)(world->now_s * 1e9), &end);
	return end;
}

static struct dwindle_end weigh(const struct world *world, double less_s, double share)
{
	struct meter meter = {0};
	struct dwindle_end end;

	measure(world, less_s, share, &meter);
	end = weigh_with(world, &meter);
	meter_clear(&meter);
	return end;
}

/* --- how rare that is ------------------------------------------------------------------------- */

/*
 * For so long by now one, two and three of the four did all of the work, where each was over count
 * times before and took longest_s at the most.
 */
static const struct rarity {
	const char *name;
	uint16_t count;
	double longest_s;
	double spans_s[COUNT - 1];
	double log10; /* of the chance, by hand: of each n! f! / (n + f)!, of all by Erlang */
	uint32_t last, earlier; /* 0 = there is none */
	bool is_rare;
} rarities[] = {
	{"as often before", 20, 10, {3, 5, 9}, -0.38, 1, 3, false},
	{"all for three times as long as ever, at once", 20, 10, {30, 30, 30}, -1.69, 1, 1, false},
	{"each for three times as long as the one below", 20, 10, {30, 60, 90}, -7.31, 1, 3, true},
	{"as that, where it is known better", 1000, 10, {30, 60, 90}, -21.45, 1, 3, true},
	{"as that, where it is not known", 4, 10, {30, 60, 90}, 0.00, 0, 0, false},
	{"hardly known, and ten times as long", 5, 10, {100, 200, 300}, -7.94, 1, 3, true},
	{"three for minutes, one and two as ever", 200, 10, {1, 3, 63}, -10.28, 2, 3, true},
	{"none for twice as long as ever", 200, 10, {9, 18, 19.5}, -2.73, 1, 3, false},
	{"half a second is no record of none", 20, 0, {2.5, 2.5, 2.5}, -2.87, 1, 1, false},
	{"for seconds, as workers that end together", 200, 1, {4, 8, 12}, -20.35, 1, 3, false},
};

static void set_up_rarity(struct world *world, const struct rarity *rarity)
{
	setup(world);
	for (int i = 0; i < COUNT - 1; i++) {
		world->dwindle.ranks[i] = (struct dwindle_rank){
			.since = 1,
			.count = rarity->count,
			.longest = (uint16_t)(16 * rarity->longest_s),
		};
		world->conns[i + 1]->last_active_ns =
			(int64_t)((world->now_s - rarity->spans_s[i]) * 1e9);
	}
	order_by_activity(&world->pool, world->conns, COUNT);
}

static void chance_is_that_of_all_ranks_together(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rarities) / sizeof(rarities[0]); i++) {
		const struct rarity *rarity = &rarities[i];
		struct dwindle_end end;
		struct world world;

		set_up_rarity(&world, rarity);
		end = weigh(&world, 0, 1);
		if (fabs(log10(end.chance) - rarity->log10) > 0.1)
			fail_msg("%s: 10^%.2f", rarity->name, log10(end.chance));
		if (end.last.left != rarity->last || end.earlier.left != rarity->earlier)
			fail_msg("%s: %u, %u", rarity->name, end.last.left, end.earlier.left);
		if (dwindle_is_rare(&end) != rarity->is_rare)
			fail_msg("%s: %s", rarity->name, rarity->is_rare ? "is not" : "is");
	}
}

static void less_work_needs_fewer_connections(void **state)
{
	static const struct rarity rarity = {
		.count = 20, .longest_s = 10, .spans_s = {60, 120, 180}};
	static const struct meter unknown; /* of a process that is too young to have a tide */
	struct dwindle_end end;
	struct world world;

	(void)state;
	set_up_rarity(&world, &rarity);
	end = weigh(&world, 240, 1);
	assert_true(dwindle_is_rare(&end));
	end = weigh(&world, 240, 0.6);
	assert_false(dwindle_is_rare(&end));
	assert_true(end.chance < 0.5);
	/* Two of them meet less seldom than four. */
	end = weigh(&world, 240, 0.75);
	if (log10(end.chance) > -6 || log10(end.chance) < -11)
		fail_msg("10^%.2f", log10(end.chance));
	end = weigh_with(&world, &unknown);
	assert_true(end.chance == 1);
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
		cmocka_unit_test(chance_is_that_of_all_ranks_together),
		cmocka_unit_test(less_work_needs_fewer_connections),
		cmocka_unit_test(dwindle_find_left_returns_the_most_unusual_step),
		cmocka_unit_test(dwindle_find_left_without_a_past_returns_false),
		cmocka_unit_test(dwindle_find_left_counts_no_step_of_less_than_five_seconds),
		cmocka_unit_test(dwindle_is_left_where_it_was_never_enough_for_half_as_long),
		cmocka_unit_test(dwindle_are_beyond_weighs_what_was_done_since_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
