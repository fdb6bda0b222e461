/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small plots of characters: one row a figure, one column a span of time.
 *
 *	opens  |..:..-..........:.....| 12 in all
 *	open   |::--==++**##%%@@@@@@@@| 61
 *	        14:02            14:48
 */
#ifndef CONNLEAK_CORE_PLOT_H
#define CONNLEAK_CORE_PLOT_H

#include <stdbool.h>
#include <stddef.h>

struct plot_row {
	const char *label;
	const double *values; /* one a column; NAN = not measured: blank */
	double top; /* value of a full column; 0 = the greatest of the row */
	const char *note; /* behind the row; "" = none */
};

/*
 * Renders rows and, below, what stands at the first and last column, each line indented by indent
 * spaces. Labels and notes have to be safe for a terminal. To be freed by the caller; NULL when
 * out of memory.
 */
char *plot_render(const struct plot_row *rows, size_t row_count, size_t column_count,
		  const char *first, const char *last, unsigned int indent, bool utf8);

/* The mark of a level of plot_level(), one column wide. */
const char *plot_mark(unsigned int level, bool utf8);

/* 0 = nothing, 1 to 8 = eighths of top, rounded up, so that what is there is seen. */
unsigned int plot_level(double value, double top);

#endif
