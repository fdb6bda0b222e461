// SPDX-License-Identifier: Apache-2.0
/*
 * Programs that are looked at again: how often, when, and what happens when there are too many.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>

#include "sys/introductions.h"

#define SECOND 1000000000ULL

struct looks {
	unsigned count;
	uint32_t pid; /* of the last one */
	int result;
};

static int look(void *userdata, const struct abi_client *client)
{
	struct looks *looks = userdata;

	looks->count++;
	looks->pid = client->pid;
	return looks->result;
}

static struct abi_client client_of(uint32_t pid)
{
	return (struct abi_client){.pid = pid, .start_ns = 7};
}

static void introductions_go_on_looks_again_after_each_answer_as_often_as_it_says(void **state)
{
	struct introductions introductions = {0};
	struct abi_client client = client_of(4711);
	struct looks looks = {0};
	uint64_t now_ns = SECOND;

	(void)state;
	introductions_note(&introductions, &client, false, now_ns);
	introductions_go_on(&introductions, now_ns, look, &looks);
	assert_int_equal(looks.count, 0); /* too soon */
	for (unsigned i = 1; i <= 2 * INTRODUCTION_TRIES; i++) {
		now_ns += INTRODUCTION_GAP_NS;
		introductions_go_on(&introductions, now_ns, look, &looks);
		introductions_go_on(&introductions, now_ns + SECOND, look, &looks); /* no answer */
		assert_int_equal(looks.count, i < INTRODUCTION_TRIES ? i : INTRODUCTION_TRIES);
		assert_int_equal(looks.pid, 4711);
		if (i < INTRODUCTION_TRIES)
			introductions_note(&introductions, &client, false, now_ns);
	}
}

static void introductions_go_on_after_it_is_known_is_over(void **state)
{
	struct introductions introductions = {0};
	struct abi_client client = client_of(4711), known = client_of(12);
	struct looks looks = {0};

	(void)state;
	introductions_note(&introductions, &known, true, SECOND);
	introductions_note(&introductions, &client, false, SECOND);
	introductions_go_on(&introductions, 2 * SECOND, look, &looks);
	introductions_note(&introductions, &client, true, 2 * SECOND);
	introductions_go_on(&introductions, 3 * SECOND, look, &looks);
	assert_int_equal(looks.count, 1);
}

static void introductions_go_on_tries_again_what_was_refused(void **state)
{
	struct introductions introductions = {0};
	struct abi_client client = client_of(4711);
	struct looks looks = {.result = -ENOSPC};

	(void)state;
	introductions_note(&introductions, &client, false, SECOND);
	introductions_go_on(&introductions, 2 * SECOND, look, &looks);
	introductions_go_on(&introductions, 2 * SECOND, look, &looks);
	assert_int_equal(looks.count, 1);
	introductions_go_on(&introductions, 3 * SECOND, look, &looks);
	assert_int_equal(looks.count, 2);
}

static void introductions_note_beyond_the_room_leaves_the_others(void **state)
{
	struct introductions introductions = {0};
	struct looks looks = {0};

	(void)state;
	for (uint32_t pid = 1; pid <= INTRODUCTIONS_MAX + 5; pid++) {
		struct abi_client client = client_of(pid);

		introductions_note(&introductions, &client, false, SECOND);
	}
	introductions_go_on(&introductions, 2 * SECOND, look, &looks);
	assert_int_equal(looks.count, INTRODUCTIONS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			introductions_go_on_looks_again_after_each_answer_as_often_as_it_says),
		cmocka_unit_test(introductions_go_on_after_it_is_known_is_over),
		cmocka_unit_test(introductions_go_on_tries_again_what_was_refused),
		cmocka_unit_test(introductions_note_beyond_the_room_leaves_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
