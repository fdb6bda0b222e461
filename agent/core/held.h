/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connections of a pool are held by nobody who uses them, and whether they fell silent the
 * way that leaked ones do.
 */
#ifndef CONNLEAK_CORE_HELD_H
#define CONNLEAK_CORE_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "drained.h"
#include "dwindle.h"
#include "overdue.h"
#include "passed.h"
#include "spent.h"
#include "unreturned.h"

struct bench;
struct conn;
struct judgement;

/* Silent for so many times longer than its habit. */
#define HELD_FACTOR 3

/* How the connections of a pool stood at a moment. */
struct held {
	int64_t at_ns;
	uint32_t monitors; /* of the clients, and not counted in what follows */
	uint32_t open;
	uint32_t count; /* of them are held */
	uint32_t steps; /* moments at which those fell silent */
	uint32_t largest; /* most that did so at one of them */
	uint32_t fresh; /* used shortly before */
	uint32_t owed; /* of those, a statement is running */
	uint32_t before; /* used for the last time in the half minute before that */
	int64_t first_ns; /* when the first of the held ones fell silent */
	uint32_t beyond; /* of the held ones, silent for longer than they ever were */
	uint32_t lost; /* fell silent one by one since the pool last grew */
	struct drained_end drained; /* how it went, where that is what tells */
	struct dwindle_end dwindle; /* the same; last.left is 0 where it does not */
	struct passed_end passed; /* the same; count is 0 where it does not */
	struct unreturned_end unreturned; /* the same; open_count is 0 where it does not */
	struct spent_end spent; /* the same; count is 0 where it does not */
	struct overdue_end overdue; /* the same; count is 0 where it does not */
	int64_t replaced_from_ns; /* what was opened since then took another one's place */
	int64_t life_ns; /* at that age the pool replaces what is free; 0 = at none */
	bool is_fair; /* the pool uses them in turn */
	bool is_cut_off; /* the work went on, on fewer of them: it is not the load that fell */
};

/* To be called for each use: learns how long conn is silent between two of them. */
void held_learn(struct conn *conn, uint64_t silence_ns);

/* True when conn was used often enough to know how long it is silent between two uses. */
bool held_has_habit(const struct conn *conn);

/* True when it has a habit, and silence_ns is factor times longer than it ever was silent so. */
bool held_outlasts(const struct conn *conn, uint64_t silence_ns, uint32_t factor);

/* True when conn is open and of those that requests are given. */
bool held_is_of_pool(const struct conn *conn);

/* Counts the pool's connections as they stood at at_ns, of the table's clock. */
void held_take(const struct bench *bench, const struct judgement *judgement, int64_t at_ns,
	       struct held *ret_held);

/* True when the connection was held at that moment. */
bool held_has(const struct held *held, const struct conn *conn);

/*
 * Logarithm of how much better a leak explains that one was silent for silence_s than a LIFO pool's
 * depth does, where all are silent for least_s to longest_s.
 */
double held_rate_evidence(double silence_s, double least_s, double longest_s);

/* True when most of the pool was held and they had fallen silent one by one, at a rate. */
bool held_is_most(const struct bench *bench, const struct judgement *judgement,
		  const struct held *held);

#endif
