/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on evictions: when it is made, and what came back after all. What it finds is in
 * test_detector_leaks.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "activity_order.h"
#include "core/evictions.h"

#define S NS_PER_SEC
#define IDLE_S 600
#define GAP_S 30

/* How many tests are made at closes every gap_s from first_s to last_s, in a pool born at 0. */
static uint32_t count_tests(uint32_t first_s, uint32_t last_s, uint32_t gap_s)
{
	struct evictions evictions = {0};
	struct settings settings;
	struct pool pool = {0};
	struct conn conn = {.pool = &pool, .state = CONN_CLOSED};
	uint32_t count = 0;

	settings_init(&settings);
	for (uint32_t t_s = first_s; t_s < last_s; t_s += gap_s) {
		struct moment moment = {
			.settings = &settings,
			.losses = {.last_ns = INT64_MIN},
			.t_ns = t_s * S,
			.known_ns = (int64_t)(t_s * S),
		};
		struct change change = {
			.type = CHANGE_CLOSED,
			.t_ns = moment.t_ns,
			.pool = &pool,
			.conn = &conn,
			.by = CLOSE_LOCAL,
			.idle_ns = IDLE_S * S,
			.idle_since_ns = moment.known_ns - (int64_t)(IDLE_S * S),
		};

		count += evictions_observe(&evictions, &moment, &change);
	}
	eprocess_clear(&evictions.process);
	return count;
}

/* What counts is silent for longer than 15 min; in a pool that is not 30 min old it is news. */
static void evictions_of_a_young_pool_are_no_test(void **state)
{
	(void)state;
	assert_int_equal(count_tests(IDLE_S, 1790, GAP_S), 0);
	assert_true(count_tests(IDLE_S, 3600, GAP_S) > 50);
}

static void evictions_before_the_habit_is_known_are_no_test(void **state)
{
	(void)state;
	assert_int_equal(count_tests(86400, 86400 + 7 * GAP_S, GAP_S), 0);
	assert_int_equal(count_tests(86400, 86400 + 8 * GAP_S, GAP_S), 1);
}

/* Twenty closes; the eighth is the first test, and then each second one. */
static void evictions_that_follow_each_other_are_a_test_each_20_s(void **state)
{
	(void)state;
	assert_int_equal(count_tests(86400, 86400 + 200, 10), 7);
}

#define CLOSED_S 10 /* the pool evicts what was idle for so long, so 15 s count */
#define RESTING 12

struct fixture {
	struct settings settings;
	struct evictions evictions;
	struct pool pool; /* its connections are silent since t = 500 s */
	struct conn *conns[RESTING];
};

/* The evidence began at t = 100 s, with none. */
static void prepare(struct fixture *fixture)
{
	*fixture = (struct fixture){.evictions.known_ns = 1000 * S};
	settings_init(&fixture->settings);
	for (int i = 0; i < 8; i++)
		silence_add(&fixture->evictions.closed, CLOSED_S * S);
	for (uint32_t x = 0; x < RESTING; x++)
		eprocess_test(&fixture->evictions.process, 4, 0.01, x, (100 + x) * S);
	make_by_hand(fixture->conns, RESTING);
	for (int i = 0; i < RESTING; i++) {
		fixture->conns[i]->state = CONN_OPEN;
		fixture->conns[i]->last_active_ns = 500 * S;
	}
	order_as_they_come(&fixture->pool, fixture->conns, RESTING);
}

/* One that fell silent at since_s is used, or closed, at t = 1000 s. */
static void end_silence(struct fixture *fixture, enum change_type type, int64_t since_s)
{
	struct conn conn = {.pool = &fixture->pool, .state = CONN_OPEN};
	struct moment moment = {.settings = &fixture->settings,
				.losses = {.last_ns = INT64_MIN},
				.t_ns = 1000 * S,
				.known_ns = 1000 * S};
	struct change change = {.type = type,
				.t_ns = 1000 * S,
				.pool = &fixture->pool,
				.conn = &conn,
				.by = CLOSE_LOCAL,
				.silence_ns = (uint64_t)(1000 - since_s) * S,
				.silent_since_ns = since_s * (int64_t)S};

	change.idle_ns = change.silence_ns;
	change.idle_since_ns = change.silent_since_ns;
	(void)evictions_observe(&fixture->evictions, &moment, &change);
}

static bool is_hint(const struct fixture *fixture)
{
	struct moment moment = {.settings = &fixture->settings,
				.losses = {.last_ns = INT64_MIN},
				.t_ns = 1000 * S,
				.known_ns = 1000 * S};
	struct finding finding = {0};

	evictions_find(&fixture->evictions, &moment, &fixture->pool, &finding);
	return finding.is_hint;
}

/* Twelve lie there; were one of two like them to come back, the rest may as well. */
static void evictions_of_what_comes_back_are_a_hint(void **state)
{
	static const struct {
		int64_t since_s[2]; /* when those that ended had fallen silent */
		bool is_hint;
	} rows[] = {
		{{985, 985}, false}, /* no longer than the pool lets any rest */
		{{500, 985}, false}, /* eight others for the one that came back */
		{{500, 600}, true},
		{{500, 80}, false}, /* was in the stock before, and is no part of the growth */
		{{500, 86}, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture fixture;

		prepare(&fixture);
		end_silence(&fixture, CHANGE_ACTIVE, rows[i].since_s[0]);
		end_silence(&fixture, CHANGE_ACTIVE, rows[i].since_s[1]);
		if (is_hint(&fixture) != rows[i].is_hint)
			fail_msg("row %u", (unsigned int)i);
		eprocess_clear(&fixture.evictions.process);
	}
}

/* New evidence is not doubted for what came back before it. */
static void evictions_new_evidence_forgets_what_came_back(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	for (int i = 0; i < 30; i++)
		end_silence(&fixture, CHANGE_ACTIVE, 500);
	assert_true(evictions_value(&fixture.evictions) == 1);
	assert_true(is_hint(&fixture));
	end_silence(&fixture, CHANGE_CLOSED, 990);
	assert_false(is_hint(&fixture));
	eprocess_clear(&fixture.evictions.process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evictions_of_a_young_pool_are_no_test),
		cmocka_unit_test(evictions_before_the_habit_is_known_are_no_test),
		cmocka_unit_test(evictions_that_follow_each_other_are_a_test_each_20_s),
		cmocka_unit_test(evictions_of_what_comes_back_are_a_hint),
		cmocka_unit_test(evictions_new_evidence_forgets_what_came_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
