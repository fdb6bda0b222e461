// SPDX-License-Identifier: Apache-2.0
/*
 * The course of a pool says at a glance what a table of figures does not: a staircase is a leak, a
 * plateau is a pool. It has to fit in a ticket, so it is text, and plain ASCII where nothing else
 * is sure to be shown.
 *
 * Invariant: a column takes one place on the screen; zero, "not measured" and "little" look
 * different. Does not know what it draws, and writes nowhere.
 */
#include "plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS 8
#define BYTES_A_COLUMN 3 /* of UTF-8 */

static const char *const ascii_marks[LEVELS + 1] = {".", ":", "-", "=", "+", "*", "#", "%", "@"};
static const char *const utf8_marks[LEVELS + 1] = {"\u00b7", "\u2581", "\u2582", "\u2583", "\u2584",
						   "\u2585", "\u2586", "\u2587", "\u2588"};

unsigned int plot_level(double value, double top)
{
	double level;

	if (!(value > 0) || !(top > 0))
		return 0;
	level = ceil(value / top * LEVELS);
	return level < LEVELS ? (unsigned int)level : LEVELS;
}

const char *plot_mark(unsigned int level, bool utf8)
{
	if (level > LEVELS)
		level = LEVELS;
	return utf8 ? utf8_marks[level] : ascii_marks[level];
}

static double top_of(const struct plot_row *row, size_t column_count)
{
	double top = row->top;

	if (top > 0)
		return top;
	for (size_t i = 0; i < column_count; i++)
		if (row->values[i] > top)
			top = row->values[i];
	return top;
}

static char *put(char *out, const char *text)
{
	size_t length = strlen(text);

	memcpy(out, text, length);
	return out + length;
}

static char *pad(char *out, size_t count)
{
	memset(out, ' ', count);
	return out + count;
}

static char *put_row(char *out, const struct plot_row *row, size_t column_count, size_t label_width,
		     bool utf8)
{
	const char *const *marks = utf8 ? utf8_marks : ascii_marks;
	double top = top_of(row, column_count);

	out = put(out, row->label);
	out = pad(out, label_width - strlen(row->label));
	out = put(out, " |");
	for (size_t i = 0; i < column_count; i++) {
		bool is_blank = isnan(row->values[i]);

		out = put(out, is_blank ? " " : marks[plot_level(row->values[i], top)]);
	}
	out = put(out, "|");
	if (row->note[0])
		out = put(out, " ");
	out = put(out, row->note);
	return put(out, "\n");
}

/* The last one ends under the last column where there is room for both. */
static char *put_axis(char *out, size_t column_count, size_t label_width, const char *first,
		      const char *last)
{
	size_t used = strlen(first) + strlen(last);

	out = pad(out, label_width + 2);
	out = put(out, first);
	out = pad(out, used < column_count ? column_count - used : 1);
	out = put(out, last);
	return put(out, "\n");
}

char *plot_render(const struct plot_row *rows, size_t row_count, size_t column_count,
		  const char *first, const char *last, unsigned int indent, bool utf8)
{
	size_t label_width = 0, bytes = 1;
	char *text, *out;

	for (size_t i = 0; i < row_count; i++) {
		size_t width = strlen(rows[i].label);

		if (width > label_width)
			label_width = width;
		bytes += strlen(rows[i].note);
	}
	bytes += (row_count + 1) * (indent + label_width + column_count * BYTES_A_COLUMN + 8) +
		 strlen(first) + strlen(last);
	text = malloc(bytes);
	if (!text)
		return NULL;
	out = text;
	for (size_t i = 0; i < row_count; i++) {
		out = pad(out, indent);
		out = put_row(out, &rows[i], column_count, label_width, utf8);
	}
	out = pad(out, indent);
	out = put_axis(out, column_count, label_width, first, last);
	*out = '\0';
	return text;
}
