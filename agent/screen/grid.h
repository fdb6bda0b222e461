/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A screen before it reaches a terminal: lines of cells, each a character and how it looks. It can
 * be rendered to text, so what a person will see can be tested without a terminal.
 *
 * Nothing that is put can move a cursor: what is no printable character becomes '?'; where the
 * screen is not UTF-8, so does everything beyond ASCII.
 */
#ifndef CONNLEAK_SCREEN_GRID_H
#define CONNLEAK_SCREEN_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a cell means; how that looks is the terminal's. No style says what the text does not. */
enum grid_style {
	GRID_PLAIN,
	GRID_BOLD,
	GRID_DIM,
	GRID_HEAD, /* titles of columns */
	GRID_KEY, /* a key that can be pressed */
	GRID_LABEL, /* what it does */
	GRID_GOOD,
	GRID_SUSPECT,
	GRID_WARNING,
	GRID_CRITICAL,
	GRID_STYLE_COUNT,
};

struct grid_cell {
	char text[5]; /* one character; "" = the right half of a wide one */
	uint8_t style; /* enum grid_style */
	bool is_selected;
};

struct grid {
	uint32_t width, height;
	bool utf8; /* false: ASCII only */
	struct grid_cell *cells; /* owned; line by line */
};

#define GRID_SIZE_MAX 4096 /* columns, and lines */

/* A blank grid; a size of 0 is one of 1. Returns 0 or -ENOMEM. */
int grid_init(struct grid *grid, uint32_t width, uint32_t height, bool utf8);
void grid_clear(struct grid *grid); /* frees what it owns */

/*
 * Puts text at (x, y) into at most width columns, cut with a mark where it is longer. What lies
 * outside is dropped. Returns how many columns it took.
 */
uint32_t grid_put(struct grid *grid, uint32_t x, uint32_t y, uint32_t width, enum grid_style style,
		  const char *text);

/* The same, ending at the right end of width. */
void grid_put_right(struct grid *grid, uint32_t x, uint32_t y, uint32_t width,
		    enum grid_style style, const char *text);

/* Gives the cells of line y the style, from x on; the text stays. */
void grid_style_line(struct grid *grid, uint32_t x, uint32_t y, enum grid_style style);
void grid_select_line(struct grid *grid, uint32_t y);

/* Columns that text takes on a screen. */
uint32_t grid_text_width(const char *text, bool utf8);

/* How many columns a character takes: 0 for one that joins the one before, 1 or 2. */
unsigned int grid_char_width(uint32_t code);

/* All lines, without trailing blanks; to be freed by the caller. NULL when out of memory. */
char *grid_render(const struct grid *grid);

#endif
