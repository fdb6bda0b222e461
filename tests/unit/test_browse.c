// SPDX-License-Identifier: Apache-2.0
/* Keys, and what they do to the screen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample_kit.h"
#include "screen/browse.h"

#define POOLS 30

static struct kit_pool pools[POOLS];

struct world {
	struct browse browse;
	struct sample *sample;
	uint64_t now_ns;
};

static void show(struct world *world)
{
	struct sample *sample = kit_sample(pools, POOLS);

	browse_forget(&world->browse);
	sample_free(world->sample);
	world->sample = sample;
	assert_int_equal(browse_show(&world->browse, sample, world->now_ns), 0);
}

/* Pools 1 to 30 with 100 open, 99 open ... */
static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	for (uint32_t i = 0; i < POOLS; i++)
		pools[i] = (struct kit_pool){
			.pid = i + 1, .comm = i % 2 ? "odd" : "even", .open = 100 - i};
	browse_init(&world->browse, 2 * NS_PER_SEC, true);
	world->browse.page = 10;
	show(world);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	browse_clear(&world->browse);
	sample_free(world->sample);
	free(world);
	return 0;
}

static int press(struct world *world, uint32_t key)
{
	return browse_press(&world->browse, key, world->now_ns);
}

static void type(struct world *world, const char *text)
{
	for (; *text; text++)
		assert_int_equal(press(world, (uint8_t)*text), BROWSE_DRAW);
}

static uint32_t current_pid(const struct world *world)
{
	const struct row *row = browse_current(&world->browse);

	return row ? row->pool->client.pid : 0;
}

/* Which line of the screen the cursor is on. */
static uint32_t cursor_line(const struct world *world)
{
	return rows_find(&world->browse.rows, world->browse.selected_key) - world->browse.first;
}

static void arrows_move_the_cursor_and_the_screen(void **state)
{
	struct world *world = *state;

	assert_int_equal(world->browse.selected_key, 0);
	assert_int_equal(press(world, BROWSE_KEY_DOWN), BROWSE_DRAW);
	assert_int_equal(current_pid(world), 1); /* it appears */
	press(world, 'j');
	assert_int_equal(current_pid(world), 2);
	press(world, 'k');
	press(world, BROWSE_KEY_UP);
	assert_int_equal(current_pid(world), 1);
	press(world, BROWSE_KEY_PAGE_DOWN);
	assert_int_equal(current_pid(world), 10);
	assert_int_equal(world->browse.first, 0);
	press(world, 'j');
	assert_int_equal(current_pid(world), 11);
	assert_int_equal(world->browse.first, 1);
	press(world, BROWSE_KEY_END);
	assert_int_equal(current_pid(world), 30);
	assert_int_equal(world->browse.first, 20);
	press(world, 'j');
	assert_int_equal(current_pid(world), 30);
	press(world, 'g');
	assert_int_equal(current_pid(world), 1);
	assert_int_equal(world->browse.first, 0);
}

static void without_a_cursor_the_worst_stays_in_sight(void **state)
{
	struct world *world = *state;

	pools[20].severity = 4;
	show(world);
	assert_int_equal(current_pid(world), 21);
	assert_int_equal(world->browse.first, 0);
}

static void nothing_moves_while_the_order_is_held(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 5; i++)
		press(world, 'j');
	assert_int_equal(current_pid(world), 5);
	pools[20].severity = 4;
	pools[2].open = 0;
	world->now_ns += BROWSE_HOLD_NS - 1;
	show(world);
	assert_true(browse_is_held(&world->browse, world->now_ns));
	for (uint32_t i = 0; i < POOLS; i++)
		assert_int_equal(world->browse.rows.rows[i].pool->client.pid, i + 1);
}

static void afterwards_the_cursor_stays_on_its_pool_and_its_line(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 15; i++)
		press(world, 'j');
	assert_int_equal(current_pid(world), 15);
	assert_int_equal(cursor_line(world), 9);
	pools[20].severity = 4; /* one more above it */
	world->now_ns += BROWSE_HOLD_NS;
	show(world);
	assert_int_equal(world->browse.rows.rows[0].pool->client.pid, 21);
	assert_int_equal(current_pid(world), 15);
	assert_int_equal(cursor_line(world), 9);
	assert_int_equal(world->browse.first, 6);
}

static void a_pool_that_vanishes_leaves_the_cursor_where_it_was(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 5; i++)
		press(world, 'j');
	pools[4].pid = 500;
	show(world);
	assert_int_equal(cursor_line(world), 4);
	assert_int_equal(current_pid(world), 6);
}

static void tab_groups_and_enter_goes_into_a_group(void **state)
{
	struct world *world = *state;

	press(world, BROWSE_KEY_TAB);
	assert_int_equal(world->browse.group, ROWS_PROCESSES);
	press(world, BROWSE_KEY_TAB);
	assert_int_equal(world->browse.group, ROWS_WORKLOADS);
	assert_int_equal(world->browse.rows.count, 1);
	press(world, BROWSE_KEY_BACKTAB);
	press(world, 'j');
	press(world, 'j');
	assert_int_equal(press(world, BROWSE_KEY_ENTER), BROWSE_DRAW);
	assert_int_equal(world->browse.group, ROWS_POOLS);
	assert_int_equal(world->browse.rows.count, 1);
	assert_int_equal(current_pid(world), 2);
	assert_string_equal(world->browse.scope_name, "process odd[2]");
	press(world, BROWSE_KEY_ESCAPE);
	assert_int_equal(world->browse.group, ROWS_PROCESSES);
	assert_int_equal(world->browse.rows.count, POOLS);
	assert_int_equal(current_pid(world), 2);
}

static void enter_shows_a_pool_and_escape_leaves_it(void **state)
{
	struct world *world = *state;

	press(world, 'j');
	press(world, 'j');
	assert_int_equal(press(world, BROWSE_KEY_ENTER), BROWSE_SAMPLE);
	assert_int_equal(world->browse.mode, BROWSE_DETAIL);
	assert_int_equal(browse_subject(&world->browse)->client.pid, 2);
	world->browse.text_count = 15;
	press(world, BROWSE_KEY_PAGE_DOWN);
	assert_int_equal(world->browse.text_first, 5);
	pools[1].pid = 77;
	show(world);
	assert_null(browse_subject(&world->browse));
	assert_int_equal(press(world, 'q'), BROWSE_DRAW);
	assert_int_equal(world->browse.mode, BROWSE_LIST);
	assert_int_equal(press(world, 'q'), BROWSE_QUIT);
}

static void filter_is_tried_while_it_is_typed(void **state)
{
	struct world *world = *state;

	press(world, '/');
	type(world, "odd ");
	assert_int_equal(world->browse.rows.count, 15);
	type(world, "!x:");
	assert_true(world->browse.prompt_error[0] != '\0');
	assert_int_equal(world->browse.rows.count, 15); /* what was right so far */
	press(world, 'w' & 0x1f);
	type(world, "pid>");
	press(world, BROWSE_KEY_ENTER);
	assert_int_equal(world->browse.prompt, BROWSE_FILTER); /* still asking */
	type(world, "20");
	assert_int_equal(world->browse.rows.count, 5);
	press(world, BROWSE_KEY_ENTER);
	assert_int_equal(world->browse.prompt, BROWSE_NO_PROMPT);
	assert_string_equal(world->browse.filter_text, "odd pid>20");
	press(world, '/');
	assert_string_equal(world->browse.line, "odd pid>20");
	press(world, 'u' & 0x1f);
	assert_int_equal(world->browse.rows.count, POOLS);
	press(world, BROWSE_KEY_ESCAPE); /* as it was */
	assert_int_equal(world->browse.rows.count, 5);
	press(world, BROWSE_KEY_ESCAPE);
	assert_int_equal(world->browse.rows.count, POOLS);
}

static void typing_is_utf8_and_can_be_undone(void **state)
{
	struct world *world = *state;

	press(world, '/');
	press(world, 0xe9);
	press(world, 0x4e2d);
	press(world, 0x1f600);
	press(world, 0xd800); /* half of a character */
	press(world, 0x07);
	press(world, BROWSE_KEY_F1);
	assert_string_equal(world->browse.line, "\u00e9\u4e2d\U0001f600");
	press(world, BROWSE_KEY_BACKSPACE);
	assert_string_equal(world->browse.line, "\u00e9\u4e2d");
	type(world, " two  ");
	press(world, 'w' & 0x1f);
	assert_string_equal(world->browse.line, "\u00e9\u4e2d ");
	for (int i = 0; i < 2 * BROWSE_LINE_SIZE; i++)
		press(world, 0x4e2d);
	assert_true(strlen(world->browse.line) < BROWSE_LINE_SIZE);
}

static void interval_is_checked(void **state)
{
	struct world *world = *state;
	static const char *const wrong[] = {"", "0", "0.09", "3601", "x", "2h", "nan", "-1", "0X1"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		press(world, 'd');
		press(world, 'u' & 0x1f);
		type(world, wrong[i]);
		assert_int_equal(press(world, BROWSE_KEY_ENTER), BROWSE_DRAW);
		assert_true(world->browse.prompt_error[0] != '\0');
		press(world, BROWSE_KEY_ESCAPE);
	}
	assert_int_equal(world->browse.interval_ns, 2 * NS_PER_SEC);
	press(world, 'd');
	assert_string_equal(world->browse.line, "2");
	press(world, BROWSE_KEY_BACKSPACE);
	type(world, "0.5");
	assert_int_equal(press(world, BROWSE_KEY_ENTER), BROWSE_SAMPLE);
	assert_int_equal(world->browse.interval_ns, NS_PER_SEC / 2);
	press(world, 'd');
	press(world, 'u' & 0x1f);
	type(world, "1m");
	assert_int_equal(press(world, BROWSE_KEY_ENTER), BROWSE_SAMPLE);
	assert_int_equal(world->browse.interval_ns, 60 * NS_PER_SEC);
}

static void sort_is_chosen_from_a_list(void **state)
{
	struct world *world = *state;

	press(world, 's');
	assert_int_equal(world->browse.mode, BROWSE_SORT);
	press(world, 'k');
	assert_int_equal(world->browse.sort_choice, ROWS_SORT_COUNT - 1);
	press(world, 'j');
	press(world, 'j');
	press(world, BROWSE_KEY_ENTER);
	assert_int_equal(world->browse.mode, BROWSE_LIST);
	assert_int_equal(world->browse.sort, ROWS_BY_PID);
	press(world, 'r');
	assert_int_equal(current_pid(world), 30);
	press(world, BROWSE_KEY_F1 + 5);
	press(world, BROWSE_KEY_ESCAPE);
	assert_int_equal(world->browse.sort, ROWS_BY_PID);
}

static void replay_keys_ask_for_pace_and_place(void **state)
{
	struct world *world = *state;

	assert_int_equal(press(world, '+'), BROWSE_PACE);
	assert_float_equal(world->browse.speed, 2, 0);
	assert_int_equal(press(world, '-'), BROWSE_PACE);
	assert_int_equal(press(world, '<'), BROWSE_PACE);
	assert_float_equal(world->browse.speed, 0.5, 0);
	assert_int_equal(press(world, '['), BROWSE_JUMP);
	assert_string_equal(world->browse.line, "-1m");
	press(world, 't');
	type(world, "14:02");
	assert_int_equal(press(world, BROWSE_KEY_ENTER), BROWSE_JUMP);
	assert_string_equal(world->browse.line, "14:02");
	for (int i = 0; i < 100; i++)
		press(world, '+');
	assert_float_equal(world->browse.speed, BROWSE_SPEED_MAX, 0);
	assert_int_equal(press(world, 'p'), BROWSE_PACE);
	assert_true(world->browse.is_paused);
	world->browse.is_replay = false;
	assert_int_equal(press(world, '['), BROWSE_DRAW);
}

static void write_asks_for_a_name(void **state)
{
	struct world *world = *state;

	press(world, 'w');
	assert_string_equal(world->browse.line, "connleak-top.json");
	assert_int_equal(press(world, BROWSE_KEY_ENTER), BROWSE_SAVE);
	press(world, 'w');
	press(world, 'u' & 0x1f);
	assert_int_equal(press(world, BROWSE_KEY_ENTER), BROWSE_DRAW);
}

/* Any keys, in any order, with samples that come and go. */
static void no_key_breaks_it(void **state)
{
	struct world *world = *state;
	uint32_t seed = 1;

	for (int i = 0; i < 20000; i++) {
		uint32_t key;

		seed = seed * 1664525 + 1013904223;
		key = seed >> 16 & 0xff;
		if (seed >> 30 == 0)
			key = BROWSE_KEY_UP + (seed >> 20 & 31);
		world->browse.page = 1 + (seed >> 8) % 12;
		world->browse.text_count = (seed >> 9) % 30;
		world->now_ns += (seed >> 12) % (4 * NS_PER_SEC);
		assert_true(press(world, key) >= 0);
		if (seed >> 28 == 1) {
			pools[seed % POOLS].pid = 1 + (seed >> 5) % 300;
			pools[seed % POOLS].severity = (int)(seed >> 7) % 5;
			show(world);
		}
		assert_true(world->browse.first <= world->browse.rows.count);
		(void)browse_current(&world->browse);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(arrows_move_the_cursor_and_the_screen),
		TEST(without_a_cursor_the_worst_stays_in_sight),
		TEST(nothing_moves_while_the_order_is_held),
		TEST(afterwards_the_cursor_stays_on_its_pool_and_its_line),
		TEST(a_pool_that_vanishes_leaves_the_cursor_where_it_was),
		TEST(tab_groups_and_enter_goes_into_a_group),
		TEST(enter_shows_a_pool_and_escape_leaves_it),
		TEST(filter_is_tried_while_it_is_typed),
		TEST(typing_is_utf8_and_can_be_undone),
		TEST(interval_is_checked),
		TEST(sort_is_chosen_from_a_list),
		TEST(replay_keys_ask_for_pace_and_place),
		TEST(write_asks_for_a_name),
		TEST(no_key_breaks_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
