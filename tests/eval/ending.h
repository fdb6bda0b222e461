/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bound of principle on how surely it can be told that a pool is used up: the odds for somebody
 * who knows its leaks, and not whether requests still come.
 */
#ifndef CONNLEAK_EVAL_ENDING_H
#define CONNLEAK_EVAL_ENDING_H

#include "pool_model.h"

/*
 * How often the silence of a pool at its end is a leak for each time that it is a load which has
 * stopped. NAN where the pool has not come to its end.
 */
double ending_odds(const struct world *world, const struct leak_spec *leak);

#endif
