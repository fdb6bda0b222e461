/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a leak names beyond what its test has counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "activity_order.h"
#include "core/marks.h"

#define S ((int64_t)NS_PER_SEC)
#define CONNS 10
#define BASE 4

struct fixture {
	struct judgement judgement;
	struct pool pool;
	struct conn *conns[CONNS];
	struct settings settings;
	struct moment moment;
};

/* They fell silent one a minute, the first of them an hour ago, and had been used again. */
static void prepare(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	settings_init(&fixture->settings);
	fixture->judgement.pool = &fixture->pool;
	fixture->pool.conn_count = CONNS;
	make_by_hand(fixture->conns, CONNS);
	for (int i = 0; i < CONNS; i++) {
		struct conn *conn = fixture->conns[i];

		conn->pool = &fixture->pool;
		conn->state = CONN_OPEN;
		conn->has_returned = true;
		conn->last_active_ns = (3600 + 60 * i) * S;
	}
	order_as_they_come(&fixture->pool, fixture->conns, CONNS);
	fixture->moment = (struct moment){
		.settings = &fixture->settings,
		.losses = {.last_ns = INT64_MIN},
		.t_ns = 7200 * NS_PER_SEC,
		.known_ns = 7200 * S,
	};
}

static bool is_none(const struct finding *finding, const struct conn *conn)
{
	(void)finding;
	(void)conn;
	return false;
}

static bool is_any(const struct finding *finding, const struct conn *conn)
{
	(void)finding;
	(void)conn;
	return true;
}

static void name_earlier(struct fixture *fixture, bool has_depths)
{
	struct finding finding = {
		.test = "ladder",
		.value = 2 * fixture->settings.alarm,
		.began_ns = 4200 * NS_PER_SEC,
		.base = BASE,
		.limits = {.kind = STOCK_IDLE, .known_ns = 7200 * S, .idle_ns = 300 * NS_PER_SEC},
		.counts = is_none,
		.names = is_any,
		.has_depths = has_depths,
	};

	marks_add_proven(&fixture->judgement, &finding, &fixture->moment);
}

static void marks_of_what_was_leaked_before_the_evidence_are_all_that_outlasted(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	name_earlier(&fixture, false);
	assert_int_equal(fixture.judgement.leak.suspect_count, CONNS);
}

/* As many as lay there when the evidence began may be its depths, which nobody needs now. */
static void marks_leave_out_the_depths_of_a_stack(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	name_earlier(&fixture, true);
	assert_int_equal(fixture.judgement.leak.suspect_count, CONNS - BASE);
	for (int i = 0; i < CONNS; i++)
		assert_int_equal(fixture.conns[i]->is_suspect, i >= BASE);
}

/* The first four, which the run before has named; of one somebody has made use since. */
static void prepare_kept(struct fixture *fixture)
{
	prepare(fixture);
	for (int i = 0; i < BASE; i++) {
		fixture->conns[i]->was_named = true;
		fixture->conns[i]->silent_since_seen = i > 0;
	}
}

static void marks_of_what_was_named_before_the_restart_are_kept_while_it_is_silent(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare_kept(&fixture);
	marks_add_kept(&fixture.judgement);
	assert_int_equal(fixture.judgement.leak.suspect_count, BASE - 1);
	for (int i = 0; i < CONNS; i++)
		assert_int_equal(fixture.conns[i]->is_suspect, i > 0 && i < BASE);
}

/* Those lay there when the evidence began: what it counts since is named beside them. */
static void marks_of_what_leaks_since_come_to_those_that_were_kept(void **state)
{
	struct finding finding = {
		.test = "opens",
		.value = 1,
		.began_ns = 4200 * NS_PER_SEC,
		.base = BASE,
		.excess = BASE,
		.limits = {.kind = STOCK_IDLE, .known_ns = 7200 * S, .idle_ns = 300 * NS_PER_SEC},
		.counts = is_any,
	};
	struct fixture fixture;

	(void)state;
	prepare_kept(&fixture);
	marks_add_kept(&fixture.judgement);
	marks_add(&fixture.judgement, &finding, &fixture.moment.losses);
	assert_int_equal(fixture.judgement.leak.suspect_count, BASE - 1 + BASE);
	/* Where the evidence has found fewer there, the others are of what it counts. */
	prepare_kept(&fixture);
	finding.base = 2;
	marks_add_kept(&fixture.judgement);
	marks_add(&fixture.judgement, &finding, &fixture.moment.losses);
	assert_int_equal(fixture.judgement.leak.suspect_count, BASE + 2);
}

/* One that is named again and again, and used each time, is one. */
static void marks_that_came_back_are_counted_once(void **state)
{
	struct fixture fixture;
	struct leak *leak = &fixture.judgement.leak;

	(void)state;
	prepare_kept(&fixture);
	for (int round = 0; round < 3; round++) {
		marks_add_kept(&fixture.judgement);
		assert_int_equal(leak->came_back_count, 0);
		for (int i = 1; i < 3; i++) {
			marks_note_return(leak, fixture.conns[i]);
			marks_remove(leak, fixture.conns[i]);
		}
		marks_note_return(leak, fixture.conns[1]);
		assert_int_equal(leak->came_back_count, 2);
		assert_int_equal(leak->suspect_count, BASE - 3);
	}
	/* The next verdict knows nothing of it. */
	marks_clear(&fixture.judgement);
	assert_int_equal(leak->came_back_count, 0);
	marks_add_kept(&fixture.judgement);
	assert_int_equal(leak->came_back_count, 0);
	marks_note_return(leak, fixture.conns[1]);
	assert_int_equal(leak->came_back_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			marks_of_what_was_leaked_before_the_evidence_are_all_that_outlasted),
		cmocka_unit_test(marks_leave_out_the_depths_of_a_stack),
		cmocka_unit_test(
			marks_of_what_was_named_before_the_restart_are_kept_while_it_is_silent),
		cmocka_unit_test(marks_of_what_leaks_since_come_to_those_that_were_kept),
		cmocka_unit_test(marks_that_came_back_are_counted_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
