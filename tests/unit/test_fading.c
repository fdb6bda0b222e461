/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the work of a pool fell before it stopped.
 *
 * A course is bytes a second for so long; the meter sees one send a second and a tick every five.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "core/fading.h"
#include "core/heartbeat.h"
#include "core/judgement.h"
#include "core/standstill.h"

#define BEGIN 600
#define END 0

struct course {
	uint64_t rate;
	int s; /* END = it is over */
};

struct world {
	struct table *table;
	struct pool *pool;
	struct meter meter;
	struct heartbeat heartbeat;
	uint64_t sent;
	int now;
};

static void feed(struct world *world, struct event event)
{
	struct change change;

	event.t_ns = (uint64_t)world->now * NS_PER_SEC;
	event.conn = 1;
	event.client = (struct client_id){.pid = 7, .start_ns = 1};
	event.remote = (struct netaddr){.port = 5432};
	assert_int_equal(table_apply(world->table, &event, &change), 0);
	if (change.pool)
		world->pool = change.pool;
	if (change.type != CHANGE_NONE && change.type != CHANGE_CHURNED) {
		heartbeat_observe(&world->heartbeat, &change);
		meter_observe(&world->meter, &change);
	}
	table_settle(world->table);
}

static void work(struct world *world, uint64_t rate)
{
	world->now++;
	if (rate > 0) {
		/* No two are alike: else it is a heartbeat. */
		world->sent += rate + (uint64_t)(world->now % 7);
		feed(world, (struct event){.type = EVENT_IO,
					   .sent_bytes = world->sent,
					   .received_bytes = 3 * world->sent,
					   .last_send_ns = (uint64_t)world->now * NS_PER_SEC,
					   .last_recv_ns = (uint64_t)world->now * NS_PER_SEC});
	}
	if (world->now % 5 == 0)
		meter_sample(&world->meter, world->pool, 0, (uint64_t)world->now * NS_PER_SEC);
}

static void run(struct world *world, const struct course *course)
{
	world->table = table_new(NULL);
	assert_non_null(world->table);
	world->now = BEGIN;
	feed(world, (struct event){.type = EVENT_OPEN});
	for (; course->s != END; course++)
		for (int i = 0; i < course->s; i++)
			work(world, course->rate);
}

static void clear(struct world *world)
{
	meter_clear(&world->meter);
	table_free(world->table);
}

static int64_t ns(int s)
{
	return (int64_t)s * (int64_t)NS_PER_SEC;
}

/* --- as usual --------------------------------------------------------------------------------- */

/* The last row but one of each course is from when connections fell silent to the end. */
static const struct usual {
	const char *name;
	struct course courses[8];
	int span_s;
	bool is_usual;
} usuals[] = {
	{"all the same", {{100, 2400}, {100, 120}, {0, 60}}, 120, true},
	{"low tide, after three high ones",
	 {{600, 120}, {100, 600}, {600, 240}, {100, 600}, {600, 120}, {100, 120}, {0, 60}},
	 120,
	 true},
	{"a third of what was ever done", {{300, 2400}, {100, 120}, {0, 60}}, 120, false},
	{"a low tide of four minutes is no habit",
	 {{600, 2400}, {100, 240}, {600, 600}, {100, 120}, {0, 60}},
	 120,
	 false},
	{"a high tide that ends passes the low one",
	 {{100, 2400}, {600, 60}, {300, 30}, {30, 30}, {0, 60}},
	 120,
	 false},
	{"half as much, but for the end", {{100, 2400}, {50, 90}, {100, 30}, {0, 60}}, 120, false},
	{"rests are no tide", {{100, 1200}, {0, 1200}, {50, 120}, {0, 60}}, 120, false},
	{"some seconds are not enough: half a minute tells",
	 {{100, 2400}, {20, 25}, {100, 5}, {0, 60}},
	 5,
	 false},
	{"nothing is known of the time before", {{100, 300}, {100, 120}, {0, 60}}, 120, false},
	{"of what was five minutes ago too little is known",
	 {{100, 2400}, {100, 45}, {0, 275}},
	 45,
	 false},
};

static int end_of(const struct course *course)
{
	int end = BEGIN, before = BEGIN;

	for (; course->s != END; course++) {
		before = end;
		end += course->s;
	}
	return before;
}

static void work_is_usual_that_is_no_less_than_in_the_low_tide(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(usuals) / sizeof(usuals[0]); i++) {
		const struct usual *usual = &usuals[i];
		int end = end_of(usual->courses);
		struct world world = {0};

		run(&world, usual->courses);
		if (fading_is_usual(&world.meter, ns(end - usual->span_s), ns(end)) !=
		    usual->is_usual)
			fail_msg("%s: %s", usual->name, usual->is_usual ? "it is not" : "it is");
		clear(&world);
	}
}

/* --- less and less ---------------------------------------------------------------------------- */

static bool has_faded(const struct course *courses, int span_s)
{
	int end = end_of(courses);
	struct world world = {0};
	bool has_faded;

	run(&world, courses);
	has_faded = fading_has_faded(&world.meter, ns(end - span_s), ns(end));
	clear(&world);
	return has_faded;
}

static void work_has_faded_that_is_less_for_ten_minutes(void **state)
{
	static const struct course same[] = {{100, 2400}, {100, 1200}, {0, 60}, {0, END}};
	static const struct course half[] = {{100, 2400}, {50, 1200}, {0, 60}, {0, END}};
	static const struct course brief[] = {{100, 2400}, {50, 540}, {0, 60}, {0, END}};

	(void)state;
	assert_false(has_faded(same, 1200));
	assert_true(has_faded(half, 1200));
	assert_false(has_faded(brief, 540));
}

static double share(const struct course *courses, double tide, int span_s)
{
	int end = end_of(courses);
	struct world world = {0};
	double share;

	run(&world, courses);
	share = fading_share(&world.meter, tide, ns(end - span_s), ns(end));
	clear(&world);
	return share;
}

/* Half of the time before is the median of it, whatever some minutes of a tide did. */
static void share_of_work_is_of_the_tide_of_the_hour_before(void **state)
{
	static const struct course same[] = {{100, 2400}, {100, 90}, {0, 30}, {0, END}};
	static const struct course tide[] = {{100, 1800}, {600, 600}, {100, 600},
					     {100, 90},	  {0, 30},    {0, END}};
	static const struct course less[] = {{100, 2400}, {70, 90}, {0, 30}, {0, END}};
	static const struct course more[] = {{100, 2400}, {150, 90}, {0, 30}, {0, END}};
	static const struct course young[] = {{100, 240}, {100, 90}, {0, 30}, {0, END}};

	(void)state;
	assert_true(share(same, 0.5, 90) > 0.95 && share(same, 0.5, 90) <= 1);
	assert_true(share(tide, 0.5, 90) > 0.95);
	assert_true(share(tide, 0.9, 90) < 0.2);
	assert_true(fabs(share(less, 0.5, 90) - 0.7) < 0.05);
	assert_true(share(more, 0.5, 90) == 1);
	assert_true(isnan(share(young, 0.5, 90)));
	/* Of some seconds the half minute tells. */
	assert_true(fabs(share(less, 0.5, 5) - 0.7) < 0.05);
}

static bool went_one_by_one(const struct course *courses, int span_s)
{
	int end = end_of(courses);
	struct world world = {0};
	bool went;

	run(&world, courses);
	went = fading_went_one_by_one(&world.meter, ns(end - span_s), ns(end));
	clear(&world);
	return went;
}

/* Of the last span_s of the course but for its last row. */
static double kept(const struct course *course, int span_s)
{
	struct world world = {0};
	int64_t end_ns = ns(end_of(course));
	double share;

	run(&world, course);
	share = fading_share_kept(&world.meter, end_ns - ns(span_s), end_ns);
	clear(&world);
	return share;
}

static void share_of_work_that_is_kept_is_less_where_only_the_last_seconds_are(void **state)
{
	static const struct course cut_off[] = {{400, 1203}, {0, 45}, {0, END}};
	static const struct course between[] = {{400, 1200}, {0, 3}, {0, 45}, {0, END}};
	static const struct course team[] = {{400, 1190}, {80, 13}, {0, 45}, {0, END}};
	static const struct course late[] = {{400, 1200}, {80, 7}, {0, 45}, {0, END}};
	static const struct course minute[] = {{400, 1140}, {80, 67}, {0, 45}, {0, END}};
	static const struct course burst[] = {{400, 1100}, {40, 100}, {400, 7}, {0, 45}, {0, END}};
	static const struct course more[] = {{400, 1200}, {800, 7}, {0, 45}, {0, END}};
	static const struct course young[] = {{400, 123}, {0, 45}, {0, END}};
	static const struct course long_ago[] = {{400, 1203}, {0, 600}, {0, END}};

	(void)state;
	assert_true(kept(cut_off, 7) > 0.9);
	assert_true(kept(cut_off, 60) > 0.9);
	assert_true(kept(between, 7) > 0.7);
	assert_true(kept(more, 60) == 1);
	assert_true(kept(team, 7) < 0.3);
	assert_true(kept(team, 60) < 0.3);
	assert_true(kept(late, 6) < 0.4);
	assert_true(kept(minute, 7) < 0.3);
	assert_true(kept(burst, 100) < 0.3);
	assert_true(kept(young, 7) > 0.9);
	assert_true(isnan(kept(long_ago, 7)));
}

static void work_of_workers_goes_with_them(void **state)
{
	static const struct course last[] = {{400, 180}, {100, 10}, {700, 8}, {0, 30}, {0, END}};
	static const struct course workers[] = {{400, 2400}, {300, 30}, {200, 30},
						{100, 30},   {0, 30},	{0, END}};
	static const struct course shared[] = {{400, 2400}, {400, 90}, {0, 30}, {0, END}};
	/* Half as much as a minute before, and as much as in most of the time. */
	static const struct course tide[] = {{100, 600}, {400, 60}, {100, 600}, {400, 90},
					     {100, 90},	 {0, 30},   {0, END}};

	(void)state;
	assert_true(went_one_by_one(workers, 90));
	assert_false(went_one_by_one(shared, 90));
	assert_false(went_one_by_one(tide, 90));
	/* What the last seconds did counts, too. */
	assert_false(went_one_by_one(last, 18));
}

/* Connections that are silent since their workers ended are suspected, and that is all. */
static void pool_whose_work_went_with_its_users_is_not_exhausted_unless_a_leak_is_raised(
	void **state)
{
	static const struct course workers[] = {{400, 2400}, {300, 30}, {200, 30},
						{100, 30},   {0, 30},	{0, END}};
	int64_t at_ns = ns(end_of(workers)), first_ns = ns(end_of(workers) - 90);
	struct held held = {.first_ns = first_ns, .at_ns = at_ns};
	struct judgement judgement = {.exhausted.last_active_ns = at_ns};
	struct world world = {0};

	(void)state;
	run(&world, workers);
	judgement.meter = world.meter;
	judgement.leak.stage = LEAK_RAISED;
	assert_false(standstill_ended_with_its_users(&judgement, &held));
	judgement.leak.stage = LEAK_SUSPECT;
	assert_true(standstill_ended_with_its_users(&judgement, &held));
	clear(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_is_usual_that_is_no_less_than_in_the_low_tide),
		cmocka_unit_test(work_has_faded_that_is_less_for_ten_minutes),
		cmocka_unit_test(share_of_work_is_of_the_tide_of_the_hour_before),
		cmocka_unit_test(
			share_of_work_that_is_kept_is_less_where_only_the_last_seconds_are),
		cmocka_unit_test(work_of_workers_goes_with_them),
		cmocka_unit_test(
			pool_whose_work_went_with_its_users_is_not_exhausted_unless_a_leak_is_raised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
