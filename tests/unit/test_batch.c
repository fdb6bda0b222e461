// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sys/batch.h"

static void add(struct batch *batch, uint64_t t_ns, uint64_t conn, const char *exe)
{
	struct event event = {.type = EVENT_OPEN, .t_ns = t_ns, .conn = conn, .exe = exe};

	assert_int_equal(batch_add(batch, &event), 0);
}

static uint64_t next_conn(struct batch *batch, uint64_t t_ns)
{
	const struct event *event = batch_next(batch);

	assert_non_null(event);
	assert_int_equal(event->t_ns, t_ns);
	return event->conn;
}

static void next_events_added_in_any_order_come_by_time(void **state)
{
	struct batch *batch = batch_new();

	(void)state;
	add(batch, 3000, 3, NULL);
	add(batch, 1000, 1, NULL);
	add(batch, 2000, 2, NULL);
	batch_seal(batch, 5000);
	assert_int_equal(next_conn(batch, 1000), 1);
	assert_int_equal(next_conn(batch, 2000), 2);
	assert_int_equal(next_conn(batch, 3000), 3);
	assert_null(batch_next(batch));
	batch_free(batch);
}

static void next_events_of_one_microsecond_keep_their_order(void **state)
{
	struct batch *batch = batch_new();

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		add(batch, 7000 + 999 - i * 9, i, NULL);
	batch_seal(batch, 9000);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(next_conn(batch, 7000), i);
	batch_free(batch);
}

static void next_connections_found_open_come_first_and_longest_idle_first(void **state)
{
	struct batch *batch = batch_new();
	struct event event = {.t_ns = 1000};

	(void)state;
	for (uint64_t i = 0; i < 6; i++) {
		event.type = i % 2 ? EVENT_IO : EVENT_SEEN;
		event.conn = i;
		event.idle_ns = i * 100;
		assert_int_equal(batch_add(batch, &event), 0);
	}
	batch_seal(batch, 1000);
	assert_int_equal(next_conn(batch, 1000), 4);
	assert_int_equal(next_conn(batch, 1000), 2);
	assert_int_equal(next_conn(batch, 1000), 0);
	assert_int_equal(next_conn(batch, 1000), 1);
	assert_int_equal(next_conn(batch, 1000), 3);
	assert_int_equal(next_conn(batch, 1000), 5);
	batch_free(batch);
}

static void seal_late_and_future_times_are_held_to_the_look(void **state)
{
	struct batch *batch = batch_new();

	(void)state;
	add(batch, 9500, 1, NULL);
	batch_seal(batch, 5000);
	assert_int_equal(next_conn(batch, 5000), 1);
	batch_reset(batch);
	add(batch, 3000, 2, NULL);
	add(batch, 6000, 3, NULL);
	batch_seal(batch, 8000);
	assert_int_equal(next_conn(batch, 5000), 2);
	assert_int_equal(next_conn(batch, 6000), 3);
	batch_free(batch);
}

static void add_strings_are_copied(void **state)
{
	struct batch *batch = batch_new();
	char exe[] = "/usr/bin/first";
	const struct event *event;

	(void)state;
	add(batch, 1000, 1, exe);
	memset(exe, 'x', sizeof(exe) - 1);
	batch_seal(batch, 1000);
	event = batch_next(batch);
	assert_string_equal(event->exe, "/usr/bin/first");
	batch_free(batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_events_added_in_any_order_come_by_time),
		cmocka_unit_test(next_events_of_one_microsecond_keep_their_order),
		cmocka_unit_test(next_connections_found_open_come_first_and_longest_idle_first),
		cmocka_unit_test(seal_late_and_future_times_are_held_to_the_look),
		cmocka_unit_test(add_strings_are_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
