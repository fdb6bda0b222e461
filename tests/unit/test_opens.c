/* SPDX-License-Identifier: Apache-2.0 */
/* The test on opens by itself: when an open is tested, what it learns, what takes evidence back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "activity_order.h"
#include "core/heartbeat.h"
#include "core/opens.h"

#define S NS_PER_SEC

struct fixture {
	struct settings settings;
	struct opens opens;
	struct heartbeat heartbeat;
	struct pool pool; /* without connections: the stock is 0 */
	struct conn conn;
};

static void prepare(struct fixture *fixture)
{
	*fixture = (struct fixture){0};
	settings_init(&fixture->settings);
}

static void set_wealth(struct eprocess *process, double wealth)
{
	process->bets = calloc(1, sizeof(*process->bets));
	assert_non_null(process->bets);
	process->has_bets = true;
	for (int k = 0; k < EPROCESS_BETS; k++)
		process->bets->wealth[k] = wealth;
}

static bool observe(struct fixture *fixture, enum change_type type, uint64_t t_ns, int64_t known_ns,
		    int64_t since_ns, uint64_t silence_ns)
{
	struct moment moment = {.settings = &fixture->settings,
				.losses = {.last_ns = INT64_MIN},
				.t_ns = t_ns,
				.known_ns = known_ns};
	struct change change = {.type = type,
				.t_ns = t_ns,
				.pool = &fixture->pool,
				.conn = &fixture->conn,
				.silence_ns = silence_ns,
				.silent_since_ns = since_ns,
				.by = CLOSE_LOCAL};

	return opens_observe(&fixture->opens, &moment, &fixture->heartbeat, &change);
}

static void opens_observe_tests_an_open_when_activity_up_to_it_is_known(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	assert_false(observe(&fixture, CHANGE_OPENED, 12 * S, 10 * S, 0, 0));
	assert_false(observe(&fixture, CHANGE_ESTABLISHED, 13 * S, 10 * S, 0, 0));
	assert_true(observe(&fixture, CHANGE_ESTABLISHED, 16 * S, 15 * S, 0, 0));
	assert_int_equal(fixture.opens.tested_ns, 12 * S);
	assert_int_equal(fixture.opens.test_count, 1);
	assert_false(observe(&fixture, CHANGE_ESTABLISHED, 17 * S, 15 * S, 0, 0));
	opens_clear(&fixture.opens);
}

static void opens_observe_at_most_one_test_a_second(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	for (uint64_t i = 0; i < 1000; i++)
		(void)observe(&fixture, CHANGE_OPENED, 10 * S + i * S / 100, 5 * S, 0, 0);
	assert_int_equal(fixture.opens.waiting_count, 10);
	for (uint64_t i = 0; i < 100; i++)
		(void)observe(&fixture, CHANGE_OPENED, (20 + i) * S, 5 * S, 0, 0);
	assert_int_equal(fixture.opens.waiting_count, OPENS_WAITING_MAX);
	opens_clear(&fixture.opens);
}

static void opens_observe_learns_only_silences_that_spanned_a_test(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	(void)observe(&fixture, CHANGE_ACTIVE, 11 * S, 10 * S, 1, 10 * S);
	assert_int_equal(fixture.opens.benign.total, 0);
	(void)observe(&fixture, CHANGE_OPENED, 12 * S, 10 * S, 0, 0);
	(void)observe(&fixture, CHANGE_ACTIVE, 20 * S, 19 * S, 13 * S, 6 * S);
	assert_int_equal(fixture.opens.benign.total, 0);
	(void)observe(&fixture, CHANGE_ACTIVE, 40 * S, 39 * S, 9 * S, 30 * S);
	assert_int_equal(fixture.opens.benign.total, 1);
	assert_int_equal(fixture.opens.benign.longest_ns, 30 * S);
	assert_int_equal(opens_limits(&fixture.opens, &fixture.settings).idle_ns, 120 * S);
	opens_clear(&fixture.opens);
}

/*
 * What was used a moment before the open was in somebody's hands for that moment, and may lie free
 * since, for as long as little is asked for.
 */
static void opens_observe_learns_nothing_of_what_was_used_just_before_the_open(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	(void)observe(&fixture, CHANGE_OPENED, 12 * S, 10 * S, 0, 0);
	(void)observe(&fixture, CHANGE_ACTIVE, 600 * S, 599 * S, 11 * S, 588 * S);
	assert_int_equal(fixture.opens.test_count, 1);
	assert_int_equal(fixture.opens.benign.total, 0);
	(void)observe(&fixture, CHANGE_ACTIVE, 610 * S, 609 * S, 9 * S, 600 * S);
	assert_int_equal(fixture.opens.benign.total, 1);
	opens_clear(&fixture.opens);
}

/* A free connection that is pinged: how often says nothing of how long others are held. */
static void opens_observe_heartbeats_set_a_limit_of_their_own(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	(void)observe(&fixture, CHANGE_OPENED, 12 * S, 12 * S, 0, 0);
	(void)observe(&fixture, CHANGE_ESTABLISHED, 13 * S, 13 * S, 0, 0);
	fixture.conn.beat_count = HEARTBEAT_MIN;
	fixture.conn.beat_since_s = 3; /* it had worked until then */
	(void)observe(&fixture, CHANGE_ACTIVE, 21 * S, 20 * S, 10 * S, 10 * S);
	assert_int_equal(fixture.opens.benign.total, 0);
	assert_int_equal(opens_limits(&fixture.opens, &fixture.settings).idle_ns, 15 * S);
	fixture.conn.beat_count = 0;
	(void)observe(&fixture, CHANGE_ACTIVE, 31 * S, 30 * S, 10 * S, 20 * S);
	assert_int_equal(opens_limits(&fixture.opens, &fixture.settings).idle_ns, 80 * S);
	opens_clear(&fixture.opens);
}

/* Nobody ever has a monitor in hand, and before its third beat nobody can know it for one. */
static void opens_observe_monitors_set_no_limit(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	(void)observe(&fixture, CHANGE_OPENED, 14 * S, 12 * S, 0, 0);
	(void)observe(&fixture, CHANGE_ESTABLISHED, 15 * S, 14 * S, 0, 0);
	fixture.conn.open_ns = S;
	fixture.conn.beat.gap = 200;
	fixture.conn.beat_count = 1;
	fixture.conn.beat_since_s = 1;
	(void)observe(&fixture, CHANGE_ACTIVE, 31 * S, 30 * S, 11 * S, 20 * S);
	assert_int_equal(opens_limits(&fixture.opens, &fixture.settings).idle_ns, 76 * S);
	fixture.conn.beat_count = HEARTBEAT_MIN;
	(void)observe(&fixture, CHANGE_ACTIVE, 51 * S, 50 * S, 31 * S, 20 * S);
	assert_int_equal(fixture.opens.benign.total, 0);
	assert_int_equal(opens_limits(&fixture.opens, &fixture.settings).idle_ns, 10 * S);
	opens_clear(&fixture.opens);
}

static void open_at(struct fixture *fixture, uint64_t t_ns)
{
	(void)observe(fixture, CHANGE_OPENED, t_ns, (int64_t)t_ns, 0, 0);
	(void)observe(fixture, CHANGE_ESTABLISHED, t_ns + S, (int64_t)(t_ns + S), 0, 0);
}

/* Of a connection that was opened at 0 s; heartbeats are looked for as in a detector. */
static void act(struct fixture *fixture, enum change_type type, int64_t since_ns,
		uint64_t silence_ns, uint64_t sent_bytes)
{
	uint64_t t_ns = (uint64_t)since_ns + silence_ns;
	struct change change = {.type = type,
				.t_ns = t_ns,
				.pool = &fixture->pool,
				.conn = &fixture->conn,
				.silence_ns = silence_ns,
				.silent_since_ns = since_ns,
				.sent_bytes = sent_bytes,
				.received_bytes = 300,
				.by = CLOSE_LOCAL};

	heartbeat_observe(&fixture->heartbeat, &change);
	(void)observe(fixture, type, t_ns, (int64_t)t_ns, since_ns, silence_ns);
}

/* A driver of MongoDB begins with them, and its pool may leak from its first request on. */
static void opens_observe_first_beats_of_a_monitor_take_nothing_back(void **state)
{
	struct change close_by_exit = {.type = CHANGE_CLOSED, .by = CLOSE_EXIT};
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	open_at(&fixture, 0);
	for (int i = 0; i < OPENS_SCALES; i++)
		set_wealth(&fixture.opens.scales[i], 1e12);
	silence_add(&fixture.opens.benign, 9 * S); /* another one's */
	for (int64_t i = 0; i < HEARTBEAT_MIN; i++) {
		open_at(&fixture, (uint64_t)(10 * i + 5) * S);
		act(&fixture, CHANGE_ACTIVE, (10 * i + 1) * (int64_t)S, 10 * S, 65);
		assert_int_equal(opens_limits(&fixture.opens, &fixture.settings).idle_ns, 36 * S);
	}
	assert_true(heartbeat_is_monitor(&fixture.conn));
	close_by_exit.pool = &fixture.pool;
	close_by_exit.conn = &fixture.conn;
	heartbeat_observe(&fixture.heartbeat, &close_by_exit);
	assert_int_equal(fixture.heartbeat.refuted_ns, 0);
	assert_int_equal(fixture.opens.benign.total, 1);
	assert_true(opens_value(&fixture.opens) > 1e11);
	opens_clear(&fixture.opens);
}

static void opens_observe_what_was_no_beat_is_learned_when_that_is_known(void **state)
{
	static const struct {
		const char *name;
		uint64_t gap_s, opens_s[2]; /* 0 = none */
		uint64_t early, late; /* how many are learned */
		enum change_type next;
	} rows[] = {
		{"worked", 10, {5}, 0, 1, CHANGE_ACTIVE},
		{"was closed", 10, {5}, 0, 1, CHANGE_CLOSED},
		{"was closed unneeded", 10, {5, 14}, 0, 2, CHANGE_CLOSED},
		{"no open meanwhile", 10, {0}, 0, 0, CHANGE_ACTIVE},
		{"an open afterwards", 10, {12}, 0, 0, CHANGE_ACTIVE},
		{"longer than a monitor rests", 11, {5}, 1, 1, CHANGE_ACTIVE},
		{"shorter than that", 9, {5}, 1, 1, CHANGE_ACTIVE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint64_t *opens_s = rows[i].opens_s;
		int64_t since_ns = (int64_t)((rows[i].gap_s + 1) * S);
		struct fixture fixture;

		prepare(&fixture);
		open_at(&fixture, 0);
		if (opens_s[0] > 0 && opens_s[0] < rows[i].gap_s)
			open_at(&fixture, opens_s[0] * S);
		act(&fixture, CHANGE_ACTIVE, S, rows[i].gap_s * S, 65);
		if (fixture.opens.benign.total != rows[i].early)
			fail_msg("%s: too early", rows[i].name);
		for (int k = 0; k < 2; k++)
			if (opens_s[k] > rows[i].gap_s)
				open_at(&fixture, opens_s[k] * S);
		act(&fixture, rows[i].next, since_ns, 5 * S, 700);
		if (fixture.opens.benign.total != rows[i].late)
			fail_msg("%s: %u learned", rows[i].name, fixture.opens.benign.total);
		act(&fixture, CHANGE_ESTABLISHED, S, 2 * S, 0); /* of another one */
		assert_int_equal(fixture.opens.benign.total, rows[i].late);
		fixture.conn = (struct conn){.open_ns = 40 * S}; /* and no open since */
		act(&fixture, CHANGE_ACTIVE, 41 * S, 10 * S, 65);
		act(&fixture, CHANGE_ACTIVE, 51 * S, 2 * S, 700);
		assert_int_equal(fixture.opens.benign.total, rows[i].late);
		opens_clear(&fixture.opens);
	}
}

/* Late, but as if it had been known at once: what was tested since had not seen more of it. */
static void opens_observe_what_was_no_beat_takes_evidence_back(void **state)
{
	static const struct {
		uint64_t gap_ns;
		bool takes_back;
	} rows[] = {{99 * S / 10, false}, {104 * S / 10, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture fixture;

		prepare(&fixture);
		open_at(&fixture, 8 * S);
		for (int k = 0; k < 200; k++) /* so that one comeback does not move the limit */
			silence_add(&fixture.opens.benign, S);
		act(&fixture, CHANGE_ACTIVE, S, rows[i].gap_ns, 65);
		open_at(&fixture, 13 * S);
		for (int k = 0; k < OPENS_SCALES; k++)
			set_wealth(&fixture.opens.scales[k], 1e6);
		act(&fixture, CHANGE_ACTIVE, (int64_t)(S + rows[i].gap_ns), 5 * S, 700);
		assert_int_equal(opens_value(&fixture.opens) < 1.1e5, rows[i].takes_back);
		opens_clear(&fixture.opens);
	}
}

static void witness(struct fixture *fixture, uint64_t t_ns)
{
	struct moment moment = {.settings = &fixture->settings,
				.losses = {.last_ns = INT64_MIN},
				.t_ns = t_ns,
				.known_ns = (int64_t)t_ns};

	opens_witness(&fixture->opens, &moment, &fixture->pool);
}

static void opens_witness_counts_two_a_minute_and_none_under_suspicion(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	for (uint64_t t_s = 5; t_s <= 605; t_s += 5)
		witness(&fixture, t_s * S);
	assert_int_equal(fixture.opens.scales[0].test_count, fixture.settings.i0 + 19);
	assert_int_equal(fixture.opens.test_count, 0);
	set_wealth(&fixture.opens.scales[0], 50);
	witness(&fixture, 1000 * S);
	assert_int_equal(fixture.opens.scales[0].test_count, fixture.settings.i0 + 19);
	opens_clear(&fixture.opens);
}

static void opens_observe_comeback_takes_nine_tenths_of_the_evidence(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	(void)observe(&fixture, CHANGE_OPENED, 100 * S, 100 * S, 0, 0);
	(void)observe(&fixture, CHANGE_ESTABLISHED, 101 * S, 101 * S, 0, 0);
	for (int i = 0; i < 200; i++) /* so that one comeback does not move the limit */
		silence_add(&fixture.opens.benign, S);
	for (int i = 0; i < OPENS_SCALES; i++)
		set_wealth(&fixture.opens.scales[i], 1e6);
	(void)observe(&fixture, CHANGE_ACTIVE, 102 * S, 101 * S, 92 * S, 9 * S);
	assert_true(opens_value(&fixture.opens) > 9e5);
	(void)observe(&fixture, CHANGE_ACTIVE, 103 * S, 102 * S, 80 * S, 22 * S);
	assert_true(opens_value(&fixture.opens) < 1.1e5);
	(void)observe(&fixture, CHANGE_CLOSED, 104 * S, 103 * S, 80 * S, 24 * S);
	assert_true(opens_value(&fixture.opens) < 1.1e4);
	opens_clear(&fixture.opens);
}

static void opens_observe_open_that_a_close_paid_for_is_not_tested(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	fixture.conn.is_replacement = true;
	(void)observe(&fixture, CHANGE_OPENED, 101 * S, 99 * S, 0, 0);
	assert_int_equal(fixture.opens.waiting_count, 0);
	fixture.conn.is_replacement = false;
	(void)observe(&fixture, CHANGE_OPENED, 104 * S, 99 * S, 0, 0);
	assert_int_equal(fixture.opens.waiting_count, 1);
	opens_clear(&fixture.opens);
}

/* The ceiling counts what lies idle as well; what was held then is what the opens had shown. */
static void opens_find_base_is_told_with_the_time_at_which_it_was_counted(void **state)
{
	struct eprocess *ceiling;
	struct finding finding;
	struct fixture fixture;
	struct moment moment = {.settings = &fixture.settings, .losses = {.last_ns = INT64_MIN}};

	(void)state;
	prepare(&fixture);
	ceiling = &fixture.opens.scales[OPENS_SCALES - 1];
	ceiling->test_count = 100;
	set_wealth(ceiling, 1e6);
	for (int k = 0; k < EPROCESS_BETS; k++) {
		ceiling->bets->base[k] = 10;
		ceiling->bets->began_ns[k] = 500 * S;
	}
	fixture.opens.ceiling_base = 2;
	fixture.opens.ceiling_base_ns = 100 * S;
	finding = (struct finding){0};
	opens_find(&fixture.opens, &moment, &fixture.pool, &finding);
	assert_int_equal(finding.base, 2);
	assert_int_equal(finding.base_ns, 100 * S);
	assert_int_equal(finding.began_ns, 500 * S);
	fixture.opens.ceiling_base = 12;
	finding = (struct finding){0};
	opens_find(&fixture.opens, &moment, &fixture.pool, &finding);
	assert_int_equal(finding.base, 10);
	assert_int_equal(finding.base_ns, 500 * S);
	opens_clear(&fixture.opens);
}

#define RESTING 12

/*
 * Opens at from_s and each ten seconds after it, of which each finds one more that has rested for
 * longer than four times the longest benign silence. Returns what the evidence is worth then.
 */
static double test_growth(struct fixture *fixture, uint64_t benign_s, uint64_t from_s)
{
	struct conn *conns[RESTING];

	prepare(fixture);
	silence_add(&fixture->opens.benign, benign_s * S);
	make_by_hand(conns, RESTING);
	for (uint64_t i = 0; i < RESTING; i++) {
		conns[i]->state = CONN_OPEN;
		conns[i]->last_active_ns = (int64_t)((from_s - 4 * benign_s + 10 * i - 1) * S);
	}
	order_by_activity(&fixture->pool, conns, RESTING);
	for (uint64_t i = 0; i < RESTING; i++) {
		uint64_t t_ns = (from_s + 10 * i) * S;

		(void)observe(fixture, CHANGE_OPENED, t_ns, (int64_t)t_ns, 0, 0);
		(void)observe(fixture, CHANGE_ESTABLISHED, t_ns, (int64_t)t_ns, 0, 0);
	}
	return opens_value(&fixture->opens);
}

/* All that rests since the process began grows older than any limit, one after the other. */
static void opens_observe_growth_in_a_young_process_is_history(void **state)
{
	static const struct {
		uint64_t benign_s, from_s;
		bool is_evidence;
	} rows[] = {
		{150, 1200, true}, {150, 650, false},  {149, 650, true}, /* less than ten minutes */
		{600, 4800, true}, {600, 4600, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture fixture;
		double value = test_growth(&fixture, rows[i].benign_s, rows[i].from_s);

		if (rows[i].is_evidence ? value < fixture.settings.alarm : value > 1)
			fail_msg("row %u: %g", (unsigned int)i, value);
		assert_true(eprocess_record(&fixture.opens.scales[0]) == RESTING);
		opens_clear(&fixture.opens);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_observe_tests_an_open_when_activity_up_to_it_is_known),
		cmocka_unit_test(opens_observe_at_most_one_test_a_second),
		cmocka_unit_test(opens_observe_learns_only_silences_that_spanned_a_test),
		cmocka_unit_test(
			opens_observe_learns_nothing_of_what_was_used_just_before_the_open),
		cmocka_unit_test(opens_observe_heartbeats_set_a_limit_of_their_own),
		cmocka_unit_test(opens_observe_monitors_set_no_limit),
		cmocka_unit_test(opens_observe_first_beats_of_a_monitor_take_nothing_back),
		cmocka_unit_test(opens_observe_what_was_no_beat_is_learned_when_that_is_known),
		cmocka_unit_test(opens_observe_what_was_no_beat_takes_evidence_back),
		cmocka_unit_test(opens_witness_counts_two_a_minute_and_none_under_suspicion),
		cmocka_unit_test(opens_observe_comeback_takes_nine_tenths_of_the_evidence),
		cmocka_unit_test(opens_observe_open_that_a_close_paid_for_is_not_tested),
		cmocka_unit_test(opens_find_base_is_told_with_the_time_at_which_it_was_counted),
		cmocka_unit_test(opens_observe_growth_in_a_young_process_is_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
