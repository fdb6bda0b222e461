// SPDX-License-Identifier: Apache-2.0
/*
 * Who, to which database, how many, how it has been going and how bad it is: in this order, and as
 * much of it as a line has room for. What does not fit is never cut in the middle of a figure.
 *
 * Invariant: where a column stands depends on the width of the screen and on the keys alone, not on
 * what is in the rows, so that nothing moves sideways. Figures that are unknown are "-".
 */
#include "columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "columns_text.h"
#include "core/format.h"
#include "gauge.h"

#define ALL_GROUPS ((1u << ROWS_GROUP_COUNT) - 1)
#define BUT_SITES (ALL_GROUPS & ~(1u << ROWS_SITES))
#define SITES (1u << ROWS_SITES)
#define WORKLOADS (1u << ROWS_WORKLOADS)
#define ENDPOINTS (1u << ROWS_ENDPOINTS)
#define OF_PROCESSES (BUT_SITES & ~(WORKLOADS | ENDPOINTS))
#define FIXED_COUNT 3 /* severity and who: they do not scroll */

struct column {
	const char *title;
	uint32_t least, most; /* columns; most: as wide as it grows where there is room */
	unsigned int groups; /* a bit each: of which groupings */
	unsigned int rank; /* who comes first when room is scarce: 0 before 1 */
	bool is_right;
	enum rows_sort sort;
	/* What stands in it. */
	columns_text_function *text;
	enum grid_style (*style)(const struct row *row); /* NULL: plain */
};

static enum grid_style severity_style(const struct row *row)
{
	return columns_severity_style(row->pool);
}

static enum grid_style fill_style(const struct row *row)
{
	if (!row->limit || row->limit_kind != SAMPLE_LIMIT_CONFIGURED)
		return GRID_PLAIN;
	if (row->open_count * 20 >= row->limit * 19)
		return GRID_CRITICAL;
	return row->open_count * 5 >= row->limit * 4 ? GRID_WARNING : GRID_PLAIN;
}

static enum grid_style stale_style(const struct row *row)
{
	return row->stale_count ? GRID_SUSPECT : GRID_PLAIN;
}

static enum grid_style bold_style(const struct row *row)
{
	(void)row;
	return GRID_BOLD;
}

static const struct column columns[] = {
	{"SEV", 4, 4, ALL_GROUPS, 0, false, ROWS_BY_SEVERITY, columns_text_severity,
	 severity_style},
	{"PID", 7, 7, OF_PROCESSES, 3, true, ROWS_BY_PID, columns_text_pid, NULL},
	{"PROCS", 5, 5, WORKLOADS | ENDPOINTS, 3, true, ROWS_SORT_COUNT, columns_text_procs, NULL},
	/* What the rows are grouped by stands here and always has room. */
	{"COMM", 9, 16, OF_PROCESSES, 1, false, ROWS_BY_COMM, columns_text_comm, bold_style},
	{"WORKLOAD", 12, 40, WORKLOADS, 1, false, ROWS_BY_WORKLOAD, columns_text_workload,
	 bold_style},
	{"ENDPOINT", 16, 24, ENDPOINTS, 1, false, ROWS_BY_ENDPOINT, columns_text_endpoint,
	 bold_style},
	{"SITE", 24, 60, SITES, 0, false, ROWS_SORT_COUNT, columns_text_site, bold_style},
	{"COMM", 9, 16, WORKLOADS | ENDPOINTS, 9, false, ROWS_BY_COMM, columns_text_comm, NULL},
	{"WORKLOAD", 12, 40, BUT_SITES & ~WORKLOADS, 9, false, ROWS_BY_WORKLOAD,
	 columns_text_workload, NULL},
	{"DATABASE", 10, 10, ALL_GROUPS, 6, false, ROWS_BY_DATABASE, columns_text_database, NULL},
	{"ENDPOINT", 16, 24, ALL_GROUPS & ~ENDPOINTS, 8, false, ROWS_BY_ENDPOINT,
	 columns_text_endpoint, NULL},
	{"OPEN/LIMIT", 12, 16, ALL_GROUPS, 2, false, ROWS_BY_OPEN, columns_text_open, fill_style},
	{"BUSY", 5, 5, BUT_SITES, 10, true, ROWS_BY_BUSY, columns_text_busy, NULL},
	{"IDLE", 5, 5, BUT_SITES, 11, true, ROWS_BY_IDLE, columns_text_idle, NULL},
	{"STALE", 5, 5, ALL_GROUPS, 5, true, ROWS_BY_STALE, columns_text_stale, stale_style},
	{"OPEN/s", 6, 6, BUT_SITES, 12, true, ROWS_BY_OPENS, columns_text_opens, NULL},
	{"CLOSE/s", 7, 7, BUT_SITES, 13, true, ROWS_BY_CLOSES, columns_text_closes, NULL},
	{"COURSE", 8, 15, BUT_SITES, 7, false, ROWS_SORT_COUNT, columns_text_course, NULL},
	{"VERDICT", 17, 42, ALL_GROUPS, 4, false, ROWS_BY_LEFT, columns_text_verdict,
	 severity_style},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

_Static_assert(COLUMN_COUNT <= COLUMNS_MAX, "a layout holds all columns");

/* --- where they stand ------------------------------------------------------------------------- */

static bool is_shown(const struct columns_scene *scene, const struct column *column)
{
	return column->groups & (1u << scene->group);
}

uint32_t columns_width(const struct columns_layout *layout)
{
	uint32_t width = layout->count ? layout->count - 1 : 0;

	for (uint32_t i = 0; i < layout->count; i++)
		width += layout->places[i].width;
	return width;
}

/* Those whose rank is below limit, as narrow as they get. */
static void place_ranks(const struct columns_scene *scene, unsigned int limit,
			struct columns_layout *layout)
{
	layout->count = 0;
	for (unsigned int i = 0; i < COLUMN_COUNT; i++)
		if (is_shown(scene, &columns[i]) && columns[i].rank < limit)
			layout->places[layout->count++] =
				(struct columns_place){i, columns[i].least};
}

static void place_scrolled(const struct columns_scene *scene, uint32_t width, uint32_t offset,
			   struct columns_layout *layout)
{
	uint32_t seen = 0;

	layout->count = 0;
	for (unsigned int i = 0; i < COLUMN_COUNT; i++) {
		if (!is_shown(scene, &columns[i]))
			continue;
		seen++;
		if (seen > FIXED_COUNT && seen <= FIXED_COUNT + offset)
			continue;
		layout->places[layout->count++] = (struct columns_place){i, columns[i].least};
		if (columns_width(layout) > width) {
			layout->count--;
			return;
		}
	}
}

/* Gives what is left to those that can use it, in the order of their ranks. */
static void spread(uint32_t width, struct columns_layout *layout)
{
	uint32_t used = columns_width(layout), left = width > used ? width - used : 0;

	for (unsigned int rank = 0; rank < COLUMN_COUNT && left; rank++)
		for (uint32_t i = 0; i < layout->count; i++) {
			const struct column *column = &columns[layout->places[i].column];
			uint32_t more = column->most - layout->places[i].width;

			if (column->rank != rank)
				continue;
			if (more > left)
				more = left;
			layout->places[i].width += more;
			left -= more;
		}
}

void columns_fit(const struct columns_scene *scene, uint32_t width, uint32_t offset,
		 struct columns_layout *ret_layout)
{
	unsigned int limit = COLUMN_COUNT + 1;

	if (offset > 0) {
		place_scrolled(scene, width, offset, ret_layout);
	} else {
		do
			place_ranks(scene, --limit, ret_layout);
		while (limit > 1 && columns_width(ret_layout) > width);
	}
	spread(width, ret_layout);
}

void columns_fit_content(const struct columns_scene *scene, const struct rows *rows,
			 struct columns_layout *ret_layout)
{
	char text[COLUMNS_TEXT_SIZE];

	place_ranks(scene, COLUMN_COUNT, ret_layout);
	for (uint32_t i = 0; i < ret_layout->count; i++) {
		struct columns_place *place = &ret_layout->places[i];
		const struct column *column = &columns[place->column];
		bool is_gauge =
			column->text == columns_text_open || column->text == columns_text_course;

		if (is_gauge) {
			place->width = column->most;
			continue;
		}
		place->width = (uint32_t)strlen(column->title);
		for (uint32_t k = 0; k < rows->count; k++) {
			uint32_t width =
				grid_text_width(column->text(scene, &rows->rows[k],
							     COLUMNS_TEXT_SIZE, text, sizeof(text)),
						scene->utf8);

			if (width > place->width)
				place->width = width;
		}
	}
}

/* --- drawing ---------------------------------------------------------------------------------- */

/*
 * Where WORKLOAD has no room, the pod, container or unit stands in COMM's place: a screen of
 * "python3" alone tells nobody apart.
 */
static columns_text_function *text_of(const struct columns_layout *layout,
				      const struct column *column)
{
	if (column->text != columns_text_comm)
		return column->text;
	for (uint32_t i = 0; i < layout->count; i++)
		if (columns[layout->places[i].column].text == columns_text_workload)
			return column->text;
	return columns_text_who;
}

void columns_draw_titles(const struct columns_scene *scene, const struct columns_layout *layout,
			 struct grid *grid, uint32_t y)
{
	uint32_t x = 0;
	char title[24];

	for (uint32_t i = 0; i < layout->count; i++) {
		const struct column *column = &columns[layout->places[i].column];
		uint32_t width = layout->places[i].width;
		bool is_sorted = column->sort == scene->sort;

		(void)snprintf(title, sizeof(title), "%s%s", column->title,
			       is_sorted && strlen(column->title) < width ? "*" : "");
		if (column->is_right)
			grid_put_right(grid, x, y, width, GRID_HEAD, title);
		else
			(void)grid_put(grid, x, y, width, GRID_HEAD, title);
		x += width + 1;
	}
	grid_style_line(grid, 0, y, GRID_HEAD);
}

void columns_draw_row(const struct columns_scene *scene, const struct columns_layout *layout,
		      const struct row *row, struct grid *grid, uint32_t y)
{
	char text[COLUMNS_TEXT_SIZE];
	uint32_t x = 0;

	for (uint32_t i = 0; i < layout->count; i++) {
		const struct column *column = &columns[layout->places[i].column];
		uint32_t width = layout->places[i].width;
		enum grid_style style = column->style ? column->style(row) : GRID_PLAIN;

		(void)text_of(layout, column)(scene, row, width, text, sizeof(text));
		if (row->exited)
			style = GRID_DIM;
		if (column->is_right)
			grid_put_right(grid, x, y, width, style, text);
		else
			(void)grid_put(grid, x, y, width, style, text);
		x += width + 1;
	}
}

enum grid_style columns_severity_style(const struct sample_row *pool)
{
	static const enum grid_style styles[] = {GRID_PLAIN, GRID_SUSPECT, GRID_BOLD, GRID_WARNING,
						 GRID_CRITICAL};

	return pool->exited ? GRID_DIM : styles[rows_severity(pool)];
}
