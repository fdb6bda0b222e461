/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line that is typed at a prompt of the screen.
 */
#ifndef CONNLEAK_SCREEN_BROWSE_LINE_H
#define CONNLEAK_SCREEN_BROWSE_LINE_H

#include "browse.h"

/* Opens a prompt, with what it already holds. */
void browse_line_begin(struct browse *browse, enum browse_prompt prompt);

/* A key in the line: a character, Backspace, Ctrl-U (all), Ctrl-W (the last word). */
void browse_line_edit(struct browse *browse, uint32_t key);

#endif
