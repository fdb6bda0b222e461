// SPDX-License-Identifier: Apache-2.0
/*
 * The one place where text meets columns: names from outside are of any bytes and any width, and a
 * line that is one column too long destroys a screen.
 *
 * Invariant: a cell holds one printable character of width 1, or of width 2 with an empty cell
 * behind it; so a line is exactly as wide as the grid.
 */
#include "grid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"

int grid_init(struct grid *grid, uint32_t width, uint32_t height, bool utf8)
{
	if (width == 0)
		width = 1;
	if (height == 0)
		height = 1;
	if (width > GRID_SIZE_MAX)
		width = GRID_SIZE_MAX;
	*grid = (struct grid){.width = width, .height = height, .utf8 = utf8};
	grid->cells = calloc((size_t)width * height, sizeof(*grid->cells));
	if (!grid->cells)
		return -ENOMEM;
	for (size_t i = 0; i < (size_t)width * height; i++)
		grid->cells[i].text[0] = ' ';
	return 0;
}

void grid_clear(struct grid *grid)
{
	free(grid->cells);
	*grid = (struct grid){0};
}

/* --- characters ------------------------------------------------------------------------------- */

struct range {
	uint32_t first, last;
};

static bool is_in(uint32_t code, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

unsigned int grid_char_width(uint32_t code)
{
	/* Combining marks and joiners; Unicode 15, general categories Mn, Me and Cf. */
	static const struct range joining[] = {
		{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},
		{0x064b, 0x065f}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},
		{0x0900, 0x0902}, {0x093c, 0x093c}, {0x0941, 0x0948}, {0x1ab0, 0x1aff},
		{0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x2060, 0x2064}, {0x20d0, 0x20ff},
		{0x302a, 0x302d}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef},
	};
	/* East Asian Width W and F, and pictures. */
	static const struct range wide[] = {
		{0x1100, 0x115f},   {0x231a, 0x231b},	{0x2329, 0x232a},   {0x23e9, 0x23ec},
		{0x25fd, 0x25fe},   {0x2614, 0x2615},	{0x2648, 0x2653},   {0x26aa, 0x26ab},
		{0x26bd, 0x26be},   {0x26c4, 0x26c5},	{0x2705, 0x2705},   {0x270a, 0x270b},
		{0x2728, 0x2728},   {0x274c, 0x274c},	{0x2753, 0x2755},   {0x2757, 0x2757},
		{0x2795, 0x2797},   {0x2b1b, 0x2b1c},	{0x2b50, 0x2b50},   {0x2e80, 0x303e},
		{0x3041, 0x33ff},   {0x3400, 0x4dbf},	{0x4e00, 0xa4cf},   {0xa960, 0xa97f},
		{0xac00, 0xd7a3},   {0xf900, 0xfaff},	{0xfe30, 0xfe6f},   {0xff00, 0xff60},
		{0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
		{0x20000, 0x3fffd},
	};

	if (code < 0x300)
		return 1;
	if (is_in(code, joining, sizeof(joining) / sizeof(joining[0])))
		return 0;
	return is_in(code, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

/* The next character of *text as it will be shown, with its width; false at the end. */
static bool next_char(const char **text, bool utf8, char shown[static 5], unsigned int *ret_width)
{
	const char *at = *text;
	uint32_t code = 0;
	size_t step;

	if (!*at)
		return false;
	step = utf8_decode(at, strnlen(at, 4), &code);
	*text = at + (step ? step : 1);
	*ret_width = 1;
	memset(shown, 0, 5);
	shown[0] = '?';
	if (!step || code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code > 0x7f && !utf8))
		return true;
	*ret_width = grid_char_width(code);
	if (*ret_width == 0) /* alone in a cell it would join the cell before */
		*ret_width = 1;
	else
		memcpy(shown, at, step);
	return true;
}

uint32_t grid_text_width(const char *text, bool utf8)
{
	char shown[5];
	unsigned int width;
	uint32_t sum = 0;

	while (next_char(&text, utf8, shown, &width))
		sum += width;
	return sum;
}

/* --- putting ---------------------------------------------------------------------------------- */

static struct grid_cell *cell_at(struct grid *grid, uint32_t x, uint32_t y)
{
	return &grid->cells[(size_t)y * grid->width + x];
}

/* A wide character of which one half is overwritten is none any more. */
static void unlink_halves(struct grid *grid, uint32_t x, uint32_t y)
{
	struct grid_cell *cell = cell_at(grid, x, y);

	if (!cell->text[0] && x > 0)
		memcpy(cell_at(grid, x - 1, y)->text, " ", 2);
	if (x + 1 < grid->width && !cell_at(grid, x + 1, y)->text[0])
		memcpy(cell_at(grid, x + 1, y)->text, " ", 2);
}

static void set_cell(struct grid *grid, uint32_t x, uint32_t y, enum grid_style style,
		     const char shown[static 5])
{
	struct grid_cell *cell = cell_at(grid, x, y);

	unlink_halves(grid, x, y);
	memcpy(cell->text, shown, 5);
	cell->style = (uint8_t)style;
}

uint32_t grid_put(struct grid *grid, uint32_t x, uint32_t y, uint32_t width, enum grid_style style,
		  const char *text)
{
	static const char ascii_cut[5] = "~", utf8_cut[5] = "\u2026", nothing[5] = "";
	unsigned int columns;
	uint32_t used = 0, whole;
	char shown[5];

	if (y >= grid->height || x >= grid->width)
		return 0;
	if (width > grid->width - x)
		width = grid->width - x;
	whole = grid_text_width(text, grid->utf8);
	while (used < width && next_char(&text, grid->utf8, shown, &columns)) {
		if (whole > width && used + columns >= width) {
			set_cell(grid, x + used, y, style, grid->utf8 ? utf8_cut : ascii_cut);
			return used + 1;
		}
		set_cell(grid, x + used, y, style, shown);
		if (columns == 2)
			set_cell(grid, x + used + 1, y, style, nothing);
		used += columns;
	}
	return used;
}

void grid_put_right(struct grid *grid, uint32_t x, uint32_t y, uint32_t width,
		    enum grid_style style, const char *text)
{
	uint32_t whole = grid_text_width(text, grid->utf8);

	if (whole < width) {
		x += width - whole;
		width = whole;
	}
	(void)grid_put(grid, x, y, width, style, text);
}

void grid_style_line(struct grid *grid, uint32_t x, uint32_t y, enum grid_style style)
{
	for (; y < grid->height && x < grid->width; x++)
		cell_at(grid, x, y)->style = (uint8_t)style;
}

void grid_select_line(struct grid *grid, uint32_t y)
{
	for (uint32_t x = 0; y < grid->height && x < grid->width; x++)
		cell_at(grid, x, y)->is_selected = true;
}

char *grid_render(const struct grid *grid)
{
	char *text = malloc((size_t)grid->width * grid->height * 4 + grid->height + 1), *out = text;

	if (!text)
		return NULL;
	for (uint32_t y = 0; y < grid->height; y++) {
		char *end = out;

		for (uint32_t x = 0; x < grid->width; x++) {
			const char *shown = grid->cells[(size_t)y * grid->width + x].text;
			size_t length = strlen(shown);

			memcpy(out, shown, length);
			out += length;
			if (length && shown[0] != ' ')
				end = out;
		}
		out = end;
		*out++ = '\n';
	}
	*out = '\0';
	return text;
}
