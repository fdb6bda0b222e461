/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that were used once: what vouches for them, and what outlasts their sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "activity_order.h"
#include "core/habits.h"

#define S NS_PER_SEC
#define CONNS 40
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

struct fixture {
	struct judgement judgement;
	struct pool pool;
	struct conn *conns[CONNS];
};

/* So many suspects, silent since t = 0; the first of them have been used again before that. */
static void prepare(struct fixture *fixture, uint32_t suspects, uint32_t returned)
{
	memset(fixture, 0, sizeof(*fixture));
	make_by_hand(fixture->conns, CONNS);
	fixture->judgement.pool = &fixture->pool;
	fixture->judgement.leak.suspect_count = suspects;
	for (uint32_t i = 0; i < CONNS; i++) {
		struct conn *conn = fixture->conns[i];

		conn->is_suspect = i < suspects;
		conn->has_returned = i < returned;
	}
	order_as_they_come(&fixture->pool, fixture->conns, CONNS);
}

static void habits_vouch_only_in_a_pool_that_is_old_enough(void **state)
{
	static const struct {
		uint32_t suspects, returned, others_returned;
		uint64_t age_s;
		bool vouches;
	} rows[] = {
		{8, 8, 0, 60, true}, /* used before: they would have been used again */
		{8, 5, 0, 60, true},
		{8, 4, 100, 60, false},
		{8, 3, 100, 60, false}, /* a new kind: those that came back are of another one */
		{8, 3, 100, 1800, true},
		{8, 3, 4, 7200, false}, /* hardly anything ever comes back */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct finding finding = {.began_ns = (100 + rows[i].age_s) * S};
		struct fixture fixture;

		prepare(&fixture, rows[i].suspects, rows[i].returned);
		fixture.pool.first_ns = 100 * S;
		fixture.judgement.returned_count = rows[i].others_returned;
		if (habits_vouch(&fixture.judgement, &finding) != rows[i].vouches)
			fail_msg("row %u", (unsigned int)i);
	}
}

static void habits_are_outlasted_by_number_and_time(void **state)
{
	static const struct {
		uint32_t suspects, elsewhere, closed;
		uint64_t silence_s;
		bool outlasted;
	} rows[] = {
		{11, 0, 100, 3600, false}, /* so many may be open, and none has ended yet */
		{12, 0, 100, 299, false},  {12, 0, 100, 300, true},
		{19, 0, 0, 3600, false}, /* nothing ever ends here */
		{20, 0, 0, 179, false},	   {20, 0, 0, 180, true},
		{35, 0, 0, 1, true},	   {2, 33, 0, 1, true}, /* of the whole workload */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct finding finding = {.elsewhere = rows[i].elsewhere};
		struct fixture fixture;

		prepare(&fixture, rows[i].suspects, 0);
		fixture.pool.counts[COUNT_CLOSED + CLOSE_LOCAL] = rows[i].closed;
		if (habits_are_outlasted(&fixture.judgement, &finding, 0, 3600 * S,
					 rows[i].silence_s * S) != rows[i].outlasted)
			fail_msg("row %u", (unsigned int)i);
	}
}

/* A session that the server has ended would have ended, if anybody had it. */
static void habits_of_closed_ones_are_outlasted_by_fewer(void **state)
{
	static const struct {
		uint32_t suspects, closed;
		bool outlasted;
	} rows[] = {{11, 11, false}, {12, 12, true}, {12, 11, false}, {19, 18, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct finding finding = {0};
		struct fixture fixture;

		prepare(&fixture, rows[i].suspects, 0);
		for (uint32_t k = 0; k < rows[i].closed; k++)
			fixture.conns[k]->state = CONN_PEER_CLOSED;
		if (habits_are_outlasted(&fixture.judgement, &finding, 0, 3600 * S, 3600 * S) !=
		    rows[i].outlasted)
			fail_msg("row %u", (unsigned int)i);
	}
}

/* More sessions than the server takes cannot come, so fewer of them are too many. */
static void habits_are_outlasted_by_fewer_where_a_limit_is_known(void **state)
{
	static const struct {
		uint64_t limit;
		uint32_t least;
	} rows[] = {{0, 35}, {5, 20}, {50, 24}, {100, 33}, {500, 35}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (uint32_t less = 0; less <= 1; less++) {
			struct finding finding = {0};
			struct fixture fixture;

			prepare(&fixture, rows[i].least - less, 0);
			if (habits_are_outlasted(&fixture.judgement, &finding, rows[i].limit,
						 3600 * S, S) != (less == 0))
				fail_msg("row %u, %u less", (unsigned int)i, less);
		}
	}
}

static void habits_of_several_processes_are_outlasted_by_more(void **state)
{
	static const struct {
		uint32_t processes, count;
		uint64_t limit, silence_s;
		bool outlasted;
	} rows[] = {
		{1, 20, 0, 3600, true}, {6, 48, 0, 3600, false}, /* 20 times the root of 6 are 49 */
		{6, 49, 0, 3600, true}, {6, 49, 0, 3599, false},
		{6, 85, 0, 1, false},	{6, 86, 0, 1, true}, /* 35 times the root */
		{6, 33, 100, 1, true}, /* the server takes no more, whoever has them */
		{6, 32, 100, 1, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (habits_outlast_together(3600 * S, rows[i].processes, rows[i].limit,
					    rows[i].count,
					    rows[i].silence_s * S) != rows[i].outlasted)
			fail_msg("row %u", (unsigned int)i);
}

static void habits_are_outlasted_at_once_without_exposure(void **state)
{
	struct fixture fixture;

	(void)state;
	prepare(&fixture, 5, 0);
	assert_true(habits_are_outlasted(&fixture.judgement, &(struct finding){0}, 0, 0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(habits_vouch_only_in_a_pool_that_is_old_enough),
		cmocka_unit_test(habits_are_outlasted_by_number_and_time),
		cmocka_unit_test(habits_of_closed_ones_are_outlasted_by_fewer),
		cmocka_unit_test(habits_are_outlasted_by_fewer_where_a_limit_is_known),
		cmocka_unit_test(habits_of_several_processes_are_outlasted_by_more),
		cmocka_unit_test(habits_are_outlasted_at_once_without_exposure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
