// SPDX-License-Identifier: Apache-2.0
/* What a record keeps of two of its times: as near as is said, in order, and never lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf/span.h"

#define NS_PER_S UINT64_C(1000000000)
#define EXACT_NS (UINT64_C(1) << 28)
#define BEGIN_NS (UINT64_C(123456789) * NS_PER_S)

/* Lengths that differ by a tenth or so, from 1 ns to 290 years. */
#define NEXT(length) ((length) + (length) / 10 + 1)
#define LONGEST (INT64_MAX / 10 * 9)

static void span_of_a_quarter_of_a_second_is_exact(void **state)
{
	(void)state;
	for (uint64_t length = 1; length < EXACT_NS; length = NEXT(length))
		assert_int_equal(span_end_ns(BEGIN_NS, span_between(BEGIN_NS, BEGIN_NS + length)),
				 BEGIN_NS + length);
	assert_int_equal(span_end_ns(5, span_between(5, 5 + EXACT_NS - 1)), 5 + EXACT_NS - 1);
}

static void span_of_any_length_is_short_by_one_part_in_16_million(void **state)
{
	(void)state;
	for (uint64_t length = EXACT_NS; length < LONGEST; length = NEXT(length)) {
		uint64_t kept = span_end_ns(0, span_between(0, length));

		assert_in_range(length - kept, 0, length >> 24);
	}
	/* A year: to a third of a second. */
	assert_in_range(span_end_ns(0, span_between(0, 31536000 * NS_PER_S)),
			31536000 * NS_PER_S - NS_PER_S / 3, 31536000 * NS_PER_S);
}

static void span_of_a_later_end_is_no_lesser_one(void **state)
{
	uint32_t before = 0;

	(void)state;
	for (uint64_t length = 1; length < LONGEST; length = NEXT(length)) {
		uint32_t less = span_between(0, length - 1), span = span_between(0, length);

		assert_true(span >= before && span >= less);
		assert_true(span_end_ns(0, span) >= span_end_ns(0, before));
		before = span;
	}
	/* The longest that two moments can be apart. */
	assert_true(span_between(0, UINT64_MAX) >= before);
	assert_in_range(span_end_ns(0, span_between(0, UINT64_MAX)),
			UINT64_MAX - (UINT64_MAX >> 24), UINT64_MAX);
}

static void span_is_0_only_where_there_is_no_end(void **state)
{
	(void)state;
	assert_int_equal(span_end_ns(BEGIN_NS, 0), 0);
	for (unsigned int bit = 0; bit < 64; bit++)
		assert_int_not_equal(span_between(0, UINT64_C(1) << bit), 0);
	/* Clocks of two processors: an end that seems to come first comes just after. */
	assert_int_equal(span_end_ns(BEGIN_NS, span_between(BEGIN_NS, BEGIN_NS)), BEGIN_NS + 1);
	assert_int_equal(span_end_ns(BEGIN_NS, span_between(BEGIN_NS, BEGIN_NS - NS_PER_S)),
			 BEGIN_NS + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(span_of_a_quarter_of_a_second_is_exact),
		cmocka_unit_test(span_of_any_length_is_short_by_one_part_in_16_million),
		cmocka_unit_test(span_of_a_later_end_is_no_lesser_one),
		cmocka_unit_test(span_is_0_only_where_there_is_no_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
