/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that are about to be full, of all the processes of this host together.
 */
#ifndef CONNLEAK_SCREEN_NEARLIMIT_H
#define CONNLEAK_SCREEN_NEARLIMIT_H

#include "sample.h"

/* An endpoint with a configured limit, and what is open to it. */
struct nearlimit {
	const struct sample_row *pool; /* one of its pools */
	uint64_t open_count, limit;
};

/*
 * The endpoints that are at least share (0 to 1) full, fullest first, at most max of them. Returns
 * how many there are in found; pointers are into sample. Endpoints beyond the first 64 that have a
 * limit are not looked at.
 */
uint32_t nearlimit_find(const struct sample *sample, double share, struct nearlimit *found,
			uint32_t max);

#endif
