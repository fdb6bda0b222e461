/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which part of a recording is replayed, by the same rules by which the probes watch a part of a
 * host: process, name, cgroup and port, of whoever opened a connection or was given it later.
 */
#ifndef CONNLEAK_SYS_REPLAY_FILTER_H
#define CONNLEAK_SYS_REPLAY_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/dbkind.h"
#include "core/types.h"

/* Everything is borrowed. What has no member admits all. */
struct replay_rules {
	const uint32_t *pids;
	uint32_t pid_count;
	const char (*comms)[COMM_SIZE];
	uint32_t comm_count;
	char *const *cgroups; /* absolute, below the mount or not; or relative to it */
	uint32_t cgroup_count;
	const struct dbkind *ports; /* those watched; NULL = all */
};

struct replay_filter;

/* NULL when out of memory. Free with replay_filter_free(), which accepts NULL. */
struct replay_filter *replay_filter_new(const struct replay_rules *rules);
void replay_filter_free(struct replay_filter *filter);

/*
 * To be called for each event, in order. Returns 1 for one that is to be told, 0 for one that is
 * not, -ENOMEM. Losses and the end are always told.
 */
int replay_filter_admits(struct replay_filter *filter, const struct event *event);

#endif
