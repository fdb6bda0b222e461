/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sites that the probe can tell by itself: trails of stacks that have been unwound, where it
 * finds them, and the line that each stands for.
 */
#ifndef CONNLEAK_SYS_SITE_TRAILS_H
#define CONNLEAK_SYS_SITE_TRAILS_H

#include <stdint.h>

#include "bpf/abi.h"

/*
 * How long a trail is believed. What the walk depends on is compared each time but for the code
 * itself: a library that made room for another of the same size, at the same address, with a call
 * at the same place, is noticed after this. And a line follows debug files that were installed
 * since.
 */
#define SITE_TRAIL_TRUST_NS (60ULL * 1000000000)

/* Of each element of trails, the lines that are kept: its own, and of those that made room for it.
 */
#define SITE_TRAIL_LINES_EACH 4

struct site_trails;

/*
 * The maps trail_ways and trails, borrowed. *ret_trails is freed with site_trails_free(). Returns 0
 * or -errno.
 */
int site_trails_new(int ways_fd, int trails_fd, struct site_trails **ret_trails);
void site_trails_free(struct site_trails *trails); /* accepts NULL */

/*
 * From now_ns on (CLOCK_MONOTONIC) a caller with this key whose stack has these places is known to
 * be at site, of which a copy is kept. A trail that is known already is believed for another while.
 * Of one process's callers with one key there are ABI_TRAIL_WAYS at most, of all ABI_TRAILS_MAX:
 * the one that was asked for longest ago makes room. Without places, or without memory, nothing
 * happens: the next one is copied as well.
 */
void site_trails_learn(struct site_trails *trails, const struct trail_key *key,
		       const struct trail_places *places, const char *site, uint64_t now_ns);

/*
 * The line of a number that the probe has noted; NULL = it is long gone. Numbers are for this agent
 * alone, and for as long as ABI_TRAILS_MAX / 4 others have not been learned in the same place.
 */
const char *site_trails_find(struct site_trails *trails, uint64_t number);

/* The process is gone. */
void site_trails_forget_client(struct site_trails *trails, uint32_t pid);

#endif
