/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool's plateau: its open connections have been at their maximum and have not grown for a
 * while. A plateau that demand pushed against is a ceiling, configured or not.
 */
#ifndef CONNLEAK_CORE_PLATEAU_H
#define CONNLEAK_CORE_PLATEAU_H

#include "credit.h"
#include "settings.h"
#include "table.h"
#include "verdict.h"

struct bench;
struct judgement;

#define PLATEAU_REFUSED_SLOTS 6

/* Zeroed memory is a pool of which nothing is known; plateau_clear() frees what it owns. */
struct plateau {
	struct credit credit; /* rotation: a close of an old connection pays for an open */
	uint64_t epoch_ns; /* when this epoch began */
	uint64_t flat_ns; /* since when it has not grown and was at its maximum; 0 = it is not */
	uint32_t open; /* established, and kept by the server for a second, as of the last tick */
	uint32_t highest, highest_before; /* of this epoch, and of the one before */
	uint32_t grown_count, refused_count,
		failed_count; /* unpaid opens, and early closes; since the tick */
	uint32_t pending_count; /* unpaid opens that the server could still close at once then */
	/* Connects that failed or were closed at once, of ten seconds each; a ring. */
	uint16_t refused_slots[PLATEAU_REFUSED_SLOTS]; /* up to UINT16_MAX */
	uint32_t refused; /* the sum: of the last minute, as of the last tick */
	bool is_refused; /* and the last of them came just now */
	uint64_t refused_slot; /* number of the newest slot since time 0 */
	uint64_t pushed_ns; /* when demand pushed against the ceiling last */
	uint32_t push_count; /* times that it did */
	uint32_t ceiling; /* learned; 0 = not */
};

void plateau_clear(struct plateau *plateau);

/* To be called for each change of the pool. */
void plateau_observe(struct plateau *plateau, const struct settings *settings,
		     const struct change *change);

/* To be called on each tick. */
void plateau_sample(struct plateau *plateau, const struct settings *settings,
		    const struct pool *pool, uint64_t now_ns);

/* True when the pool has been at its plateau for settings->plateau_ns. */
bool plateau_stands(const struct plateau *plateau, const struct settings *settings,
		    uint64_t now_ns);

/*
 * To be called while demand pushes against the plateau, which thereby is known to be a ceiling.
 * Where it holds back nobody, a flat count is no ceiling: the pool has merely not been asked.
 */
void plateau_push(struct plateau *plateau, uint64_t now_ns);

/* Most connections that this pool opens, as learned; 0 = unknown. */
uint32_t plateau_ceiling(const struct plateau *plateau);

/* Says how the ceiling is known, where it is learned and no limit is configured. */
void plateau_add_evidence(const struct bench *bench, const struct judgement *judgement,
			  struct verdict *verdict);

#endif
