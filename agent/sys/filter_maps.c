// SPDX-License-Identifier: Apache-2.0
/*
 * The filter is changed under probes that run, and may be that of an earlier session.
 *
 * Invariant: what is wanted before and after is in the maps at every moment between.
 * Does not say which connections that are open match now (the next walk does).
 */
#include "filter_maps.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

static bool has_pid(const struct probes_filter *filter, const void *key)
{
	for (uint32_t i = 0; i < filter->pid_count; i++)
		if (!memcmp(&filter->pids[i], key, sizeof(uint32_t)))
			return true;
	return false;
}

static bool has_comm(const struct probes_filter *filter, const void *key)
{
	for (uint32_t i = 0; i < filter->comm_count; i++)
		if (!memcmp(filter->comms[i], key, ABI_COMM_SIZE))
			return true;
	return false;
}

/* Takes out of a map of filters what an earlier session has put there and this one does not want.
 */
static void weed(struct bpf_map *map, const struct probes_filter *filter,
		 bool (*is_wanted)(const struct probes_filter *filter, const void *key))
{
	size_t size = bpf_map__key_size(map);
	uint8_t key[ABI_COMM_SIZE], next[ABI_COMM_SIZE];
	bool more = !bpf_map__get_next_key(map, NULL, key, size);

	while (more) {
		more = !bpf_map__get_next_key(map, key, next, size);
		if (!is_wanted(filter, key))
			(void)bpf_map__delete_elem(map, key, size, 0); /* gone is as good */
		memcpy(key, next, sizeof(key));
	}
}

int filter_maps_write(const struct filter_maps *maps, const struct probes_filter *filter)
{
	struct probe_config config = {
		.match_pids = filter->pid_count > 0,
		.match_comms = filter->comm_count > 0,
		.cgroup_count = filter->cgroup_count,
		.tell_short = filter->tell_short,
	};
	uint32_t zero = 0;
	uint8_t one = 1;

	memcpy(config.port_bitmap, filter->port_bitmap, sizeof(config.port_bitmap));
	memcpy(config.one_way_bitmap, filter->one_way_bitmap, sizeof(config.one_way_bitmap));
	memcpy(config.cgroup_ids, filter->cgroup_ids, sizeof(config.cgroup_ids));
	for (uint32_t i = 0; i < filter->pid_count; i++)
		if (bpf_map__update_elem(maps->pids, &filter->pids[i], sizeof(uint32_t), &one,
					 sizeof(one), BPF_ANY))
			return -errno;
	for (uint32_t i = 0; i < filter->comm_count; i++)
		if (bpf_map__update_elem(maps->comms, filter->comms[i], ABI_COMM_SIZE, &one,
					 sizeof(one), BPF_ANY))
			return -errno;
	if (bpf_map__update_elem(maps->config, &zero, sizeof(zero), &config, sizeof(config),
				 BPF_ANY))
		return -errno;
	weed(maps->pids, filter, has_pid);
	weed(maps->comms, filter, has_comm);
	return 0;
}
