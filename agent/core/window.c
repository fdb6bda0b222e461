// SPDX-License-Identifier: Apache-2.0
/*
 * There are half a dozen histograms of each pool, and thousands of pools; none is told beforehand
 * where its samples will fall.
 *
 * Invariant: first and count are multiples of WINDOW_STEP. A window grows and does not shrink.
 * Does not know what is in a cell but that zeroed memory is an empty one.
 */
#include "window.h"

#include <stdlib.h>
#include <string.h>

void window_clear(struct window *window)
{
	free(window->cells);
	memset(window, 0, sizeof(*window));
}

static int widen(struct window *window, unsigned int index, size_t size)
{
	unsigned int first = index - index % WINDOW_STEP, end = first + WINDOW_STEP;
	unsigned int end_before = window->first + window->count;
	char *cells;

	if (window->count && window->first < first)
		first = window->first;
	if (window->count && end_before > end)
		end = end_before;
	cells = calloc(end - first, size);
	if (!cells)
		return -1;
	if (window->count)
		memcpy(cells + (window->first - first) * size, window->cells, window->count * size);
	free(window->cells);
	window->cells = cells;
	window->first = (uint8_t)first;
	window->count = (uint8_t)(end - first);
	return 0;
}

void *window_cell(struct window *window, unsigned int index, size_t size)
{
	if (index < window->first || index >= (unsigned int)window->first + window->count)
		if (widen(window, index, size) < 0)
			return NULL;
	return (char *)window->cells + (index - window->first) * size;
}
