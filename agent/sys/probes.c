// SPDX-License-Identifier: Apache-2.0
/*
 * Loading and driving of the BPF programs: open, configure, load, fill maps, attach. It knows maps
 * and file descriptors; what a sample means is source_bpf.c's.
 *
 * Invariant: the probe is attached before the first walk, so that a connection which opens while
 * the walk is under way is seen by one of the two.
 */
#include "probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/conn.skel.h"
#include "bpf/iter.skel.h"
#include "features_bpf.h"
#include "filter_maps.h"
#include "log.h"
#include "pins.h"
#include "sample_room.h"

#define POOL_BATCH 256

struct probes {
	struct conn_bpf *conn;
	struct iter_bpf *iter;
	struct bpf_link *pass_link;
	struct bpf_link *walk_link;
	struct ring_buffer *ring;
	const struct conn_sample *samples; /* mapped array */
	uint32_t samples_max;
	struct sample_room io_samples;
	uint32_t io_wanted; /* room, by the last pass */
	uint64_t lost_before[LOST_COUNT]; /* in earlier sessions */
	bool has_past;
	bool is_kept; /* pinned */
	uint8_t full_pass_count;
	void (*handle_end)(void *userdata, const struct end_event *event);
	void *handle_userdata;
};

static int on_ring_record(void *context, void *data, size_t size)
{
	struct probes *probes = context;

	if (size >= sizeof(struct end_event))
		probes->handle_end(probes->handle_userdata, data);
	return 0;
}

int probes_set_filter(struct probes *probes, const struct probes_filter *filter)
{
	const struct filter_maps maps = {
		.config = probes->conn->maps.config,
		.pids = probes->conn->maps.pids,
		.comms = probes->conn->maps.comms,
	};

	return filter_maps_write(&maps, filter);
}

/* The other objects declare the maps of conn.bpf.c; all must be the same ones. */
int probes_share_maps(const struct probes *probes, struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);
		struct bpf_map *shared;

		if (strchr(name, '.')) /* .bss, .rodata: of the object itself */
			continue;
		shared = bpf_object__find_map_by_name(probes->conn->obj, name);
		if (shared && bpf_map__reuse_fd(map, bpf_map__fd(shared)))
			return -errno;
	}
	return 0;
}

/* Runs an iterator that prints nothing to its end. */
static int run_iterator(struct bpf_link *link)
{
	int fd = bpf_iter_create(bpf_link__fd(link));
	char buffer[64];
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, buffer, sizeof(buffer));
	} while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	if (n < 0)
		r = -errno;
	close(fd);
	return r;
}

static void ignore_end(void *userdata, const struct end_event *end)
{
	(void)userdata;
	(void)end;
}

static int read_lost(const struct probes *probes, uint64_t ret_counts[LOST_COUNT])
{
	for (uint32_t i = 0; i < LOST_COUNT; i++)
		if (bpf_map__lookup_elem(probes->conn->maps.lost_counts, &i, sizeof(i),
					 &ret_counts[i], sizeof(uint64_t), 0))
			return -errno;
	return 0;
}

/*
 * Makes the kernel's side look as if nobody had been told of anything. What ends from now on until
 * the first pass has a look is counted as brief, so that what is counted as told is the past's and
 * stands still; and what the ring holds was for another.
 */
static int begin_session(struct probes *probes)
{
	int r;

	probes->iter->bss->begin_session = 1;
	r = run_iterator(probes->pass_link);
	probes->iter->bss->begin_session = 0;
	/* Waits for probes that are in the middle of an end that had been told; else it is early.
	 */
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	if (r == 0)
		r = probes_drain(probes, ignore_end, NULL);
	return r < 0 ? r : read_lost(probes, probes->lost_before);
}

bool probes_has_past(const struct probes *probes)
{
	return probes->has_past;
}

bool probes_site_maps(const struct probes *probes, int *ret_sites_fd, int *ret_texts_fd)
{
	*ret_sites_fd = bpf_map__fd(probes->conn->maps.sites);
	*ret_texts_fd = bpf_map__fd(probes->conn->maps.site_texts);
	return probes->is_kept;
}

int probes_call_at_open(struct probes *probes, int program_fd)
{
	int map_fd = bpf_map__fd(probes->conn->maps.open_hooks);
	uint32_t zero = 0;

	if (program_fd < 0)
		return bpf_map_delete_elem(map_fd, &zero);
	return bpf_map_update_elem(map_fd, &zero, &program_fd, BPF_ANY);
}

void probes_set_tick(struct probes *probes, uint64_t tick_ns)
{
	probes->iter->bss->tick_ns = tick_ns;
}

static int attach_iterators(struct probes *probes)
{
	union bpf_iter_link_info target = {
		.map.map_fd = bpf_map__fd(probes->conn->maps.conns),
	};
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &target,
		    .link_info_len = sizeof(target));

	probes->pass_link = bpf_program__attach_iter(probes->iter->progs.tell_news, &options);
	if (!probes->pass_link)
		return -errno;
	probes->walk_link = bpf_program__attach_iter(probes->iter->progs.walk_files, NULL);
	return probes->walk_link ? 0 : -errno;
}

static int make_room(struct probes *probes)
{
	const struct iter_bpf *iter = probes->iter;

	probes->samples_max = bpf_map__max_entries(iter->maps.samples);
	probes->samples = sample_room_map(bpf_map__fd(iter->maps.samples),
					  sizeof(struct conn_sample), probes->samples_max);
	if (!probes->samples)
		return -errno;
	return sample_room_open(&probes->io_samples, bpf_map__fd(iter->maps.io_samples),
				bpf_map__max_entries(iter->maps.io_samples),
				bpf_map__fd(iter->maps.many_io_samples), sizeof(struct io_sample),
				ABI_IO_SAMPLES_MAX);
}

int probes_set_room(struct bpf_map *map, uint32_t limit)
{
	return limit ? bpf_map__set_max_entries(map, limit) : 0;
}

/*
 * The number of this session, on the maps that are kept. Whoever is killed after this has used it
 * up: the probes of two sessions must never have the same.
 */
static int begin_number(const struct bpf_map *counters, uint32_t *ret_session)
{
	uint32_t index = COUNTER_SESSION;
	uint64_t session;

	if (bpf_map_lookup_elem(bpf_map__fd(counters), &index, &session))
		return -errno;
	session++;
	if (bpf_map_update_elem(bpf_map__fd(counters), &index, &session, BPF_ANY))
		return -errno;
	*ret_session = (uint32_t)session;
	return 0;
}

static int want_second_probe(struct probes *probes)
{
	if (!features_bpf_is_tracing_preemptible())
		return 0;
	probes->conn->rodata->probe_count = 2;
	return bpf_program__set_autoload(probes->conn->progs.on_set_state_again, true);
}

static int load_probe(struct probes *probes, const struct probes_setup *setup)
{
	const struct probes_limits *limits = &setup->limits;
	int r;

	probes->conn = conn_bpf__open();
	if (!probes->conn)
		return -errno;
	r = want_second_probe(probes);
	if (r == 0)
		r = probes_set_room(probes->conn->maps.pools, limits->pool_count);
	if (r == 0)
		r = probes_set_room(probes->conn->maps.ends, limits->ring_bytes);
	if (r == 0)
		r = probes_set_room(probes->conn->maps.pids, limits->pid_count);
	if (r == 0)
		r = probes_set_room(probes->conn->maps.names, limits->name_count);
	if (r == 0 && setup->pins)
		r = pins_adopt(setup->pins, probes->conn->obj);
	probes->has_past = r > 0;
	/* On new maps it is 0, the number of no session before. */
	if (probes->has_past)
		r = begin_number(probes->conn->maps.counters, &probes->conn->rodata->session);
	if (r < 0)
		return r;
	if (limits->ring_bytes)
		probes->conn->rodata->ring_bytes = limits->ring_bytes;
	probes->conn->rodata->name_count = bpf_map__max_entries(probes->conn->maps.names);
	return conn_bpf__load(probes->conn) ? -errno : 0;
}

static int load_iterators(struct probes *probes, const struct probes_limits *limits)
{
	int r;

	probes->iter = iter_bpf__open();
	if (!probes->iter)
		return -errno;
	r = probes_share_maps(probes, probes->iter->obj);
	if (r == 0)
		r = probes_set_room(probes->iter->maps.listeners, limits->listener_count);
	if (r == 0)
		r = probes_set_room(probes->iter->maps.samples, limits->sample_count);
	if (r == 0)
		r = probes_set_room(probes->iter->maps.io_samples, limits->sample_count);
	if (r < 0)
		return r;
	if (limits->ring_bytes)
		probes->iter->rodata->ring_bytes = limits->ring_bytes;
	probes->iter->rodata->name_count = probes->conn->rodata->name_count;
	return iter_bpf__load(probes->iter) ? -errno : 0;
}

/* Without pins it is as good until the next start, so that is all that is lost. */
static void keep(struct probes *probes, struct pins *pins)
{
	struct bpf_link *second = probes->conn->links.on_set_state_again;
	const struct pins_probe kept[] = {
		{"on_set_state", probes->conn->links.on_set_state},
		{second ? "on_set_state_again" : NULL, second},
		{},
	};
	char error[256];

	if (!pins)
		return;
	if (pins_keep(pins, probes->conn->obj, kept, error, sizeof(error)) < 0)
		log_notice("%s: nothing is kept for the next start", error);
	else
		probes->is_kept = true;
}

static int load(struct probes *probes, const struct probes_setup *setup, const char **ret_step)
{
	int r;

	*ret_step = "load the connection probe";
	r = load_probe(probes, setup);
	if (r < 0)
		return r;
	*ret_step = "fill the filters";
	r = probes_set_filter(probes, &setup->filter);
	if (r < 0)
		return r;
	*ret_step = "load the iterators";
	r = load_iterators(probes, &setup->limits);
	if (r < 0)
		return r;
	*ret_step = "make room for samples";
	r = make_room(probes);
	if (r < 0)
		return r;
	*ret_step = "set up the ring buffer";
	probes->ring = ring_buffer__new(bpf_map__fd(probes->conn->maps.ends), on_ring_record,
					probes, NULL);
	if (!probes->ring)
		return -errno;
	*ret_step = "attach the iterators";
	r = attach_iterators(probes);
	if (r < 0)
		return r;
	*ret_step = "attach to tp_btf/inet_sock_set_state";
	if (conn_bpf__attach(probes->conn))
		return -errno;
	keep(probes, setup->pins);
	*ret_step = "take over from the agent before";
	return probes->has_past ? begin_session(probes) : 0;
}

int probes_open(const struct probes_setup *setup, struct probes **ret_probes, char *ret_error,
		size_t error_size)
{
	struct probes *probes = calloc(1, sizeof(*probes));
	const char *step = "";
	int r;

	if (!probes) {
		snprintf(ret_error, error_size, "out of memory");
		return -ENOMEM;
	}
	probes->io_samples = SAMPLE_ROOM_NONE;
	r = load(probes, setup, &step);
	if (r < 0) {
		snprintf(ret_error, error_size, "cannot %s: %s (connleak check says more)", step,
			 strerror(-r));
		probes_close(probes);
		return r;
	}
	*ret_probes = probes;
	return 0;
}

void probes_close(struct probes *probes)
{
	if (!probes)
		return;
	sample_room_unmap(probes->samples, sizeof(struct conn_sample), probes->samples_max);
	sample_room_close(&probes->io_samples);
	ring_buffer__free(probes->ring);
	bpf_link__destroy(probes->walk_link);
	bpf_link__destroy(probes->pass_link);
	iter_bpf__destroy(probes->iter);
	conn_bpf__destroy(probes->conn);
	free(probes);
}

/* The listeners of the last walk are not those of this one. */
static void clear_listeners(struct probes *probes)
{
	struct listener_key key, next;
	struct bpf_map *map = probes->iter->maps.listeners;
	bool more = !bpf_map__get_next_key(map, NULL, &key, sizeof(key));

	while (more) {
		more = !bpf_map__get_next_key(map, &key, &next, sizeof(next));
		(void)bpf_map__delete_elem(map, &key, sizeof(key), 0); /* gone is as good */
		key = next;
	}
}

/* A record has a byte for it. The first of a session does what no other does, so it comes once. */
static uint32_t next_walk(uint32_t walk)
{
	return walk < UINT8_MAX ? walk + 1 : 2;
}

int probes_walk_files(struct probes *probes)
{
	clear_listeners(probes);
	probes->iter->bss->walk = next_walk(probes->iter->bss->walk);
	return run_iterator(probes->walk_link);
}

/* Numbers a series of passes that adds up: 0 is none. A record has a byte for it too. */
static uint8_t next_full_pass(struct probes *probes)
{
	if (++probes->full_pass_count == 0)
		probes->full_pass_count = 1;
	return probes->full_pass_count;
}

/* True: there was no room for all. */
static bool trim_count(uint32_t *count, uint32_t room)
{
	if (*count <= room)
		return false;
	*count = room;
	return true;
}

int probes_pass(struct probes *probes, enum probes_pass kind, bool first,
		struct probes_news *ret_news)
{
	struct iter_bpf__bss *bss = probes->iter->bss;
	bool more;
	int r;

	sample_room_fit(&probes->io_samples, probes->io_wanted);
	if (first)
		bss->full_pass = kind == PASS_NEWS ? 0 : next_full_pass(probes);
	bss->tell_all = kind == PASS_ALL;
	memset(&bss->pass, 0, sizeof(bss->pass));
	r = run_iterator(probes->pass_link);
	if (r < 0)
		return r;
	probes->io_wanted = bss->pass.io_count;
	*ret_news = (struct probes_news){
		.samples = probes->samples,
		.io_samples = probes->io_samples.samples,
		.result = bss->pass,
		.full_pass = (uint8_t)bss->full_pass,
	};
	more = trim_count(&ret_news->result.sample_count, probes->samples_max);
	more |= trim_count(&ret_news->result.io_count, probes->io_samples.sample_count);
	return more;
}

int probes_clock(struct probes *probes, struct pass_result *ret_pass)
{
	int r;

	probes->iter->bss->clock_only = 1;
	r = run_iterator(probes->pass_link);
	probes->iter->bss->clock_only = 0;
	if (r < 0)
		return r;
	*ret_pass = probes->iter->bss->pass;
	return 0;
}

int probes_drain(struct probes *probes,
		 void (*handle)(void *userdata, const struct end_event *event), void *userdata)
{
	probes->handle_end = handle;
	probes->handle_userdata = userdata;
	return ring_buffer__consume(probes->ring);
}

int probes_fd(const struct probes *probes)
{
	return ring_buffer__epoll_fd(probes->ring);
}

int probes_read_pools(struct probes *probes,
		      void (*handle)(void *userdata, const struct pool_key *key,
				     const struct pool_counts *counts),
		      void *userdata)
{
	int fd = bpf_map__fd(probes->conn->maps.pools);
	struct pool_key *keys = calloc(POOL_BATCH, sizeof(*keys));
	struct pool_counts *counts = calloc(POOL_BATCH, sizeof(*counts));
	uint32_t position = 0, count;
	void *in = NULL;
	int r = 0;

	if (!keys || !counts)
		r = -ENOMEM;
	while (r == 0) {
		count = POOL_BATCH;
		if (bpf_map_lookup_batch(fd, in, &position, keys, counts, &count, NULL) &&
		    errno != ENOENT) {
			r = -errno;
			break;
		}
		r = count < POOL_BATCH ? 1 : 0;
		for (uint32_t i = 0; i < count; i++)
			handle(userdata, &keys[i], &counts[i]);
		in = &position;
	}
	free(keys);
	free(counts);
	return r < 0 ? r : 0;
}

void probes_forget_pool(struct probes *probes, const struct pool_key *key)
{
	(void)bpf_map__delete_elem(probes->conn->maps.pools, key, sizeof(*key),
				   0); /* gone is as good */
}

static int read_missed(const struct bpf_program *program, uint64_t *ret_count)
{
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length))
		return -errno;
	*ret_count = info.recursion_misses;
	return 0;
}

int probes_read_lost(const struct probes *probes, uint64_t ret_counts[PROBES_LOST_COUNT])
{
	const struct bpf_program *second = probes->conn->progs.on_set_state_again;
	uint64_t first_count = 0, second_count = 0;
	int r = read_lost(probes, ret_counts);

	if (r == 0)
		r = read_missed(probes->conn->progs.on_set_state, &first_count);
	if (r == 0 && bpf_program__autoload(second))
		r = read_missed(second, &second_count);
	else
		second_count = first_count;
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < LOST_COUNT; i++)
		ret_counts[i] -= probes->lost_before[i];
	/* No more than that can have been missed by both. */
	ret_counts[PROBES_LOST_MISSED] = first_count < second_count ? first_count : second_count;
	return 0;
}

const char *probes_lost_name(unsigned int reason)
{
	static const char *const names[PROBES_LOST_COUNT] = {
		[LOST_STORAGE] = "storage_refused", [LOST_RING] = "ring_full",
		[LOST_POOL] = "pools_full",	    [LOST_LISTENER] = "listeners_full",
		[LOST_DETAIL] = "detail_refused",   [PROBES_LOST_MISSED] = "probe_missed",
	};

	return reason < PROBES_LOST_COUNT ? names[reason] : "unknown";
}
