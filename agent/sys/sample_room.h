/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for what a pass of the iterator finds: an array in the kernel that the agent maps. Most
 * looks find little, for which a small one is always there; on a busy host one finds something of
 * every connection, so that a larger one takes its place for as long as looks need it.
 */
#ifndef CONNLEAK_SYS_SAMPLE_ROOM_H
#define CONNLEAK_SYS_SAMPLE_ROOM_H

#include <stddef.h>
#include <stdint.h>

struct sample_room {
	const void *samples; /* mapped: those of array_fd, else few; NULL = not open */
	uint32_t sample_count; /* that there is room for */
	const void *few; /* mapped */
	uint32_t few_count, most_count;
	uint32_t sample_bytes;
	uint32_t spare_passes; /* in a row, that needed less than a quarter of it */
	int slots_fd; /* borrowed */
	int array_fd; /* in the slot; -1 = there is none */
};

#define SAMPLE_ROOM_NONE ((struct sample_room){.array_fd = -1})

/* Maps an array with BPF_F_MMAPABLE for reading. NULL and errno on failure. */
const void *sample_room_map(int array_fd, uint32_t sample_bytes, uint32_t sample_count);
void sample_room_unmap(const void *samples, uint32_t sample_bytes, uint32_t sample_count);

/*
 * few_fd is the array of few_count samples that is always there, slots_fd an array of maps with one
 * empty slot, for arrays with BPF_F_MMAPABLE and BPF_F_INNER_MAP of at most most_count samples.
 * Returns 0 or -errno. sample_room_close() may be called after a failure, or on SAMPLE_ROOM_NONE.
 */
int sample_room_open(struct sample_room *ret_room, int few_fd, uint32_t few_count, int slots_fd,
		     uint32_t sample_bytes, uint32_t most_count);
void sample_room_close(struct sample_room *room);

/*
 * Before a pass, which may follow one that wanted room for wanted_count samples: more room if that
 * was too little, less if much less was enough for a while; the kernel then waits for what else
 * runs, some hundredths of a second. What was in it is gone. A failure leaves it as it was: a look
 * then takes more passes.
 */
void sample_room_fit(struct sample_room *room, uint32_t wanted_count);

#endif
