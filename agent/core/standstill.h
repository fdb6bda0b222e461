/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why nothing moves in a pool any more: because nothing is left of it, or because its load rests.
 */
#ifndef CONNLEAK_CORE_STANDSTILL_H
#define CONNLEAK_CORE_STANDSTILL_H

#include <stdbool.h>
#include <stdint.h>

#include "held.h"
#include "settings.h"

struct bench;
struct exhausted;
struct judgement;

/* A silence of the whole pool that is shorter says nothing. */
#define STANDSTILL_QUIET_NS (20 * NS_PER_SEC)

/* True when quiet_ns without an operation is so long that ten should have been made. */
bool standstill_is_pause(const struct exhausted *exhausted, uint64_t quiet_ns);

/* True when the pool has closed a connection of its own since its last operation: one was free. */
bool standstill_had_free(const struct exhausted *exhausted);

/*
 * False where the pool may still grow: it is not at its ceiling, nor has it lost most of its
 * connections since it grew, step by step (dwindle.c).
 */
bool standstill_is_short(const struct bench *bench, const struct judgement *judgement,
			 const struct held *held);

/*
 * True when it has stopped because each of its last requests took another connection (drained.c).
 * *ret_held is as of the last operation.
 */
bool standstill_is_drained(const struct bench *bench, const struct judgement *judgement,
			   int64_t known_ns, struct held *ret_held);

/*
 * True when it has stopped because most of it was held by then, and what was left fell silent the
 * same way. *ret_held is as of the last operation.
 */
bool standstill_was_held(const struct bench *bench, const struct judgement *judgement,
			 int64_t known_ns, struct held *ret_held);

/*
 * True when it has stopped after it opened its last connections because none of the others was
 * given back (unreturned.c). *ret_held is as of the last operation.
 */
bool standstill_was_unreturned(const struct bench *bench, const struct judgement *judgement,
			       int64_t known_ns, struct held *ret_held);

/*
 * True when it has stopped and does not close what would be idle in a rest (overdue.c). *ret_held
 * is as of the last operation.
 */
bool standstill_is_overdue(const struct bench *bench, const struct judgement *judgement,
			   int64_t known_ns, struct held *ret_held);

/*
 * True when it has stopped after fewer and fewer connections had done its work, step by step
 * (dwindle.c). *ret_held is as of the last operation.
 */
bool standstill_has_dwindled(const struct bench *bench, const struct judgement *judgement,
			     int64_t known_ns, struct held *ret_held);

/*
 * True when it has stopped, and most of a stack that leaks cannot be free (passed.c). *ret_held is
 * as of the last operation.
 */
bool standstill_was_passed(const struct bench *bench, const struct judgement *judgement,
			   int64_t known_ns, struct held *ret_held);

/*
 * True when all that the endpoint takes were used once each, and nothing has happened for long
 * (spent.c). *ret_held is as of the last operation.
 */
bool standstill_is_spent(const struct bench *bench, const struct judgement *judgement,
			 int64_t known_ns, struct held *ret_held);

/*
 * True when less and less was done since the held ones fell silent. A pool that its requests share
 * has those that are left do the work of all; where each worker has a connection of its own the
 * work ends with the workers, and each of them did no more than before.
 */
bool standstill_ended_with_its_users(struct judgement *judgement, const struct held *held);

#endif
