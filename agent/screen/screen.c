// SPDX-License-Identifier: Apache-2.0
/*
 * The whole screen, from top to bottom: what the host is like, what is held against whom, the
 * lines, what is under the cursor in words, and the keys.
 *
 * Invariant: it fits, whatever the size: a small screen loses parts, the lines last of all. Draws
 * from what it is given alone; text pages are put together elsewhere (screen_help.c,
 * screen_detail.c).
 */
#include "screen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "core/format.h"
#include "screen_head.h"
#include "screen_text.h"

#define INFO_LINES 2

/* Which parts there are room for. */
struct parts {
	uint32_t head, info, foot; /* lines */
	uint32_t lines_y, lines; /* of the rows, below the titles */
};

static struct parts part(uint32_t height)
{
	struct parts parts = {.head = SCREEN_HEAD_LINES, .info = INFO_LINES, .foot = 1};
	uint32_t used;

	if (height < 16)
		parts.info = 0;
	if (height < 12)
		parts.head = 2;
	if (height < 8)
		parts.head = 1;
	if (height < 5)
		parts.head = parts.foot = 0;
	used = parts.head + parts.info + parts.foot + 1;
	parts.lines_y = parts.head + 1;
	parts.lines = height > used ? height - used : 0;
	return parts;
}

static struct columns_scene scene_of(const struct browse *browse, bool utf8)
{
	const struct sample *sample = browse->sample;

	return (struct columns_scene){
		.now_ns = sample ? sample->now_ns : 0,
		.realtime_at_zero_ns = sample ? sample->realtime_at_zero_ns : 0,
		.group = browse->group,
		.sort = browse->sort,
		.utf8 = utf8,
	};
}

/* --- the lines -------------------------------------------------------------------------------- */

static void draw_nothing(const struct browse *browse, const struct parts *parts, struct grid *grid)
{
	const char *text = "waiting for the first look ...";

	if (browse->sample && (browse->filter || browse->scope.group != ROWS_POOLS))
		text = "no pool matches; Esc shows all again";
	else if (browse->sample && browse->group == ROWS_SITES)
		text = "no sites are recorded";
	else if (browse->sample)
		text = "no process has a connection to a watched port";
	(void)grid_put(grid, 2, parts->lines_y + 1, grid->width, GRID_DIM, text);
}

static void draw_lines(struct browse *browse, const struct parts *parts, struct grid *grid)
{
	struct columns_scene scene = scene_of(browse, grid->utf8);
	struct columns_layout layout;

	columns_fit(&scene, grid->width, browse->column_offset, &layout);
	columns_draw_titles(&scene, &layout, grid, parts->head);
	if (!browse->rows.count)
		draw_nothing(browse, parts, grid);
	for (uint32_t i = 0; i < parts->lines && browse->first + i < browse->rows.count; i++) {
		const struct row *row = &browse->rows.rows[browse->first + i];

		columns_draw_row(&scene, &layout, row, grid, parts->lines_y + i);
		if (row->key == browse->selected_key)
			grid_select_line(grid, parts->lines_y + i);
	}
}

/* In words what the line says in figures, and the names that it had to cut. */
static void info_text(const struct browse *browse, const struct row *row, char *buffer, size_t size)
{
	const struct sample_row *pool = row->pool;
	char remote[ADDR_TEXT_SIZE];

	(void)format_netaddr(&pool->remote, remote, sizeof(remote));
	if (pool->verdict.id && pool->verdict.summary && !pool->exited)
		(void)snprintf(buffer, size, "%s", pool->verdict.summary);
	else if (browse->group == ROWS_POOLS)
		(void)snprintf(buffer, size,
			       "%s[%u] in %s -> %s%s%s (%s): %u open, %u busy, %u idle, %u stale, "
			       "%u connecting, %u closed by the server; %llu opened, %llu closed, "
			       "%llu failed",
			       pool->comm ? pool->comm : "?", pool->client.pid,
			       pool->workload ? pool->workload : "?",
			       pool->endpoint ? pool->endpoint : "", pool->endpoint ? " " : "",
			       remote, pool->database ? pool->database : "unknown database",
			       pool->open_count, pool->busy_count, pool->idle_count,
			       pool->stale_count, pool->connecting_count, pool->peer_closed_count,
			       (unsigned long long)pool->totals.counts.opened_count,
			       (unsigned long long)sample_closed_count(pool),
			       (unsigned long long)sample_failed_count(pool));
	else
		(void)snprintf(buffer, size,
			       "%u pools of %u processes in %u workloads, to %u "
			       "endpoints; Enter shows them",
			       row->pool_count, row->process_count, row->workload_count,
			       row->endpoint_count);
}

static void draw_info(const struct browse *browse, const struct parts *parts, struct grid *grid)
{
	const struct row *row = browse_current(browse);
	uint32_t y = grid->height - parts->foot - parts->info;
	char text[1400];

	if (!parts->info || !row)
		return;
	info_text(browse, row, text, sizeof(text));
	screen_wrap(grid, 0, y, parts->info, columns_severity_style(row->pool), text);
}

/* --- choosing an order ------------------------------------------------------------------------ */

static void draw_sort(const struct browse *browse, const struct parts *parts, struct grid *grid)
{
	uint32_t first = 0, room = parts->lines;
	char line[40];

	if (room && browse->sort_choice >= room)
		first = browse->sort_choice - room + 1;
	for (uint32_t i = 0; i < room && first + i < ROWS_SORT_COUNT; i++) {
		enum rows_sort sort = (enum rows_sort)(first + i);

		(void)snprintf(line, sizeof(line), "%s %-12s",
			       sort == browse->sort_choice ? ">" : " ", rows_sort_name(sort));
		(void)grid_put(grid, 0, parts->lines_y + i, 16,
			       sort == browse->sort_choice ? GRID_HEAD : GRID_PLAIN, line);
	}
	grid_style_line(grid, 0, parts->head, GRID_HEAD);
	(void)grid_put(grid, 0, parts->head, grid->width, GRID_HEAD, "Sort by");
}

/* --- the last line ---------------------------------------------------------------------------- */

struct hint {
	const char *key, *does;
};

static void draw_hints(const struct hint *hints, struct grid *grid)
{
	uint32_t x = 0, y = grid->height - 1;

	for (; hints->key; hints++) {
		uint32_t width = (uint32_t)(strlen(hints->key) + strlen(hints->does)) + 1;

		if (x + width > grid->width)
			break;
		x += grid_put(grid, x, y, grid->width, GRID_KEY, hints->key);
		x += grid_put(grid, x, y, grid->width, GRID_LABEL, hints->does) + 1;
	}
}

static void draw_prompt(const struct browse *browse, struct grid *grid)
{
	static const char *const questions[] = {
		[BROWSE_FILTER] = "Filter: ",
		[BROWSE_INTERVAL] = "Seconds between two looks: ",
		[BROWSE_WRITE] = "Write this view as JSON to: ",
		[BROWSE_SEEK] = "Go to (14:02, +5m, -30s, 50%): ",
	};
	uint32_t y = grid->height - 1, x, room;
	const char *line = browse->line;

	x = grid_put(grid, 0, y, grid->width, GRID_KEY, questions[browse->prompt]);
	room = grid->width > x + 1 ? grid->width - x - 1 : 1;
	/* The end of what is typed stays in sight. */
	while (grid_text_width(line, grid->utf8) > room) {
		line++;
		while (((unsigned char)*line & 0xc0) == 0x80)
			line++;
	}
	x += grid_put(grid, x, y, room, GRID_BOLD, line);
	(void)grid_put(grid, x, y, 1, GRID_KEY, "_");
	if (browse->prompt_error[0])
		(void)grid_put(grid, x + 2, y, grid->width, GRID_WARNING, browse->prompt_error);
}

static void draw_foot(const struct browse *browse, struct grid *grid)
{
	static const struct hint list[] = {{"h", " Help"},    {"/", " Filter"},	 {"s", " Sort"},
					   {"Tab", " Group"}, {"Enter", " One"}, {"p", " Pause"},
					   {"d", " Delay"},   {"w", " Write"},	 {"q", " Quit"},
					   {NULL, NULL}};
	static const struct hint replay[] = {{"h", " Help"},	{"/", " Filter"},  {"s", " Sort"},
					     {"Tab", " Group"}, {"Enter", " One"}, {"p", " Pause"},
					     {"+-", " Speed"},	{"[ ]", " 1 min"}, {"t", " Go to"},
					     {"q", " Quit"},	{NULL, NULL}};
	static const struct hint text[] = {{"Esc", " Back"}, {"Up Down PgUp PgDn", " Scroll"},
					   {"p", " Pause"},  {"w", " Write"},
					   {"h", " Help"},   {NULL, NULL}};
	static const struct hint sort[] = {
		{"Up Down", " Choose"}, {"Enter", " Take"}, {"Esc", " Leave"}, {NULL, NULL}};

	if (browse->prompt)
		draw_prompt(browse, grid);
	else if (browse->message[0])
		(void)grid_put(grid, 0, grid->height - 1, grid->width, GRID_BOLD, browse->message);
	else if (browse->mode == BROWSE_SORT)
		draw_hints(sort, grid);
	else if (browse->mode != BROWSE_LIST)
		draw_hints(text, grid);
	else
		draw_hints(browse->is_replay ? replay : list, grid);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void draw_pages(struct browse *browse, const struct screen_facts *facts,
		       const struct parts *parts, struct grid *grid)
{
	struct columns_scene scene = scene_of(browse, grid->utf8);
	struct screen_page page = {
		.grid = grid,
		.y = parts->head,
		.lines = grid->height - parts->head - parts->foot,
		.first = browse->text_first,
	};

	browse->page = page.lines ? page.lines : 1;
	if (browse->mode == BROWSE_HELP)
		screen_draw_help(&page, browse->is_replay);
	else
		screen_draw_detail(&page, &scene, browse_subject(browse), facts->detail);
	browse->text_count = page.count;
	if (browse->text_first + page.lines > page.count && browse->text_first > 0) {
		browse->text_first = page.count > page.lines ? page.count - page.lines : 0;
	}
}

void screen_draw(struct browse *browse, const struct screen_facts *facts, struct grid *grid)
{
	struct parts parts = part(grid->height);

	screen_draw_head(browse, facts, grid, parts.head);
	if (browse->mode == BROWSE_HELP || browse->mode == BROWSE_DETAIL) {
		draw_pages(browse, facts, &parts, grid);
	} else {
		browse->page = parts.lines ? parts.lines : 1;
		if (browse->first + browse->page > browse->rows.count)
			browse->first = browse->rows.count > browse->page
						? browse->rows.count - browse->page
						: 0;
		draw_lines(browse, &parts, grid);
		if (browse->mode == BROWSE_SORT)
			draw_sort(browse, &parts, grid);
		draw_info(browse, &parts, grid);
	}
	if (parts.foot)
		draw_foot(browse, grid);
}

char *screen_print(const struct browse *browse, const struct screen_facts *facts, bool utf8)
{
	struct columns_scene scene = scene_of(browse, utf8);
	struct columns_layout layout;
	struct grid grid;
	uint32_t width;
	char *text;

	columns_fit_content(&scene, &browse->rows, &layout);
	width = columns_width(&layout);
	if (grid_init(&grid, width < 100 ? 100 : width, SCREEN_HEAD_LINES + 1 + browse->rows.count,
		      utf8) < 0)
		return NULL;
	screen_draw_head(browse, facts, &grid, SCREEN_HEAD_LINES);
	columns_draw_titles(&scene, &layout, &grid, SCREEN_HEAD_LINES);
	for (uint32_t i = 0; i < browse->rows.count; i++)
		columns_draw_row(&scene, &layout, &browse->rows.rows[i], &grid,
				 SCREEN_HEAD_LINES + 1 + i);
	text = grid_render(&grid);
	grid_clear(&grid);
	return text;
}
