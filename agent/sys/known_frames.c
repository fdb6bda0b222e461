// SPDX-License-Identifier: Apache-2.0
/*
 * An address has WAYS places, so that the two dozen of a stack do not push each other out; what is
 * pushed out is looked up again.
 *
 * Invariant: symbols is NULL in a free place. Does not know when the files of a process have become
 * other ones (resolver.c), nor code of no file, which may be another's at any time.
 */
#include "known_frames.h"

#include <stdlib.h>
#include <string.h>

struct known_frame {
	uint64_t address;
	struct symbol *symbols; /* owned */
	uint32_t count;
};

#define WAYS 8
#define SETS (KNOWN_FRAMES_MAX / WAYS)

struct known_frames {
	struct known_frame places[SETS][WAYS];
	uint8_t next[SETS]; /* to be given away */
};

_Static_assert(SETS == 1 << 5, "the hash has 5 bits");

static uint32_t set_of(uint64_t address)
{
	return (uint32_t)(address * 0x9e3779b97f4a7c15ULL >> 59);
}

const struct symbol *known_frames_find(const struct known_frames *frames, uint64_t address,
				       uint32_t *ret_count)
{
	const struct known_frame *places = frames ? frames->places[set_of(address)] : NULL;

	for (uint32_t i = 0; places && i < WAYS; i++) {
		if (!places[i].symbols || places[i].address != address)
			continue;
		*ret_count = places[i].count;
		return places[i].symbols;
	}
	return NULL;
}

void known_frames_keep(struct known_frames **frames, uint64_t address, const struct symbol *symbols,
		       uint32_t count)
{
	struct symbol *copy = count > 0 ? calloc(count, sizeof(*copy)) : NULL;
	uint32_t set = set_of(address);
	struct known_frame *place;

	if (copy && !*frames)
		*frames = calloc(1, sizeof(**frames));
	if (!copy || !*frames) {
		free(copy);
		return;
	}
	memcpy(copy, symbols, count * sizeof(*copy));
	place = &(*frames)->places[set][(*frames)->next[set]++ % WAYS];
	free(place->symbols);
	*place = (struct known_frame){.address = address, .symbols = copy, .count = count};
}

void known_frames_free(struct known_frames *frames)
{
	if (!frames)
		return;
	for (uint32_t i = 0; i < SETS; i++)
		for (uint32_t k = 0; k < WAYS; k++)
			free(frames->places[i][k].symbols);
	free(frames);
}
