/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal: a grid onto it, keys from it, and everything as it was before when it is left, by
 * whatever way.
 */
#ifndef CONNLEAK_CLI_TOP_TERM_H
#define CONNLEAK_CLI_TOP_TERM_H

#include "screen/grid.h"

struct top_term;

/* Why there can be no screen: a sentence, or NULL where there can. Changes nothing. */
const char *top_term_obstacle(void);

/* Whether the user's locale is UTF-8; to be asked first, as it sets LC_CTYPE. */
bool top_term_is_utf8(void);

/*
 * Takes over the terminal of stdin and stdout. What is written to stderr meanwhile comes out when
 * it is closed. Returns 0 or -errno. Only one at a time.
 */
int top_term_open(struct top_term **ret_term);
void top_term_close(struct top_term *term); /* accepts NULL */

/* In columns and lines, as of the last top_term_resize(). */
void top_term_size(const struct top_term *term, uint32_t *ret_width, uint32_t *ret_height);

/* Puts the grid on the screen: only what has changed, unless everything is to be drawn anew. */
void top_term_show(struct top_term *term, const struct grid *grid, bool anew);

/* Takes notice of the terminal's new size. */
void top_term_resize(struct top_term *term);

/* The next key, as browse.h has them. Returns false when there is none. */
bool top_term_key(struct top_term *term, uint32_t *ret_key);

#endif
