/* SPDX-License-Identifier: Apache-2.0 */
/* What was counted before the observation is added up, and seen by nobody who judges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/format.h"
#include "core/table.h"

#define S NS_PER_SEC

static int make_table(void **state)
{
	*state = table_new(NULL);
	return *state ? 0 : -1;
}

static int drop_table(void **state)
{
	table_free(*state);
	return 0;
}

static struct event on_pool(enum event_type type, uint64_t t_ns, uint64_t conn)
{
	struct event event = {.type = type, .t_ns = t_ns, .conn = conn};

	event.client = (struct client_id){.pid = 4711, .start_ns = 7};
	(void)parse_netaddr("10.0.3.7:5432", &event.remote); /* a constant that is valid */
	return event;
}

static struct change done(struct table *table, struct event event)
{
	struct change change;

	assert_int_equal(table_apply(table, &event, &change), 0);
	table_settle(table);
	return change;
}

static void totals_now_has_nothing_of_the_past(void **state)
{
	struct table *table = *state;
	struct event past = on_pool(EVENT_PAST, 1 * S, 0), churn = on_pool(EVENT_CHURN, 2 * S, 0);
	struct pool_totals now;
	struct change change;

	past.churn = (struct churn){.opened_count = 100,
				    .established_count = 90,
				    .failed_count[FAIL_REFUSED] = 10,
				    .closed_count[CLOSE_PEER] = 80,
				    .early_peer_close_count = 3};
	churn.churn = (struct churn){.opened_count = 5, .established_count = 5};
	churn.churn.closed_count[CLOSE_LOCAL] = 5;
	change = done(table, past);
	assert_int_equal(change.type, CHANGE_PAST);
	assert_null(change.pool->rare);
	assert_int_equal(totals_now(change.pool).counts.opened_count, 0);
	change = done(table, churn);
	assert_int_equal(change.type, CHANGE_CHURNED);
	now = totals_now(change.pool);
	assert_int_equal(now.counts.opened_count, 5);
	assert_int_equal(now.counts.established_count, 5);
	assert_int_equal(now.failed_count[FAIL_REFUSED], 0);
	assert_int_equal(now.counts.closed_count[CLOSE_PEER], 0);
	assert_int_equal(now.counts.closed_count[CLOSE_LOCAL], 5);
	assert_int_equal(now.counts.early_peer_close_count, 0);
}

/* Only pools of which a connect has failed pay for the reasons. */
static void totals_now_has_the_failures_of_both_sorts(void **state)
{
	struct table *table = *state;
	struct event churn = on_pool(EVENT_CHURN, 1 * S, 0), open = on_pool(EVENT_OPEN, 2 * S, 1);
	struct event failed = {.type = EVENT_FAILED, .t_ns = 3 * S, .conn = 1};
	struct pool_totals now;
	struct pool *pool;

	churn.churn.opened_count = 7;
	pool = done(table, churn).pool;
	assert_null(pool->rare);
	assert_int_equal(totals_failed_count(pool), 0);
	churn.churn.failed_count[FAIL_TIMEDOUT] = 5;
	(void)done(table, churn);
	(void)done(table, open);
	memcpy(failed.error, "ECONNREFUSED", 13);
	(void)done(table, failed);
	now = totals_now(pool);
	assert_int_equal(now.counts.opened_count, 15);
	assert_int_equal(now.failed_count[FAIL_TIMEDOUT], 5);
	assert_int_equal(now.failed_count[FAIL_REFUSED], 1);
	assert_int_equal(totals_failed_count(pool), 6);
	assert_int_equal(totals_failed_count_of(pool, FAIL_REFUSED), 1);
}

/* Idle time is told in ticks: it can seem longer than the life of the connection. */
static void seen_with_an_exact_age_is_never_older_than_that(void **state)
{
	struct table *table = *state;
	struct event seen = on_pool(EVENT_SEEN, 100 * S, 1);
	struct event io = {.type = EVENT_IO, .t_ns = 101 * S, .conn = 1, .sent_bytes = 500};
	struct conn *conn;

	seen.age_is_exact = true;
	seen.age_ns = 30 * S;
	seen.idle_ns = 30 * S + 4 * NS_PER_MS;
	seen.has_idle = true;
	(void)done(table, seen);
	conn = table_find_conn(table, 1);
	assert_false(conn->age_is_bound);
	assert_int_equal(conn->open_ns, 70 * S);
	assert_int_equal(conn->last_active_ns, 70 * S);
	/* The first look tells of its past: no work of this second. */
	io.last_send_ns = 71 * S;
	assert_int_equal(done(table, io).sent_bytes, 0);
}

static void sweep_frees_a_pool_with_nothing_but_a_past(void **state)
{
	struct table *table = *state;
	struct event past = on_pool(EVENT_PAST, 1 * S, 0), exit = on_pool(EVENT_EXIT, 2 * S, 0);

	past.churn.opened_count = 1;
	(void)done(table, past);
	assert_int_equal(table_pool_count(table), 1);
	(void)done(table, exit);
	table_sweep(table, 3 * S);
	assert_int_equal(table_pool_count(table), 0);
}

static void totals_go_on_beyond_32_bits(void **state)
{
	struct event churn = on_pool(EVENT_CHURN, 1 * S, 0);
	struct change change;

	churn.churn.opened_count = UINT32_MAX;
	churn.churn.closed_count[CLOSE_PEER] = 7;
	change = done(*state, churn);
	assert_null(change.pool->rare);
	change = done(*state, on_pool(EVENT_OPEN, 2 * S, 1));
	assert_true(totals_count_of(change.pool, COUNT_OPENED) == 1ULL << 32);
	churn.t_ns = 3 * S;
	change = done(*state, churn);
	assert_true(totals_now(change.pool).counts.opened_count == (1ULL << 33) - 1);
	assert_int_equal(totals_closed_count(change.pool), 14);
}

#define TABLE_TEST(function) cmocka_unit_test_setup_teardown(function, make_table, drop_table)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(totals_go_on_beyond_32_bits),
		TABLE_TEST(totals_now_has_nothing_of_the_past),
		TABLE_TEST(totals_now_has_the_failures_of_both_sorts),
		TABLE_TEST(seen_with_an_exact_age_is_never_older_than_that),
		TABLE_TEST(sweep_frees_a_pool_with_nothing_but_a_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
