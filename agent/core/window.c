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
	free(window->part);
	window->part = NULL;
}

static int widen(struct window *window, unsigned int index, size_t size)
{
	unsigned int first = index - index % WINDOW_STEP, end = first + WINDOW_STEP;
	struct window_part *part = window->part, *wider;

	if (part && part->first < first)
		first = part->first;
	if (part && part->first + part->count > (int)end)
		end = part->first + part->count;
	wider = calloc(1, sizeof(*wider) + (end - first) * size);
	if (!wider)
		return -1;
	if (part)
		memcpy(wider->cells + (part->first - first) * size, part->cells,
		       part->count * size);
	free(part);
	wider->first = (uint8_t)first;
	wider->count = (uint8_t)(end - first);
	window->part = wider;
	return 0;
}

void *window_cell(struct window *window, unsigned int index, size_t size)
{
	const struct window_part *part = window->part;

	if (!part || index < part->first || index >= (unsigned int)part->first + part->count)
		if (widen(window, index, size) < 0)
			return NULL;
	return window->part->cells + (index - window->part->first) * size;
}

void *window_cells(const struct window *window, unsigned int *ret_first, unsigned int *ret_count)
{
	*ret_first = window->part ? window->part->first : 0;
	*ret_count = window->part ? window->part->count : 0;
	return window->part ? window->part->cells : NULL;
}
