/* SPDX-License-Identifier: Apache-2.0 */
/* Connections are found, ordered and counted as long as they are open, and no longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "core/conns.h"

static int make_conns(void **state)
{
	static struct conns conns;

	*state = &conns;
	return conns_init(&conns, 3);
}

static int drop_conns(void **state)
{
	conns_destroy(*state);
	return 0;
}

static struct conn *make(struct conns *conns, uint64_t id)
{
	struct event event = {.type = EVENT_OPEN, .conn = id, .site = "OrderRepo.save"};
	struct conn *conn;

	event.local = (struct netaddr){.ip = {[15] = 9}, .port = 40000};
	assert_int_equal(conns_make(conns, &event, &conn), 0);
	return conn;
}

static struct conn *insert(struct conns *conns, struct pool *pool, uint64_t id)
{
	struct conn *conn = make(conns, id);

	conns_insert(conns, conn, pool);
	return conn;
}

static void conns_insert_finds_and_counts_by_state(void **state)
{
	struct conns *conns = *state;
	struct pool pool = {0};
	struct conn *first = insert(conns, &pool, 1), *second = make(conns, 2);

	second->state = CONN_PEER_CLOSED;
	conns_insert(conns, second, &pool);
	assert_ptr_equal(conns_find(conns, 1), first);
	assert_ptr_equal(conns_find(conns, 2), second);
	assert_null(conns_find(conns, 3));
	assert_int_equal(first->address, second->address);
	assert_int_equal(first->site, second->site);
	assert_int_equal(pool.conn_count, 2);
	assert_int_equal(pool.connecting_count, 1);
	assert_int_equal(pool.peer_closed_count, 1);
	conns_set_state(first, CONN_OPEN);
	assert_int_equal(pool.connecting_count, 0);
	conns_set_state(first, CONN_PEER_CLOSED);
	assert_int_equal(pool.peer_closed_count, 2);
	conns_drop_pool(conns, &pool);
}

static void conns_make_beyond_the_limit_or_not_inserted_leaves_nothing(void **state)
{
	struct conns *conns = *state;
	struct event event = {.type = EVENT_OPEN, .conn = 4, .tid = CONN_TID_MAX + 1};
	struct pool pool = {0};
	struct conn *conn = NULL;

	assert_int_equal(conns_make(conns, &event, &conn), 0);
	assert_int_equal(conn->tid, 0);
	conns_free(conns, conn);
	conns_free(conns, NULL);
	conn = NULL;
	for (uint64_t id = 1; id <= 3; id++)
		(void)insert(conns, &pool, id);
	assert_int_equal(conns_make(conns, &event, &conn), -ENOSPC);
	assert_null(conn);
	assert_null(conns_find(conns, 4));
	conns_drop_pool(conns, &pool);
}

static void conns_move_takes_state_and_order_along(void **state)
{
	struct conns *conns = *state;
	struct pool before = {0}, after = {0};
	struct conn *conn = insert(conns, &before, 1), *other = insert(conns, &before, 2);

	conns_move(conn, &after);
	assert_int_equal(before.conn_count, 1);
	assert_int_equal(before.connecting_count, 1);
	assert_ptr_equal(before.oldest, other);
	assert_ptr_equal(before.newest, other);
	assert_int_equal(after.conn_count, 1);
	assert_int_equal(after.connecting_count, 1);
	assert_ptr_equal(after.oldest, conn);
	assert_ptr_equal(conn->pool, &after);
	assert_ptr_equal(conns_find(conns, 1), conn);
	conns_drop_pool(conns, &before);
	conns_drop_pool(conns, &after);
}

static void conns_close_can_be_read_until_settled(void **state)
{
	struct conns *conns = *state;
	struct pool pool = {0};
	struct conn *conn = insert(conns, &pool, 1);

	conns_set_state(conn, CONN_PEER_CLOSED);
	conns_close(conns, conn);
	assert_null(conns_find(conns, 1));
	assert_null(pool.oldest);
	assert_int_equal(pool.conn_count, 0);
	assert_int_equal(pool.peer_closed_count, 0);
	assert_int_equal(conn->state, CONN_CLOSED);
	assert_string_equal(texts_at(&conns->sites, conn->site), "OrderRepo.save");
	conns_settle(conns);
	conns_settle(conns);
}

static void conns_note_sites_keeps_what_is_not_told(void **state)
{
	struct conns *conns = *state;
	struct event event = {.type = EVENT_IO, .conn = 1, .last_site = "Report.run"};
	struct pool pool = {0};
	struct conn *conn = insert(conns, &pool, 1);

	assert_int_equal(conns_note_sites(conns, conn, &event), 0);
	assert_string_equal(texts_at(&conns->sites, conn->site), "OrderRepo.save");
	assert_string_equal(texts_at(&conns->sites, conn->last_site), "Report.run");
	conns_drop_pool(conns, &pool);
}

static void conn_memory_is_within_its_budget(void **state)
{
	(void)state;
	assert_true(sizeof(struct conn_chunk) + 2 * sizeof(size_t) +
			    CONN_CHUNK * 2 * sizeof(uint32_t) <=
		    CONN_CHUNK * 108);
}

#define CONNS_TEST(function) cmocka_unit_test_setup_teardown(function, make_conns, drop_conns)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONNS_TEST(conns_insert_finds_and_counts_by_state),
		CONNS_TEST(conns_make_beyond_the_limit_or_not_inserted_leaves_nothing),
		CONNS_TEST(conns_move_takes_state_and_order_along),
		CONNS_TEST(conns_close_can_be_read_until_settled),
		CONNS_TEST(conns_note_sites_keeps_what_is_not_told),
		cmocka_unit_test(conn_memory_is_within_its_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
