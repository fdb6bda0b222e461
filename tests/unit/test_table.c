/* SPDX-License-Identifier: Apache-2.0 */
/* What events do to clients, pools and connections. */
#include "table_kit.h"

#include <errno.h>
#include <stdlib.h>

static void expect_order(const struct pool *pool, const uint64_t *ids, size_t count)
{
	const struct conn *conn = pool->oldest, *before = NULL;

	for (size_t i = 0; i < count; i++) {
		assert_non_null(conn);
		assert_int_equal(conn->id, ids[i]);
		assert_ptr_equal(conn_older(conn), before);
		before = conn;
		conn = conn_newer(conn);
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
	local = table_local(table, change.conn);
	assert_memory_equal(&local, &event.local, sizeof(local));
	assert_int_equal(change.pool->connecting_count, 1);
	assert_int_equal(totals_now(change.pool).counts.opened_count, 1);
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
	assert_int_equal(conn_sent_bytes(change.conn), 9 * S);
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
	assert_int_equal(totals_now(change.pool).counts.opened_count, 0);
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

/* A pool keeps what is free for 10 s; its driver says goodbye, and the server ends it. */
static void table_apply_close_tells_idle_time_before_goodbye(void **state)
{
	struct table *table = *state;
	struct event event = plain(EVENT_CLOSE, 16 * S, 1);
	struct change change;

	(void)open_at(table, 1 * S, 1);
	(void)done(table, io(6 * S, 1, 4 * S, 5 * S));
	(void)done(table, io(16 * S, 1, (uint64_t)(15.9 * S), 5 * S));
	change = done(table, event);
	assert_int_equal(change.silence_ns, (uint64_t)(0.1 * S));
	assert_int_equal(change.idle_ns, (uint64_t)(10.9 * S));
	assert_int_equal(change.idle_since_ns, 5 * S);
}

/* Neither an answered send nor one that was long ago is a goodbye. */
static void table_apply_close_tells_silence_as_idle_time_without_goodbye(void **state)
{
	struct table *table = *state;
	struct event event = plain(EVENT_CLOSE, 16 * S, 1);
	struct change change;

	(void)open_at(table, 1 * S, 1);
	(void)open_at(table, 1 * S, 2);
	(void)done(table, io(16 * S, 1, (uint64_t)(15.8 * S), (uint64_t)(15.9 * S)));
	(void)done(table, io(16 * S, 2, 14 * S, 5 * S));
	change = done(table, event);
	assert_int_equal(change.idle_ns, (uint64_t)(0.1 * S));
	event.conn = 2;
	change = done(table, event);
	assert_int_equal(change.idle_ns, 2 * S);
	assert_int_equal(change.idle_since_ns, 14 * S);
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
	assert_int_equal(totals_now(change.pool).counts.closed_count[CLOSE_PEER], 1);
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
	assert_int_equal(totals_failed_count_of(change.pool, FAIL_REFUSED), 1);
	assert_int_equal(change.pool->conn_count, 0);
}

/* How one connection ends: what the server does, and what is told of it with the close. */
struct ending {
	const char *name;
	uint64_t fin_ns; /* after the open; 0 = it sends none */
	uint64_t close_ns;
	enum close_by by;
	uint64_t received_bytes;
	uint16_t segment_count;
	bool is_turned_away;
};

static const struct ending endings[] = {
	{"a word, and good-bye", S / 2, S / 2, CLOSE_LOCAL, 90, 1, true},
	{"closed here a while after that", S / 2, 9 * S, CLOSE_LOCAL, 90, 2, true},
	{"not a word", S / 2, S / 2, CLOSE_LOCAL, 0, 0, true},
	{"reset", 0, S / 2, CLOSE_RESET, 90, 1, true},
	{"its good-bye and a reset", S / 2, S / 2, CLOSE_RESET, 90, 1, true},
	{"by the process, which is not known to have been asked to", 0, S / 2, CLOSE_LOCAL, 90, 1,
	 false},
	{"a second later", S, S, CLOSE_LOCAL, 90, 1, false},
	{"reset, a second later", 0, S, CLOSE_RESET, 90, 1, false},
	{"after an answer", S / 2, S / 2, CLOSE_LOCAL, 200, 1, false},
	{"after a talk in few words", S / 2, S / 2, CLOSE_LOCAL, 182, 3, false},
	{"reset after a talk in few words", 0, S / 2, CLOSE_RESET, 182, 4, false},
};

/* What was received is told at a look, which may come after the FIN. */
static void table_apply_turned_away_is_told_at_the_close(void **state)
{
	struct table *table = *state;
	uint64_t t_ns = S, count = 0;

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++, t_ns += 20 * S) {
		const struct ending *ending = &endings[i];
		struct pool *pool = open_at(table, t_ns, i + 1).pool;
		struct event told = io(t_ns + ending->close_ns, i + 1, t_ns, t_ns);
		struct event over = plain(EVENT_CLOSE, t_ns + ending->close_ns, i + 1);
		bool is_turned_away;

		if (ending->fin_ns)
			(void)done(table, plain(EVENT_PEER_CLOSED, t_ns + ending->fin_ns, i + 1));
		assert_int_equal(totals_now(pool).counts.early_peer_close_count, count);
		told.received_bytes = ending->received_bytes;
		(void)done(table, told);
		over.by = (uint8_t)ending->by;
		over.segment_count = ending->segment_count;
		is_turned_away = done(table, over).is_turned_away;
		if (is_turned_away != ending->is_turned_away)
			fail_msg("%s", ending->name);
		count += is_turned_away;
		assert_int_equal(totals_now(pool).counts.early_peer_close_count, count);
	}
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
	assert_int_equal(totals_now(change.pool).counts.opened_count, 200);
	assert_int_equal(totals_now(change.pool).counts.established_count, 180);
	assert_int_equal(totals_failed_count_of(change.pool, FAIL_TIMEDOUT), 20);
	assert_int_equal(totals_now(change.pool).counts.closed_count[CLOSE_LOCAL], 180);
	assert_int_equal(totals_now(change.pool).counts.early_peer_close_count, 6);
	assert_int_equal(change.pool->conn_count, 0);
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

/* Conn 1: asked at 1 s and answered at 2 s, closed by its server at 60 s. */
static void make_peer_closed(struct table *table)
{
	(void)open_at(table, 1 * S, 1);
	(void)done(table, io(5 * S, 1, 1 * S, 2 * S));
	(void)done(table, plain(EVENT_PEER_CLOSED, 60 * S, 1));
}

static struct event received(uint64_t t_ns, uint64_t recv_ns)
{
	struct event event = io(t_ns, 1, 1 * S, recv_ns);

	event.sent_bytes = 5 * S;
	return event;
}

static void table_apply_io_farewell_of_the_server_is_no_activity(void **state)
{
	struct table *table = *state;
	struct change change;

	make_peer_closed(table);
	change = done(table, received(65 * S, 60 * S - S / 250));
	assert_int_equal(change.type, CHANGE_NONE);
	assert_int_equal(change.conn->last_active_ns, 2 * S);
	assert_int_equal(conn_received_bytes(change.conn), 65 * S);
	assert_int_equal(done(table, received(70 * S, 60 * S - S / 250)).type, CHANGE_NONE);
}

static void table_apply_io_before_the_farewell_is_activity(void **state)
{
	struct table *table = *state;

	make_peer_closed(table);
	assert_int_equal(done(table, received(65 * S, 58 * S)).type, CHANGE_ACTIVE);
}

static void table_apply_io_sent_to_a_server_that_has_closed_is_activity(void **state)
{
	struct table *table = *state;
	struct event event = received(65 * S, 60 * S);

	make_peer_closed(table);
	event.sent_bytes++;
	assert_int_equal(done(table, event).type, CHANGE_ACTIVE);
}

static void table_apply_io_last_answer_of_the_server_is_activity(void **state)
{
	struct table *table = *state;

	(void)open_at(table, 1 * S, 1);
	(void)done(table, received(5 * S, 0));
	(void)done(table, plain(EVENT_PEER_CLOSED, 60 * S, 1));
	assert_int_equal(done(table, received(65 * S, 60 * S)).type, CHANGE_ACTIVE);
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
	table_first_pool(table)->dossier = (struct dossier *)table;
	table_sweep(table, 600 * S);
	assert_int_equal(table_pool_count(table), 2);
	table_first_pool(table)->dossier = NULL;
	table_sweep(table, 600 * S);
	assert_int_equal(table_pool_count(table), 1);
	assert_int_equal(table_first_pool(table)->client->id.pid, 3);
	assert_null(table_find_client(table, (struct client_id){.pid = 1, .start_ns = 7}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(table_apply_open_makes_client_pool_and_conn),
		TABLE_TEST(table_apply_open_of_two_clients_with_the_same_names_keeps_these_once),
		TABLE_TEST(client_workload_names_of_kubernetes_come_before_ids_and_stay),
		TABLE_TEST(table_apply_pools_are_apart_by_client_netns_and_remote),
		TABLE_TEST(table_apply_io_moves_conn_and_tells_silence),
		TABLE_TEST(table_apply_io_without_newer_times_is_no_activity),
		TABLE_TEST(table_apply_io_farewell_of_the_server_is_no_activity),
		TABLE_TEST(table_apply_io_before_the_farewell_is_activity),
		TABLE_TEST(table_apply_io_sent_to_a_server_that_has_closed_is_activity),
		TABLE_TEST(table_apply_io_last_answer_of_the_server_is_activity),
		TABLE_TEST(table_apply_seen_knows_bounds),
		TABLE_TEST(table_apply_seen_by_another_client_moves),
		TABLE_TEST(table_apply_close_tells_idle_time_before_goodbye),
		TABLE_TEST(table_apply_close_tells_silence_as_idle_time_without_goodbye),
		TABLE_TEST(table_apply_close_keeps_conn_until_settle),
		TABLE_TEST(table_apply_failed_counts_the_reason),
		TABLE_TEST(table_apply_turned_away_is_told_at_the_close),
		TABLE_TEST(table_apply_churn_adds_to_totals_only),
		TABLE_TEST(table_apply_look_times_are_those_of_io),
		TABLE_TEST(table_apply_opener_is_told_and_is_no_look),
		TABLE_TEST(table_sweep_frees_what_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
