/* SPDX-License-Identifier: Apache-2.0 */
/* The count of a finding: of what is silent, what the test picks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/finding.h"

#define S NS_PER_SEC

static bool has_come_along(const struct finding *finding, const struct conn *conn)
{
	(void)finding;
	return conn->came_along;
}

static void finding_count_takes_what_is_silent_and_picked(void **state)
{
	const struct losses nothing = {.last_ns = INT64_MIN};
	struct finding finding = {.limits = {.known_ns = 100 * S, .idle_ns = 10 * S},
				  .counts = has_come_along};
	struct conn conns[4] = {
		{.state = CONN_OPEN, .last_active_ns = 20 * S, .came_along = true},
		{.state = CONN_OPEN, .last_active_ns = 30 * S},
		{.state = CONN_CONNECTING, .last_active_ns = 40 * S, .came_along = true},
		{.state = CONN_OPEN, .last_active_ns = 95 * S, .came_along = true},
	};
	struct pool pool = {.oldest = conns};

	(void)state;
	for (int i = 0; i < 3; i++)
		conns[i].newer = &conns[i + 1];
	assert_int_equal(finding_count(&finding, &pool, &nothing), 1);
	conns[1].came_along = true;
	assert_int_equal(finding_count(&finding, &pool, &nothing), 2);
	finding.limits.idle_ns = S;
	assert_int_equal(finding_count(&finding, &pool, &nothing), 3);
}

static void finding_least_excess_grows_with_what_lay_there_before(void **state)
{
	struct finding finding = {0};
	struct settings settings;

	(void)state;
	settings_init(&settings);
	assert_int_equal(finding_least_excess(&finding, &settings), 5);
	finding.base = 6;
	assert_int_equal(finding_least_excess(&finding, &settings), 5);
	finding.base = 20;
	assert_int_equal(finding_least_excess(&finding, &settings), 9);
	settings.leak_spread = 0;
	assert_int_equal(finding_least_excess(&finding, &settings), 5);
}

/* A connection that the server has closed is no spare, however many there are. */
static void finding_least_excess_is_the_same_for_what_is_picked(void **state)
{
	struct finding finding = {.base = 20, .counts = has_come_along};
	struct settings settings;

	(void)state;
	settings_init(&settings);
	assert_int_equal(finding_least_excess(&finding, &settings), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finding_count_takes_what_is_silent_and_picked),
		cmocka_unit_test(finding_least_excess_grows_with_what_lay_there_before),
		cmocka_unit_test(finding_least_excess_is_the_same_for_what_is_picked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
