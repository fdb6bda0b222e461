/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a long array of cells that is in use: a histogram has room for all that could be, and
 * what one pool does falls into a few neighbouring bins of it.
 */
#ifndef CONNLEAK_CORE_WINDOW_H
#define CONNLEAK_CORE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

/* Cells are reached in steps of so many: a multiple of it must be the length of the whole array. */
#define WINDOW_STEP 4

/* Zeroed memory is an array in which every cell is zero. */
struct window {
	void *cells; /* cells first to first + count - 1; the others are zero; owned */
	uint8_t first, count;
};

void window_clear(struct window *window);

/*
 * The cell at index (up to 251), of size bytes; NULL when out of memory. Valid until the next call.
 * Every call takes the same size.
 */
void *window_cell(struct window *window, unsigned int index, size_t size);

#endif
