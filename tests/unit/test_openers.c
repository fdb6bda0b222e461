/* SPDX-License-Identifier: Apache-2.0 */
/* Which threads opened what is suspected, and which of them have ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "activity_order.h"
#include "core/openers.h"

#define COUNT 8

struct row {
	const char *name;
	struct {
		uint32_t tid;
		bool is_suspect;
	} conns[COUNT]; /* up to the first with neither */
	struct openers openers;
	bool are_gone;
};

static const struct row rows[] = {
	{"a thread each, gone",
	 {{11, true}, {12, true}, {13, true}, {14, false}},
	 {3, 3, 0, 0},
	 true},
	{"a pool's one thread", {{9, true}, {9, true}, {9, true}, {9, false}}, {3, 1, 1, 0}, false},
	{"one has come back", {{11, true}, {12, true}, {12, false}}, {2, 2, 1, 0}, false},
	{"two of one thread", {{11, true}, {11, true}, {12, true}}, {3, 2, 0, 0}, false},
	{"openers not known", {{0, true}, {0, true}, {12, false}}, {0, 0, 0, 0}, false},
	{"one alone says nothing", {{11, true}, {12, false}}, {1, 1, 0, 0}, false},
};

static void openers_count_tells_threads_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct conn *conns[COUNT];
		struct pool pool = {0};
		struct openers openers;

		make_by_hand(conns, COUNT);
		for (int k = 0; k < COUNT && (row->conns[k].tid || row->conns[k].is_suspect); k++) {
			conns[k]->tid = row->conns[k].tid;
			conns[k]->is_suspect = row->conns[k].is_suspect;
			order_insert(&pool, conns[k]);
		}
		openers_count(&pool, &openers);
		if (openers.suspect_count != row->openers.suspect_count ||
		    openers.thread_count != row->openers.thread_count ||
		    openers.still_count != row->openers.still_count ||
		    openers_are_gone(&openers) != row->are_gone)
			fail_msg("%s: %u suspects, %u threads, %u with another", row->name,
				 openers.suspect_count, openers.thread_count, openers.still_count);
	}
}

static void openers_note_ended_is_told_once_and_stays(void **state)
{
	struct event running = {.opener = OPENER_RUNNING}, ended = {.opener = OPENER_ENDED};
	struct event silent = {.opener = OPENER_UNKNOWN};
	struct conn conn = {0}, foreign = {.opener = OPENER_FOREIGN};

	(void)state;
	assert_false(openers_note(&conn, &running));
	assert_int_equal(conn.opener, OPENER_RUNNING);
	assert_false(openers_note(&conn, &silent));
	assert_int_equal(conn.opener, OPENER_RUNNING);
	assert_true(openers_note(&conn, &ended));
	assert_false(openers_note(&conn, &ended));
	assert_false(openers_note(&conn, &running));
	assert_int_equal(conn.opener, OPENER_ENDED);
	assert_false(openers_note(&foreign, &ended));
	assert_int_equal(foreign.opener, OPENER_FOREIGN);
}

static void openers_count_knows_who_has_ended(void **state)
{
	struct openers openers;
	struct pool pool = {0};
	struct conn *conns[3];

	(void)state;
	make_by_hand(conns, 3);
	for (uint32_t i = 0; i < 3; i++) {
		conns[i]->tid = 11 + i;
		conns[i]->is_suspect = i < 2;
		conns[i]->opener = i == 1 ? OPENER_RUNNING : OPENER_ENDED;
	}
	order_as_they_come(&pool, conns, 3);
	openers_count(&pool, &openers);
	assert_int_equal(openers.ended_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openers_count_tells_threads_apart),
		cmocka_unit_test(openers_note_ended_is_told_once_and_stays),
		cmocka_unit_test(openers_count_knows_who_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
