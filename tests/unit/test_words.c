// SPDX-License-Identifier: Apache-2.0
/* The words of events are a contract: each can be read back, and none stands for two things. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/words.h"

static void expect_one_to_one(const struct word *words, int count)
{
	int found = 0;

	for (const struct word *row = words; row->text; row++, found++) {
		assert_ptr_equal(word_find(words, row->text), row);
		assert_ptr_equal(word_of(words, row->value), row->text);
	}
	assert_int_equal(found, count);
	assert_null(word_find(words, ""));
	assert_null(word_find(words, "nonsense"));
	assert_null(word_of(words, -1));
}

static void word_tables_are_one_to_one(void **state)
{
	(void)state;
	expect_one_to_one(word_events, 10);
	expect_one_to_one(word_seen_states, 3);
	expect_one_to_one(word_closes, CLOSE_BY_COUNT);
	expect_one_to_one(word_openers, 2);
	expect_one_to_one(word_failures, FAIL_REASON_COUNT);
	assert_null(word_find(word_closes, "LOCAL"));
}

static void word_of_events_that_no_trace_has_is_none(void **state)
{
	(void)state;
	assert_string_equal(word_of(word_events, EVENT_PEER_CLOSED), "peer_closed");
	assert_null(word_of(word_events, EVENT_CHURN));
	assert_null(word_of(word_events, EVENT_PAST));
}

static void fail_reason_of_name_is_inverse_or_other(void **state)
{
	(void)state;
	for (int i = 0; i < FAIL_REASON_COUNT; i++)
		assert_int_equal(fail_reason_of(fail_reason_name((enum fail_reason)i)), i);
	assert_int_equal(fail_reason_of("EPERM"), FAIL_OTHER);
	assert_string_equal(fail_reason_name(FAIL_REFUSED), "ECONNREFUSED");
	assert_string_equal(fail_reason_name(FAIL_OTHER), "other");
}

static void names_of_what_is_not_told_are_none(void **state)
{
	(void)state;
	assert_string_equal(close_by_name(CLOSE_LOCAL), "local");
	assert_null(close_by_name(CLOSE_BY_COUNT));
	assert_string_equal(opener_state_name(OPENER_ENDED), "ended");
	assert_null(opener_state_name(OPENER_FOREIGN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(word_tables_are_one_to_one),
		cmocka_unit_test(word_of_events_that_no_trace_has_is_none),
		cmocka_unit_test(fail_reason_of_name_is_inverse_or_other),
		cmocka_unit_test(names_of_what_is_not_told_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
