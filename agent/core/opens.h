/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on opens: a pool that opens a connection had none free, so what is silent for long at
 * that moment is in nobody's hands. A leak makes that stock set records; health does not.
 */
#ifndef CONNLEAK_CORE_OPENS_H
#define CONNLEAK_CORE_OPENS_H

#include "eprocess.h"
#include "finding.h"
#include "heartbeat.h"
#include "ladder.h"
#include "moment.h"
#include "silence.h"
#include "turnover.h"

#define OPENS_SCALES 4
#define OPENS_WAITING_MAX 16

/* Zeroed memory is a valid new test; opens_clear() frees what it has allocated since. */
struct opens {
	struct eprocess scales[OPENS_SCALES];
	uint32_t ceiling_base; /* base of the last scale: what opens had shown to be held */
	uint64_t ceiling_base_ns; /* when they had */
	uint32_t waiting_count; /* of waiting_ns */
	struct silences benign; /* that spanned an open and ended in reuse or in an own close */
	struct turnover turnover; /* since there is evidence */
	uint64_t longest_beat_ns; /* longest gap of a heartbeat that spanned an open */
	uint64_t longest_owed_ns; /* longest time that the peer owed an answer and gave it */
	uint64_t *waiting_ns; /* OPENS_WAITING_MAX opens to be tested, oldest first; owned; NULL =
				 none waits */
	struct ladder *ladder; /* owned; NULL = T0 is all that it needs */
	int64_t tested_ns; /* time of the last open tested */
	int64_t undecided_ns; /* the same, of the last one within a gap that waits to be learned */
	uint64_t test_count;
	uint64_t calm_ns; /* time of the last look without an open */
};

/* Frees what it owns. */
void opens_clear(struct opens *opens);

/*
 * To be called after heartbeat_observe(). Returns true when a test was made: there is something new
 * to review.
 */
bool opens_observe(struct opens *opens, const struct moment *moment,
		   const struct heartbeat *heartbeat, const struct change *change);

/* Tests the opens up to which activity is known by now; opens_observe() does so first. */
bool opens_advance(struct opens *opens, const struct moment *moment, const struct pool *pool);

/*
 * To be called on each tick: notes moments without an open at which hardly anything was silent. A
 * pool that does not open for an hour has a history, too.
 */
void opens_witness(struct opens *opens, const struct moment *moment, const struct pool *pool);

/* The limits under which a connection counts now. */
struct stock_limits opens_limits(const struct opens *opens, const struct settings *settings);

/* The evidence so far, an e-value; 1 = none. */
double opens_value(const struct opens *opens);

/* What the test holds against the pool now. */
void opens_find(const struct opens *opens, const struct moment *moment, const struct pool *pool,
		struct finding *ret_finding);

#endif
