/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of text on the screen, which scroll: help, and one pool in detail.
 */
#ifndef CONNLEAK_SCREEN_SCREEN_TEXT_H
#define CONNLEAK_SCREEN_SCREEN_TEXT_H

#include "columns.h"
#include "grid.h"

struct detail;

/* Where the lines of a page go: those before first and behind lines are only counted. */
struct screen_page {
	struct grid *grid;
	uint32_t y, lines; /* the part of the grid that is the page's */
	uint32_t first; /* lines scrolled away */
	uint32_t count; /* lines so far */
};

/* One more line, cut where the grid ends. */
void screen_add_line(struct screen_page *page, enum grid_style style, const char *text);

/* The same, printf style. */
void screen_add(struct screen_page *page, enum grid_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As many lines as text needs, indented from the second on. */
void screen_add_wrapped(struct screen_page *page, enum grid_style style, uint32_t indent,
			const char *text);

/* Puts text into at most lines lines of the grid, broken at blanks. */
void screen_wrap(struct grid *grid, uint32_t x, uint32_t y, uint32_t lines, enum grid_style style,
		 const char *text);

/* Every key, the filter's words, and what the columns say. */
void screen_draw_help(struct screen_page *page, bool is_replay);

/* One pool: pool NULL = gone, detail NULL = only what the sample says is known. */
void screen_draw_detail(struct screen_page *page, const struct columns_scene *scene,
			const struct sample_row *pool, const struct detail *detail);

#endif
