/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draws what is browsed into a grid: header, lines or text, and what the keys do.
 */
#ifndef CONNLEAK_SCREEN_SCREEN_H
#define CONNLEAK_SCREEN_SCREEN_H

#include "browse.h"
#include "grid.h"

struct detail;

/* What the screen says beyond what is browsed; all borrowed. */
struct screen_facts {
	const char *source; /* "own probes", "the agent", "night.jsonl": safe for a terminal */
	const char *trouble; /* why there is no news; NULL = there is none */
	uint64_t now_ns; /* of the clock of keys */
	bool is_replay;
	uint64_t begin_ns, end_ns; /* of the recording; end 0 = unknown */
	bool at_end; /* of the recording */
	const struct detail *detail; /* BROWSE_DETAIL; NULL = not known (yet) */
};

/* Fills the whole grid. Sets what the browse has to know of the room: page, text_count. */
void screen_draw(struct browse *browse, const struct screen_facts *facts, struct grid *grid);

/*
 * What batch mode prints: the header, then every line in full width. To be freed by the caller;
 * NULL when out of memory.
 */
char *screen_print(const struct browse *browse, const struct screen_facts *facts, bool utf8);

/* "14:02:31" where the wall clock is known, else "t=830.0 s". Returns buffer. */
const char *screen_clock(uint64_t t_ns, int64_t realtime_at_zero_ns, char *buffer, size_t size);

#endif
