/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of a screen's lines.
 */
#ifndef CONNLEAK_SCREEN_ROWS_ORDER_H
#define CONNLEAK_SCREEN_ROWS_ORDER_H

#include "rows.h"

/* Sorts; what is gone comes last in any order. */
void rows_order(struct row *rows, uint32_t count, enum rows_sort sort, bool is_reversed);

/* Negative where the pool a is worse than b, positive where it is better. */
int rows_compare_pools(const struct sample_row *a, const struct sample_row *b);

#endif
