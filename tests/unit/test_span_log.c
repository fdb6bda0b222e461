// SPDX-License-Identifier: Apache-2.0
/* Spans that are over, packed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/span_log.h"

#define FIGURES (sizeof(struct meter_span) / sizeof(uint32_t))

/* The figures that are no counts. */
static const size_t reals[] = {
	offsetof(struct meter_span, sent_bytes),
	offsetof(struct meter_span, exchange_log2_sum),
	offsetof(struct meter_span, connect_log2_sum),
	offsetof(struct meter_span, connect_max_us),
	offsetof(struct meter_span, rtt_log2_sum),
	offsetof(struct meter_span, busy_sum),
};

static float *real_of(struct meter_span *span, size_t i)
{
	return (float *)(void *)((char *)span + reals[i]);
}

static void assert_same_span(struct meter_span span, struct meter_span expected)
{
	for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
		float *real = real_of(&span, i);

		assert_true(fabsf(*real - *real_of(&expected, i)) <= *real / 65000);
		*real = *real_of(&expected, i);
	}
	assert_memory_equal(&span, &expected, sizeof(span));
}

/* A span with some figures set, whatever they are. */
static struct meter_span random_span(uint32_t number, unsigned int *seed)
{
	uint32_t words[FIGURES] = {number};
	struct meter_span span;

	for (size_t i = 1; i < FIGURES; i++) {
		uint32_t word = (uint32_t)rand_r(seed) << 16 ^ (uint32_t)rand_r(seed);

		if (rand_r(seed) % 3 == 0)
			words[i] = word >> rand_r(seed) % 32;
	}
	memcpy(&span, words, sizeof(span));
	for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++)
		if (rand_r(seed) % 3 == 0)
			*real_of(&span, i) = (float)rand_r(seed) / (float)(rand_r(seed) % 1000 + 1);
		else
			*real_of(&span, i) = 0;
	return span;
}

static void next_span_comes_back_as_it_was(void **state)
{
	struct meter_span kept[500], span;
	struct span_log log = {0};
	unsigned int seed = 7;
	uint32_t number = 4000000000U;

	(void)state;
	for (int i = 0; i < 500; i++) {
		size_t position = 0;
		int first = i;

		number += i % 5 ? 1 : (uint32_t)rand_r(&seed) % 20 + 1;
		kept[i] = random_span(number, &seed);
		span_log_add(&log, &kept[i], 30);
		while (first > 0 && number - kept[first - 1].number < 30)
			first--;
		for (int j = first; j <= i; j++) {
			assert_true(span_log_next(&log, &position, &span));
			assert_same_span(span, kept[j]);
		}
		assert_false(span_log_next(&log, &position, &span));
	}
	span_log_clear(&log);
}

static void next_whole_numbers_come_back_to_the_digit(void **state)
{
	struct meter_span span = {.number = 1, .sent_bytes = 65535, .busy_sum = 2.5f};
	struct span_log log = {0};
	size_t position = 0;

	(void)state;
	span_log_add(&log, &span, 30);
	assert_true(span_log_next(&log, &position, &span));
	assert_true(span.sent_bytes == 65535);
	assert_true(span.busy_sum == 2.5f);
	span_log_clear(&log);
}

static void add_greatest_figures_fit(void **state)
{
	struct meter_span full, span;
	struct span_log log = {0};
	size_t position = 0;

	(void)state;
	memset(&full, 0xff, sizeof(full));
	for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++)
		*real_of(&full, i) = 0x1.fffep127f;
	/* What is missing from the whole: as long as can be. */
	full.exchange_count = full.rtt_count = full.opened_peak = 0;
	for (uint32_t number = 1; number <= 2 * SPAN_LOG_KEEP_MAX; number++) {
		full.number = number;
		span_log_add(&log, &full, SPAN_LOG_KEEP_MAX);
	}
	for (uint32_t number = SPAN_LOG_KEEP_MAX + 1; number <= 2 * SPAN_LOG_KEEP_MAX; number++) {
		full.number = number;
		assert_true(span_log_next(&log, &position, &span));
		assert_same_span(span, full);
	}
	assert_false(span_log_next(&log, &position, &span));
	span_log_clear(&log);
}

static void add_after_a_long_time_forgets_all_before(void **state)
{
	struct meter_span span = {.number = 10, .open_max = 3};
	struct span_log log = {0};
	size_t position = 0;

	(void)state;
	span_log_add(&log, &span, 30);
	span.number = 10 + 256 * 3 + 1;
	span_log_add(&log, &span, 30);
	assert_true(span_log_next(&log, &position, &span));
	assert_int_equal(span.number, 10 + 256 * 3 + 1);
	assert_false(span_log_next(&log, &position, &span));
	span_log_clear(&log);
}

static void add_pool_at_rest_takes_few_bytes(void **state)
{
	struct span_log log = {0};

	(void)state;
	for (uint32_t number = 1; number <= 30; number++) {
		struct meter_span span = {.number = number, .sample_count = 2, .open_max = 10};

		span_log_add(&log, &span, 30);
	}
	assert_int_equal(log.length, 30 * 4);
	span_log_clear(&log);
}

static void add_parts_that_are_the_whole_take_no_bytes(void **state)
{
	struct meter_span span = {.number = 1, .sample_count = 2, .operation_count = 9};
	struct span_log log = {0};
	uint16_t length;

	(void)state;
	span.exchange_count = span.rtt_count = span.operation_count;
	span_log_add(&log, &span, 30);
	length = log.length;
	span.opened_count = span.opened_peak = span.number = 2;
	span_log_add(&log, &span, 30);
	assert_int_equal(length, 4);
	assert_int_equal(log.length - length, length + 2); /* the count, and one more of the mask */
	span_log_clear(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_span_comes_back_as_it_was),
		cmocka_unit_test(next_whole_numbers_come_back_to_the_digit),
		cmocka_unit_test(add_greatest_figures_fit),
		cmocka_unit_test(add_after_a_long_time_forgets_all_before),
		cmocka_unit_test(add_pool_at_rest_takes_few_bytes),
		cmocka_unit_test(add_parts_that_are_the_whole_take_no_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
