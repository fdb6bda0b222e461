/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For how long a few connections of a pool have done all of its work, and how long that ever was
 * enough before: a pool that does with less than it used to need is short of connections.
 */
#ifndef CONNLEAK_CORE_NARROW_H
#define CONNLEAK_CORE_NARROW_H

#include <stdbool.h>
#include <stdint.h>

#include "settings.h"
#include "table.h"

#define NARROW_RANKS 6
#define NARROW_TICKS 16

/* The longest that fewer than so many connections did all of the work, in sixteenths of a second.
 */
struct narrow_rank {
	uint16_t most, most_before; /* of this epoch, and of the one before */
	uint16_t usual; /* of all before those two, fading */
	uint8_t tick_count; /* of this epoch, in which the pool had so many connections */
	uint8_t epoch_count; /* in a row in which it mostly had; with fewer usual is not known */
};

/* Zeroed memory is a pool of which nothing is known. */
struct narrow {
	struct narrow_rank ranks[NARROW_RANKS];
	uint32_t epoch; /* number of the one that is running */
	uint8_t worked_count; /* ticks of this epoch, up to a few */
	int64_t resumed_ns; /* when it began to work after the last pause; 0 = there was none */
	float sent_bytes[NARROW_TICKS]; /* of a tick each, a ring that stops with the work */
	uint32_t tick_count;
	uint32_t idle_count; /* ticks since then, up to as many as the ring has */
};

/* What narrow_find() has found. */
struct narrow_end {
	uint32_t left; /* so many connections did all of the work */
	uint64_t span_ns; /* for so long, at the end */
	uint64_t usual_ns; /* and never for longer than this before */
	double work; /* bytes a second in that time, against what they were before */
};

/*
 * To be called on each tick: last_ns is the time of the last operation, sent_bytes what was sent
 * since the tick before; 0 where nothing was done.
 */
void narrow_sample(struct narrow *narrow, const struct pool *pool, int64_t last_ns,
		   uint64_t sent_bytes);

/*
 * True when in the last span_ns of work as much was sent as in the ticks before them, but for
 * chance, or where too few of those are kept to tell.
 */
bool narrow_has_kept_up(const struct narrow *narrow, const struct settings *settings,
			uint64_t span_ns);

/* When the pool came to its end, and what it was like before. */
struct narrow_question {
	int64_t last_ns; /* the last operation was begun */
	int64_t flat_ns; /* since when it has not grown */
	double rate; /* bytes a second that it sends when there is much to do */
	double factor; /* so many times as long as that ever was enough */
};

/*
 * True when fewer connections had done all of the work for that much longer than they ever did
 * before, as the pool's last operation was made, and it had not grown in that time.
 */
bool narrow_find(const struct narrow *narrow, const struct settings *settings,
		 const struct pool *pool, const struct narrow_question *question,
		 struct narrow_end *ret_end);

#endif
