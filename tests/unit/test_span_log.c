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

		assert_true(fabsf(*real - *real_of(&expected, i)) <= *real / 2000);
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

/* In all logs at once, and each as long as it is asked to keep them. */
static void next_span_comes_back_as_it_was(void **state)
{
	static const uint32_t keep[SPAN_LOGS] = {30, SPAN_LOG_KEEP_MAX, 3};
	static struct meter_span kept[SPAN_LOGS][500];
	uint32_t number[SPAN_LOGS] = {4000000000U, 1, 77};
	struct span_logs logs = {0};
	int count[SPAN_LOGS] = {0};
	unsigned int seed = 7;

	(void)state;
	for (int i = 0; i < 900; i++) {
		unsigned int log = (unsigned int)rand_r(&seed) % SPAN_LOGS;
		uint32_t step = i % 5 ? 1 : (uint32_t)rand_r(&seed) % 20 + 1;

		number[log] += step;
		kept[log][count[log]] = random_span(number[log], &seed);
		span_logs_add(&logs, log, &kept[log][count[log]++], keep[log]);
		for (log = 0; log < SPAN_LOGS; log++) {
			struct span_walk walk = {.position = 0};
			int first = count[log];

			while (first > 0 && number[log] - kept[log][first - 1].number < keep[log])
				first--;
			for (int j = first; j < count[log]; j++) {
				assert_true(span_logs_next(&logs, log, &walk));
				assert_same_span(walk.span, kept[log][j]);
			}
			assert_false(span_logs_next(&logs, log, &walk));
		}
	}
	span_logs_clear(&logs);
	assert_int_equal(span_logs_length(&logs), 0);
}

static void next_whole_numbers_come_back_to_the_digit(void **state)
{
	struct meter_span span = {.number = 1, .sent_bytes = 2047, .busy_sum = 2.5f};
	struct span_walk walk = {.position = 0};
	struct span_logs logs = {0};

	(void)state;
	span_logs_add(&logs, 0, &span, 30);
	assert_true(span_logs_next(&logs, 0, &walk));
	assert_true(walk.span.sent_bytes == 2047);
	assert_true(walk.span.busy_sum == 2.5f);
	span_logs_clear(&logs);
}

/* What no span has: it must not look like another figure, nor like none. */
static void next_reals_out_of_range_are_the_nearest_in_it(void **state)
{
	struct meter_span span = {.number = 1, .sent_bytes = 0x1p127f, .busy_sum = 0x1p-40f};
	struct span_walk walk = {.position = 0};
	struct span_logs logs = {0};

	(void)state;
	span.connect_max_us = INFINITY;
	span.rtt_log2_sum = NAN;
	span_logs_add(&logs, 0, &span, 30);
	assert_true(span_logs_next(&logs, 0, &walk));
	assert_true(walk.span.sent_bytes > 0x1.ffp43f && walk.span.sent_bytes < 0x1p44f);
	assert_true(walk.span.busy_sum > 0 && walk.span.busy_sum < 0x1.1p-20f);
	assert_true(walk.span.connect_max_us == walk.span.sent_bytes);
	assert_true(walk.span.rtt_log2_sum == walk.span.sent_bytes);
	span_logs_clear(&logs);
}

static void add_greatest_figures_fit(void **state)
{
	struct meter_span full;
	struct span_logs logs = {0};

	(void)state;
	memset(&full, 0xff, sizeof(full));
	for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++)
		*real_of(&full, i) = 0x1.ffcp43f;
	/* What is missing from the whole: as long as can be. */
	full.exchange_count = full.rtt_count = full.opened_peak = 0;
	for (uint32_t number = 1; number <= 2 * SPAN_LOG_KEEP_MAX; number++) {
		full.number = number;
		/* So that no figure is that of the span before. */
		full.open_max = full.stale_max = full.sample_count = UINT32_MAX - number;
		for (unsigned int log = 0; log < SPAN_LOGS; log++)
			span_logs_add(&logs, log, &full, SPAN_LOG_KEEP_MAX);
	}
	for (unsigned int log = 0; log < SPAN_LOGS; log++) {
		struct span_walk walk = {.position = 0};

		for (uint32_t number = SPAN_LOG_KEEP_MAX + 1; number <= 2 * SPAN_LOG_KEEP_MAX;
		     number++) {
			full.number = number;
			full.open_max = full.stale_max = full.sample_count = UINT32_MAX - number;
			assert_true(span_logs_next(&logs, log, &walk));
			assert_same_span(walk.span, full);
		}
		assert_false(span_logs_next(&logs, log, &walk));
	}
	span_logs_clear(&logs);
}

static void add_after_a_long_time_forgets_all_before(void **state)
{
	struct meter_span span = {.number = 10, .open_max = 3};
	struct span_walk walk = {.position = 0};
	struct span_logs logs = {0};

	(void)state;
	span_logs_add(&logs, 1, &span, 30);
	span.number = 3000000000U;
	span_logs_add(&logs, 1, &span, 30);
	assert_true(span_logs_next(&logs, 1, &walk));
	assert_same_span(walk.span, span);
	assert_false(span_logs_next(&logs, 1, &walk));
	span_logs_clear(&logs);
}

static void add_pool_at_rest_takes_a_byte_a_span(void **state)
{
	struct span_logs logs = {0};

	(void)state;
	for (uint32_t number = 1; number <= 90; number++) {
		struct meter_span span = {.number = number, .sample_count = 2, .open_max = 10};

		span_logs_add(&logs, 0, &span, 30);
	}
	/* The first has its two figures, and a mask of two bytes. */
	assert_int_equal(span_logs_length(&logs), 30 + 3);
	span_logs_clear(&logs);
}

static void add_parts_that_are_the_whole_take_no_bytes(void **state)
{
	struct meter_span span = {.number = 1, .operation_count = 9};
	struct span_logs logs = {0};
	size_t length;

	(void)state;
	span.exchange_count = span.rtt_count = span.operation_count;
	span_logs_add(&logs, 0, &span, 30);
	length = span_logs_length(&logs);
	assert_int_equal(length, 2);
	span.opened_count = span.opened_peak = span.number = 2;
	span_logs_add(&logs, 0, &span, 30);
	/* The count, and one more of the mask. */
	assert_int_equal(span_logs_length(&logs) - length, length + 2);
	span_logs_clear(&logs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_span_comes_back_as_it_was),
		cmocka_unit_test(next_whole_numbers_come_back_to_the_digit),
		cmocka_unit_test(next_reals_out_of_range_are_the_nearest_in_it),
		cmocka_unit_test(add_greatest_figures_fit),
		cmocka_unit_test(add_after_a_long_time_forgets_all_before),
		cmocka_unit_test(add_pool_at_rest_takes_a_byte_a_span),
		cmocka_unit_test(add_parts_that_are_the_whole_take_no_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
