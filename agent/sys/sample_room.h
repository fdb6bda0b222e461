/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for what a pass of the iterator finds: an array in the kernel that the agent maps, in the
 * only slot of an array of maps. Most looks find little, and one after a restart or of a busy host
 * finds something of every connection, so that it grows and shrinks with what looks have needed.
 */
#ifndef CONNLEAK_SYS_SAMPLE_ROOM_H
#define CONNLEAK_SYS_SAMPLE_ROOM_H

#include <stddef.h>
#include <stdint.h>

struct sample_room {
	const void *samples; /* mapped; NULL = none */
	uint32_t sample_count; /* that there is room for */
	uint32_t least_count, most_count;
	uint32_t sample_bytes;
	uint32_t spare_passes; /* in a row, that needed less than a quarter of it */
	int slots_fd; /* borrowed */
	int array_fd; /* -1 = none */
};

/*
 * Makes room for least_count samples of sample_bytes each and puts it into slots_fd, of an array of
 * maps of BPF_MAP_TYPE_ARRAY with BPF_F_MMAPABLE and BPF_F_INNER_MAP. It never grows beyond
 * most_count. Returns 0 or -errno. sample_room_close() may be called after a failure, or on
 * SAMPLE_ROOM_NONE.
 */
int sample_room_open(struct sample_room *ret_room, int slots_fd, uint32_t sample_bytes,
		     uint32_t least_count, uint32_t most_count);
void sample_room_close(struct sample_room *room);

#define SAMPLE_ROOM_NONE ((struct sample_room){.array_fd = -1})

/*
 * Before a pass, which may follow one that wanted room for wanted_count samples: more room if that
 * was too little, less if much less was enough for a while. What was in it is gone then. A failure
 * leaves it as it was: a look then takes more passes.
 */
void sample_room_fit(struct sample_room *room, uint32_t wanted_count);

#endif
