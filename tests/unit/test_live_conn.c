// SPDX-License-Identifier: Apache-2.0
/* The set of announced connections under any order of arrivals and ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sys/live_conn.h"

#define COUNT (3 * LIVE_CONNS_CHUNK + 23)

/* What ought to be in it: by id, the bytes that it has sent; 0 = it is not there. */
static uint64_t expected[2 * COUNT + 1];

static void add(struct live_conns *conns, uint64_t id, uint64_t sent)
{
	struct live_conn *conn = live_conns_add(conns, id);
	const struct live_conn blank = {.id = id, .next = conn->next};

	assert_memory_equal(conn, &blank, sizeof(blank));
	conn->sent = expected[id] = sent;
}

static void take(struct live_conns *conns, uint64_t id)
{
	live_conns_remove(conns, live_conns_find(conns, id));
	expected[id] = 0;
}

static void count_visit(void *userdata, struct live_conn *conn)
{
	assert_int_equal(conn->sent, expected[conn->id]);
	++*(uint32_t *)userdata;
}

static void assert_holds_expected(const struct live_conns *conns)
{
	uint32_t count = 0, visited = 0;

	for (uint64_t id = 0; id < sizeof(expected) / sizeof(expected[0]); id++) {
		const struct live_conn *conn = live_conns_find(conns, id);

		count += expected[id] != 0;
		assert_int_equal(conn ? conn->sent : 0, expected[id]);
	}
	live_conns_each(conns, count_visit, &visited);
	assert_int_equal(conns->count, count);
	assert_int_equal(visited, count);
}

static void live_conns_add_and_remove_at_random_keeps_each(void **state)
{
	struct live_conns conns = {0};
	uint64_t random = 1;

	(void)state;
	memset(expected, 0, sizeof(expected));
	assert_null(live_conns_find(&conns, 1));
	for (uint32_t i = 0; i < 200000; i++) {
		uint64_t id;

		random = random * 6364136223846793005 + 1442695040888963407;
		id = 1 + (random >> 33) % (2 * COUNT);
		if (expected[id])
			take(&conns, id);
		else
			add(&conns, id, i + 1);
		if (i % 20000 == 0)
			assert_holds_expected(&conns);
	}
	assert_holds_expected(&conns);
	live_conns_free(&conns);
}

static void live_conns_remove_gives_room_back(void **state)
{
	struct live_conns conns = {0};

	(void)state;
	memset(expected, 0, sizeof(expected));
	for (uint64_t id = 1; id <= COUNT; id++)
		add(&conns, id, id);
	assert_int_equal(conns.chunk_count, 4);
	for (uint64_t id = 1; id <= COUNT - 1; id++)
		take(&conns, id);
	assert_int_equal(conns.chunk_count, 1);
	assert_holds_expected(&conns);
	take(&conns, COUNT);
	assert_int_equal(conns.chunk_count, 0);
	add(&conns, 7, 7);
	assert_holds_expected(&conns);
	live_conns_free(&conns);
}

static void live_conn_has_sent_knows_what_was_told_from_more(void **state)
{
	struct live_conn conn = {.sent = 0x345678, .received = 1};

	(void)state;
	assert_true(live_conn_has_sent(&conn, 0x12345678));
	assert_false(live_conn_has_sent(&conn, 0x12345679));
	assert_true(live_conn_has_received(&conn, 0x1000001));
	assert_false(live_conn_has_received(&conn, 0x1000000));
}

static void remove_odd(void *userdata, struct live_conn *conn)
{
	assert_int_not_equal(expected[conn->id], 0); /* not met a second time */
	if (conn->id % 2)
		take(userdata, conn->id);
}

static void live_conns_each_that_removes_meets_all(void **state)
{
	struct live_conns conns = {0};

	(void)state;
	memset(expected, 0, sizeof(expected));
	for (uint64_t id = 1; id <= COUNT; id++)
		add(&conns, id, id);
	live_conns_each(&conns, remove_odd, &conns);
	assert_int_equal(conns.count, COUNT / 2);
	assert_holds_expected(&conns);
	live_conns_free(&conns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_conns_add_and_remove_at_random_keeps_each),
		cmocka_unit_test(live_conns_remove_gives_room_back),
		cmocka_unit_test(live_conns_each_that_removes_meets_all),
		cmocka_unit_test(live_conn_has_sent_knows_what_was_told_from_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
