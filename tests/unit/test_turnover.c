/* SPDX-License-Identifier: Apache-2.0 */
/* Whether work goes on beside what is silent: a stall and a leak at the same opens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/heartbeat.h"
#include "core/turnover.h"

#define S ((int64_t)NS_PER_SEC)

static void use(struct turnover *turnover, struct conn *conn, int64_t t_ns)
{
	struct change change = {.type = CHANGE_ACTIVE, .conn = conn, .sent_bytes = 100};

	conn->last_active_ns = t_ns;
	turnover_observe(turnover, &change);
}

static void turnover_new_connections_alone_are_a_stall(void **state)
{
	struct turnover turnover = {0};

	(void)state;
	assert_false(turnover_has_stopped(&turnover));
	for (int64_t i = 0; i < 20; i++) {
		struct conn conn = {.open_ns = i * S};

		use(&turnover, &conn, i * S + S / 10);
	}
	assert_true(turnover_has_stopped(&turnover));
	turnover_begin(&turnover);
	assert_false(turnover_has_stopped(&turnover));
}

static void turnover_one_request_in_ten_on_an_old_connection_is_work(void **state)
{
	struct conn old = {.open_ns = -100 * S};
	struct turnover turnover = {0};

	(void)state;
	for (int64_t i = 0; i < 18; i++) {
		struct conn conn = {.open_ns = i * S};

		use(&turnover, i % 10 ? &conn : &old, i * S + S / 10);
	}
	assert_false(turnover_has_stopped(&turnover));
}

static void turnover_heartbeats_are_no_work(void **state)
{
	struct conn monitor = {.open_ns = -100 * S, .beat_count = HEARTBEAT_MIN};
	struct turnover turnover = {0};
	struct conn conn = {.open_ns = 0};

	(void)state;
	use(&turnover, &conn, S / 10);
	for (int64_t i = 0; i < 18; i++)
		use(&turnover, &monitor, i * 10 * S);
	assert_true(turnover_has_stopped(&turnover));
}

static void turnover_what_is_closed_was_given_back(void **state)
{
	struct conn conn = {.open_ns = 0, .sent_low = 100};
	struct change change = {.type = CHANGE_CLOSED, .conn = &conn, .by = CLOSE_LOCAL};
	struct turnover turnover = {0};

	(void)state;
	use(&turnover, &conn, S / 10);
	assert_true(turnover_has_stopped(&turnover));
	turnover_observe(&turnover, &change);
	assert_false(turnover_has_stopped(&turnover));
}

static void turnover_short_connections_are_work_unless_they_were_refused(void **state)
{
	struct churn churn = {.opened_count = 5, .closed_count[CLOSE_RESET] = 5};
	struct change change = {.type = CHANGE_CHURNED, .churn = &churn};
	struct turnover turnover = {0};
	struct conn conn = {.open_ns = 0};

	(void)state;
	use(&turnover, &conn, S / 10);
	turnover_observe(&turnover, &change);
	assert_true(turnover_has_stopped(&turnover));
	churn = (struct churn){
		.opened_count = 5, .closed_count[CLOSE_LOCAL] = 5, .early_peer_close_count = 5};
	turnover_observe(&turnover, &change);
	assert_true(turnover_has_stopped(&turnover));
	churn.closed_count[CLOSE_LOCAL] = 6;
	turnover_observe(&turnover, &change);
	assert_false(turnover_has_stopped(&turnover));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turnover_new_connections_alone_are_a_stall),
		cmocka_unit_test(turnover_one_request_in_ten_on_an_old_connection_is_work),
		cmocka_unit_test(turnover_heartbeats_are_no_work),
		cmocka_unit_test(turnover_what_is_closed_was_given_back),
		cmocka_unit_test(turnover_short_connections_are_work_unless_they_were_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
