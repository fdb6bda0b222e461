/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to watch, as the probes read it: ports and cgroups in one map, pids and names in two more.
 */
#ifndef CONNLEAK_SYS_FILTER_MAPS_H
#define CONNLEAK_SYS_FILTER_MAPS_H

#include "probes.h"

/* Of conn.bpf.c, borrowed. */
struct filter_maps {
	struct bpf_map *config, *pids, *comms;
};

/* Puts filter in place of what is there. Returns 0 or -errno, after which it is undefined. */
int filter_maps_write(const struct filter_maps *maps, const struct probes_filter *filter);

#endif
