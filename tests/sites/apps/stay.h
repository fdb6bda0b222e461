/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stay_us(): for how long a program stays, so that it is looked at twice before it ends: 0.3 s, and
 * on a slow machine as much longer as the deadlines of its tests are.
 */
#ifndef STAY_H
#define STAY_H

#include <stdlib.h>

static inline unsigned int stay_us(void)
{
	const char *patience = getenv("CONNLEAK_PATIENCE");
	int factor = patience ? atoi(patience) : 6;

	return 50000u * (unsigned int)(factor > 6 ? factor : 6);
}

#endif
