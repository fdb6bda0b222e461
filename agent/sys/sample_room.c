// SPDX-License-Identifier: Apache-2.0
/*
 * A pass that has no room for all is followed by another over all connections, so that with room of
 * a fixed size the time of a look would grow with the square of what there is to tell; and room
 * for the most that a host can have would be memory that nearly none needs.
 *
 * Invariant: what is mapped is what the iterator writes to: the array in the slot, where there is
 * one. It does not know what a sample is.
 */
#include "sample_room.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#define SPARE_PASSES 8 /* that need less than a quarter of the room: then it shrinks */

static size_t length_of(uint32_t sample_bytes, uint32_t sample_count)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return ((size_t)sample_count * sample_bytes + page - 1) / page * page;
}

const void *sample_room_map(int array_fd, uint32_t sample_bytes, uint32_t sample_count)
{
	void *mapped = mmap(NULL, length_of(sample_bytes, sample_count), PROT_READ, MAP_SHARED,
			    array_fd, 0);

	return mapped == MAP_FAILED ? NULL : mapped;
}

void sample_room_unmap(const void *samples, uint32_t sample_bytes, uint32_t sample_count)
{
	if (samples)
		(void)munmap((void *)samples,
			     length_of(sample_bytes, sample_count)); /* cannot fail */
}

/* Of the larger array, where there is one. */
static void let_go(const struct sample_room *room)
{
	if (room->array_fd < 0)
		return;
	sample_room_unmap(room->samples, room->sample_bytes, room->sample_count);
	close(room->array_fd);
}

/* The slot is changed last: until then nothing has happened. */
static void replace(struct sample_room *room, uint32_t sample_count)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	struct sample_room next = *room;
	uint32_t zero = 0;

	next.sample_count = sample_count;
	next.array_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "many_io_samples", sizeof(zero),
				       room->sample_bytes, sample_count, &options);
	if (next.array_fd < 0)
		return;
	next.samples = sample_room_map(next.array_fd, room->sample_bytes, sample_count);
	if (!next.samples || bpf_map_update_elem(room->slots_fd, &zero, &next.array_fd, BPF_ANY)) {
		let_go(&next);
		return;
	}
	let_go(room);
	*room = next;
}

static void go_back(struct sample_room *room)
{
	uint32_t zero = 0;

	if (room->array_fd < 0 || bpf_map_delete_elem(room->slots_fd, &zero))
		return;
	let_go(room);
	room->array_fd = -1;
	room->samples = room->few;
	room->sample_count = room->few_count;
}

int sample_room_open(struct sample_room *ret_room, int few_fd, uint32_t few_count, int slots_fd,
		     uint32_t sample_bytes, uint32_t most_count)
{
	*ret_room = (struct sample_room){
		.few = sample_room_map(few_fd, sample_bytes, few_count),
		.sample_count = few_count,
		.few_count = few_count,
		.most_count = most_count,
		.sample_bytes = sample_bytes,
		.slots_fd = slots_fd,
		.array_fd = -1,
	};
	ret_room->samples = ret_room->few;
	return ret_room->few ? 0 : -errno;
}

void sample_room_close(struct sample_room *room)
{
	let_go(room);
	sample_room_unmap(room->few, room->sample_bytes, room->few_count);
	*room = SAMPLE_ROOM_NONE;
}

void sample_room_fit(struct sample_room *room, uint32_t wanted_count)
{
	/* A quarter more, since the next look may find a few more. */
	uint64_t count = (uint64_t)wanted_count + wanted_count / 4;
	bool is_spare = wanted_count < room->sample_count / 4;

	if (count > room->most_count)
		count = room->most_count;
	room->spare_passes = is_spare ? room->spare_passes + 1 : 0;
	if (wanted_count <= room->sample_count && room->spare_passes < SPARE_PASSES)
		return;
	room->spare_passes = 0;
	if (wanted_count <= room->few_count)
		go_back(room);
	else if (count != room->sample_count)
		replace(room, (uint32_t)count);
}
