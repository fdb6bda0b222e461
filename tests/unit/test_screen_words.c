// SPDX-License-Identifier: Apache-2.0
/* What the screen says in words: why it is empty, what a line stands for, what can be typed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample_kit.h"
#include "screen/screen.h"

static const struct kit_pool pools[] = {
	{.pid = 4711, .comm = "orders-api", .endpoint = "orders-db", .open = 61, .busy = 4},
	{.pid = 12,
	 .comm = "billing",
	 .remote = "10.0.3.8:3306",
	 .database = "mysql",
	 .open = 5,
	 .busy = 2},
};

struct shown {
	struct browse browse;
	struct sample *sample;
	struct screen_facts facts;
	uint32_t width, height;
};

static void shown_init(struct shown *shown, size_t pool_count, bool is_replay)
{
	memset(shown, 0, sizeof(*shown));
	shown->sample = kit_sample(pools, pool_count);
	shown->facts.source = "own probes";
	shown->width = 80;
	shown->height = 24;
	browse_init(&shown->browse, 2 * NS_PER_SEC, is_replay);
	assert_int_equal(browse_show(&shown->browse, shown->sample, 0), 0);
}

static void shown_clear(struct shown *shown)
{
	browse_clear(&shown->browse);
	sample_free(shown->sample);
}

/* Line by line as the terminal would have it; *ret_text is to be freed. */
static char *draw(struct shown *shown)
{
	struct grid grid;
	char *text;

	assert_int_equal(grid_init(&grid, shown->width, shown->height, false), 0);
	screen_draw(&shown->browse, &shown->facts, &grid);
	text = grid_render(&grid);
	assert_non_null(text);
	grid_clear(&grid);
	return text;
}

static void assert_shows(struct shown *shown, const char *expected)
{
	char *text = draw(shown);

	if (!strstr(text, expected))
		fail_msg("'%s' is not in\n%s", expected, text);
	free(text);
}

static void assert_last_line(struct shown *shown, const char *expected)
{
	char *text = draw(shown), *line = text + strlen(text) - 1;

	assert_int_equal(*line, '\n');
	*line = '\0';
	line = strrchr(text, '\n') + 1;
	assert_string_equal(line, expected);
	free(text);
}

static void press(struct shown *shown, uint32_t key)
{
	assert_true(browse_press(&shown->browse, key, 0) >= 0);
}

static void type(struct shown *shown, const char *text)
{
	for (; *text; text++)
		press(shown, (uint8_t)*text);
}

/* --- nothing to show -------------------------------------------------------------------------- */

static void draw_before_the_first_sample_says_that_it_waits(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown, 0, false);
	browse_clear(&shown.browse);
	browse_init(&shown.browse, 2 * NS_PER_SEC, false);
	assert_shows(&shown, "\n  waiting for the first look ...\n");
	shown_clear(&shown);
}

static void draw_without_pools_says_why(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown, 0, false);
	assert_shows(&shown, "\n  no process has a connection to a watched port\n");
	shown_clear(&shown);

	shown_init(&shown, 2, false);
	type(&shown, "/");
	type(&shown, "nobody");
	press(&shown, BROWSE_KEY_ENTER);
	assert_shows(&shown, "\n  no pool matches; Esc shows all again\n");
	press(&shown, BROWSE_KEY_ESCAPE);
	assert_shows(&shown, "orders-api");
	shown_clear(&shown);
}

static void draw_by_site_without_sites_says_so(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown, 0, false);
	while (shown.browse.group != ROWS_SITES)
		press(&shown, BROWSE_KEY_TAB);
	assert_shows(&shown, "\n  no sites are recorded\n");
	shown_clear(&shown);
}

/* --- what a line stands for ------------------------------------------------------------------- */

static void draw_pool_without_a_verdict_is_told_in_words(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown, 1, false);
	shown.width = 132;
	assert_shows(&shown,
		     "orders-api[4711] in app.service -> orders-db 10.0.3.7:5432 (postgresql): "
		     "61 open, 4 busy, 57 idle, 0 stale, 0 connecting, 0 closed\n"
		     "by the server; 0 opened, 0 closed, 0 failed\n");
	shown.sample->rows[0].workload = shown.sample->rows[0].database = NULL;
	shown.sample->rows[0].comm = shown.sample->rows[0].endpoint = NULL;
	assert_int_equal(browse_show(&shown.browse, shown.sample, 0), 0);
	assert_shows(&shown, "?[4711] in ? -> 10.0.3.7:5432 (unknown database): 61 open");
	shown_clear(&shown);
}

static void draw_group_says_how_much_is_in_it(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown, 2, false);
	while (shown.browse.group != ROWS_WORKLOADS)
		press(&shown, BROWSE_KEY_TAB);
	assert_shows(&shown, "2 pools of 2 processes in 1 workloads, to 2 endpoints; Enter shows "
			     "them\n");
	shown_clear(&shown);
}

/* --- choosing an order ------------------------------------------------------------------------ */

static void draw_orders_marks_the_one_that_enter_would_take(void **state)
{
	struct shown shown;
	char *text;

	(void)state;
	shown_init(&shown, 2, false);
	type(&shown, "s");
	assert_shows(&shown, "\nSort by ");
	assert_shows(&shown, "\n> severity");
	assert_last_line(&shown, "Up Down Choose Enter Take Esc Leave");
	press(&shown, BROWSE_KEY_DOWN);
	text = draw(&shown);
	assert_null(strstr(text, "> severity"));
	free(text);
	/* The last one stays in sight on a screen that has not room for all. */
	shown.height = 14;
	while (shown.browse.sort_choice != ROWS_SORT_COUNT - 1)
		press(&shown, BROWSE_KEY_DOWN);
	text = draw(&shown);
	assert_non_null(strstr(text, "\n> "));
	assert_null(strstr(text, "\n  severity"));
	free(text);
	press(&shown, BROWSE_KEY_ENTER);
	assert_int_equal(shown.browse.sort, ROWS_SORT_COUNT - 1);
	shown_clear(&shown);
}

/* --- the last line ---------------------------------------------------------------------------- */

static void draw_prompts_ask_and_show_what_is_typed(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown, 2, true);
	type(&shown, "/db:my");
	assert_last_line(&shown, "Filter: db:my_");
	press(&shown, BROWSE_KEY_ESCAPE);
	type(&shown, "w");
	assert_last_line(&shown, "Write this view as JSON to: connleak-top.json_");
	press(&shown, BROWSE_KEY_ESCAPE);
	type(&shown, "t+5m");
	assert_last_line(&shown, "Go to (14:02, +5m, -30s, 50%): +5m_");
	press(&shown, BROWSE_KEY_ESCAPE);
	assert_last_line(&shown,
			 "h Help / Filter s Sort Tab Group Enter One p Pause +- Speed [ ] 1 min t "
			 "Go to");
	shown_clear(&shown);

	shown_init(&shown, 2, false);
	type(&shown, "d.5");
	assert_last_line(&shown, "Seconds between two looks: 2.5_");
	shown_clear(&shown);
}

static void draw_prompt_keeps_the_end_of_a_long_line_in_sight(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown, 2, false);
	shown.width = 24;
	type(&shown, "/comm:");
	press(&shown, 0xe4); /* of two bytes, and cut off as one */
	type(&shown, "0123456789abcdef");
	assert_last_line(&shown, "Filter: 123456789abcdef_");
	shown_clear(&shown);
}

static void draw_prompt_says_what_is_wrong(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown, 2, false);
	type(&shown, "/colour:red");
	press(&shown, BROWSE_KEY_ENTER);
	assert_shows(&shown, "Filter: colour:red_ ");
	assert_shows(&shown, "'colour:red' names no field that there is");
	shown_clear(&shown);
}

static void draw_says_what_the_last_action_has_done(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown, 2, false);
	(void)snprintf(shown.browse.message, sizeof(shown.browse.message), "written to view.json");
	assert_last_line(&shown, "written to view.json");
	shown.browse.message[0] = '\0';
	press(&shown, '?');
	assert_last_line(&shown, "Esc Back Up Down PgUp PgDn Scroll p Pause w Write h Help");
	shown_clear(&shown);
}

static void draw_text_scrolled_too_far_comes_back_to_its_end(void **state)
{
	struct shown shown;
	char *end, *text;

	(void)state;
	shown_init(&shown, 2, false);
	press(&shown, '?');
	free(draw(&shown)); /* the drawer tells how long it is */
	press(&shown, BROWSE_KEY_END);
	end = draw(&shown);
	shown.browse.text_first += 5;
	free(draw(&shown));
	text = draw(&shown);
	assert_string_equal(text, end);
	free(text);
	free(end);
	shown_clear(&shown);
}

static void draw_lines_scrolled_too_far_come_back(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown, 2, false);
	shown.browse.first = 7;
	assert_shows(&shown, "orders-api");
	assert_int_equal(shown.browse.first, 0);
	shown_clear(&shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draw_before_the_first_sample_says_that_it_waits),
		cmocka_unit_test(draw_without_pools_says_why),
		cmocka_unit_test(draw_by_site_without_sites_says_so),
		cmocka_unit_test(draw_pool_without_a_verdict_is_told_in_words),
		cmocka_unit_test(draw_group_says_how_much_is_in_it),
		cmocka_unit_test(draw_orders_marks_the_one_that_enter_would_take),
		cmocka_unit_test(draw_prompts_ask_and_show_what_is_typed),
		cmocka_unit_test(draw_prompt_keeps_the_end_of_a_long_line_in_sight),
		cmocka_unit_test(draw_prompt_says_what_is_wrong),
		cmocka_unit_test(draw_says_what_the_last_action_has_done),
		cmocka_unit_test(draw_text_scrolled_too_far_comes_back_to_its_end),
		cmocka_unit_test(draw_lines_scrolled_too_far_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
