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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finding_count_takes_what_is_silent_and_picked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
