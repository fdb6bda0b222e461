/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was lost, said while it happens: a line a reason and minute at most, with what follows from
 * it. The counters are elsewhere (metrics, the end of the run); this is for who reads the journal.
 */
#ifndef CONNLEAK_CLI_LOSS_LINES_H
#define CONNLEAK_CLI_LOSS_LINES_H

#include "live.h"

/* All zero to begin with. */
struct loss_lines {
	uint64_t told[SOURCE_LOST_COUNT];
	uint64_t quiet_until_ns[SOURCE_LOST_COUNT];
};

/* After a look: says on stderr what has been lost since the last line of the same reason. */
void loss_lines_say(struct loss_lines *lines, const struct live *live);

#endif
