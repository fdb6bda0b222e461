// SPDX-License-Identifier: Apache-2.0
/*
 * Whose turn it is among processes whose samples take unlike times.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sys/site_queue.h"

#define SECOND 1000000000ULL

static struct site_queue *queue;
static struct stack_sample sample;

static int begin(void **state)
{
	(void)state;
	queue = site_queue_new();
	assert_non_null(queue);
	return 0;
}

static int end(void **state)
{
	(void)state;
	site_queue_free(queue);
	return 0;
}

static int put(uint32_t pid, uint64_t id)
{
	memset(&sample, 0, sizeof(sample));
	sample.client = (struct abi_client){.pid = pid, .start_ns = 1};
	sample.id = id;
	sample.stack_bytes = 16;
	memcpy(sample.stack, "0123456789abcdef", 16);
	return site_queue_put(queue, &sample);
}

/* Takes the next one, which takes spent_ns. Returns its process, 0 when there is none. */
static uint32_t take(uint64_t spent_ns, uint64_t *ret_id)
{
	struct stack_sample *taken = site_queue_take(queue);
	uint32_t pid;

	if (!taken)
		return 0;
	pid = taken->client.pid;
	if (ret_id)
		*ret_id = taken->id;
	assert_memory_equal(taken->stack, "0123456789abcdef", 16);
	site_queue_note_time(queue, &taken->client, spent_ns);
	free(taken);
	return pid;
}

static void site_queue_take_of_one_process_is_in_order(void **state)
{
	uint64_t id;

	(void)state;
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(put(7, i), 0);
	assert_int_equal(site_queue_count(queue), 3);
	for (uint64_t i = 1; i <= 3; i++) {
		assert_int_equal(take(SECOND, &id), 7);
		assert_int_equal(id, i);
	}
	assert_int_equal(take(0, NULL), 0);
}

/* The one that takes just under the limit each time does not hold up the others. */
static void site_queue_take_others_wait_for_one_slow_sample_at_most(void **state)
{
	uint64_t waited_ns = 0;
	uint32_t pid;

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(put(7, i), 0);
	assert_int_equal(take(5 * SECOND, NULL), 7);
	for (uint32_t round = 0; round < 50; round++) {
		assert_int_equal(put(8, round), 0);
		assert_int_equal(put(9, round), 0);
		waited_ns = 0;
		for (int left = 2; left > 0;) {
			pid = take(0, NULL);
			site_queue_note_time(queue, &(struct abi_client){.pid = pid, .start_ns = 1},
					     pid == 7 ? 5 * SECOND : SECOND / 1000);
			waited_ns += pid == 7 ? 5 * SECOND : 0;
			left -= pid != 7;
		}
		assert_true(waited_ns <= 5 * SECOND);
	}
}

/* Who was not there has no claim to the time that others had. */
static void site_queue_put_newcomer_does_not_have_it_to_itself(void **state)
{
	unsigned turns[10] = {};

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(put(7, i), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(take(SECOND, NULL), 7);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(put(8, i), 0);
	for (int i = 0; i < 20; i++)
		turns[take(SECOND, NULL)]++;
	assert_in_range(turns[7], 9, 11);
	assert_in_range(turns[8], 9, 11);
}

static void site_queue_put_one_process_leaves_room_for_others(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < SITE_QUEUE_EACH_MAX; i++)
		assert_int_equal(put(7, i), 0);
	assert_int_equal(put(7, 1), -ENOSPC);
	assert_int_equal(site_queue_refused_count(queue), 1);
	assert_int_equal(put(8, 1), 0);
}

/* Who can ask again later does so, and nothing is refused meanwhile. */
static void site_queue_has_room_until_put_would_refuse(void **state)
{
	const struct abi_client seven = {.pid = 7, .start_ns = 1},
				eight = {.pid = 8, .start_ns = 1};

	(void)state;
	for (uint64_t i = 0; i < SITE_QUEUE_EACH_MAX; i++) {
		assert_true(site_queue_has_room(queue, &seven));
		assert_int_equal(put(7, i), 0);
	}
	assert_false(site_queue_has_room(queue, &seven));
	assert_true(site_queue_has_room(queue, &eight));
	for (uint32_t i = SITE_QUEUE_EACH_MAX; i < SITE_QUEUE_MAX; i++)
		assert_int_equal(put(100 + i, 1), 0);
	assert_false(site_queue_has_room(queue, &eight));
	assert_int_equal(take(1, NULL), 7);
	assert_true(site_queue_has_room(queue, &seven));
	assert_int_equal(site_queue_refused_count(queue), 0);
}

static void site_queue_put_is_bounded(void **state)
{
	uint32_t taken = 0;

	(void)state;
	for (uint32_t i = 0; i < SITE_QUEUE_MAX; i++)
		assert_int_equal(put(100 + i, 1), 0);
	assert_int_equal(put(7, 1), -ENOSPC);
	while (take(1, NULL))
		taken++;
	assert_int_equal(taken, SITE_QUEUE_MAX);
	/* Processes that are long gone make room. */
	for (uint32_t i = 0; i < 4 * SITE_QUEUE_PROCESSES_MAX; i++) {
		assert_int_equal(put(10000 + i, 1), 0);
		assert_int_equal(take(1, NULL), 10000 + i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(site_queue_take_of_one_process_is_in_order, begin,
						end),
		cmocka_unit_test_setup_teardown(
			site_queue_take_others_wait_for_one_slow_sample_at_most, begin, end),
		cmocka_unit_test_setup_teardown(site_queue_put_newcomer_does_not_have_it_to_itself,
						begin, end),
		cmocka_unit_test_setup_teardown(site_queue_put_one_process_leaves_room_for_others,
						begin, end),
		cmocka_unit_test_setup_teardown(site_queue_has_room_until_put_would_refuse, begin,
						end),
		cmocka_unit_test_setup_teardown(site_queue_put_is_bounded, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
