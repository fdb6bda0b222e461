// SPDX-License-Identifier: Apache-2.0
/*
 * A pass that has no room for all is followed by another over all connections, so that with room of
 * a fixed size the time of a look would grow with the square of what there is to tell; and room
 * for the most that a host can have would be memory that nearly none needs.
 *
 * Invariant: the array in the slot is the one that is mapped. It does not know what a sample is.
 */
#include "sample_room.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#define SPARE_PASSES 8 /* that need less than a quarter of the room: then it shrinks */

static size_t length_of(const struct sample_room *room)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return ((size_t)room->sample_count * room->sample_bytes + page - 1) / page * page;
}

static void let_go(const struct sample_room *room)
{
	if (room->samples)
		(void)munmap((void *)room->samples, length_of(room)); /* cannot fail */
	if (room->array_fd >= 0)
		close(room->array_fd);
}

/* The slot is changed last: until then nothing has happened. */
static int replace(struct sample_room *room, uint32_t sample_count)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	struct sample_room next = *room;
	uint32_t zero = 0;
	void *mapped;
	int r;

	next.samples = NULL;
	next.spare_passes = 0;
	next.sample_count = sample_count;
	next.array_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sample_room", sizeof(zero),
				       room->sample_bytes, sample_count, &options);
	if (next.array_fd < 0)
		return -errno;
	mapped = mmap(NULL, length_of(&next), PROT_READ, MAP_SHARED, next.array_fd, 0);
	if (mapped != MAP_FAILED)
		next.samples = mapped;
	if (!next.samples || bpf_map_update_elem(room->slots_fd, &zero, &next.array_fd, BPF_ANY)) {
		r = -errno;
		let_go(&next);
		return r;
	}
	let_go(room);
	*room = next;
	return 0;
}

int sample_room_open(struct sample_room *ret_room, int slots_fd, uint32_t sample_bytes,
		     uint32_t least_count, uint32_t most_count)
{
	*ret_room = (struct sample_room){
		.least_count = least_count,
		.most_count = most_count,
		.sample_bytes = sample_bytes,
		.slots_fd = slots_fd,
		.array_fd = -1,
	};
	return replace(ret_room, least_count);
}

void sample_room_close(struct sample_room *room)
{
	let_go(room);
	*room = SAMPLE_ROOM_NONE;
}

void sample_room_fit(struct sample_room *room, uint32_t wanted_count)
{
	/* A quarter more, since the next look may find a few more. */
	uint64_t count = (uint64_t)wanted_count + wanted_count / 4;
	bool is_spare = wanted_count < room->sample_count / 4;

	if (count < room->least_count)
		count = room->least_count;
	if (count > room->most_count)
		count = room->most_count;
	room->spare_passes = is_spare ? room->spare_passes + 1 : 0;
	if (wanted_count <= room->sample_count && room->spare_passes < SPARE_PASSES)
		return;
	if (count != room->sample_count)
		(void)replace(room, (uint32_t)count); /* else it stays as it is */
}
