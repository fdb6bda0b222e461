/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a verdict, and who owns its parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/verdict.h"
#include "core/verdict_queue.h"

static void verdict_kind_name_is_parsed_back(void **state)
{
	(void)state;
	for (int kind = 0; kind < VERDICT_KIND_COUNT; kind++) {
		enum verdict_kind parsed = VERDICT_KIND_COUNT;

		assert_true(verdict_kind_parse(verdict_kind_name(kind), &parsed));
		assert_int_equal(parsed, kind);
	}
	assert_string_equal(verdict_kind_name(VERDICT_LEAK), "leak");
	assert_string_equal(verdict_kind_name(VERDICT_OVERSIZED), "oversized");
}

static void verdict_kind_parse_other_words_are_refused(void **state)
{
	static const char *const words[] = {"", "Leak", "leaks", "leak ", "suspect", "?"};
	enum verdict_kind kind = VERDICT_STORM;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_false(verdict_kind_parse(words[i], &kind));
	assert_false(verdict_kind_parse(NULL, &kind));
	assert_int_equal(kind, VERDICT_STORM);
}

static void verdict_names_are_the_contracts(void **state)
{
	(void)state;
	assert_string_equal(verdict_state_name(VERDICT_SUSPECT), "suspect");
	assert_string_equal(verdict_state_name(VERDICT_RAISED), "raised");
	assert_string_equal(verdict_state_name(VERDICT_UPDATED), "updated");
	assert_string_equal(verdict_state_name(VERDICT_CLEARED), "cleared");
	assert_string_equal(severity_name(SEVERITY_INFO), "info");
	assert_string_equal(severity_name(SEVERITY_WARNING), "warning");
	assert_string_equal(severity_name(SEVERITY_CRITICAL), "critical");
	assert_string_equal(severity_name((enum severity)9), "?");
}

static void verdict_add_evidence_beyond_the_limit_is_dropped(void **state)
{
	struct verdict verdict = {0};

	(void)state;
	for (int i = 0; i < VERDICT_EVIDENCE_MAX + 3; i++)
		verdict_add_evidence(&verdict, "figure", "%d of %0300d", i, 1);
	assert_int_equal(verdict.evidence_count, VERDICT_EVIDENCE_MAX);
	assert_memory_equal(verdict.evidence[11].text, "11 of 0", 7);
	assert_int_equal(strlen(verdict.evidence[11].text), sizeof(verdict.evidence[0].text) - 1);
}

static struct verdict full_verdict(void)
{
	struct verdict verdict = {.id = 7, .suspect_count = 2, .site_count = 1};

	verdict.suspects = calloc(2, sizeof(uint64_t));
	assert_non_null(verdict.suspects);
	verdict.suspects[1] = 8813;
	verdict.sites[0].site = strdup("OrderRepo.save");
	verdict.sites[0].open_count = 2;
	verdict.sites[0].role = "open";
	return verdict;
}

static void verdict_copy_owns_its_parts(void **state)
{
	struct verdict verdict = full_verdict(), copy;

	(void)state;
	assert_int_equal(verdict_copy(&verdict, &copy), 0);
	verdict_clear(&verdict);
	assert_int_equal(copy.suspects[1], 8813);
	assert_string_equal(copy.sites[0].site, "OrderRepo.save");
	verdict_clear(&copy);
	assert_null(copy.suspects);
	verdict_clear(&copy);
	verdict_clear(NULL);
}

static void verdict_queue_hands_out_copies_in_order(void **state)
{
	struct verdict_queue queue = {0};
	struct verdict verdict = full_verdict();

	(void)state;
	assert_null(verdict_queue_next(&queue));
	for (uint64_t id = 1; id <= 3; id++) {
		verdict.id = id;
		assert_int_equal(verdict_queue_push(&queue, &verdict), 0);
	}
	verdict_clear(&verdict);
	assert_int_equal(verdict_queue_next(&queue)->id, 1);
	assert_int_equal(verdict_queue_next(&queue)->suspects[1], 8813);
	verdict_queue_destroy(&queue);
	assert_null(verdict_queue_next(&queue));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdict_kind_name_is_parsed_back),
		cmocka_unit_test(verdict_kind_parse_other_words_are_refused),
		cmocka_unit_test(verdict_names_are_the_contracts),
		cmocka_unit_test(verdict_add_evidence_beyond_the_limit_is_dropped),
		cmocka_unit_test(verdict_copy_owns_its_parts),
		cmocka_unit_test(verdict_queue_hands_out_copies_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
