/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moments of a recording as people write them.
 */
#ifndef CONNLEAK_SCREEN_SEEK_H
#define CONNLEAK_SCREEN_SEEK_H

#include "core/types.h"

/* A recording, and where one is in it. */
struct seek_place {
	uint64_t begin_ns, end_ns, now_ns; /* end 0 = unknown */
	int64_t realtime_at_zero_ns; /* as sample.h */
};

/*
 * "14:02", "14:02:30" (the first such time at or after the beginning), "t=830", "+5m", "-30s" (from
 * now), "50%". Returns 0 with a moment from begin to end; -EINVAL with a sentence in ret_error.
 */
int seek_parse(const char *text, const struct seek_place *place, uint64_t *ret_t_ns,
	       char *ret_error, size_t error_size);

#endif
