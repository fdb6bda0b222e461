// SPDX-License-Identifier: Apache-2.0
/* The same for what lies behind the socket: the network, and the database. */
#include "rival_kit.h"

/* --- network ---------------------------------------------------------------------------------- */

static void connects_time_out(struct rival_figures *figures)
{
	figures->since.failed_count = 8;
	figures->since.unreached_count = 8;
}

static void connects_time_out_everywhere(struct rival_figures *figures)
{
	connects_time_out(figures);
	figures->other_bad_count = 2;
}

static void connects_time_out_alone(struct rival_figures *figures)
{
	connects_time_out(figures);
	figures->other_count = 0;
}

static void connects_are_refused(struct rival_figures *figures)
{
	figures->since.failed_count = figures->since.refused_count = 8;
}

/* In a trace with times in milliseconds. */
static void connects_in_no_time(struct rival_figures *figures)
{
	figures->since.connect_p99_us = 0;
}

/* Nothing but refusals: they have come back all the way. */
static void all_connects_are_refused(struct rival_figures *figures)
{
	connects_are_refused(figures);
	figures->since.connect_count = figures->since.rtt_count = 0;
	figures->since.connect_us = figures->since.rtt_us = figures->since.connect_p99_us = NAN;
	figures->since.exchange_count = 0;
}

static void one_connect_times_out(struct rival_figures *figures)
{
	figures->since.failed_count = figures->since.unreached_count = 1;
}

static void syns_get_lost(struct rival_figures *figures)
{
	figures->since.slow_connect_count = 4;
	figures->since.connect_p99_us = INFINITY;
	figures->other_bad_count = 1;
}

static void segments_get_lost(struct rival_figures *figures)
{
	figures->since.retransmit_count = 400;
	figures->other_bad_count = 1;
}

static void some_segments_get_lost(struct rival_figures *figures)
{
	figures->since.retransmit_count = 60;
}

static void round_trip_rises(struct rival_figures *figures)
{
	figures->since.rtt_us = 30000;
	figures->since.connect_count = 2;
	figures->other_bad_count = 1;
}

/* Acknowledged along with answers that take longer, while handshakes are as quick as ever. */
static void round_trip_rises_with_the_answers(struct rival_figures *figures)
{
	figures->since.rtt_us = 30000;
}

static void round_trip_and_connects_rise(struct rival_figures *figures)
{
	figures->since.rtt_us = 30000;
	figures->since.connect_us = 19000;
}

static void round_trip_rises_below_the_floor(struct rival_figures *figures)
{
	figures->since.rtt_us = 3000;
}

static void nothing_but_operations(struct rival_figures *figures)
{
	figures->since.connect_count = figures->since.rtt_count = 0;
	figures->since.connect_us = figures->since.rtt_us = figures->since.connect_p99_us = NAN;
}

static void nothing_at_all(struct rival_figures *figures)
{
	nothing_but_operations(figures);
	figures->since.sent_bytes_per_second = 0;
	figures->since.operation_count = figures->since.exchange_count = 0;
	figures->since.exchange_us = NAN;
}

static void rival_rule_network(void **state)
{
	static const struct row rows[] = {
		{"sound", as_it_is, OUT, "connect p99 1.1 ms of 10, 0 failures, 0 retransmits"},
		{"no history", no_history, OUT, "0 failures"},
		{"timeouts, others sound", connects_time_out, UNKNOWN, "none of 3"},
		{"timeouts everywhere", connects_time_out_everywhere, IN, "2 of 3"},
		{"timeouts, no others", connects_time_out_alone, UNKNOWN, "no other endpoint"},
		{"refused", connects_are_refused, OUT, "8 refused"},
		{"all refused", all_connects_are_refused, OUT, "every connect was refused"},
		{"no time at all", connects_in_no_time, OUT, "connect p99 under 1 ms"},
		{"one timeout", one_connect_times_out, UNKNOWN, "1 unanswered"},
		{"lost SYNs", syns_get_lost, IN, "over 0.9 s"},
		{"retransmits", segments_get_lost, IN, "400 retransmits"},
		{"some retransmits", some_segments_get_lost, UNKNOWN, "60 retransmits"},
		{"round trip", round_trip_rises, IN, "round trip at most 30 ms (300 us before)"},
		{"answers", round_trip_rises_with_the_answers, OUT, "round trip at most 30 ms"},
		{"both", round_trip_and_connects_rise, UNKNOWN, NULL},
		{"round trip of 3 ms", round_trip_rises_below_the_floor, OUT, NULL},
		{"only exchanges", nothing_but_operations, OUT, "0 failures"},
		{"nothing", nothing_at_all, UNKNOWN, "too little"},
		{"lost records", records_lost, UNKNOWN, "3 lost records"},
	};

	(void)state;
	CHECK(RIVAL_NETWORK, rows);
}

/* --- the database ----------------------------------------------------------------------------- */

static void exchange_rises_by_70_percent(struct rival_figures *figures)
{
	figures->since.exchange_us = 3400;
}

static void exchange_rises_with_the_path(struct rival_figures *figures)
{
	figures->since.exchange_us = 40000;
	figures->since.rtt_us = 35000;
	figures->since.connect_count = 2;
}

static void exchange_rises_and_connects_do_not(struct rival_figures *figures)
{
	figures->since.exchange_us = 40000;
	figures->since.rtt_us = 35000;
}

/* A pool that ends each use with a rollback shows the time of that. */
static void acknowledgements_come_later(struct rival_figures *figures)
{
	figures->since.rtt_us = 21000;
}

static void more_is_owed_for_the_same_work(struct rival_figures *figures)
{
	figures->before.busy = 0.05;
	figures->since.busy = 0.3;
	figures->before.sample_count = figures->since.sample_count = 60;
}

static void nobody_gets_an_answer(struct rival_figures *figures)
{
	figures->owed_count = 18;
	figures->since.exchange_count = 0;
	figures->since.exchange_us = NAN;
}

static void four_get_no_answer(struct rival_figures *figures)
{
	figures->owed_count = 4;
}

static void few_exchanges(struct rival_figures *figures)
{
	figures->since.exchange_count = 12;
	figures->since.sent_bytes_per_second = 0;
}

/* Always busy, so no exchange is ever seen to end: eight times the work by eight times as many. */
static void busy_with_more_work(struct rival_figures *figures)
{
	figures->since.exchange_count = 0;
	figures->since.exchange_us = NAN;
	figures->since.busy = 0.8;
	figures->since.sent_bytes_per_second = 8000;
}

static void busy_with_the_same_work(struct rival_figures *figures)
{
	busy_with_more_work(figures);
	figures->since.sent_bytes_per_second = 1000;
}

static void rival_rule_slow_database(void **state)
{
	static const struct row rows[] = {
		{"normal", as_it_is, OUT, "exchange time 2 ms, 2 ms before (+0%"},
		{"x3", exchange_triples, IN, "6 ms, 2 ms before (+200%"},
		{"+70%", exchange_rises_by_70_percent, UNKNOWN, "(+70%"},
		{"with the path", exchange_rises_with_the_path, UNKNOWN, "round trip"},
		{"with quick connects", exchange_rises_and_connects_do_not, IN,
		 "exchange time 40 ms"},
		{"late", acknowledgements_come_later, UNKNOWN,
		 "acknowledges after 21 ms, 300 us before"},
		{"more owed", more_is_owed_for_the_same_work, UNKNOWN, "same payload +500%"},
		{"no answers", nobody_gets_an_answer, IN, "18 of the 20"},
		{"four answers", four_get_no_answer, UNKNOWN, "4 answers owed"},
		{"busy with more work", busy_with_more_work, OUT, "16.0 connections owed"},
		{"busy with the same", busy_with_the_same_work, IN, "same payload +700%"},
		{"few exchanges", few_exchanges, UNKNOWN, "12 since"},
		{"no history", no_history, UNKNOWN, "only 20 s"},
	};

	(void)state;
	CHECK(RIVAL_SLOW_DATABASE, rows);
}

static const char *brief_of(void (*change)(struct rival_figures *figures))
{
	static struct rival_ruling ruling;
	struct rival_figures figures = healthy();

	change(&figures);
	rival_rule(&figures, RIVAL_NETWORK, &ruling);
	return ruling.brief;
}

static void rival_rule_network_says_refused_in_short(void **state)
{
	(void)state;
	assert_string_equal(brief_of(as_it_is), "connect p99 1.1 ms, 0 failures");
	assert_string_equal(brief_of(connects_are_refused), "connect p99 1.1 ms, 8 refused");
	assert_string_equal(brief_of(all_connects_are_refused), "every connect was refused");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rival_rule_network),
		cmocka_unit_test(rival_rule_network_says_refused_in_short),
		cmocka_unit_test(rival_rule_slow_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
