/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The truth about a pool that may be too small: how much of it has been in use in the last minute.
 */
#ifndef CONNLEAK_EVAL_CENSUS_H
#define CONNLEAK_EVAL_CENSUS_H

#include "pool_model.h"

/* Counts once a second from now on. */
void census_begin(struct pool_model *pool);

/* The pool is at its maximum, and nearly all of it was in use in the last minute. */
bool census_is_saturated(const struct pool_model *pool);

#endif
