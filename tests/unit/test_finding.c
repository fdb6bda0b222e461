/* SPDX-License-Identifier: Apache-2.0 */
/* The count of a finding: of what is silent, what the test picks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "activity_order.h"
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
	static const int64_t active_ns[] = {20 * S, 30 * S, 40 * S, 95 * S};
	struct pool pool = {0};
	struct conn *conns[4];

	(void)state;
	make_by_hand(conns, 4);
	for (int i = 0; i < 4; i++) {
		conns[i]->state = i == 2 ? CONN_CONNECTING : CONN_OPEN;
		conns[i]->last_active_ns = active_ns[i];
		conns[i]->came_along = i != 1;
	}
	order_as_they_come(&pool, conns, 4);
	assert_int_equal(finding_count(&finding, &pool, &nothing), 1);
	conns[1]->came_along = true;
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
