/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes as the agent handles them: load, fill the maps, attach; then walk, pass and drain.
 */
#ifndef CONNLEAK_SYS_PROBES_H
#define CONNLEAK_SYS_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

struct pins;
struct probes;

/* What to watch. Everything is copied. */
struct probes_filter {
	uint8_t port_bitmap[ABI_PORT_BITMAP_BYTES];
	uint8_t one_way_bitmap[ABI_PORT_BITMAP_BYTES]; /* as in struct probe_config */
	const uint32_t *pids;
	uint32_t pid_count; /* 0 = all */
	const char (*comms)[ABI_COMM_SIZE];
	uint32_t comm_count; /* 0 = all */
	uint64_t cgroup_ids[ABI_CGROUPS_MAX];
	uint32_t cgroup_count; /* 0 = all */
	bool tell_short; /* short connections one by one instead of as counts */
};

/* Room in the maps; 0 = the ABI_ constant. Others than those are for tests of what overflows. */
struct probes_limits {
	uint32_t pool_count;
	uint32_t listener_count;
	uint32_t sample_count; /* of a pass; of those in use at first (sample_room.h) */
	uint32_t ring_bytes; /* a power of two, and whole pages */
	uint32_t pid_count; /* that are filtered by */
	uint32_t name_count; /* that have a number; a power of two */
};

struct bpf_map;

/* Before it is loaded; 0 = as it is. Returns 0 or -errno. */
int probes_set_room(struct bpf_map *map, uint32_t limit);

/* What to load and where to keep it. Everything but pins is copied. */
struct probes_setup {
	struct probes_filter filter;
	struct probes_limits limits;
	struct pins *pins; /* borrowed until probes_close(); NULL = nothing is kept */
};

/*
 * Loads and attaches. With pins it goes on with what is pinned, where there is something, as a new
 * session: of everything that is open it is told as if for the first time. On failure returns
 * -errno and one sentence in ret_error; nothing stays loaded.
 */
int probes_open(const struct probes_setup *setup, struct probes **ret_probes, char *ret_error,
		size_t error_size);

/* What is pinned goes on without us. */
void probes_close(struct probes *probes);

/*
 * Another filter from now on. What has a record already keeps it until it is closed; what is open
 * and matches only now, the next walk finds. Returns 0 or -errno, after which the filter is
 * undefined.
 */
int probes_set_filter(struct probes *probes, const struct probes_filter *filter);

/*
 * Whether there was a session before this one on the same maps. Until the first pass its ends are
 * what probes_read_pools() reads, and no connection can be counted there as told.
 */
bool probes_has_past(const struct probes *probes);

struct bpf_object;

/*
 * Before another object is loaded: lets it have our maps for those of the same name. Returns 0 or
 * -errno.
 */
int probes_share_maps(const struct probes *probes, struct bpf_object *object);

/*
 * Has a program of type tp_btf/inet_sock_set_state run after each open that is recorded, until the
 * agent is gone; -1 = none. Returns 0 or -errno.
 */
int probes_call_at_open(struct probes *probes, int program_fd);

/* The maps that site_store.h wants; false where nothing is kept for the next agent. */
bool probes_site_maps(const struct probes *probes, int *ret_sites_fd, int *ret_texts_fd);

/* Length of a jiffy, for the ages of what was open before; wanted before the first walk. */
void probes_set_tick(struct probes *probes, uint64_t tick_ns);

/*
 * Goes over all open files of all processes: notes who holds which connection, and makes records of
 * those that have none, because they were there before the probe or because it missed their open.
 * Returns 0 or -errno.
 */
int probes_walk_files(struct probes *probes);

enum probes_pass {
	PASS_NEWS, /* what has news */
	PASS_COUNT, /* and adds up the connections that have been told of and are open */
	PASS_ALL, /* and tells of those without news too */
};

/* What a pass found. */
struct probes_news {
	const struct conn_sample *samples; /* valid until the next pass, as io_samples */
	const struct io_sample *io_samples;
	struct pass_result result; /* counts of both, clocks, and what PASS_COUNT has added up */
	uint8_t full_pass; /* what end_event.met_pass is of those that were added up */
};

/*
 * One pass over the records. Call again while it returns 1: there was more than fits. A series of
 * passes begins with first. Returns -errno on failure.
 */
int probes_pass(struct probes *probes, enum probes_pass kind, bool first,
		struct probes_news *ret_news);

/* Reads jiffies64 and CLOCK_MONOTONIC at one moment; of *ret_pass the clocks are set. */
int probes_clock(struct probes *probes, struct pass_result *ret_pass);

/* Hands every waiting end of a connection to handle, in order. Returns their number or -errno. */
int probes_drain(struct probes *probes,
		 void (*handle)(void *userdata, const struct end_event *event), void *userdata);

/* Becomes readable when the ring of ends is half full. */
int probes_fd(const struct probes *probes);

/* Calls handle for each entry of the map of pools. Returns 0 or -errno. */
int probes_read_pools(struct probes *probes,
		      void (*handle)(void *userdata, const struct pool_key *key,
				     const struct pool_counts *counts),
		      void *userdata);
void probes_forget_pool(struct probes *probes, const struct pool_key *key);

/*
 * Counts of what was lost in this session, by LOST_ reason; the last one is how often the kernel
 * skipped the probe because it interrupted itself (bpf_prog_info.recursion_misses). Where there are
 * two it is the lower count.
 */
#define PROBES_LOST_MISSED LOST_COUNT
#define PROBES_LOST_COUNT (LOST_COUNT + 1)
/* What was lost since the start of this process, by reason. Returns 0 or -errno. */
int probes_read_lost(const struct probes *probes, uint64_t ret_counts[PROBES_LOST_COUNT]);

/* "storage refused" ...: what the reason is called in metrics and messages. */
const char *probes_lost_name(unsigned int reason);

#endif
