// SPDX-License-Identifier: Apache-2.0
/* What is told of a send and a receive in the same tick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf/tie.h"

#define MS UINT64_C(1000000)

/* 100 bytes were sent, 500 came back and acknowledged them; nothing since. */
static const struct tie_facts answered = {
	.send_next = 1100,
	.send_acked = 1100,
	.receive_next = 9500,
	.window_begin = 9000,
};

static void tie_of_an_answer_is_not_sent_last(void **state)
{
	struct tie_facts facts = answered;

	(void)state;
	assert_false(tie_is_sent_last(&facts));
	/* Acknowledged before it was answered: the stamp may be of the tick before. */
	facts.ack_after_ns = (uint64_t)-4 * MS;
	assert_false(tie_is_sent_last(&facts));
}

static void tie_of_what_is_not_acknowledged_is_sent_last(void **state)
{
	struct tie_facts facts = answered;

	(void)state;
	facts.send_next += 100;
	assert_true(tie_is_sent_last(&facts));
	/* The numbers go around. */
	facts.send_acked = UINT32_MAX - 50;
	facts.send_next = 50;
	assert_true(tie_is_sent_last(&facts));
}

static void tie_of_what_an_ack_without_data_confirms_is_sent_last(void **state)
{
	struct tie_facts facts = answered;

	(void)state;
	facts.window_begin = facts.receive_next;
	assert_true(tie_is_sent_last(&facts));
	facts.ack_after_ns = 200 * MS;
	assert_true(tie_is_sent_last(&facts));
}

static void tie_with_an_ack_of_a_keepalive_probe_is_not_sent_last(void **state)
{
	struct tie_facts facts = answered;

	(void)state;
	facts.window_begin = facts.receive_next;
	facts.ack_after_ns = 1000 * MS;
	assert_false(tie_is_sent_last(&facts));
	facts.ack_after_ns = 7200000 * MS;
	assert_false(tie_is_sent_last(&facts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tie_of_an_answer_is_not_sent_last),
		cmocka_unit_test(tie_of_what_is_not_acknowledged_is_sent_last),
		cmocka_unit_test(tie_of_what_an_ack_without_data_confirms_is_sent_last),
		cmocka_unit_test(tie_with_an_ack_of_a_keepalive_probe_is_not_sent_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
