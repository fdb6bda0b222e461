/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept in little room is told as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/conn_room.h"

#define GIB (1ULL << 30)

static void count_to(struct conn *conn, uint64_t sent_bytes, uint64_t received_bytes)
{
	struct event event = {.sent_bytes = sent_bytes, .received_bytes = received_bytes};

	assert_int_equal(conn_make_room(conn, &event), 0);
	conn_raise_bytes(conn, &event);
}

static void conn_raise_bytes_goes_on_beyond_32_bits_and_never_down(void **state)
{
	struct conn_room room = {.roomy = NULL};
	struct conn *conn = conn_room_take(&room), *other = conn_room_take(&room);

	(void)state;
	count_to(other, 1, 2);
	count_to(conn, 4 * GIB - 1, 100);
	assert_false(conn->has_rare);
	assert_true(conn_sent_bytes(conn) == 4 * GIB - 1);
	count_to(conn, 4 * GIB + 5, 50);
	assert_true(conn_sent_bytes(conn) == 4 * GIB + 5);
	assert_true(conn_received_bytes(conn) == 100);
	count_to(conn, 7, UINT64_MAX);
	assert_true(conn_sent_bytes(conn) == 4 * GIB + 5);
	assert_true(conn_received_bytes(conn) == UINT64_MAX);
	assert_int_equal(conn_peer_closed_ns(conn), 0);
	assert_false(other->has_rare);
	assert_int_equal(conn_sent_bytes(other), 1);
	assert_int_equal(conn_received_bytes(other), 2);
	conn_room_give_back(&room, conn);
	conn_room_give_back(&room, other);
	conn_room_free(&room);
}

static void conn_figures_of_a_bad_path_are_told_in_full(void **state)
{
	struct event event = {.rtt_us = 180, .retransmit_count = 255};
	struct conn_room room = {.roomy = NULL};
	struct conn *conn = conn_room_take(&room);

	(void)state;
	assert_int_equal(conn_make_room(conn, &event), 0);
	conn_set_rtt(conn, &event);
	conn_raise_retransmits(conn, &event);
	assert_false(conn->has_rare);
	assert_int_equal(conn_rtt_us(conn), 180);
	assert_int_equal(conn_retransmit_count(conn), 255);
	event = (struct event){.rtt_us = 3000000, .retransmit_count = UINT32_MAX};
	assert_int_equal(conn_make_room(conn, &event), 0);
	conn_set_rtt(conn, &event);
	conn_raise_retransmits(conn, &event);
	assert_int_equal(conn_rtt_us(conn), 3000000);
	assert_true(conn_retransmit_count(conn) == UINT32_MAX);
	event = (struct event){.rtt_us = 5, .retransmit_count = 300};
	conn_set_rtt(conn, &event);
	conn_raise_retransmits(conn, &event);
	assert_int_equal(conn_rtt_us(conn), 5);
	assert_true(conn_retransmit_count(conn) == UINT32_MAX);
	conn_room_give_back(&room, conn);
	conn_room_free(&room);
}

static void conn_span_is_exact_to_its_unit_and_never_longer(void **state)
{
	static const struct {
		uint64_t span_ns, told_ns;
	} cases[] = {
		{0, 0},
		{1, 1},
		{NS_PER_SEC + 1, NS_PER_SEC + 1},
		{2 * NS_PER_SEC + 1999, 2 * NS_PER_SEC + 1000},
		{900 * NS_PER_SEC + 5000, 900 * NS_PER_SEC + 5000},
		{3600 * NS_PER_SEC + 5 * NS_PER_MS + 999, 3600 * NS_PER_SEC + 5 * NS_PER_MS},
		{90 * 24 * 3600 * NS_PER_SEC + 999 * NS_PER_MS, 90 * 24 * 3600 * NS_PER_SEC},
		{UINT64_MAX, ((1ULL << 30) - 2) * NS_PER_SEC},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint32_t span = conn_span(cases[i].span_ns);

		assert_int_not_equal(span, 0);
		assert_true(conn_span_ns(span) == cases[i].told_ns);
		assert_int_equal(conn_span(conn_span_ns(span)), span);
	}
	for (uint64_t span_ns = 1; span_ns < 1ULL << 59; span_ns += span_ns / 3 + 1)
		assert_true(conn_span_ns(conn_span(span_ns)) <= span_ns &&
			    span_ns - conn_span_ns(conn_span(span_ns)) <= span_ns / 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conn_span_is_exact_to_its_unit_and_never_longer),
		cmocka_unit_test(conn_figures_of_a_bad_path_are_told_in_full),
		cmocka_unit_test(conn_raise_bytes_goes_on_beyond_32_bits_and_never_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
