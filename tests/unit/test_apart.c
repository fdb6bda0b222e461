/* SPDX-License-Identifier: Apache-2.0 */
/* What rests together: which of the silent connections are told apart from a leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "activity_order.h"
#include "core/apart.h"

#define S NS_PER_SEC
#define CONNS 24
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

struct row {
	const char *name;
	int fell_s[CONNS]; /* when they fell silent, in order; 0 ends the list */
	int resting; /* so many of the first ones */
};

static const struct row rows[] = {
	{"a leak alone", {100, 110, 122, 131, 140, 155}, 0},
	{"all at once, then a leak", {100, 100, 101, 101, 800, 810, 822, 831, 840}, 4},
	{"two bursts, then a leak", {100, 100, 500, 500, 501, 900, 910, 922, 931, 940}, 5},
	{"not enough to show a rate", {100, 100, 101, 101, 800, 810}, 0},
	{"two are no rest", {100, 100, 800, 810, 822, 831, 840}, 0},
	{"a leak that paused", {100, 112, 121, 133, 800, 810, 822, 831, 840}, 0},
	{"a pause that its rate explains", {100, 100, 101, 101, 170, 182, 193, 205, 216}, 0},
	{"a pause of less than a minute", {100, 100, 101, 101, 159, 161, 163, 165, 167}, 0},
	{"several at a time, again and again",
	 {100, 100, 101, 300, 300, 301, 420, 420, 421, 500, 501, 501, 590, 590, 591, 700, 700},
	 0},
};

struct fixture {
	struct pool pool;
	struct conn *conns[CONNS];
	struct stock_limits limits;
	struct losses losses;
};

static int prepare(struct fixture *fixture, const int *fell_s)
{
	int count = 0;

	memset(fixture, 0, sizeof(*fixture));
	fixture->limits = (struct stock_limits){.known_ns = 2000 * S, .idle_ns = 10 * S};
	fixture->losses.last_ns = INT64_MIN;
	make_by_hand(fixture->conns, CONNS);
	for (; count < CONNS && fell_s[count] > 0; count++) {
		fixture->conns[count]->state = CONN_OPEN;
		fixture->conns[count]->last_active_ns = fell_s[count] * (int64_t)S;
	}
	order_as_they_come(&fixture->pool, fixture->conns, (uint32_t)count);
	return count;
}

static void find(struct fixture *fixture, struct apart *ret_apart)
{
	apart_find(ret_apart, &fixture->pool, &fixture->limits, &fixture->losses);
}

static void apart_find_tells_a_rest_from_a_leak(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fixture fixture;
		int count = prepare(&fixture, rows[i].fell_s);
		struct apart apart;

		find(&fixture, &apart);
		for (int k = 0; k < count; k++)
			if (apart_has(&apart, fixture.conns[k]) != (k < rows[i].resting))
				fail_msg("%s: connection %d", rows[i].name, k);
	}
}

/* Retired one by one over ten minutes; one of those in their place has been used, once. */
static void apart_find_what_replaces_a_retired_one_is_no_moment(void **state)
{
	static const int fell_s[CONNS] = {100, 160, 230, 300, 800, 810, 822, 831, 840};
	struct fixture fixture;
	struct apart apart;

	(void)state;
	(void)prepare(&fixture, fell_s);
	for (int i = 0; i < 4; i++)
		fixture.conns[i]->is_replacement = true;
	fixture.conns[2]->has_returned = true;
	find(&fixture, &apart);
	for (int i = 0; i < 9; i++)
		assert_int_equal(apart_has(&apart, fixture.conns[i]), i < 4);
	assert_int_equal(apart.gap_ns, 570 * S);
	/* That it is a spare says enough, whenever it was opened. */
	fixture.conns[7]->is_replacement = true;
	find(&fixture, &apart);
	assert_true(apart_has(&apart, fixture.conns[7]));
	fixture.conns[7]->state = CONN_PEER_CLOSED;
	assert_false(apart_has(&apart, fixture.conns[7]));
	fixture.conns[7]->state = CONN_OPEN;
	fixture.conns[7]->has_returned = true;
	find(&fixture, &apart);
	assert_false(apart_has(&apart, fixture.conns[7]));
}

/* Four at once, and one of them had never been silent for longer than a minute. */
static void apart_find_what_never_rested_so_long_does_not_rest(void **state)
{
	static const int fell_s[CONNS] = {100, 100, 101, 101, 800, 810, 822, 831, 840};
	struct fixture fixture;
	struct apart apart;

	(void)state;
	(void)prepare(&fixture, fell_s);
	for (int i = 0; i < 4; i++)
		fixture.conns[i]->habit = fixture.conns[i]->longest = 16 * 600;
	find(&fixture, &apart);
	assert_true(apart_has(&apart, fixture.conns[0]));
	fixture.conns[2]->habit = fixture.conns[2]->longest = 16 * 60;
	find(&fixture, &apart);
	assert_false(apart_has(&apart, fixture.conns[0]));
}

static bool counts(const struct finding *finding, const struct conn *conn)
{
	(void)finding;
	return conn->is_suspect;
}

static void apart_is_asked_where_silence_alone_is_counted(void **state)
{
	struct finding finding = {.limits.kind = STOCK_IDLE};
	struct apart nothing = {0};
	struct conn spare = {.is_replacement = true};

	(void)state;
	assert_true(apart_is_asked(&finding));
	finding.is_one_time = true;
	assert_false(apart_is_asked(&finding));
	finding.is_one_time = false;
	finding.counts = counts;
	assert_false(apart_is_asked(&finding));
	finding.counts = NULL;
	finding.limits.kind = STOCK_PEER_CLOSED;
	assert_false(apart_is_asked(&finding));
	assert_false(apart_has(&nothing, &spare));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(apart_find_tells_a_rest_from_a_leak),
		cmocka_unit_test(apart_find_what_replaces_a_retired_one_is_no_moment),
		cmocka_unit_test(apart_find_what_never_rested_so_long_does_not_rest),
		cmocka_unit_test(apart_is_asked_where_silence_alone_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
