// SPDX-License-Identifier: Apache-2.0
/* Events of one look come in the order of their times, whole, however they were added. */
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

/* Every member that some type sets. */
static const struct event whole = {
	.t_ns = 1000,
	.conn = 3,
	.client = {.pid = 4, .start_ns = 5},
	.tid = 6,
	.netns = 7,
	.comm = "app",
	.local = {.port = 8},
	.remote = {.port = 9},
	.ns_pid = 10,
	.seen_state = SEEN_PEER_CLOSED,
	.has_idle = true,
	.age_is_exact = true,
	.idle_ns = 11,
	.age_ns = 12,
	.sent_bytes = 13,
	.received_bytes = 14,
	.last_send_ns = 15,
	.last_recv_ns = 16,
	.rtt_us = 17,
	.retransmit_count = 18,
	.by = CLOSE_RESET,
	.segment_count = 22,
	.error = "ECONNREFUSED",
	.lost_count = 19,
	.churn = {.opened_count = 20, .early_peer_close_count = 21},
};

/* Those members that an event of its type can have. */
static void expect_whole(const struct event *event)
{
	assert_int_equal(event->conn, whole.conn);
	switch (event->type) {
	case EVENT_IO:
		assert_int_equal(event->sent_bytes, whole.sent_bytes);
		assert_int_equal(event->received_bytes, whole.received_bytes);
		assert_int_equal(event->last_send_ns, whole.last_send_ns);
		assert_int_equal(event->last_recv_ns, whole.last_recv_ns);
		assert_int_equal(event->rtt_us, whole.rtt_us);
		assert_int_equal(event->retransmit_count, whole.retransmit_count);
		break;
	case EVENT_SEEN:
		assert_true(event->has_idle && event->age_is_exact);
		assert_int_equal(event->idle_ns, whole.idle_ns);
		assert_int_equal(event->age_ns, whole.age_ns);
		assert_int_equal(event->seen_state, whole.seen_state);
		/* fall through */
	case EVENT_OPEN:
		assert_int_equal(event->client.pid, whole.client.pid);
		assert_int_equal(event->tid, whole.tid);
		assert_int_equal(event->netns, whole.netns);
		assert_string_equal(event->comm, whole.comm);
		assert_int_equal(event->local.port, whole.local.port);
		assert_int_equal(event->remote.port, whole.remote.port);
		assert_int_equal(event->ns_pid, whole.ns_pid);
		break;
	case EVENT_EXIT:
		assert_int_equal(event->client.pid, whole.client.pid);
		assert_int_equal(event->client.start_ns, whole.client.start_ns);
		break;
	case EVENT_CLOSE:
		assert_int_equal(event->by, whole.by);
		assert_int_equal(event->segment_count, whole.segment_count);
		break;
	case EVENT_FAILED:
		assert_string_equal(event->error, whole.error);
		break;
	case EVENT_LOST:
		assert_int_equal(event->lost_count, whole.lost_count);
		break;
	case EVENT_CHURN:
	case EVENT_PAST:
		assert_int_equal(event->client.pid, whole.client.pid);
		assert_string_equal(event->comm, whole.comm);
		assert_int_equal(event->remote.port, whole.remote.port);
		assert_int_equal(event->churn.opened_count, whole.churn.opened_count);
		assert_int_equal(event->churn.early_peer_close_count,
				 whole.churn.early_peer_close_count);
		break;
	default:
		break;
	}
}

static void next_events_of_all_types_come_back_whole(void **state)
{
	struct batch *batch = batch_new();
	struct event event = whole;
	unsigned int seen = 0;

	(void)state;
	for (int type = 0; type <= EVENT_END; type++) {
		event.type = (enum event_type)type;
		assert_int_equal(batch_add(batch, &event), 0);
	}
	batch_seal(batch, 1000);
	for (int type = 0; type <= EVENT_END; type++) {
		const struct event *next = batch_next(batch);

		assert_non_null(next);
		expect_whole(next);
		seen |= 1U << next->type;
	}
	assert_int_equal(seen, (2U << EVENT_END) - 1);
	assert_null(batch_next(batch));
	batch_free(batch);
}

/* After a look at everything come quiet ones, and then another of the same size. */
static void reset_room_given_back_is_made_anew(void **state)
{
	struct batch *batch = batch_new();

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < 20000; i++)
			add(batch, 1000, i, "/usr/bin/app");
		batch_seal(batch, 1000);
		for (uint64_t i = 0; i < 20000; i++)
			assert_int_equal(next_conn(batch, 1000), i);
		for (int quiet = 0; quiet < 20; quiet++) {
			batch_reset(batch);
			add(batch, 1000, 1, "/usr/bin/app");
			batch_seal(batch, 1000);
			assert_int_equal(next_conn(batch, 1000), 1);
		}
		batch_reset(batch);
	}
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
		cmocka_unit_test(next_events_of_all_types_come_back_whole),
		cmocka_unit_test(reset_room_given_back_is_made_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
