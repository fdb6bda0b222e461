// SPDX-License-Identifier: Apache-2.0
/*
 * A counter that nobody looks at is as good as none, and a line a loss would bury the journal when
 * it matters most.
 *
 * Invariant: the first loss of a kind is said at once, and after a line on it there is none for
 * QUIET_NS: what is lost meanwhile is gathered for the next.
 * Does not count anything itself.
 */
#include "loss_lines.h"

#include <inttypes.h>

#include "sys/log.h"

#define QUIET_NS (60 * NS_PER_SEC)

/* NULL: no loss that anybody could act on. */
static const char *consequence_of(unsigned int reason)
{
	switch (reason) {
	case LOST_STORAGE:
		return "sockets that the kernel gives no record (net.core.optmem_max): their "
		       "connections are not seen";
	case LOST_RING:
		return "ends that came faster than they were read: they are noticed by their "
		       "absence, without their reason";
	case LOST_POOL:
		return "ends that are not counted: more pools than there is room for";
	case LOST_LISTENER:
		return "listening sockets without room: connections of servers that were open "
		       "before may count as those of clients";
	case LOST_DETAIL:
		return "times that the kernel had no room (net.core.optmem_max) for the name of a "
		       "process or for who else holds a connection: they stay unknown";
	case SOURCE_LOST_END:
		return "connections that were gone without a word: taken for closed by their "
		       "process";
	case SOURCE_LOST_EXIT:
		return "processes that cannot be watched: their exit is not told";
	}
	return NULL;
}

void loss_lines_say(struct loss_lines *lines, const struct live *live)
{
	uint64_t counts[SOURCE_LOST_COUNT];

	source_bpf_lost(live->source, counts);
	for (unsigned int i = 0; i < SOURCE_LOST_COUNT; i++) {
		const char *consequence = consequence_of(i);

		if (!consequence || counts[i] == lines->told[i] ||
		    live->now_ns < lines->quiet_until_ns[i])
			continue;
		log_notice("lost, %s: %" PRIu64 " %s", source_bpf_lost_name(i),
			   counts[i] - lines->told[i], consequence);
		lines->told[i] = counts[i];
		lines->quiet_until_ns[i] = live->now_ns + QUIET_NS;
	}
}
