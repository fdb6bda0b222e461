/* SPDX-License-Identifier: Apache-2.0 */
/* What events do to clients, pools and connections, and that no event can break the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "core/order.h"
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

static struct event on_client(enum event_type type, uint64_t t_ns, uint64_t conn, uint32_t pid)
{
	struct event event = {.type = type, .t_ns = t_ns, .conn = conn};

	event.client = (struct client_id){.pid = pid, .start_ns = 7};
	memcpy(event.comm, "orders-api", 11);
	(void)parse_netaddr("10.0.3.7:5432", &event.remote); /* a constant that is valid */
	return event;
}

static int apply(struct table *table, struct event event, struct change *change)
{
	int error = table_apply(table, &event, change);

	return error;
}

/* Applies and settles, and expects success. */
static struct change done(struct table *table, struct event event)
{
	struct change change;

	assert_int_equal(apply(table, event, &change), 0);
	table_settle(table);
	return change;
}

static struct change open_at(struct table *table, uint64_t t_ns, uint64_t id)
{
	return done(table, on_client(EVENT_OPEN, t_ns, id, 4711));
}

static struct event plain(enum event_type type, uint64_t t_ns, uint64_t conn)
{
	return (struct event){.type = type, .t_ns = t_ns, .conn = conn};
}

static struct event io(uint64_t t_ns, uint64_t conn, uint64_t send_ns, uint64_t recv_ns)
{
	struct event event = plain(EVENT_IO, t_ns, conn);

	event.sent_bytes = event.received_bytes = t_ns;
	event.last_send_ns = send_ns;
	event.last_recv_ns = recv_ns;
	return event;
}

static void expect_order(const struct pool *pool, const uint64_t *ids, size_t count)
{
	const struct conn *conn = pool->oldest, *before = NULL;

	for (size_t i = 0; i < count; i++) {
		assert_non_null(conn);
		assert_int_equal(conn->id, ids[i]);
		assert_ptr_equal(conn->older, before);
		before = conn;
		conn = conn->newer;
	}
	assert_null(conn);
	assert_ptr_equal(pool->newest, before);
}

static void table_apply_open_makes_client_pool_and_conn(void **state)
{
	struct table *table = *state;
	struct event event = on_client(EVENT_OPEN, 12 * S, 8812, 4711);
	struct netaddr local;
	struct change change;

	event.site = "OrderRepo.save";
	event.exe = "/usr/bin/orders";
	event.local = (struct netaddr){.ip = {[0] = 0xfd, [15] = 9}, .port = 40000};
	event.tid = 4720;
	change = done(table, event);
	assert_int_equal(change.type, CHANGE_OPENED);
	assert_int_equal(change.conn->state, CONN_CONNECTING);
	assert_int_equal(change.conn->open_ns, 12 * S);
	assert_string_equal(table_site(table, change.conn->site), "OrderRepo.save");
	assert_string_equal(change.client->exe, "/usr/bin/orders");
	local = conn_local(change.conn);
	assert_memory_equal(&local, &event.local, sizeof(local));
	assert_int_equal(change.pool->connecting_count, 1);
	assert_int_equal(change.pool->totals.opened_count, 1);
	assert_int_equal(change.pool->last_open_ns, 12 * S);
	assert_ptr_equal(table_find_conn(table, 8812), change.conn);
	assert_ptr_equal(table_find_client(table, event.client), change.client);
	assert_ptr_equal(table_first_pool(table), change.pool);
	assert_int_equal(table_pool_count(table), 1);
}

static void table_apply_open_of_two_clients_with_the_same_names_keeps_these_once(void **state)
{
	struct table *table = *state;
	struct event event = on_client(EVENT_OPEN, 1, 1, 4711);
	const struct client *first, *second;

	event.exe = "/usr/bin/orders";
	first = done(table, event).client;
	event = on_client(EVENT_OPEN, 1, 2, 4712);
	event.exe = (char[]){"/usr/bin/orders"};
	second = done(table, event).client;
	assert_ptr_not_equal(first, second);
	assert_ptr_equal(first->exe, second->exe);
	event.conn = 3;
	event.exe = "/usr/bin/billing";
	(void)done(table, event);
	assert_string_equal(first->exe, "/usr/bin/orders");
	assert_string_equal(second->exe, "/usr/bin/billing");
}

static void client_workload_of(const struct client *client, const char *expected)
{
	char text[128];

	assert_string_equal(client_workload(client, text, sizeof(text)), expected);
}

static void client_workload_names_of_kubernetes_come_before_ids_and_stay(void **state)
{
	struct table *table = *state;
	struct event event = on_client(EVENT_OPEN, 1, 1, 4711);
	struct change change;

	event.exe = "/usr/bin/orders";
	change = done(table, event);
	client_workload_of(change.client, "orders");
	/* Known a look later, and then in two steps. */
	event.conn = 2;
	event.namespace = "shop";
	event.pod = "orders-0";
	event.ns_pid = 7;
	(void)done(table, event);
	client_workload_of(change.client, "shop/orders-0");
	event.conn = 3;
	event.container = "api";
	(void)done(table, event);
	client_workload_of(change.client, "shop/orders-0/api");
	event = on_client(EVENT_OPEN, 2, 4, 4711);
	(void)done(table, event);
	client_workload_of(change.client, "shop/orders-0/api");
	assert_int_equal(change.client->ns_pid, 7);
}

static void table_apply_pools_are_apart_by_client_netns_and_remote(void **state)
{
	struct table *table = *state;
	struct event event = on_client(EVENT_OPEN, 1, 1, 4711);

	(void)done(table, event);
	event.conn = 2;
	event.netns = 4026531840;
	(void)done(table, event);
	event.conn = 3;
	event.remote.port = 5433;
	(void)done(table, event);
	event.conn = 4;
	event.client.start_ns++;
	(void)done(table, event);
	event.conn = 5;
	(void)done(table, event);
	assert_int_equal(table_pool_count(table), 4);
	assert_int_equal(table_find_conn(table, 5)->pool->conn_count, 2);
}

static void table_apply_io_moves_conn_and_tells_silence(void **state)
{
	struct table *table = *state;
	struct change change;

	for (uint64_t id = 1; id <= 4; id++)
		(void)open_at(table, id * S, id);
	change = done(table, io(20 * S, 2, 9 * S, 10 * S));
	assert_int_equal(change.type, CHANGE_ACTIVE);
	assert_int_equal(change.silence_ns, 8 * S);
	assert_int_equal(change.silent_since_ns, 2 * S);
	expect_order(change.pool, (uint64_t[]){1, 3, 4, 2}, 4);
	change = done(table, io(20 * S, 1, 0, (uint64_t)(3.1 * S)));
	expect_order(change.pool, (uint64_t[]){3, 1, 4, 2}, 4);
	change = done(table, io(21 * S, 2, 15 * S, 10 * S));
	assert_int_equal(change.silence_ns, 5 * S);
	assert_false(change.answer_was_owed);
	change = done(table, io(22 * S, 2, 15 * S, 22 * S));
	assert_true(change.answer_was_owed);
}

static void table_apply_io_without_newer_times_is_no_activity(void **state)
{
	struct table *table = *state;
	struct change change;

	(void)open_at(table, 1 * S, 1);
	(void)done(table, io(5 * S, 1, 4 * S, 4 * S));
	change = done(table, io(9 * S, 1, 4 * S, 3 * S));
	assert_int_equal(change.type, CHANGE_NONE);
	assert_int_equal(change.conn->last_active_ns, 4 * S);
	assert_int_equal(change.conn->sent_bytes, 9 * S);
}

static void table_apply_seen_knows_bounds(void **state)
{
	struct table *table = *state;
	struct event event = on_client(EVENT_SEEN, 100 * S, 1, 4711);
	struct change change;

	event.age_ns = 3600 * S;
	event.idle_ns = 200 * S;
	event.has_idle = true;
	change = done(table, event);
	assert_int_equal(change.type, CHANGE_SEEN);
	assert_true(change.conn->open_ns == -3500 * (int64_t)S);
	assert_true(change.conn->last_active_ns == -100 * (int64_t)S);
	assert_true(change.conn->age_is_bound && change.conn->silent_since_seen);
	assert_false(change.conn->idle_is_bound);
	assert_int_equal(conn_silence_ns(change.conn, 100 * S), 200 * S);
	assert_int_equal(change.pool->totals.opened_count, 0);
	event.conn = 2;
	event.has_idle = false;
	event.seen_state = SEEN_PEER_CLOSED;
	change = done(table, event);
	assert_int_equal(change.conn->last_active_ns, 100 * S);
	assert_true(change.conn->idle_is_bound);
	assert_int_equal(change.pool->peer_closed_count, 1);
	change = done(table, io(110 * S, 1, 109 * S, 109 * S));
	assert_int_equal(change.silence_ns, 209 * S);
	assert_false(change.conn->silent_since_seen);
}

static void table_apply_seen_by_another_client_moves(void **state)
{
	struct table *table = *state;
	struct pool *before = open_at(table, 1 * S, 1).pool;
	struct change change;

	(void)done(table, plain(EVENT_ESTABLISHED, 1 * S, 1));
	(void)done(table, on_client(EVENT_EXIT, 2 * S, 0, 4711));
	assert_int_equal(before->conn_count, 1);
	assert_true(before->client->exited);
	change = done(table, on_client(EVENT_SEEN, 3 * S, 1, 4712));
	assert_int_equal(change.type, CHANGE_MOVED);
	assert_ptr_equal(change.pool_before, before);
	assert_int_equal(before->conn_count, 0);
	assert_int_equal(change.pool->conn_count, 1);
	assert_int_equal(change.client->id.pid, 4712);
	assert_int_equal(apply(table, on_client(EVENT_SEEN, 4 * S, 1, 4712), &change), -EEXIST);
}

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

static void table_apply_close_keeps_conn_until_settle(void **state)
{
	struct table *table = *state;
	struct event event = plain(EVENT_CLOSE, 9 * S, 1);
	struct change change;

	(void)open_at(table, 1 * S, 1);
	event.by = CLOSE_PEER;
	assert_int_equal(apply(table, event, &change), 0);
	assert_int_equal(change.type, CHANGE_CLOSED);
	assert_int_equal(change.by, CLOSE_PEER);
	assert_int_equal(change.silence_ns, 8 * S);
	assert_int_equal(change.conn->state, CONN_CLOSED);
	assert_null(table_find_conn(table, 1));
	assert_int_equal(change.pool->conn_count, 0);
	assert_int_equal(change.pool->connecting_count, 0);
	assert_int_equal(change.pool->totals.closed_count[CLOSE_PEER], 1);
	table_settle(table);
	table_settle(table);
}

static void table_apply_failed_counts_the_reason(void **state)
{
	struct table *table = *state;
	struct event event = plain(EVENT_FAILED, 2 * S, 1);
	struct change change;

	(void)open_at(table, 1 * S, 1);
	memcpy(event.error, "ECONNREFUSED", 13);
	change = done(table, event);
	assert_int_equal(change.type, CHANGE_FAILED);
	assert_int_equal(change.pool->totals.failed_count[FAIL_REFUSED], 1);
	assert_int_equal(change.pool->conn_count, 0);
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
	assert_int_equal(change.conn->peer_closed_ns, 3 * S);
	assert_int_equal(change.pool->peer_closed_count, 1);
	assert_int_equal(change.pool->totals.established_count, 1);
}

static void table_apply_early_peer_close_needs_second_and_bytes(void **state)
{
	struct table *table = *state;
	struct pool *pool = open_at(table, 1 * S, 1).pool;
	struct event event = plain(EVENT_CLOSE, 1 * S + S / 2, 1);

	(void)done(table, plain(EVENT_PEER_CLOSED, 1 * S + S / 2, 1));
	assert_int_equal(pool->totals.early_peer_close_count, 1);
	event.by = CLOSE_RESET;
	(void)done(table, event);
	assert_int_equal(pool->totals.early_peer_close_count, 1);
	(void)open_at(table, 2 * S, 2);
	(void)done(table, plain(EVENT_PEER_CLOSED, 3 * S, 2));
	(void)open_at(table, 4 * S, 3);
	(void)done(table, io(4 * S, 3, 4 * S, 4 * S));
	(void)done(table, plain(EVENT_PEER_CLOSED, 4 * S, 3));
	assert_int_equal(pool->totals.early_peer_close_count, 1);
}

static void table_apply_churn_adds_to_totals_only(void **state)
{
	struct table *table = *state;
	struct event event = on_client(EVENT_CHURN, 5 * S, 0, 4711);
	struct change change;

	event.churn.opened_count = 100;
	event.churn.established_count = 90;
	event.churn.failed_count[FAIL_TIMEDOUT] = 10;
	event.churn.closed_count[CLOSE_LOCAL] = 90;
	event.churn.early_peer_close_count = 3;
	(void)done(table, event);
	change = done(table, event);
	assert_int_equal(change.type, CHANGE_CHURNED);
	assert_int_equal(change.pool->totals.opened_count, 200);
	assert_int_equal(change.pool->totals.established_count, 180);
	assert_int_equal(change.pool->totals.failed_count[FAIL_TIMEDOUT], 20);
	assert_int_equal(change.pool->totals.closed_count[CLOSE_LOCAL], 180);
	assert_int_equal(change.pool->totals.early_peer_close_count, 6);
	assert_int_equal(change.pool->conn_count, 0);
	assert_int_equal(change.pool->last_open_ns, 0);
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
	assert_int_equal(change.conn->sent_bytes, 5 * S);
	assert_int_equal(change.conn->last_send_ns, 5 * S);
	assert_int_equal(change.conn->last_recv_ns, 6 * S);
}

static void table_apply_look_times_are_those_of_io(void **state)
{
	struct table *table = *state;

	(void)open_at(table, 1 * S, 1);
	(void)open_at(table, 1 * S, 2);
	assert_int_equal(table_look_ns(table), 0);
	(void)done(table, io(5 * S, 1, 5 * S, 5 * S));
	(void)done(table, io(10 * S, 1, 5 * S, 5 * S));
	(void)done(table, io(10 * S, 2, 5 * S, 5 * S));
	assert_int_equal(table_look_ns(table), 10 * S);
	assert_int_equal(table_look_before_ns(table), 5 * S);
}

static void table_apply_opener_is_told_and_is_no_look(void **state)
{
	struct table *table = *state;
	struct event event = io(9 * S, 1, 5 * S, 5 * S);
	struct change change;

	(void)open_at(table, 1 * S, 1);
	(void)done(table, io(5 * S, 1, 5 * S, 5 * S));
	event.opener = OPENER_RUNNING;
	assert_int_equal(done(table, event).type, CHANGE_NONE);
	event.opener = OPENER_ENDED;
	assert_int_equal(done(table, event).type, CHANGE_OPENER_ENDED);
	assert_int_equal(done(table, event).type, CHANGE_NONE);
	assert_int_equal(table_look_ns(table), 5 * S);
	assert_int_equal(table_find_conn(table, 1)->last_active_ns, 5 * S);
	event.opener = OPENER_FOREIGN; /* that is for the table to say */
	assert_int_equal(apply(table, event, &change), -EINVAL);
	change = done(table, on_client(EVENT_SEEN, 10 * S, 1, 4712));
	assert_int_equal(change.conn->opener, OPENER_FOREIGN);
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

static void table_sweep_frees_what_is_over(void **state)
{
	struct table *table = *state;

	(void)done(table, on_client(EVENT_CHURN, 0, 0, 1));
	(void)done(table, on_client(EVENT_CHURN, 0, 0, 2));
	(void)done(table, on_client(EVENT_OPEN, 0, 1, 3));
	(void)done(table, on_client(EVENT_EXIT, 1, 0, 1));
	(void)done(table, on_client(EVENT_EXIT, 1, 0, 3));
	table_sweep(table, 2);
	assert_int_equal(table_pool_count(table), 2);
	table_sweep(table, 600 * S - 1);
	assert_int_equal(table_pool_count(table), 2);
	table_first_pool(table)->judgement = (struct judgement *)table;
	table_sweep(table, 600 * S);
	assert_int_equal(table_pool_count(table), 2);
	table_first_pool(table)->judgement = NULL;
	table_sweep(table, 600 * S);
	assert_int_equal(table_pool_count(table), 1);
	assert_int_equal(table_first_pool(table)->client->id.pid, 3);
	assert_null(table_find_client(table, (struct client_id){.pid = 1, .start_ns = 7}));
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

		for (const struct conn *conn = pool->oldest; conn; conn = conn->newer) {
			assert_ptr_equal(conn->pool, pool);
			assert_ptr_equal(table_find_conn(table, conn->id), conn);
			if (conn->newer)
				assert_true(order_second(conn->last_active_ns) <=
					    order_second(conn->newer->last_active_ns));
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

static void conn_memory_is_within_its_budget(void **state)
{
	(void)state;
	assert_true(sizeof(struct conn) + 2 * sizeof(void *) + 2 * sizeof(size_t) <= 256);
}

#define TABLE_TEST(function) cmocka_unit_test_setup_teardown(function, make_table, drop_table)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(table_apply_open_makes_client_pool_and_conn),
		TABLE_TEST(table_apply_open_of_two_clients_with_the_same_names_keeps_these_once),
		TABLE_TEST(client_workload_names_of_kubernetes_come_before_ids_and_stay),
		TABLE_TEST(table_apply_pools_are_apart_by_client_netns_and_remote),
		TABLE_TEST(table_apply_io_moves_conn_and_tells_silence),
		TABLE_TEST(table_apply_io_without_newer_times_is_no_activity),
		TABLE_TEST(table_apply_seen_knows_bounds),
		TABLE_TEST(table_apply_seen_by_another_client_moves),
		TABLE_TEST(table_apply_refusals_change_nothing),
		TABLE_TEST(table_apply_close_keeps_conn_until_settle),
		TABLE_TEST(table_apply_failed_counts_the_reason),
		TABLE_TEST(table_apply_repeated_states_count_once),
		TABLE_TEST(table_apply_early_peer_close_needs_second_and_bytes),
		TABLE_TEST(table_apply_churn_adds_to_totals_only),
		TABLE_TEST(table_apply_hostile_numbers_are_clamped),
		TABLE_TEST(table_apply_counters_never_go_down),
		TABLE_TEST(table_apply_look_times_are_those_of_io),
		TABLE_TEST(table_apply_opener_is_told_and_is_no_look),
		cmocka_unit_test(table_apply_limits_are_counted),
		TABLE_TEST(table_sweep_frees_what_is_over),
		TABLE_TEST(table_apply_random_events_keep_the_table_consistent),
		cmocka_unit_test(conn_memory_is_within_its_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
