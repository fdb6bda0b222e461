// SPDX-License-Identifier: Apache-2.0
/* What a close pays for: one open, for a while, and in no memory afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/credit.h"
#include "core/table.h"

static void credit_pays_one_open_for_one_close(void **state)
{
	struct credit credit = {0};
	uint64_t span_ns = 60 * NS_PER_SEC, t_ns = 1000 * NS_PER_SEC;

	(void)state;
	assert_false(credit_take(&credit, t_ns, span_ns));
	credit_add(&credit, t_ns, span_ns);
	credit_add(&credit, t_ns + 10 * NS_PER_SEC, span_ns);
	assert_true(credit_take(&credit, t_ns + 20 * NS_PER_SEC, span_ns));
	assert_true(credit_take(&credit, t_ns + 20 * NS_PER_SEC, span_ns));
	assert_false(credit_take(&credit, t_ns + 20 * NS_PER_SEC, span_ns));
	assert_null(credit.slots);
}

static void credit_expires(void **state)
{
	struct credit credit = {0};
	uint64_t span_ns = 60 * NS_PER_SEC;

	(void)state;
	credit_add(&credit, 0, span_ns);
	assert_false(credit_take(&credit, 61 * NS_PER_SEC, span_ns));
	for (int i = 0; i < 50; i++)
		credit_add(&credit, 100 * NS_PER_SEC, span_ns);
	credit_add(&credit, 130 * NS_PER_SEC, span_ns);
	assert_true(credit_take(&credit, 165 * NS_PER_SEC, span_ns));
	assert_false(credit_take(&credit, 165 * NS_PER_SEC, span_ns));
	assert_false(credit_take(&credit, INT64_MAX, span_ns));
	assert_null(credit.slots);
}

static void credit_without_span_is_gone_at_once(void **state)
{
	struct credit credit = {0};

	(void)state;
	credit_add(&credit, 5, 0);
	assert_false(credit_take(&credit, 5 + 12, 0));
	assert_null(credit.slots);
}

static void credit_count_is_that_of_those_that_are_left(void **state)
{
	struct credit credit = {0};
	uint64_t span_ns = 60 * NS_PER_SEC;

	(void)state;
	assert_int_equal(credit_count(&credit, 0, span_ns), 0);
	for (uint64_t t_ns = 0; t_ns < span_ns; t_ns += 10 * NS_PER_SEC)
		credit_add(&credit, t_ns, span_ns);
	assert_int_equal(credit_count(&credit, 50 * NS_PER_SEC, span_ns), 6);
	assert_true(credit_take(&credit, 50 * NS_PER_SEC, span_ns));
	assert_int_equal(credit_count(&credit, 50 * NS_PER_SEC, span_ns), 5);
	/* The oldest was taken; by now the next two are past. */
	assert_int_equal(credit_count(&credit, 81 * NS_PER_SEC, span_ns), 3);
	for (int i = 0; i < 100000; i++)
		credit_add(&credit, 90 * NS_PER_SEC, span_ns);
	assert_in_range(credit_count(&credit, 90 * NS_PER_SEC, span_ns), UINT16_MAX,
			UINT16_MAX + 2);
	assert_int_equal(credit_count(&credit, UINT64_MAX, span_ns), 0);
	assert_null(credit.slots);
}

/* Closes of the young are churn, and a connection whose age is not known is no young one. */
static void credit_observe_is_paid_by_those_that_are_old(void **state)
{
	static const struct {
		int64_t opened_ns, closed_ns;
		bool age_is_bound, pays;
	} cases[] = {
		{0, 60 * NS_PER_SEC, false, true},
		{1, 60 * NS_PER_SEC, false, false},
		{-(int64_t)NS_PER_SEC, 59 * NS_PER_SEC, false, true},
		{59 * NS_PER_SEC, 60 * NS_PER_SEC, true, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conn old = {.open_ns = cases[i].opened_ns,
				   .age_is_bound = cases[i].age_is_bound};
		struct change change = {
			.type = CHANGE_CLOSED, .t_ns = (uint64_t)cases[i].closed_ns, .conn = &old};
		struct credit credit = {0};
		struct conn opened[2] = {0};

		credit_observe(&credit, &change, 60 * NS_PER_SEC);
		change.type = CHANGE_OPENED;
		for (int k = 0; k < 2; k++) {
			change.conn = &opened[k];
			credit_observe(&credit, &change, 60 * NS_PER_SEC);
		}
		assert_int_equal(opened[0].is_replacement, cases[i].pays);
		assert_int_equal(opened[1].is_replacement, false);
		credit_clear(&credit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credit_pays_one_open_for_one_close),
		cmocka_unit_test(credit_expires),
		cmocka_unit_test(credit_without_span_is_gone_at_once),
		cmocka_unit_test(credit_count_is_that_of_those_that_are_left),
		cmocka_unit_test(credit_observe_is_paid_by_those_that_are_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
