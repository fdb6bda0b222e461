// SPDX-License-Identifier: Apache-2.0
/*
 * Loading and driving of site.bpf.c and sender.bpf.c. They are objects of their own, so that a host
 * that refuses them loses the sites and nothing else, and so that there is no program on the path
 * of data unless somebody is under suspicion.
 *
 * Invariant: the probe of sends is loaded while there is a suspect, or everyone is one; with the
 * last suspect it goes, and its memory with it.
 */
#include "site_probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/sender.skel.h"
#include "bpf/site.skel.h"
#include "bpf/tree.skel.h"

#define REASONS_BYTES 240
#define SUSPECTS_MAX 256 /* entries of the map suspects */

struct site_probes {
	struct probes *probes;
	struct site_probes_setup setup;
	struct site_bpf *site;
	struct sender_bpf *sender; /* NULL = not attached */
	struct tree_bpf *tree; /* NULL = not attached */
	struct ring_buffer *ring;
	uint32_t suspect_count;
	void (*handle)(void *userdata, const struct stack_sample *sample);
	void *handle_userdata;
};

static int on_record(void *context, void *data, size_t size)
{
	struct site_probes *site_probes = context;

	if (size >= sizeof(struct stack_sample))
		site_probes->handle(site_probes->handle_userdata, data);
	return 0;
}

static int load_site(struct site_probes *site_probes)
{
	struct site_bpf *site = site_probes->site = site_bpf__open();
	int r;

	if (!site)
		return -errno;
	r = probes_share_maps(site_probes->probes, site->obj);
	if (r == 0)
		r = probes_set_room(site->maps.stacks, site_probes->setup.limits.ring_bytes);
	if (r < 0)
		return r;
	site->rodata->stack_bytes = site_probes->setup.stack_bytes;
	site->rodata->wake_at_once = site_probes->setup.wake_at_once;
	site->rodata->stacks_per_s = site_probes->setup.stacks_per_s;
	if (site_bpf__load(site))
		return -errno;
	site_probes->ring =
		ring_buffer__new(bpf_map__fd(site->maps.stacks), on_record, site_probes, NULL);
	if (!site_probes->ring)
		return -errno;
	return probes_call_at_open(site_probes->probes, bpf_program__fd(site->progs.on_open));
}

/* Those of conn.bpf.c, and those that site.bpf.c adds. */
static int share_all_maps(const struct site_probes *site_probes, struct bpf_object *object)
{
	static const char *const names[] = {"scripts", "script_programs", "stack_lost_counts",
					    "stacks",  "trail_ways",	  "trails"};
	int r = probes_share_maps(site_probes->probes, object);

	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, names[i]);
		struct bpf_map *own =
			bpf_object__find_map_by_name(site_probes->site->obj, names[i]);

		if (map && bpf_map__reuse_fd(map, bpf_map__fd(own)))
			r = -errno;
	}
	return r;
}

int site_probes_follow_tree(struct site_probes *site_probes)
{
	struct tree_bpf *tree = site_probes->tree = tree_bpf__open();
	int r;

	if (!tree)
		return -errno;
	r = share_all_maps(site_probes, tree->obj);
	if (r == 0)
		r = tree_bpf__load(tree) ? -errno : 0;
	if (r == 0)
		r = tree_bpf__attach(tree) ? -errno : 0;
	return r;
}

bool site_probes_was_finalized(const struct site_probes *site_probes, uint64_t id)
{
	uint8_t one;

	return site_probes->tree && bpf_map__lookup_elem(site_probes->tree->maps.finalized, &id,
							 sizeof(id), &one, sizeof(one), 0) == 0;
}

static const struct sender_program {
	const char *program, *what;
} sender_places[SENDER_PLACES] = {
	[SENDER_TRACEPOINT] = {"on_send_length", "tracepoint sock_send_length"},
	[SENDER_FENTRY] = {"on_tcp_sendmsg", "fentry of tcp_sendmsg"},
	[SENDER_KPROBE] = {"on_tcp_sendmsg_entered", "kprobe of tcp_sendmsg"},
};

static int set_sender(const struct site_probes *site_probes, struct sender_bpf *sender)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int r = share_all_maps(site_probes, sender->obj);

	if (r == 0)
		r = probes_set_room(sender->maps.last_sends, site_probes->setup.limits.send_count);
	if (r == 0 && bpf_obj_get_info_by_fd(bpf_map__fd(sender->maps.conns), &info, &length))
		r = -errno;
	sender->rodata->conns_id = info.id;
	sender->rodata->stack_bytes = site_probes->setup.stack_bytes;
	sender->rodata->watch_everyone = site_probes->setup.everyone_is_suspect;
	return r;
}

static int load_sender_at(struct site_probes *site_probes, const struct sender_program *place)
{
	struct sender_bpf *sender = sender_bpf__open();
	struct bpf_program *program;
	int r;

	if (!sender)
		return -errno;
	program = bpf_object__find_program_by_name(sender->obj, place->program);
	r = program ? bpf_program__set_autoload(program, true) : -ENOENT;
	if (r == 0)
		r = set_sender(site_probes, sender);
	if (r == 0)
		r = sender_bpf__load(sender) ? -errno : 0;
	if (r == 0)
		r = sender_bpf__attach(sender) ? -errno : 0;
	if (r < 0) {
		sender_bpf__destroy(sender);
		return r;
	}
	site_probes->sender = sender;
	return 0;
}

/* What the kernel can do is found out by trying; error gets why none of the places can be had. */
static int attach_sender(struct site_probes *site_probes, char *ret_error, size_t error_size)
{
	size_t used = 0;
	int r = -ENOTSUP;

	ret_error[0] = '\0';
	for (unsigned i = 0; i < SENDER_PLACES && !site_probes->sender; i++) {
		if (site_probes->setup.senders_left_out & 1u << i)
			continue;
		r = load_sender_at(site_probes, &sender_places[i]);
		if (r < 0 && used < error_size)
			used += (size_t)snprintf(ret_error + used, error_size - used, "%s%s: %s",
						 used ? ", " : "", sender_places[i].what,
						 strerror(-r));
	}
	return site_probes->sender ? 0 : r;
}

int site_probes_open(struct probes *probes, const struct site_probes_setup *setup,
		     struct site_probes **ret_site_probes, char *ret_error, size_t error_size)
{
	struct site_probes *site_probes = calloc(1, sizeof(*site_probes));
	char reasons[REASONS_BYTES];
	int r = -ENOMEM;

	if (site_probes) {
		site_probes->probes = probes;
		site_probes->setup = *setup;
		r = load_site(site_probes);
	}
	if (r < 0) {
		(void)snprintf(ret_error, error_size, "cannot take call stacks: %s", strerror(-r));
		site_probes_close(site_probes);
		return r;
	}
	if (setup->everyone_is_suspect && attach_sender(site_probes, reasons, sizeof(reasons)) < 0)
		(void)snprintf(ret_error, error_size, "cannot see who sends (%s)", reasons);
	*ret_site_probes = site_probes;
	return 0;
}

void site_probes_close(struct site_probes *site_probes)
{
	if (!site_probes)
		return;
	tree_bpf__destroy(site_probes->tree);
	sender_bpf__destroy(site_probes->sender);
	ring_buffer__free(site_probes->ring);
	if (site_probes->site)
		(void)probes_call_at_open(site_probes->probes, -1); /* none is as good */
	site_bpf__destroy(site_probes->site);
	free(site_probes);
}

int site_probes_drain(struct site_probes *site_probes,
		      void (*handle)(void *userdata, const struct stack_sample *sample),
		      void *userdata)
{
	site_probes->handle = handle;
	site_probes->handle_userdata = userdata;
	return ring_buffer__consume(site_probes->ring);
}

int site_probes_fd(const struct site_probes *site_probes)
{
	return ring_buffer__epoll_fd(site_probes->ring);
}

void site_probes_trail_maps(const struct site_probes *site_probes, int *ret_ways_fd,
			    int *ret_trails_fd)
{
	*ret_ways_fd = bpf_map__fd(site_probes->site->maps.trail_ways);
	*ret_trails_fd = bpf_map__fd(site_probes->site->maps.trails);
}

void site_probes_set_layout(struct site_probes *site_probes, uint32_t pid,
			    const struct script_layout *layout)
{
	/* A full map leaves the site without the interpreter's frames, and that is what it says. */
	(void)bpf_map__update_elem(site_probes->site->maps.scripts, &pid, sizeof(pid), layout,
				   sizeof(*layout), BPF_ANY);
}

void site_probes_set_program(struct site_probes *site_probes, const struct program_key *program,
			     const struct script_layout *layout)
{
	(void)bpf_map__update_elem(site_probes->site->maps.script_programs, program,
				   sizeof(*program), layout, sizeof(*layout),
				   BPF_ANY); /* without it the next one is looked at, too */
}

void site_probes_drop_layout(struct site_probes *site_probes, uint32_t pid)
{
	(void)bpf_map__delete_elem(site_probes->site->maps.scripts, &pid, sizeof(pid),
				   0); /* gone is as good */
}

int site_probes_suspect(struct site_probes *site_probes, uint32_t pid, char *ret_error,
			size_t error_size)
{
	char reasons[REASONS_BYTES] = "too many processes are under suspicion";
	uint8_t one = 1;
	int r = site_probes->suspect_count < SUSPECTS_MAX
			? attach_sender(site_probes, reasons, sizeof(reasons))
			: -ENOSPC;

	if (r == 0 && bpf_map__update_elem(site_probes->sender->maps.suspects, &pid, sizeof(pid),
					   &one, sizeof(one), BPF_NOEXIST))
		r = errno == EEXIST ? 0 : -errno;
	else if (r == 0)
		site_probes->suspect_count++;
	if (r < 0)
		(void)snprintf(ret_error, error_size, "cannot see who sends last (%s)",
			       reasons[0] ? reasons : strerror(-r));
	return r;
}

void site_probes_clear(struct site_probes *site_probes, uint32_t pid)
{
	if (!site_probes->sender ||
	    bpf_map__delete_elem(site_probes->sender->maps.suspects, &pid, sizeof(pid), 0))
		return;
	if (--site_probes->suspect_count > 0 || site_probes->setup.everyone_is_suspect)
		return;
	sender_bpf__destroy(site_probes->sender);
	site_probes->sender = NULL;
}

bool site_probes_watches_sends(const struct site_probes *site_probes)
{
	return site_probes->sender != NULL;
}

static bool read_sample(const struct site_probes *site_probes, uint64_t id,
			struct stack_sample *ret_sample)
{
	return bpf_map__lookup_elem(site_probes->sender->maps.last_sends, &id, sizeof(id),
				    ret_sample, sizeof(*ret_sample), 0) == 0 &&
	       !(ret_sample->sequence & 1);
}

/* Read twice: where both have one sequence, nobody has written between them. */
bool site_probes_read_send(const struct site_probes *site_probes, uint64_t id,
			   struct stack_sample *ret_sample)
{
	uint32_t sequence;

	if (!site_probes->sender || !read_sample(site_probes, id, ret_sample))
		return false;
	sequence = ret_sample->sequence;
	return read_sample(site_probes, id, ret_sample) && ret_sample->sequence == sequence;
}

void site_probes_drop_send(struct site_probes *site_probes, uint64_t id)
{
	if (site_probes->sender)
		(void)bpf_map__delete_elem(site_probes->sender->maps.last_sends, &id, sizeof(id),
					   0); /* gone is as good */
}

size_t site_probes_list_sends(const struct site_probes *site_probes, uint64_t *ids, size_t room)
{
	const uint64_t *last = NULL;
	size_t count = 0;

	if (!site_probes->sender)
		return 0;
	while (count < room && bpf_map__get_next_key(site_probes->sender->maps.last_sends, last,
						     &ids[count], sizeof(ids[0])) == 0)
		last = &ids[count++];
	return count;
}

void site_probes_read_lost(const struct site_probes *site_probes,
			   uint64_t ret_counts[static STACK_LOST_COUNT])
{
	for (uint32_t i = 0; i < STACK_LOST_COUNT; i++)
		if (bpf_map__lookup_elem(site_probes->site->maps.stack_lost_counts, &i, sizeof(i),
					 &ret_counts[i], sizeof(uint64_t), 0))
			ret_counts[i] = 0;
}
