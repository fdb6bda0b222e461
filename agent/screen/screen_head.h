/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines above the table: when, from where, how many, how bad, what is nearly full.
 */
#ifndef CONNLEAK_SCREEN_SCREEN_HEAD_H
#define CONNLEAK_SCREEN_SCREEN_HEAD_H

#include "screen.h"

#define SCREEN_HEAD_LINES 4

/* The first lines of them, at the top of the grid. */
void screen_draw_head(const struct browse *browse, const struct screen_facts *facts,
		      struct grid *grid, uint32_t lines);

#endif
