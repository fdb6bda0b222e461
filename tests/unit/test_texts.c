// SPDX-License-Identifier: Apache-2.0
/* Texts that are kept once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/texts.h"

static void replace_equal_texts_are_one(void **state)
{
	const char *first = NULL, *second = NULL;
	char words[] = "save (Repo.java:12)";
	struct texts texts;

	(void)state;
	assert_int_equal(texts_init(&texts), 0);
	assert_int_equal(texts_replace(&texts, &first, words), 0);
	memset(words, 'x', 4);
	assert_int_equal(texts_replace(&texts, &second, "save (Repo.java:12)"), 0);
	assert_ptr_equal(first, second);
	assert_string_equal(first, "save (Repo.java:12)");
	assert_int_equal(texts.index.link_count, 1);
	texts_release(&texts, first);
	assert_string_equal(second, "save (Repo.java:12)");
	texts_release(&texts, second);
	texts_release(&texts, NULL);
	assert_int_equal(texts.index.link_count, 0);
	texts_destroy(&texts);
}

static void replace_nothing_new_keeps_what_was_and_news_let_it_go(void **state)
{
	const char *text = NULL;
	struct texts texts;

	(void)state;
	assert_int_equal(texts_init(&texts), 0);
	assert_int_equal(texts_replace(&texts, &text, NULL), 0);
	assert_null(text);
	assert_int_equal(texts_replace(&texts, &text, "open"), 0);
	assert_int_equal(texts_replace(&texts, &text, NULL), 0);
	assert_int_equal(texts_replace(&texts, &text, "open"), 0);
	assert_string_equal(text, "open");
	assert_int_equal(texts_replace(&texts, &text, "open elsewhere"), 0);
	assert_string_equal(text, "open elsewhere");
	assert_int_equal(texts.index.link_count, 1);
	texts_release(&texts, text);
	texts_destroy(&texts);
}

static void replace_many_texts_are_told_apart(void **state)
{
	const char *held[1000] = {NULL};
	struct texts texts;
	char words[32];

	(void)state;
	assert_int_equal(texts_init(&texts), 0);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 1000; i++) {
			(void)snprintf(words, sizeof(words), "site %d", (i + round) % 300);
			assert_int_equal(texts_replace(&texts, &held[i], words), 0);
			assert_string_equal(held[i], words);
		}
	assert_int_equal(texts.index.link_count, 300);
	for (int i = 0; i < 1000; i++)
		texts_release(&texts, held[i]);
	assert_int_equal(texts.index.link_count, 0);
	texts_destroy(&texts);
}

static void replace_number_is_of_the_text_and_comes_again_when_nobody_has_it(void **state)
{
	uint32_t held[100] = {0}, other = 0;
	struct texts texts;
	char words[32];

	(void)state;
	assert_int_equal(texts_init(&texts), 0);
	assert_null(texts_at(&texts, 0));
	for (int round = 0; round < 4; round++)
		for (int i = 0; i < 100; i++) {
			(void)snprintf(words, sizeof(words), "site %d", (i + round) % 30);
			assert_int_equal(texts_replace_number(&texts, &held[i], words), 0);
			assert_int_equal(texts_replace_number(&texts, &held[i], NULL), 0);
			assert_string_equal(texts_at(&texts, held[i]), words);
		}
	assert_int_equal(texts_replace_number(&texts, &other, "site 7"), 0);
	for (int i = 0; i < 100; i++) {
		assert_true(held[i] <= 31); /* 30 at once, and one before its turn */
		texts_release_number(&texts, held[i]);
	}
	assert_int_equal(texts.index.link_count, 1);
	assert_string_equal(texts_at(&texts, other), "site 7");
	texts_release_number(&texts, other);
	texts_release_number(&texts, 0);
	assert_int_equal(texts.index.link_count, 0);
	texts_destroy(&texts);
}

static void replace_bytes_are_compared_to_the_end(void **state)
{
	const uint8_t first[16] = {[15] = 1}, second[16] = {[15] = 2};
	uint32_t a = 0, b = 0, c = 0;
	struct texts texts;

	(void)state;
	assert_int_equal(texts_init(&texts), 0);
	assert_int_equal(texts_replace_bytes(&texts, &a, first, sizeof(first)), 0);
	assert_int_equal(texts_replace_bytes(&texts, &b, second, sizeof(second)), 0);
	assert_int_equal(texts_replace_bytes(&texts, &c, second, sizeof(second)), 0);
	assert_int_equal(texts.index.link_count, 2);
	assert_memory_equal(texts_at(&texts, a), first, sizeof(first));
	assert_int_equal(b, c);
	assert_int_equal(texts_replace_bytes(&texts, &b, first, sizeof(first)), 0);
	assert_int_equal(a, b);
	assert_memory_equal(texts_at(&texts, c), second, sizeof(second));
	texts_release_number(&texts, a);
	texts_release_number(&texts, b);
	texts_release_number(&texts, c);
	texts_destroy(&texts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replace_equal_texts_are_one),
		cmocka_unit_test(replace_nothing_new_keeps_what_was_and_news_let_it_go),
		cmocka_unit_test(replace_many_texts_are_told_apart),
		cmocka_unit_test(replace_number_is_of_the_text_and_comes_again_when_nobody_has_it),
		cmocka_unit_test(replace_bytes_are_compared_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
