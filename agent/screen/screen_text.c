// SPDX-License-Identifier: Apache-2.0
/*
 * Text in lines: breaking, scrolling, cutting. What the lines say is said elsewhere.
 *
 * Invariant: a line of a page is drawn when it is within the part that is looked at, and counted
 * in any case, so that a page knows how long it is.
 */
#include "screen_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void screen_add_line(struct screen_page *page, enum grid_style style, const char *text)
{
	uint32_t line = page->count++;

	if (line < page->first || line - page->first >= page->lines)
		return;
	(void)grid_put(page->grid, 0, page->y + line - page->first, page->grid->width, style, text);
}

void screen_add(struct screen_page *page, enum grid_style style, const char *format, ...)
{
	char text[1200];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	screen_add_line(page, style, text);
}

/* Bytes of text that fit in width columns, up to a blank where there is one. */
static size_t fit(const char *text, uint32_t width, bool utf8)
{
	size_t length = 0, blank = 0;
	char part[1200];

	for (size_t i = 0; i < sizeof(part) - 4 && text[i]; i++) {
		if (((unsigned char)text[i + 1] & 0xc0) == 0x80)
			continue;
		memcpy(part, text, i + 1);
		part[i + 1] = '\0';
		if (grid_text_width(part, utf8) > width)
			return blank ? blank : (length ? length : i + 1);
		length = i + 1;
		if (text[i + 1] == ' ')
			blank = i + 1;
	}
	return length;
}

/* The next line of *text; the blanks before the one after it are passed over. */
static void take_line(const char **text, uint32_t width, bool utf8, char *line, size_t size)
{
	size_t length = fit(*text, width, utf8);

	(void)snprintf(line, size, "%.*s", (int)length, *text);
	*text += length;
	*text += strspn(*text, " ");
}

void screen_add_wrapped(struct screen_page *page, enum grid_style style, uint32_t indent,
			const char *text)
{
	uint32_t width = page->grid->width, pad = 0;
	char line[1200];

	if (indent + 10 > width)
		indent = 0;
	do {
		memset(line, ' ', pad);
		take_line(&text, width - pad, page->grid->utf8, line + pad, sizeof(line) - pad);
		screen_add_line(page, style, line);
		pad = indent;
	} while (*text);
}

void screen_wrap(struct grid *grid, uint32_t x, uint32_t y, uint32_t lines, enum grid_style style,
		 const char *text)
{
	char line[1200];

	for (uint32_t i = 0; i < lines && *text; i++) {
		if (i + 1 == lines) { /* all that is left, with the mark of the cut */
			(void)grid_put(grid, x, y + i, grid->width - x, style, text);
			return;
		}
		take_line(&text, grid->width - x, grid->utf8, line, sizeof(line));
		(void)grid_put(grid, x, y + i, grid->width - x, style, line);
	}
}
