/* SPDX-License-Identifier: Apache-2.0 */
/* When whom a leak verdict names has changed by enough for another line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "activity_order.h"
#include "core/told.h"

#define S NS_PER_SEC
#define CONNS 200
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

struct fixture {
	struct settings settings;
	struct pool pool;
	struct conn *conns[CONNS];
	struct told told;
	uint32_t marked;
};

static void prepare(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	settings_init(&fixture->settings);
	make_by_hand(fixture->conns, CONNS);
	order_as_they_come(&fixture->pool, fixture->conns, CONNS);
}

static void mark(struct fixture *fixture, uint32_t from, uint32_t count, bool is_suspect)
{
	for (uint32_t i = from; i < from + count; i++) {
		fixture->marked += is_suspect;
		fixture->marked -= fixture->conns[i]->is_suspect;
		fixture->conns[i]->is_suspect = is_suspect;
		told_observe(&fixture->told, fixture->conns[i]);
	}
}

static bool is_news(const struct fixture *fixture, uint32_t elsewhere, uint64_t t_s)
{
	return told_is_news(&fixture->told, &fixture->settings, fixture->marked, elsewhere,
			    t_s * S);
}

static void told_names_are_news_once_they_have_changed_enough(void **state)
{
	/* Raised at 1000 s with `first` names; at `last_s` a line with `named`; since then so many
	 * were added and so many are gone. */
	static const struct {
		uint32_t last_s, named, added, gone, t_s;
		bool is_news;
	} rows[] = {
		/* The first line after it: whoever was added, a minute after at the latest. */
		{1000, 8, 1, 0, 1049, false},
		{1000, 8, 1, 0, 1050, true},
		{1000, 8, 0, 1, 1050, true},
		{1000, 8, 0, 0, 1050, false},
		{1000, 8, 1, 0, 5000, true}, /* nobody was added before */
		/* A change of severity in between does not put it off. */
		{1020, 8, 1, 0, 1050, true},
		{1049, 100, 1, 0, 1050, true},
		/* From then on a quarter, and not one by one. */
		{1050, 8, 1, 0, 90000, false},
		{1050, 8, 2, 0, 1099, false},
		{1050, 8, 2, 0, 1100, true},
		{1050, 4, 1, 0, 1100, false},
		{1050, 4, 2, 0, 1100, true},
		{1050, 40, 9, 0, 90000, false},
		{1050, 40, 10, 0, 1100, true},
		/* Those that are gone, at leisure where they are few. */
		{1050, 40, 0, 10, 1100, true},
		{1050, 40, 0, 9, 1100, false},
		{1050, 40, 0, 1, 1649, false},
		{1050, 40, 0, 1, 1650, true},
		{1050, 40, 1, 1, 1650, true},
	};
	struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		prepare(&fixture);
		mark(&fixture, 0, rows[i].named, true);
		fixture.told.raised_ns = 1000 * S;
		told_take(&fixture.told, &fixture.pool, 0, 0, rows[i].last_s * S);
		mark(&fixture, rows[i].named, rows[i].added, true);
		mark(&fixture, 0, rows[i].gone, false);
		if (is_news(&fixture, 0, rows[i].t_s) != rows[i].is_news)
			fail_msg("row %u", (unsigned int)i);
	}
}

static void told_name_that_is_taken_back_and_given_again_is_no_news(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	mark(&fixture, 0, 8, true);
	fixture.told.raised_ns = 1000 * S;
	told_take(&fixture.told, &fixture.pool, 0, 0, 1000 * S);
	mark(&fixture, 0, 8, false);
	assert_true(is_news(&fixture, 0, 1050));
	mark(&fixture, 0, 8, true);
	assert_false(is_news(&fixture, 0, 1050));
	mark(&fixture, 7, 1, false);
	mark(&fixture, 8, 1, true); /* as many, but not the same */
	assert_true(is_news(&fixture, 0, 1050));
}

/* "Full in five minutes" is no news while they last, and has to be taken back after that. */
static void told_end_that_is_past_is_news(void **state)
{
	static const struct {
		double ends_s;
		uint64_t t_s;
		bool is_news;
	} rows[] = {
		{300, 1300, false}, {300, 1301, true},	 {10, 1049, false},    {10, 1050, true},
		{0, 90000, false},  {NAN, 90000, false}, {1e12, 90000, false},
	};
	struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		prepare(&fixture);
		mark(&fixture, 0, 8, true);
		fixture.told.raised_ns = 1000 * S;
		told_take(&fixture.told, &fixture.pool, 0, rows[i].ends_s, 1000 * S);
		if (is_news(&fixture, 0, rows[i].t_s) != rows[i].is_news)
			fail_msg("row %u", (unsigned int)i);
	}
}

static void told_counts_what_other_processes_hold(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture);
	mark(&fixture, 0, 3, true);
	fixture.told.raised_ns = 1000 * S;
	told_take(&fixture.told, &fixture.pool, 5, 0, 1000 * S);
	assert_int_equal(fixture.told.count, 8);
	assert_false(is_news(&fixture, 5, 1050));
	assert_true(is_news(&fixture, 6, 1050));
	assert_true(is_news(&fixture, 4, 1050));
}

static void told_leak_of_a_hundred_makes_a_dozen_lines(void **state)
{
	static const uint64_t gaps_s[] = {1, 10, 60, 3600};
	struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < COUNT(gaps_s); i++) {
		uint64_t t_s = 1000;
		uint32_t lines = 1;

		prepare(&fixture);
		mark(&fixture, 0, 8, true);
		fixture.told.raised_ns = t_s * S;
		told_take(&fixture.told, &fixture.pool, 0, 0, t_s * S);
		while (fixture.marked < 100) {
			t_s += gaps_s[i];
			mark(&fixture, fixture.marked, 1, true);
			if (!is_news(&fixture, 0, t_s))
				continue;
			told_take(&fixture.told, &fixture.pool, 0, 0, t_s * S);
			lines++;
		}
		assert_in_range(lines, 2, 13);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_names_are_news_once_they_have_changed_enough),
		cmocka_unit_test(told_name_that_is_taken_back_and_given_again_is_no_news),
		cmocka_unit_test(told_end_that_is_past_is_news),
		cmocka_unit_test(told_counts_what_other_processes_hold),
		cmocka_unit_test(told_leak_of_a_hundred_makes_a_dozen_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
