/* SPDX-License-Identifier: Apache-2.0 */
/* That no event can break the table: what it refuses, what it cuts, and any mixture of both. */
#include "table_kit.h"

#include <errno.h>

#include "core/order.h"

static void table_apply_refusals_change_nothing(void **state)
{
	struct table *table = *state;
	struct event bad_close = plain(EVENT_CLOSE, 10 * S, 1);
	struct change change = {.type = CHANGE_LOST};

	(void)open_at(table, 10 * S, 1);
	bad_close.by = CLOSE_BY_COUNT;
	assert_int_equal(apply(table, on_client(EVENT_OPEN, 10 * S, 1, 1), &change), -EEXIST);
	assert_int_equal(apply(table, plain(EVENT_ESTABLISHED, 10 * S, 2), &change), -ENOENT);
	assert_int_equal(apply(table, plain(EVENT_FAILED, 10 * S, 2), &change), -ENOENT);
	assert_int_equal(apply(table, plain(EVENT_IO, 10 * S, 2), &change), -ENOENT);
	assert_int_equal(apply(table, plain(EVENT_PEER_CLOSED, 10 * S, 2), &change), -ENOENT);
	assert_int_equal(apply(table, plain(EVENT_CLOSE, 10 * S, 2), &change), -ENOENT);
	assert_int_equal(apply(table, on_client(EVENT_EXIT, 10 * S, 0, 1), &change), -ENOENT);
	assert_int_equal(apply(table, plain(EVENT_END, 10 * S - 1, 0), &change), -ERANGE);
	assert_int_equal(apply(table, plain(EVENT_END, 1ULL << 63, 0), &change), -ERANGE);
	assert_int_equal(apply(table, bad_close, &change), -EINVAL);
	assert_int_equal(apply(table, plain((enum event_type)99, 10 * S, 1), &change), -EINVAL);
	assert_int_equal(change.type, CHANGE_LOST);
	assert_int_equal(table_now_ns(table), 10 * S);
	assert_int_equal(table_conn_count(table), 1);
	assert_int_equal(table_pool_count(table), 1);
}

static void table_apply_repeated_states_count_once(void **state)
{
	struct table *table = *state;
	struct change change;

	(void)open_at(table, 1 * S, 1);
	(void)done(table, plain(EVENT_ESTABLISHED, 1 * S, 1));
	change = done(table, plain(EVENT_ESTABLISHED, 2 * S, 1));
	assert_int_equal(change.type, CHANGE_NONE);
	assert_int_equal(change.conn->state, CONN_OPEN);
	(void)done(table, plain(EVENT_PEER_CLOSED, 3 * S, 1));
	change = done(table, plain(EVENT_PEER_CLOSED, 4 * S, 1));
	assert_int_equal(change.type, CHANGE_NONE);
	change = done(table, plain(EVENT_ESTABLISHED, 4 * S, 1));
	assert_int_equal(change.conn->state, CONN_PEER_CLOSED);
	assert_int_equal(conn_peer_closed_ns(change.conn), 3 * S);
	assert_int_equal(change.pool->peer_closed_count, 1);
	assert_int_equal(totals_now(change.pool).counts.established_count, 1);
}

static void table_apply_hostile_numbers_are_clamped(void **state)
{
	struct table *table = *state;
	struct event event = on_client(EVENT_SEEN, INT64_MAX, 2, 4711);
	struct change change;

	(void)open_at(table, 10 * S, 1);
	change = done(table, io(20 * S, 1, UINT64_MAX, 1ULL << 63));
	assert_int_equal(change.conn->last_active_ns, 20 * S);
	event.age_ns = event.idle_ns = UINT64_MAX;
	event.has_idle = true;
	change = done(table, event);
	assert_true(conn_silence_ns(change.conn, INT64_MAX) == 1ULL << 62);
	event = on_client(EVENT_LOST, INT64_MAX, 0, 0);
	event.lost_count = UINT64_MAX;
	(void)done(table, event);
	event.lost_count = 5;
	(void)done(table, event);
	assert_true(table_lost_count(table) == UINT64_MAX);
}

static void table_apply_counters_never_go_down(void **state)
{
	struct table *table = *state;
	struct event event;
	struct change change;

	(void)open_at(table, 1 * S, 1);
	(void)done(table, io(5 * S, 1, 5 * S, 4 * S));
	event = io(6 * S, 1, 2 * S, 6 * S);
	event.sent_bytes = 3;
	change = done(table, event);
	assert_int_equal(conn_sent_bytes(change.conn), 5 * S);
	assert_int_equal(conn_last_send_ns(change.conn), 5 * S);
	assert_int_equal(conn_last_recv_ns(change.conn), 6 * S);
}

/* The kernel stamps payload by its ticks, so what came first may seem older than its connection. */
static void table_apply_payload_before_the_open_counts_as_at_it(void **state)
{
	struct table *table = *state;
	struct change change;

	(void)open_at(table, 10 * S, 1);
	change = done(table, io(11 * S, 1, 10 * S - 5, 0));
	assert_int_equal(change.type, CHANGE_NONE);
	change.conn = table_find_conn(table, 1);
	assert_true(conn_is_owed(change.conn));
	assert_int_equal(conn_last_send_ns(change.conn), 10 * S);
	assert_int_equal(conn_last_recv_ns(change.conn), 0);
	(void)done(table, io(12 * S, 1, 10 * S - 5, 10 * S - 3));
	assert_false(conn_is_owed(change.conn));
	assert_int_equal(conn_last_recv_ns(change.conn), 10 * S);
	(void)done(table, io(13 * S, 1, 12 * S + 1000, 10 * S - 3));
	assert_true(conn_is_owed(change.conn));
	assert_int_equal(conn_last_send_ns(change.conn), 12 * S + 1000);
	assert_int_equal(conn_last_recv_ns(change.conn), 10 * S);
	(void)done(table, io(14 * S, 1, 12 * S + 1000, 12 * S + 1000));
	assert_false(conn_is_owed(change.conn));
	assert_int_equal(conn_last_send_ns(change.conn), 12 * S + 1000);
}

static void table_apply_limits_are_counted(void **state)
{
	struct table_limits limits = {.max_conns = 2, .max_pools = 1};
	struct table *table = table_new(&limits);
	struct change change;

	(void)state;
	assert_non_null(table);
	(void)open_at(table, 1, 1);
	assert_int_equal(apply(table, on_client(EVENT_OPEN, 2, 2, 9), &change), -ENOSPC);
	(void)open_at(table, 2, 2);
	assert_int_equal(apply(table, on_client(EVENT_SEEN, 3, 3, 4711), &change), -ENOSPC);
	assert_int_equal(apply(table, on_client(EVENT_CHURN, 3, 0, 9), &change), -ENOSPC);
	assert_int_equal(apply(table, on_client(EVENT_SEEN, 3, 2, 9), &change), -ENOSPC);
	assert_int_equal(table_overflow_count(table), 4);
	assert_int_equal(table_conn_count(table), 2);
	assert_int_equal(table_pool_count(table), 1);
	assert_null(table_find_client(table, (struct client_id){.pid = 9, .start_ns = 7}));
	table_free(table);
}

static uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

static void expect_consistent(struct table *table)
{
	uint32_t total = 0;

	for (const struct pool *pool = table_first_pool(table); pool; pool = pool->next) {
		uint32_t count = 0, connecting = 0, peer_closed = 0;

		for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
			assert_ptr_equal(conn->pool, pool);
			assert_ptr_equal(table_find_conn(table, conn->id), conn);
			if (conn_newer(conn))
				assert_true(order_second(conn->last_active_ns) <=
					    order_second(conn_newer(conn)->last_active_ns));
			count++;
			connecting += conn->state == CONN_CONNECTING;
			peer_closed += conn->state == CONN_PEER_CLOSED;
		}
		assert_int_equal(count, pool->conn_count);
		assert_int_equal(connecting, pool->connecting_count);
		assert_int_equal(peer_closed, pool->peer_closed_count);
		total += count;
	}
	assert_int_equal(total, table_conn_count(table));
}

static void table_apply_random_events_keep_the_table_consistent(void **state)
{
	struct table *table = *state;
	uint64_t random = 88172645463325252ULL, t_ns = 0;

	for (int i = 0; i < 40000; i++) {
		uint64_t r = next_random(&random);
		struct event event = on_client(r % (EVENT_END + 2), t_ns += r >> 36, (r >> 8) % 300,
					       (uint32_t)(r >> 20) % 5);
		struct change change;

		event.by = (r >> 30) % (CLOSE_BY_COUNT + 1);
		event.opener = (r >> 40) % 16 < 2 ? (r >> 41) % 5 : OPENER_UNKNOWN;
		event.seen_state = (r >> 33) % 4;
		event.has_idle = r >> 63;
		event.idle_ns = next_random(&random) >> (r % 64);
		event.age_ns = next_random(&random) >> (r % 61);
		event.last_send_ns = next_random(&random) >> (r % 59);
		event.last_recv_ns = next_random(&random) >> (r % 57);
		event.lost_count = next_random(&random);
		event.site = r & 1 ? "site" : NULL;
		(void)table_apply(table, &event, &change); /* refusals are part of the test */
		table_settle(table);
		if (i % 1000 == 0) {
			expect_consistent(table);
			table_sweep(table, t_ns);
		}
	}
	expect_consistent(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(table_apply_refusals_change_nothing),
		TABLE_TEST(table_apply_repeated_states_count_once),
		TABLE_TEST(table_apply_hostile_numbers_are_clamped),
		TABLE_TEST(table_apply_counters_never_go_down),
		TABLE_TEST(table_apply_payload_before_the_open_counts_as_at_it),
		cmocka_unit_test(table_apply_limits_are_counted),
		TABLE_TEST(table_apply_random_events_keep_the_table_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
