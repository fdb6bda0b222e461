// SPDX-License-Identifier: Apache-2.0
/*
 * Verdicts over the restart of an agent: the same id, nothing told twice, the end told once.
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

#include "core/ledger.h"

#define SEC NS_PER_SEC
#define SUSPECTS 10
#define PID 4711
#define KNOWN_NS (100 * SEC)

struct bed {
	struct ledger *ledger;
	struct table *table;
	struct ledger_line line;
};

static struct netaddr address(uint16_t port)
{
	struct netaddr addr = {.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .port = port};

	return addr;
}

static int make_bed(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	bed->ledger = ledger_new();
	bed->table = table_new(NULL);
	assert_true(bed->ledger && bed->table);
	*state = bed;
	return 0;
}

static int drop_bed(void **state)
{
	struct bed *bed = *state;

	ledger_free(bed->ledger);
	table_free(bed->table);
	free(bed);
	return 0;
}

static void apply(struct bed *bed, const struct event *event)
{
	struct change change;

	assert_int_equal(table_apply(bed->table, event, &change), 0);
	table_settle(bed->table);
}

/* Connections 1 to SUSPECTS + 2 of the client, silent for 50 s at KNOWN_NS. */
static void open_connections(struct bed *bed)
{
	for (uint16_t i = 1; i <= SUSPECTS + 2; i++)
		apply(bed, &(struct event){
				   .type = EVENT_SEEN,
				   .t_ns = KNOWN_NS + SEC,
				   .conn = i,
				   .client = {.pid = PID, .start_ns = 7},
				   .comm = "orders-api",
				   .local = address(40000 + i),
				   .remote = address(5432),
				   .seen_state = SEEN_ESTABLISHED,
				   .idle_ns = 51 * SEC,
				   .has_idle = true,
			   });
}

static struct verdict line_of(uint64_t id, enum verdict_state state, enum severity severity)
{
	static uint64_t suspects[SUSPECTS];
	struct verdict verdict = {
		.t_ns = KNOWN_NS,
		.id = id,
		.kind = VERDICT_LEAK,
		.state = state,
		.severity = severity,
		.client = {.pid = PID, .start_ns = 7},
		.comm = "orders-api",
		.remote = address(5432),
		.database = "postgresql",
		.suspects = suspects,
		.suspect_count = SUSPECTS,
	};

	for (uint64_t i = 0; i < SUSPECTS; i++)
		suspects[i] = i + 1;
	return verdict;
}

static void assert_take(struct bed *bed, struct verdict line, uint64_t id, enum verdict_state state,
			enum ledger_news news)
{
	assert_int_equal(ledger_take(bed->ledger, bed->table, &line, &bed->line), 0);
	assert_int_equal(bed->line.verdict->id, id);
	assert_int_equal(bed->line.verdict->state, state);
	assert_int_equal(bed->line.news, news);
}

static void carry_with(struct bed *bed, uint64_t id, enum verdict_kind kind, uint64_t known_ns,
		       uint32_t suspect_count)
{
	struct verdict verdict = line_of(id, VERDICT_RAISED, SEVERITY_WARNING);
	struct netaddr suspects[SUSPECTS];

	verdict.kind = kind;
	for (uint16_t i = 0; i < SUSPECTS; i++)
		suspects[i] = address(40000 + SUSPECTS - i);
	assert_int_equal(ledger_carry(bed->ledger, &verdict, suspects, suspect_count, known_ns,
				      KNOWN_NS + SEC),
			 0);
}

static void carry(struct bed *bed, uint64_t id, enum verdict_kind kind, uint64_t known_ns)
{
	carry_with(bed, id, kind, known_ns, kind == VERDICT_LEAK ? SUSPECTS : 0);
}

static void ledger_take_life_of_a_verdict_is_news_at_its_turns(void **state)
{
	struct bed *bed = *state;

	open_connections(bed);
	assert_take(bed, line_of(1, VERDICT_SUSPECT, SEVERITY_INFO), 1, VERDICT_SUSPECT,
		    LEDGER_LINE);
	assert_false(ledger_stands(bed->ledger, ~0u));
	assert_take(bed, line_of(1, VERDICT_RAISED, SEVERITY_WARNING), 1, VERDICT_RAISED,
		    LEDGER_NEWS);
	assert_true(ledger_stands(bed->ledger, 1 << VERDICT_LEAK));
	assert_false(ledger_stands(bed->ledger, 1 << VERDICT_STORM));
	assert_take(bed, line_of(1, VERDICT_UPDATED, SEVERITY_WARNING), 1, VERDICT_UPDATED,
		    LEDGER_LINE);
	assert_take(bed, line_of(1, VERDICT_UPDATED, SEVERITY_CRITICAL), 1, VERDICT_UPDATED,
		    LEDGER_NEWS);
	assert_int_equal(ledger_first(bed->ledger)->suspect_count, SUSPECTS);
	assert_take(bed, line_of(1, VERDICT_CLEARED, SEVERITY_CRITICAL), 1, VERDICT_CLEARED,
		    LEDGER_NEWS);
	assert_null(ledger_first(bed->ledger));
	assert_take(bed, line_of(2, VERDICT_SUSPECT, SEVERITY_INFO), 2, VERDICT_SUSPECT,
		    LEDGER_LINE);
	assert_take(bed, line_of(2, VERDICT_CLEARED, SEVERITY_INFO), 2, VERDICT_CLEARED,
		    LEDGER_LINE);
}

static void ledger_take_carried_over_goes_on_under_its_id(void **state)
{
	struct bed *bed = *state;

	open_connections(bed);
	carry(bed, 17, VERDICT_LEAK, KNOWN_NS);
	assert_true(ledger_stands(bed->ledger, 1 << VERDICT_LEAK));
	assert_take(bed, line_of(1, VERDICT_SUSPECT, SEVERITY_INFO), 17, VERDICT_RAISED,
		    LEDGER_REPEAT);
	assert_int_equal(bed->line.verdict->severity, SEVERITY_WARNING);
	assert_take(bed, line_of(1, VERDICT_RAISED, SEVERITY_WARNING), 17, VERDICT_UPDATED,
		    LEDGER_REPEAT);
	assert_false(ledger_review(bed->ledger, bed->table, UINT64_MAX, &bed->line));
	assert_take(bed, line_of(1, VERDICT_UPDATED, SEVERITY_CRITICAL), 17, VERDICT_UPDATED,
		    LEDGER_NEWS);
	assert_take(bed, line_of(1, VERDICT_CLEARED, SEVERITY_CRITICAL), 17, VERDICT_CLEARED,
		    LEDGER_NEWS);
	/* One that is new gets a number that was never given out. */
	assert_take(bed, line_of(2, VERDICT_RAISED, SEVERITY_WARNING), 18, VERDICT_RAISED,
		    LEDGER_NEWS);
}

static void ledger_take_carried_over_with_another_severity_is_news(void **state)
{
	struct bed *bed = *state;

	open_connections(bed);
	carry(bed, 17, VERDICT_LEAK, KNOWN_NS);
	assert_take(bed, line_of(1, VERDICT_RAISED, SEVERITY_CRITICAL), 17, VERDICT_UPDATED,
		    LEDGER_NEWS);
}

static void ledger_take_other_subjects_are_not_recognized(void **state)
{
	struct bed *bed = *state;
	struct verdict line = line_of(1, VERDICT_RAISED, SEVERITY_WARNING);

	carry(bed, 17, VERDICT_LEAK, KNOWN_NS);
	carry(bed, 18, VERDICT_EXHAUSTED, 0); /* before a boot: its pids mean nothing now */
	line.client.start_ns = 8;
	assert_take(bed, line, 19, VERDICT_RAISED, LEDGER_NEWS);
	line = line_of(2, VERDICT_RAISED, SEVERITY_WARNING);
	line.remote = address(5433);
	assert_take(bed, line, 20, VERDICT_RAISED, LEDGER_NEWS);
	line = line_of(3, VERDICT_RAISED, SEVERITY_WARNING);
	line.kind = VERDICT_EXHAUSTED;
	assert_take(bed, line, 21, VERDICT_RAISED, LEDGER_NEWS);
	assert_int_equal(ledger_standing_count(bed->ledger), 5);
}

static void ledger_review_leak_stands_while_its_suspects_are_silent(void **state)
{
	struct bed *bed = *state;
	uint64_t t_ns = KNOWN_NS + 2 * SEC;

	open_connections(bed);
	carry(bed, 17, VERDICT_LEAK, KNOWN_NS);
	for (uint64_t conn = 1; conn <= SUSPECTS - SUSPECTS / 5; conn++) {
		assert_false(ledger_review(bed->ledger, bed->table, UINT64_MAX, &bed->line));
		if (conn % 2)
			apply(bed,
			      &(struct event){.type = EVENT_CLOSE, .t_ns = t_ns, .conn = conn});
		else
			apply(bed, &(struct event){.type = EVENT_IO,
						   .t_ns = t_ns,
						   .conn = conn,
						   .sent_bytes = 1,
						   .last_send_ns = t_ns - SEC / 2});
	}
	assert_true(ledger_review(bed->ledger, bed->table, 9 * t_ns, &bed->line));
	assert_int_equal(bed->line.news, LEDGER_NEWS);
	assert_int_equal(bed->line.verdict->id, 17);
	assert_int_equal(bed->line.verdict->state, VERDICT_CLEARED);
	assert_int_equal(bed->line.verdict->t_ns, 9 * t_ns);
	assert_string_equal(bed->line.verdict->summary,
			    "CLEARED orders-api[4711] -> 127.0.0.1:5432 (postgresql): the "
			    "connections it named were closed or used again.");
	assert_false(ledger_review(bed->ledger, bed->table, 9 * t_ns, &bed->line));
	assert_null(ledger_first(bed->ledger));
}

/* Connections have other numbers after a restart. */
static void ledger_review_names_the_suspects_that_are_as_they_were(void **state)
{
	struct bed *bed = *state;
	const struct verdict *carried;

	open_connections(bed);
	carry(bed, 17, VERDICT_LEAK, KNOWN_NS);
	carry(bed, 18, VERDICT_SATURATED, KNOWN_NS);
	apply(bed, &(struct event){.type = EVENT_CLOSE, .t_ns = KNOWN_NS + 2 * SEC, .conn = 3});
	assert_false(ledger_review(bed->ledger, bed->table, KNOWN_NS + 2 * SEC, &bed->line));
	carried = &ledger_first(bed->ledger)->verdict;
	assert_int_equal(carried->suspect_count, SUSPECTS - 1);
	for (uint32_t i = 0; i < carried->suspect_count; i++)
		assert_int_equal(carried->suspect_ports[i], 40000 + carried->suspects[i]);
	apply(bed, &(struct event){.type = EVENT_CLOSE, .t_ns = KNOWN_NS + 2 * SEC, .conn = 4});
	assert_false(ledger_review(bed->ledger, bed->table, KNOWN_NS + 3 * SEC, &bed->line));
	assert_int_equal(carried->suspect_count, SUSPECTS - 2);
}

static void carry_suspicion(struct bed *bed)
{
	struct verdict verdict = line_of(17, VERDICT_SUSPECT, SEVERITY_INFO);
	struct netaddr suspects[SUSPECTS];

	for (uint32_t i = 0; i < SUSPECTS; i++)
		suspects[i] = address((uint16_t)(40001 + i));
	assert_int_equal(
		ledger_carry(bed->ledger, &verdict, suspects, SUSPECTS, KNOWN_NS, KNOWN_NS + SEC),
		0);
}

static uint32_t count_recalled(struct bed *bed)
{
	uint32_t count = 0;

	ledger_recall(bed->ledger, bed->table);
	for (uint64_t id = 1; id <= SUSPECTS + 2; id++)
		count += table_find_conn(bed->table, id)->was_named;
	return count;
}

static void ledger_recall_tells_those_that_a_leak_named_and_nobody_has_used(void **state)
{
	struct bed *bed = *state;

	open_connections(bed);
	assert_int_equal(count_recalled(bed), 0);
	/* Before a boot nothing is known of them. */
	carry(bed, 16, VERDICT_LEAK, 0);
	assert_int_equal(count_recalled(bed), 0);
	apply(bed, &(struct event){.type = EVENT_IO,
				   .t_ns = KNOWN_NS + 2 * SEC,
				   .conn = 3,
				   .sent_bytes = 100,
				   .last_send_ns = KNOWN_NS + 2 * SEC});
	carry(bed, 17, VERDICT_LEAK, KNOWN_NS);
	assert_int_equal(count_recalled(bed), SUSPECTS - 1);
	assert_false(table_find_conn(bed->table, 3)->was_named);
}

static void ledger_recall_of_a_suspicion_tells_none(void **state)
{
	struct bed *bed = *state;

	open_connections(bed);
	carry_suspicion(bed);
	assert_int_equal(count_recalled(bed), 0);
}

static void ledger_review_pool_that_is_gone_ends_it(void **state)
{
	struct bed *bed = *state;

	carry(bed, 17, VERDICT_LEAK, KNOWN_NS);
	carry(bed, 9, VERDICT_EXHAUSTED, KNOWN_NS);
	carry(bed, 30, VERDICT_SATURATED, 0);
	for (uint64_t id = 9; id <= 30; id = id == 9 ? 17 : id == 17 ? 30 : 99) {
		assert_true(ledger_review(bed->ledger, bed->table, KNOWN_NS + SEC, &bed->line));
		assert_int_equal(bed->line.verdict->id, id);
		assert_non_null(strstr(bed->line.verdict->summary,
				       id == 30 ? "the host was restarted" : "none of these"));
	}
	assert_false(ledger_review(bed->ledger, bed->table, KNOWN_NS + SEC, &bed->line));
}

static void ledger_review_state_has_a_time_to_be_found_again(void **state)
{
	struct bed *bed = *state;
	uint64_t begin_ns = KNOWN_NS + SEC;

	open_connections(bed);
	carry(bed, 1, VERDICT_EXHAUSTED, KNOWN_NS);
	carry(bed, 2, VERDICT_STORM, KNOWN_NS);
	assert_false(ledger_review(bed->ledger, bed->table, begin_ns + 120 * SEC, &bed->line));
	assert_true(ledger_review(bed->ledger, bed->table, begin_ns + 121 * SEC, &bed->line));
	assert_int_equal(bed->line.verdict->id, 2);
	assert_false(ledger_review(bed->ledger, bed->table, begin_ns + 900 * SEC, &bed->line));
	assert_true(ledger_review(bed->ledger, bed->table, begin_ns + 901 * SEC, &bed->line));
	assert_int_equal(bed->line.verdict->id, 1);
}

/* All that it opens is turned away, so it has none. */
static void ledger_review_storm_without_a_connection_has_a_time_as_well(void **state)
{
	struct verdict line = line_of(1, VERDICT_RAISED, SEVERITY_WARNING);
	struct bed *bed = *state;

	line.kind = VERDICT_STORM;
	carry(bed, 2, VERDICT_STORM, KNOWN_NS);
	carry(bed, 3, VERDICT_STORM, 0);
	assert_true(ledger_review(bed->ledger, bed->table, KNOWN_NS + SEC, &bed->line));
	assert_int_equal(bed->line.verdict->id, 3);
	assert_false(ledger_review(bed->ledger, bed->table, KNOWN_NS + 121 * SEC, &bed->line));
	assert_take(bed, line, 2, VERDICT_UPDATED, LEDGER_REPEAT);
	assert_false(ledger_review(bed->ledger, bed->table, KNOWN_NS + 900 * SEC, &bed->line));
	carry(bed, 4, VERDICT_STORM, KNOWN_NS);
	assert_true(ledger_review(bed->ledger, bed->table, KNOWN_NS + 122 * SEC, &bed->line));
	assert_int_equal(bed->line.verdict->id, 4);
	assert_non_null(strstr(bed->line.verdict->summary, "not found again"));
	/* No storm names a connection; what is read from a file may. */
	carry_with(bed, 5, VERDICT_STORM, KNOWN_NS, SUSPECTS);
	assert_true(ledger_review(bed->ledger, bed->table, KNOWN_NS + SEC, &bed->line));
	assert_non_null(strstr(bed->line.verdict->summary, "it named"));
}

static void ledger_take_suspicion_carried_over_goes_on_under_its_id(void **state)
{
	struct bed *bed = *state;

	carry_suspicion(bed);
	assert_int_equal(ledger_standing_count(bed->ledger), 0);
	assert_take(bed, line_of(1, VERDICT_SUSPECT, SEVERITY_INFO), 17, VERDICT_SUSPECT,
		    LEDGER_LINE);
	assert_take(bed, line_of(1, VERDICT_RAISED, SEVERITY_WARNING), 17, VERDICT_RAISED,
		    LEDGER_NEWS);
	assert_int_equal(ledger_standing_count(bed->ledger), 1);
}

/* It names what lies there, and is no reason to say so for ever. */
static void ledger_review_suspicion_has_an_hour_to_be_found_again(void **state)
{
	struct bed *bed = *state;
	uint64_t begin_ns = KNOWN_NS + SEC;

	open_connections(bed);
	carry_suspicion(bed);
	assert_false(ledger_review(bed->ledger, bed->table, begin_ns + 3600 * SEC, &bed->line));
	assert_int_equal(ledger_first(bed->ledger)->verdict.suspect_count, SUSPECTS);
	assert_true(ledger_review(bed->ledger, bed->table, begin_ns + 3601 * SEC, &bed->line));
	assert_int_equal(bed->line.news, LEDGER_LINE);
	assert_int_equal(bed->line.verdict->state, VERDICT_CLEARED);
	assert_null(ledger_first(bed->ledger));
}

static void ledger_carry_nonsense_is_refused(void **state)
{
	struct bed *bed = *state;
	struct verdict verdict = line_of(0, VERDICT_RAISED, SEVERITY_WARNING);

	assert_int_equal(ledger_carry(bed->ledger, &verdict, NULL, 0, 1, 1), -EINVAL);
	verdict.id = UINT64_MAX;
	assert_int_equal(ledger_carry(bed->ledger, &verdict, NULL, 0, 1, 1), -EINVAL);
	verdict.id = 3;
	verdict.state = VERDICT_CLEARED;
	assert_int_equal(ledger_carry(bed->ledger, &verdict, NULL, 0, 1, 1), -EINVAL);
	verdict.state = VERDICT_UPDATED;
	assert_int_equal(ledger_carry(bed->ledger, &verdict, NULL, 0, 1, 1), 0);
	assert_int_equal(ledger_carry(bed->ledger, &verdict, NULL, 0, 1, 1), -EINVAL);
	verdict.id = 4;
	assert_int_equal(ledger_carry(bed->ledger, &verdict, NULL, LEDGER_SUSPECTS_MAX + 1, 1, 1),
			 -ENOSPC);
	assert_int_equal(ledger_next_id(bed->ledger), 4);
}

static void ledger_take_beyond_the_limit_is_passed_on_and_counted(void **state)
{
	struct bed *bed = *state;

	for (uint64_t id = 1; id <= LEDGER_MAX; id++) {
		struct verdict line = line_of(id, VERDICT_RAISED, SEVERITY_WARNING);

		line.suspect_count = 0;
		assert_take(bed, line, id, VERDICT_RAISED, LEDGER_NEWS);
	}
	assert_take(bed, line_of(LEDGER_MAX + 5, VERDICT_RAISED, SEVERITY_WARNING), LEDGER_MAX + 1,
		    VERDICT_RAISED, LEDGER_NEWS);
	assert_int_equal(ledger_overflow_count(bed->ledger), 1);
	assert_int_equal(ledger_standing_count(bed->ledger), LEDGER_MAX + 1);
	assert_take(bed, line_of(5, VERDICT_CLEARED, SEVERITY_WARNING), 5, VERDICT_CLEARED,
		    LEDGER_NEWS);
	assert_take(bed, line_of(LEDGER_MAX + 6, VERDICT_RAISED, SEVERITY_WARNING), LEDGER_MAX + 2,
		    VERDICT_RAISED, LEDGER_NEWS);
	assert_int_equal(ledger_overflow_count(bed->ledger), 1);
}

static void ledger_take_beyond_the_limit_keeps_its_number_and_is_told_once(void **state)
{
	uint64_t id = LEDGER_MAX + 5, told_id = LEDGER_MAX + 1;
	struct bed *bed = *state;
	struct verdict line, told;

	for (uint64_t i = 1; i <= LEDGER_MAX; i++)
		assert_take(bed, line_of(i, VERDICT_SUSPECT, SEVERITY_INFO), i, VERDICT_SUSPECT,
			    LEDGER_LINE);
	assert_false(ledger_stands(bed->ledger, 1u << VERDICT_LEAK));
	assert_take(bed, line_of(id, VERDICT_SUSPECT, SEVERITY_INFO), told_id, VERDICT_SUSPECT,
		    LEDGER_LINE);
	assert_int_equal(ledger_standing_count(bed->ledger), 0);
	assert_take(bed, line_of(id, VERDICT_RAISED, SEVERITY_WARNING), told_id, VERDICT_RAISED,
		    LEDGER_NEWS);
	assert_true(ledger_stands(bed->ledger, 1u << VERDICT_LEAK));
	assert_false(ledger_stands(bed->ledger, 1u << VERDICT_STORM));
	/* There is room again; it stays what it was. */
	assert_take(bed, line_of(7, VERDICT_CLEARED, SEVERITY_INFO), 7, VERDICT_CLEARED,
		    LEDGER_LINE);
	assert_take(bed, line_of(id, VERDICT_UPDATED, SEVERITY_WARNING), told_id, VERDICT_UPDATED,
		    LEDGER_LINE);
	assert_take(bed, line_of(id, VERDICT_UPDATED, SEVERITY_CRITICAL), told_id, VERDICT_UPDATED,
		    LEDGER_NEWS);
	line = line_of(id, VERDICT_UPDATED, SEVERITY_CRITICAL);
	ledger_translate(bed->ledger, &line, &told);
	assert_int_equal(told.id, told_id);
	assert_int_equal(ledger_overflow_count(bed->ledger), 1);
	assert_take(bed, line_of(id, VERDICT_CLEARED, SEVERITY_CRITICAL), told_id, VERDICT_CLEARED,
		    LEDGER_NEWS);
	assert_int_equal(ledger_standing_count(bed->ledger), 0);
}

static void ledger_translate_is_what_was_told(void **state)
{
	struct bed *bed = *state;
	struct verdict line = line_of(1, VERDICT_SUSPECT, SEVERITY_INFO), told;

	ledger_translate(NULL, &line, &told);
	assert_int_equal(told.id, 1);
	ledger_translate(bed->ledger, &line, &told);
	assert_int_equal(told.id, 1);

	carry(bed, 17, VERDICT_LEAK, KNOWN_NS);
	assert_true(ledger_knows_better(ledger_first(bed->ledger)));
	assert_take(bed, line, 17, VERDICT_RAISED, LEDGER_REPEAT);
	assert_true(ledger_knows_better(ledger_first(bed->ledger)));
	ledger_translate(bed->ledger, &line, &told);
	assert_int_equal(told.id, 17);
	assert_int_equal(told.state, VERDICT_RAISED);
	assert_int_equal(told.severity, SEVERITY_WARNING);

	/* Figures are those of now. */
	line = line_of(1, VERDICT_RAISED, SEVERITY_WARNING);
	line.open_count = 99;
	ledger_translate(bed->ledger, &line, &told);
	assert_int_equal(told.id, 17);
	assert_int_equal(told.open_count, 99);

	assert_int_equal(ledger_take(bed->ledger, bed->table, &line, &bed->line), 0);
	assert_false(ledger_knows_better(ledger_first(bed->ledger)));
	line = line_of(2, VERDICT_SUSPECT, SEVERITY_INFO);
	line.kind = VERDICT_STORM;
	assert_int_equal(ledger_take(bed->ledger, bed->table, &line, &bed->line), 0);
	assert_false(ledger_knows_better(ledger_first(bed->ledger)->next));
}

static void ledger_carried_is_the_worst_that_nobody_has_found_again(void **state)
{
	struct bed *bed = *state;
	struct client_id client = {.pid = PID, .start_ns = 7}, other = {.pid = PID, .start_ns = 8};
	struct netaddr remote = address(5432), elsewhere = address(5433);
	struct verdict line = line_of(1, VERDICT_RAISED, SEVERITY_CRITICAL);
	const struct ledger *ledger = bed->ledger;

	open_connections(bed);
	assert_null(ledger_carried(NULL, client, &remote));
	assert_null(ledger_carried(ledger, client, &remote));
	carry(bed, 17, VERDICT_LEAK, KNOWN_NS);
	carry(bed, 18, VERDICT_STORM, KNOWN_NS);
	assert_int_equal(ledger_carried(ledger, client, &remote)->id, 17);
	assert_int_equal(ledger_carried_of(ledger, client, &remote, VERDICT_STORM)->id, 18);
	assert_null(ledger_carried_of(ledger, client, &remote, VERDICT_EXHAUSTED));
	assert_null(ledger_carried(ledger, other, &remote));
	assert_null(ledger_carried(ledger, client, &elsewhere));

	/* What the detector has found again is the detector's to tell. */
	assert_int_equal(ledger_take(bed->ledger, bed->table, &line, &bed->line), 0);
	assert_null(ledger_carried_of(ledger, client, &remote, VERDICT_LEAK));
	assert_int_equal(ledger_carried(ledger, client, &remote)->id, 18);
	carry(bed, 19, VERDICT_EXHAUSTED, KNOWN_NS);
	carry(bed, 20, VERDICT_SATURATED, KNOWN_NS);
	assert_int_equal(ledger_carried(ledger, client, &remote)->id, 19);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_bed, drop_bed)
	const struct CMUnitTest tests[] = {
		TEST(ledger_take_life_of_a_verdict_is_news_at_its_turns),
		TEST(ledger_take_carried_over_goes_on_under_its_id),
		TEST(ledger_take_carried_over_with_another_severity_is_news),
		TEST(ledger_take_other_subjects_are_not_recognized),
		TEST(ledger_review_leak_stands_while_its_suspects_are_silent),
		TEST(ledger_review_names_the_suspects_that_are_as_they_were),
		TEST(ledger_recall_tells_those_that_a_leak_named_and_nobody_has_used),
		TEST(ledger_recall_of_a_suspicion_tells_none),
		TEST(ledger_review_pool_that_is_gone_ends_it),
		TEST(ledger_review_state_has_a_time_to_be_found_again),
		TEST(ledger_review_storm_without_a_connection_has_a_time_as_well),
		TEST(ledger_carry_nonsense_is_refused),
		TEST(ledger_take_suspicion_carried_over_goes_on_under_its_id),
		TEST(ledger_review_suspicion_has_an_hour_to_be_found_again),
		TEST(ledger_take_beyond_the_limit_is_passed_on_and_counted),
		TEST(ledger_take_beyond_the_limit_keeps_its_number_and_is_told_once),
		TEST(ledger_translate_is_what_was_told),
		TEST(ledger_carried_is_the_worst_that_nobody_has_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
