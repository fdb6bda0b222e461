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

/* Cells first to first + count - 1; the others are zero. */
struct window_part {
	uint8_t first, count;
	_Alignas(uint32_t) char cells[]; /* of up to 32 bits */
};

/* Zeroed memory is an array in which every cell is zero. */
struct window {
	struct window_part *part; /* owned; NULL = every cell is zero */
};

/* Frees what it owns; all cells are empty then. */
void window_clear(struct window *window);

/*
 * The cell at index (up to 251), of size bytes; NULL when out of memory. Valid until the next call.
 * Every call takes the same size.
 */
void *window_cell(struct window *window, unsigned int index, size_t size);

/* The cells from *ret_first on, *ret_count of them; NULL where that is 0. Valid as above. */
void *window_cells(const struct window *window, unsigned int *ret_first, unsigned int *ret_count);

#endif
