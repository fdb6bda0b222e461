/* SPDX-License-Identifier: Apache-2.0 */
/* The test on evictions: when it is made. What it finds is in test_detector_leaks.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/evictions.h"

#define S NS_PER_SEC
#define IDLE_S 600
#define GAP_S 30

/* How many tests are made at closes every 30 s from first_s to last_s, in a pool born at 0. */
static uint32_t count_tests(uint32_t first_s, uint32_t last_s)
{
	struct evictions evictions = {0};
	struct settings settings;
	struct pool pool = {0};
	struct conn conn = {.pool = &pool, .state = CONN_CLOSED};
	uint32_t count = 0;

	settings_init(&settings);
	for (uint32_t t_s = first_s; t_s < last_s; t_s += GAP_S) {
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
	assert_int_equal(count_tests(IDLE_S, 1790), 0);
	assert_true(count_tests(IDLE_S, 3600) > 50);
}

static void evictions_before_the_habit_is_known_are_no_test(void **state)
{
	(void)state;
	assert_int_equal(count_tests(86400, 86400 + 7 * GAP_S), 0);
	assert_int_equal(count_tests(86400, 86400 + 8 * GAP_S), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evictions_of_a_young_pool_are_no_test),
		cmocka_unit_test(evictions_before_the_habit_is_known_are_no_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
