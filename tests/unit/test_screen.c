// SPDX-License-Identifier: Apache-2.0
/* The whole screen as text: what a person reads at every size, in ASCII and in blocks. */
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
#include "screen/detail.h"
#include "screen/screen.h"

static const struct kit_pool pools[] = {
	{.pid = 4711,
	 .comm = "orders-api",
	 .workload = "shop/orders-7d9f/api",
	 .endpoint = "orders-db",
	 .open = 61,
	 .busy = 4,
	 .stale = 12,
	 .limit = 70,
	 .severity = 3,
	 .left_s = 2340},
	{.pid = 12,
	 .comm = "billing",
	 .remote = "10.0.3.8:3306",
	 .database = "mysql",
	 .open = 5,
	 .busy = 2},
	{.pid = 99, .comm = "done", .open = 9, .gone_s = 820},
};

struct shown {
	struct browse browse;
	struct sample *sample;
	struct screen_facts facts;
};

static void shown_init(struct shown *shown)
{
	memset(shown, 0, sizeof(*shown));
	shown->sample = kit_sample(pools, sizeof(pools) / sizeof(pools[0]));
	shown->facts.source = "own probes";
	browse_init(&shown->browse, 2 * NS_PER_SEC, false);
	assert_int_equal(browse_show(&shown->browse, shown->sample, 0), 0);
}

/* Where nothing of their COMM tells them apart. */
static const struct kit_pool alike[] = {
	{.pid = 11, .comm = "python3", .workload = "web.service", .unit = "web.service", .open = 9},
	{.pid = 12, .comm = "python3", .workload = "web.service", .unit = "web.service", .open = 8},
	{.pid = 13,
	 .comm = "python3",
	 .workload = "shop/api-7d9f/api",
	 .pod = "api-7d9f",
	 .open = 7},
	{.pid = 14, .comm = "gunicorn", .workload = "python3.11", .open = 6},
};

static void shown_init_alike(struct shown *shown, enum rows_group group)
{
	memset(shown, 0, sizeof(*shown));
	shown->sample = kit_sample(alike, sizeof(alike) / sizeof(alike[0]));
	browse_init(&shown->browse, 2 * NS_PER_SEC, false);
	shown->browse.group = group;
	assert_int_equal(browse_show(&shown->browse, shown->sample, 0), 0);
}

static void shown_clear(struct shown *shown)
{
	browse_clear(&shown->browse);
	sample_free(shown->sample);
}

static char *draw(struct shown *shown, uint32_t width, uint32_t height, bool utf8)
{
	struct grid grid;
	char *text;

	assert_int_equal(grid_init(&grid, width, height, utf8), 0);
	screen_draw(&shown->browse, &shown->facts, &grid);
	text = grid_render(&grid);
	grid_clear(&grid);
	return text;
}

static void assert_drawn(char *text, const char *expected)
{
	assert_string_equal(text, expected);
	free(text);
}

static void draw_80x24_in_ascii(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown);
	assert_drawn(draw(&shown, 80, 24, false),
		     "connleak top  14:02:50  own probes, watching since 13:50 "
		     "(12 min)      every 2 s\n"
		     "66 open in 2 pools: 12 stale, 6 busy, 48 idle  1.0 opens/s, "
		     "0 closes/s\n"
		     "Verdicts: 0 critical  1 warning  0 suspected   0 records "
		     "lost\n"
		     "Near limit: orders-db 61/70 #######-\n"
		     "SEV*     PID COMM       DATABASE   OPEN/LIMIT   STALE "
		     "COURSE   VERDICT\n"
		     "WARN    4711 orders-api postgresql 61/70   ###-    12 "
		     ":-=+*#%@ leak 39 min left\n"
		     "          12 billing    mysql      5                0 "
		     "..-++*%@ -\n"
		     "gone      99 done       postgresql 9                - "
		     ".:-+*#%@ gone for 10 s\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "LEAK as the summary has it\n"
		     "\n"
		     "h Help / Filter s Sort Tab Group Enter One p Pause d Delay "
		     "w Write q Quit\n");
	shown_clear(&shown);
}

static void draw_200x16_in_blocks(void **state)
{
	struct shown shown;

	(void)state;
	shown_init(&shown);
	assert_drawn(draw(&shown, 200, 16, true),
		     "connleak top  14:02:50  own probes, watching since 13:50 "
		     "(12 min)                                                    "
		     "                                                            "
		     "              every 2 s\n"
		     "66 open in 2 pools: 12 stale, 6 busy, 48 idle  1.0 opens/s, "
		     "0 closes/s\n"
		     "Verdicts: 0 critical  1 warning  0 suspected   0 records "
		     "lost\n"
		     "Near limit: orders-db 61/70 ██████▉░\n"
		     "SEV*     PID COMM             WORKLOAD                  "
		     "DATABASE   ENDPOINT                 OPEN/LIMIT        BUSY  "
		     "IDLE STALE OPEN/s CLOSE/s COURSE          VERDICT\n"
		     "WARN    4711 orders-api       shop/orders-7d9f/api      "
		     "postgresql orders-db 10.0.3.7:5432  61/70   ██████▉░     4  "
		     "  45    12    0.5       0 ▁▁▂▂▃▄▄▅▅▆▆▇▇██ leak 12, full in "
		     "39 min (20 min - 78 min)\n"
		     "          12 billing          app.service               "
		     "mysql      10.0.3.8:3306            5                    2  "
		     "   3     0    0.5       0 ···▂▂▂▄▄▄▅▅▅▇▇█ -\n"
		     "gone      99 done             app.service               "
		     "postgresql 10.0.3.7:5432            9                    -  "
		     "   -     -      -       - ··▁▂▂▃▄▄▅▅▆▇▇██ gone for 10 s\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "\n"
		     "LEAK as the summary has it\n"
		     "\n"
		     "h Help / Filter s Sort Tab Group Enter One p Pause d Delay "
		     "w Write q Quit\n");
	shown_clear(&shown);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in\n%s", part, text);
}

static void draw_80_columns_of_processes_alike_tells_them_apart(void **state)
{
	struct shown shown;
	char *text;

	(void)state;
	shown_init_alike(&shown, ROWS_POOLS);
	text = draw(&shown, 80, 24, false);
	assert_has(text, "    11 web       ");
	assert_has(text, "    13 api-7d9f ");
	assert_has(text, "    14 gunicorn ");
	free(text);
	/* Nothing stands there twice. */
	text = draw(&shown, 200, 24, false);
	assert_has(text, "    11 python3          web.service ");
	free(text);
	shown_clear(&shown);
}

static void draw_80_columns_of_groups_names_them(void **state)
{
	struct shown shown;
	char *text;

	(void)state;
	shown_init_alike(&shown, ROWS_WORKLOADS);
	text = draw(&shown, 80, 24, false);
	assert_has(text, "PROCS WORKLOAD");
	assert_has(text, "    2 web.service ");
	assert_has(text, "    1 python3.11 ");
	free(text);
	shown_clear(&shown);
	shown_init_alike(&shown, ROWS_ENDPOINTS);
	text = draw(&shown, 80, 24, false);
	assert_has(text, "PROCS ENDPOINT");
	assert_has(text, "    4 10.0.3.7:5432 ");
	free(text);
	shown_clear(&shown);
}

/* No line is longer than the screen, and there are as many as it has, at any size. */
static void draw_fits_every_size(void **state)
{
	static const uint32_t sizes[][2] = {{1, 1},    {2, 3},	  {5, 4},   {10, 5},
					    {20, 7},   {40, 10},  {79, 11}, {80, 15},
					    {132, 43}, {200, 60}, {500, 2}};
	struct shown shown;

	(void)state;
	shown_init(&shown);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int mode = BROWSE_LIST; mode <= BROWSE_SORT; mode++) {
			char *text, *line;
			uint32_t lines = 0;

			shown.browse.mode = (enum browse_mode)mode;
			shown.browse.subject = shown.sample->rows[0];
			text = draw(&shown, sizes[i][0], sizes[i][1], false);
			for (line = text; *line; line = strchr(line, '\n') + 1, lines++)
				assert_true((uint32_t)(strchr(line, '\n') - line) <= sizes[i][0]);
			assert_int_equal(lines, sizes[i][1]);
			free(text);
		}
	shown_clear(&shown);
}

static void draw_scrolled_columns_show_the_others(void **state)
{
	struct shown shown;
	char *text;

	(void)state;
	shown_init(&shown);
	text = draw(&shown, 80, 24, false);
	assert_null(strstr(text, "BUSY"));
	free(text);
	shown.browse.column_offset = 4;
	text = draw(&shown, 80, 24, false);
	assert_non_null(strstr(text, "SEV*"));
	assert_non_null(strstr(text, "orders-api"));
	assert_non_null(strstr(text, "BUSY  IDLE STALE OPEN/s CLOSE/s"));
	free(text);
	shown_clear(&shown);
}

static void draw_names_that_would_move_the_cursor_do_not(void **state)
{
	struct shown shown;
	char *text;

	(void)state;
	shown_init(&shown);
	shown.sample->rows[0].comm = "\033[2J\033[31mx\r\n";
	shown.sample->rows[0].verdict.summary = "a\033]0;title\007b";
	text = draw(&shown, 80, 24, true);
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\007'));
	assert_null(strchr(text, '\r'));
	free(text);
	shown_clear(&shown);
}

static void draw_detail_has_all_that_is_known(void **state)
{
	static const char *const evidence[] = {"12 connections were silent"};
	struct detail_rival rivals[] = {
		{"traffic spike", RULING_RULED_OUT, "queries/s +2%"},
	};
	struct detail_conn conns[] = {
		{.id = 1,
		 .state = "established",
		 .group = "stale",
		 .site = "OrderRepo.save",
		 .age_s = 3600,
		 .idle_s = 600,
		 .age_is_bound = true,
		 .sent_bytes = 1200,
		 .received_bytes = 3400000,
		 .local = "10.0.0.1:40000",
		 .tid = 4720},
		{.id = 2,
		 .state = "established",
		 .group = "idle",
		 .site = "OrderRepo.save",
		 .last_site = "OrderRepo.load"},
		{.id = 3, .state = "connecting", .group = "connecting"},
	};
	struct detail detail = {
		.evidence = (const char **)evidence,
		.evidence_count = 1,
		.rivals = rivals,
		.rival_count = 1,
		.spans = {{10, 0, 1, 4, 0}, {20, 5, 2, 10, 0}},
		.span_count = 2,
		.begin_ns = 810 * NS_PER_SEC,
		.span_ns = 10 * NS_PER_SEC,
		.conns = conns,
		.conn_count = 3,
	};
	static const char *const expected[] = {
		"orders-api[4711] in shop/orders-7d9f/api -> orders-db 10.0.3.7:5432 (postgresql)",
		"61 open of 70 (the server's limit)  #################---",
		"LEAK as the summary has it",
		"  12 connections were silent",
		"  ruled out    traffic spike      queries/s +2%",
		"Course since 14:02, a column is 10 s",
		"  open   |+@| at most 20",
		"  stale  |.@| at most 5",
		" 2 by OrderRepo.save",
		"10 min   1.2 kB   3.4 MB    4720  10.0.0.1:40000",
		"  stale       established   >= 60 min ",
		"    last sent by OrderRepo.load",
		" 1 by an unknown site",
		"  connecting  connecting ",
	};
	struct shown shown;
	char *text;

	(void)state;
	shown_init(&shown);
	shown.browse.mode = BROWSE_DETAIL;
	shown.browse.subject = shown.sample->rows[0];
	shown.facts.detail = &detail;
	text = draw(&shown, 120, 50, false);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (!strstr(text, expected[i]))
			fail_msg("'%s' is not in\n%s", expected[i], text);
	free(text);
	shown.browse.subject.client.pid = 1;
	text = draw(&shown, 120, 50, false);
	assert_non_null(strstr(text, "This pool is gone."));
	free(text);
	shown_clear(&shown);
}

/* As long as a course can be, on a screen that is not as wide. */
static void draw_detail_course_fits_with_its_figures(void **state)
{
	struct detail detail = {
		.span_count = DETAIL_SPANS_MAX,
		.span_ns = 600 * NS_PER_SEC,
		.begin_ns = 1200 * NS_PER_SEC,
		.step_ns = 1200 * NS_PER_SEC,
		.step_until_ns = 3600 * NS_PER_SEC,
	};
	struct shown shown;
	char *text;

	(void)state;
	for (uint32_t i = 0; i < DETAIL_SPANS_MAX; i++)
		detail.spans[i] = (struct detail_span){i, 0, 0, 1234, 0};
	shown_init(&shown);
	shown.browse.mode = BROWSE_DETAIL;
	shown.browse.subject = shown.sample->rows[0];
	shown.facts.detail = &detail;
	text = draw(&shown, 80, 50, false);
	assert_non_null(strstr(text, "a column is 20 min (before "));
	assert_non_null(strstr(text, " in steps of 20 min)"));
	assert_non_null(strstr(text, "@@@| at most 59\n"));
	assert_non_null(strstr(text, "@@@| at most 1234 in 10 min\n"));
	free(text);
	text = draw(&shown, 120, 50, false);
	assert_non_null(strstr(text, "a column is 10 min (before "));
	free(text);
	shown_clear(&shown);
}

static void draw_help_names_every_key_within_80_columns(void **state)
{
	static const char *const keys[] = {
		"Up Down j k", "PgUp PgDn", "Home End", "Left Right", "Enter",	"Esc",
		"Tab",	       "s F6",	    "/ F4",	"\n  p ",     "\n  d ", "\n  w ",
		"h ? F1",      "Ctrl-L",    "q F10",	"+ -",	      "[ ]"};
	struct shown shown;
	char *text;

	(void)state;
	shown_init(&shown);
	shown.browse.mode = BROWSE_HELP;
	shown.browse.is_replay = true;
	text = draw(&shown, 80, 70, false);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strstr(text, keys[i]))
			fail_msg("'%s' is not in\n%s", keys[i], text);
	assert_null(strstr(text, "~\n")); /* nothing is cut */
	free(text);
	shown_clear(&shown);
}

static void print_has_all_columns_and_all_lines(void **state)
{
	struct shown shown;
	char *text;

	(void)state;
	shown_init(&shown);
	text = screen_print(&shown.browse, &shown.facts, false);
	assert_non_null(strstr(text, "shop/orders-7d9f/api"));
	assert_non_null(strstr(text, "leak 12 since 13:50, full in 39 min (20 min - 78 min)"));
	assert_non_null(strstr(text, "gone for 10 s"));
	assert_non_null(strstr(text, "CLOSE/s"));
	free(text);
	shown_clear(&shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draw_80x24_in_ascii),
		cmocka_unit_test(draw_200x16_in_blocks),
		cmocka_unit_test(draw_80_columns_of_processes_alike_tells_them_apart),
		cmocka_unit_test(draw_80_columns_of_groups_names_them),
		cmocka_unit_test(draw_fits_every_size),
		cmocka_unit_test(draw_scrolled_columns_show_the_others),
		cmocka_unit_test(draw_names_that_would_move_the_cursor_do_not),
		cmocka_unit_test(draw_detail_has_all_that_is_known),
		cmocka_unit_test(draw_detail_course_fits_with_its_figures),
		cmocka_unit_test(draw_help_names_every_key_within_80_columns),
		cmocka_unit_test(print_has_all_columns_and_all_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
