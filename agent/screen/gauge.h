/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bar and a sparkline in a few columns of a screen, in blocks or in plain ASCII.
 */
#ifndef CONNLEAK_SCREEN_GAUGE_H
#define CONNLEAK_SCREEN_GAUGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes for a gauge of so many columns, with the NUL. */
#define GAUGE_BYTES(columns) ((columns)*4 + 1)
#define GAUGE_COLUMNS_MAX 64 /* more are drawn as so many */

/* share, 0 to 1 (more is full, NAN empty), of width columns: "####----". Returns buffer. */
const char *gauge_bar(double share, uint32_t width, bool utf8, char *buffer, size_t size);

/*
 * count values in at most width columns, the oldest first, the greatest a full column; several
 * values in one column are their maximum. UINT32_MAX is unknown: blank. Returns buffer.
 */
const char *gauge_spark(const uint32_t *values, uint32_t count, uint32_t width, bool utf8,
			char *buffer, size_t size);

#endif
