/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: figures of a pool -> what is ruled out, ruled in, or undecided. */
#include "rival_kit.h"

/* --- traffic ---------------------------------------------------------------------------------- */

static void traffic_2_percent(struct rival_figures *figures)
{
	figures->since.operations_per_second = 10.2;
}

static void traffic_falls(struct rival_figures *figures)
{
	figures->since.operations_per_second = 2;
}

static void traffic_doubles(struct rival_figures *figures)
{
	figures->since.operations_per_second = 20;
	figures->since.sent_bytes_per_second = 2000;
}

static void traffic_doubles_leaking(struct rival_figures *figures)
{
	traffic_doubles(figures);
	twelve_silent(figures);
}

/* Each statement outlasts a look, and so is seen twice. */
static void operations_are_split(struct rival_figures *figures)
{
	figures->since.operations_per_second = 30;
	figures->since.sent_bytes_per_second = 600;
}

/* Every connection is used between two looks already: only the payload can rise. */
static void payload_triples(struct rival_figures *figures)
{
	figures->since.sent_bytes_per_second = 3000;
}

static void few_operations(struct rival_figures *figures)
{
	figures->since.operation_count = 4;
}

static void traffic_of_handshakes(struct rival_figures *figures)
{
	traffic_doubles(figures);
	figures->since.connect_count = 2500;
}

/* 40 against 20 a minute can be chance as well as a step. */
static void traffic_within_its_error(struct rival_figures *figures)
{
	figures->before.operation_count = 20;
	figures->since.operation_count = 15;
	figures->since.operations_per_second = 14;
	figures->since.sent_bytes_per_second = 1400;
	figures->since.connect_count = 0;
}

static void rival_rule_traffic_spike(void **state)
{
	static const struct row rows[] = {
		{"flat", as_it_is, OUT, "(+0%)"},
		{"+2%", traffic_2_percent, OUT,
		 "10.2 operations/s seen, 10 in 10 min before (+2%)"},
		{"falls", traffic_falls, OUT, "(-80%)"},
		{"doubles", traffic_doubles, IN, "(+100%)"},
		{"doubles beside a leak", traffic_doubles_leaking, UNKNOWN, "serve none of it"},
		{"only the operations", operations_are_split, OUT, "(+200%); payload sent -40%"},
		{"only the payload", payload_triples, IN, "payload sent +200%"},
		{"handshakes", traffic_of_handshakes, UNKNOWN, "handshakes"},
		{"few operations", few_operations, UNKNOWN, "4 since"},
		{"within the error", traffic_within_its_error, UNKNOWN, "too few to be sure"},
		{"no history", no_history, UNKNOWN, "only 20 s of history"},
		{"no time", no_time_since, UNKNOWN, "too little time"},
	};

	(void)state;
	CHECK(RIVAL_TRAFFIC_SPIKE, rows);
}

static void operations_fall_within_their_error(struct rival_figures *figures)
{
	figures->since.operation_count = 100;
	figures->since.operations_per_second = 9.5;
}

/* "Not traffic: queries/s -80%" would be taken for a contradiction. */
static void rival_rule_traffic_that_falls_is_said_in_words(void **state)
{
	struct rival_figures figures = healthy();
	struct rival_ruling ruling;

	(void)state;
	traffic_falls(&figures);
	rival_rule(&figures, RIVAL_TRAFFIC_SPIKE, &ruling);
	assert_string_equal(ruling.brief, "fewer queries/s (-80%)");
	figures = healthy();
	operations_fall_within_their_error(&figures);
	rival_rule(&figures, RIVAL_TRAFFIC_SPIKE, &ruling);
	assert_string_equal(ruling.brief, "queries/s -5%");
}

/* --- the size of the pool --------------------------------------------------------------------- */

static void all_busy(struct rival_figures *figures)
{
	figures->busy = 0.95;
}

static void all_busy_and_opening(struct rival_figures *figures)
{
	all_busy(figures);
	figures->since.opened_count = 15;
}

static void all_busy_database_slow(struct rival_figures *figures)
{
	all_busy(figures);
	exchange_triples(figures);
}

static void busy_in_between(struct rival_figures *figures)
{
	figures->busy = 0.8;
}

/* 4 of 20 silent, all others busy: 0.8 over all is 1 over those that count. */
static void the_rest_is_busy(struct rival_figures *figures)
{
	figures->stale_count = 4;
	figures->busy = 0.8;
}

static void few_samples(struct rival_figures *figures)
{
	figures->busy = NAN;
	figures->observed_ns = 20 * NS_PER_SEC;
}

static void nothing_open(struct rival_figures *figures)
{
	figures->open_count = 0;
}

static void idle_on_one_way(struct rival_figures *figures)
{
	figures->is_one_way = true;
}

static void all_busy_on_one_way(struct rival_figures *figures)
{
	all_busy(figures);
	figures->is_one_way = true;
}

static void rival_rule_pool_too_small(void **state)
{
	static const struct row rows[] = {
		{"idle", as_it_is, OUT, "on 10% of"},
		{"all busy", all_busy, IN, "on 95% of"},
		{"all busy with a slow database", all_busy_database_slow, UNKNOWN, "is slow"},
		{"all busy and opening", all_busy_and_opening, UNKNOWN, "15 opened"},
		{"in between", busy_in_between, UNKNOWN, NULL},
		{"a full pool may look idle", idle_on_one_way, UNKNOWN, "does not show"},
		{"all busy all the same", all_busy_on_one_way, IN, "on 95% of"},
		{"the rest is busy", the_rest_is_busy, UNKNOWN, "100%"},
		{"most are silent", twelve_silent, OUT, "12 of 20"},
		{"few samples", few_samples, UNKNOWN, "only 20 s"},
		{"nothing open", nothing_open, UNKNOWN, "no connection"},
	};

	(void)state;
	CHECK(RIVAL_POOL_TOO_SMALL, rows);
}

static void large_from_the_start(struct rival_figures *figures)
{
	figures->start_count = 19;
}

static void large_from_the_start_seen_late(struct rival_figures *figures)
{
	figures->start_count = 19;
	figures->saw_start = false;
}

static void young(struct rival_figures *figures)
{
	figures->start_count = 20;
	figures->observed_ns = 100 * NS_PER_SEC;
}

static void six_open(struct rival_figures *figures)
{
	figures->open_count = 6;
}

static void silent_since_the_start(struct rival_figures *figures)
{
	figures->start_count = 19;
	figures->stale_count = 15;
}

/* One by one, as where they are not given back. */
static void fallen_silent_since(struct rival_figures *figures)
{
	silent_since_the_start(figures);
	figures->worked_late_count = 15;
}

static void fallen_silent_beside_busy_ones(struct rival_figures *figures)
{
	fallen_silent_since(figures);
	figures->busy = 0.2; /* of 20: four of the five that are not silent */
}

/* Left behind, exhausted, or its load is off: a large pool has some that work. */
static void all_silent_since_the_start(struct rival_figures *figures)
{
	figures->start_count = figures->stale_count = figures->open_count;
}

static void rival_rule_oversized(void **state)
{
	static const struct row rows[] = {
		{"grown later", as_it_is, UNKNOWN, "4 of 20"},
		{"from the start", large_from_the_start, IN, "19 of 20"},
		{"start not seen", large_from_the_start_seen_late, UNKNOWN, "of the observation"},
		{"young", young, UNKNOWN, "only 100 s"},
		{"six open", six_open, OUT, "only 6"},
		{"busy", all_busy, OUT, "busy 95%"},
		{"leaked later", twelve_silent, OUT, "12 of the 12"},
		{"silent stock of the start", silent_since_the_start, IN, "19 of 20"},
		{"fallen silent since", fallen_silent_since, UNKNOWN, "15 of the 15"},
		{"fallen silent beside busy ones", fallen_silent_beside_busy_ones, OUT, "busy 80%"},
		{"nothing is used", all_silent_since_the_start, UNKNOWN, "none of the 20"},
	};

	(void)state;
	CHECK(RIVAL_OVERSIZED, rows);
}

/* --- bursts and leaks ------------------------------------------------------------------------- */

static void surge(struct rival_figures *figures)
{
	figures->since.opened_peak = 80;
	figures->since.opened_count = 400;
}

static void surge_refused(struct rival_figures *figures)
{
	surge(figures);
	figures->since.failed_count = 150;
	figures->since.early_close_count = 50;
}

static void surge_that_grows(struct rival_figures *figures)
{
	surge(figures);
	figures->since.open_max = 200;
}

/* 50 opens in 10 s are nothing for a client without a pool that always does so. */
static void a_single_open(struct rival_figures *figures)
{
	figures->since.opened_peak = 1;
}

static void churn_as_usual(struct rival_figures *figures)
{
	figures->before.opened_per_minute = 300;
	figures->since.opened_peak = 50;
	figures->since.opened_count = 1500;
}

static void churn_of_eight_times(struct rival_figures *figures)
{
	churn_as_usual(figures);
	figures->since.opened_peak = 400;
}

static void some_refused(struct rival_figures *figures)
{
	figures->since.failed_count = 5;
}

static void rival_rule_storm(void **state)
{
	static const struct row rows[] = {
		{"quiet", as_it_is, OUT, "at most 2 opens in 10 s"},
		{"a single open", a_single_open, OUT, "at most 1 open in 10 s"},
		{"surge", surge, UNKNOWN, "at most 80"},
		{"surge refused", surge_refused, IN, "150 failed, 50 closed"},
		{"surge that grows", surge_that_grows, IN, NULL},
		{"churn as usual", churn_as_usual, OUT, NULL},
		{"refusals without a surge", some_refused, UNKNOWN, "5 failed"},
		{"lost records", records_lost, UNKNOWN, "lost"},
		{"no history", no_history, OUT, NULL},
		{"no time", no_time_since, UNKNOWN, NULL},
	};

	(void)state;
	CHECK(RIVAL_STORM, rows);
}

static void a_leak_stands(struct rival_figures *figures)
{
	twelve_silent(figures);
	figures->is_leak = true;
}

static void six_silent(struct rival_figures *figures)
{
	figures->stale_count = 6;
}

static void silent_and_the_rest_busy(struct rival_figures *figures)
{
	figures->stale_count = 15;
	figures->busy = 0.25;
}

static void barely_observed(struct rival_figures *figures)
{
	figures->observed_ns = 30 * NS_PER_SEC;
}

static void rival_rule_leak(void **state)
{
	static const struct row rows[] = {
		{"none silent", as_it_is, OUT,
		 "0 of 20 connections are silent for longer than 10 s"},
		{"a leak stands", a_leak_stands, IN, "12 connections went silent"},
		{"suspected", twelve_silent, UNKNOWN, "under suspicion"},
		{"some silent", six_silent, UNKNOWN, "6 of 20"},
		{"silent, the rest busy", silent_and_the_rest_busy, IN, "15 of 20"},
		{"barely observed", barely_observed, UNKNOWN, NULL},
	};

	(void)state;
	CHECK(RIVAL_LEAK, rows);
}

/* No figure, however odd, makes a rule print nothing or run over its room. */
static void rival_rule_empty_figures_cannot_tell(void **state)
{
	(void)state;
	for (unsigned int rival = 0; rival < RIVAL_COUNT; rival++) {
		struct rival_figures figures = {.settings = healthy().settings};
		struct rival_ruling ruling;

		rival_rule(&figures, (enum rival)rival, &ruling);
		/* That nothing is open is the one thing known, and it decides on two. */
		if (rival == RIVAL_OVERSIZED || rival == RIVAL_LEAK)
			assert_int_equal(ruling.ruling, OUT);
		else
			assert_int_equal(ruling.ruling, UNKNOWN);
		assert_true(strlen(ruling.text) > 0);
	}
}

/* A rival is as the verdict of its name, and that goes by the settings. */
static void rival_rules_go_by_the_settings(void **state)
{
	static const struct {
		enum rival rival;
		void (*change)(struct rival_figures *figures);
		const char *key, *value;
		enum ruling expected; /* not what it is by default */
	} rows[] = {
		{RIVAL_STORM, surge_refused, "STORM_MIN", "100", UNKNOWN},
		{RIVAL_STORM, surge_refused, "STORM_FAILED", "0.6", UNKNOWN},
		{RIVAL_STORM, churn_of_eight_times, "STORM_FACTOR", "5", UNKNOWN},
		{RIVAL_OVERSIZED, large_from_the_start, "OVERSIZED_MORE", "30", OUT},
		{RIVAL_OVERSIZED, large_from_the_start, "OVERSIZED_BUSY", "0.05", UNKNOWN},
		{RIVAL_POOL_TOO_SMALL, busy_in_between, "BUSY_SATURATED", "0.75", IN},
		{RIVAL_POOL_TOO_SMALL, busy_in_between, "BUSY_CLEAR", "0.82", OUT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rival_figures figures = healthy();
		struct settings settings = *figures.settings;
		struct rival_ruling ruling;
		char error[200];

		rows[i].change(&figures);
		rival_rule(&figures, rows[i].rival, &ruling);
		assert_int_not_equal(ruling.ruling, rows[i].expected);
		assert_int_equal(
			settings_set(&settings, rows[i].key, rows[i].value, error, sizeof(error)),
			0);
		figures.settings = &settings;
		rival_rule(&figures, rows[i].rival, &ruling);
		if (ruling.ruling != rows[i].expected)
			fail_msg("%s=%s: %s", rows[i].key, rows[i].value, ruling.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rival_rule_traffic_spike),
		cmocka_unit_test(rival_rule_traffic_that_falls_is_said_in_words),
		cmocka_unit_test(rival_rule_pool_too_small),
		cmocka_unit_test(rival_rule_oversized),
		cmocka_unit_test(rival_rule_storm),
		cmocka_unit_test(rival_rule_leak),
		cmocka_unit_test(rival_rules_go_by_the_settings),
		cmocka_unit_test(rival_rule_empty_figures_cannot_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
