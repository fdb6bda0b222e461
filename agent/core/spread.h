/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on a leak that is spread over the processes of a fleet: forty prefork workers with two
 * leaked connections each, none of which shows enough by itself.
 */
#ifndef CONNLEAK_CORE_SPREAD_H
#define CONNLEAK_CORE_SPREAD_H

#include "finding.h"
#include "fleet.h"
#include "moment.h"

/* To be called on each tick. */
void spread_advance(struct fleet *fleet, const struct moment *moment);

/* 1 unless the judgement is the one that speaks for its fleet. */
double spread_value(const struct judgement *judgement);

/* The finding refers to judgement. */
void spread_find(const struct judgement *judgement, const struct moment *moment,
		 struct finding *ret_finding);

/*
 * The connections that are suspects, of all processes of the fleet; ret_process_count (NULL = not
 * asked for): in how many of them.
 */
uint32_t spread_suspects(const struct fleet *fleet, uint32_t *ret_process_count);

/*
 * Whether the suspects of all processes of its fleet outlast any usual sessions (habits.h), where
 * those of one process do not. The server takes limit connections; 0 = not known.
 */
bool spread_outlasts(const struct judgement *judgement, const struct settings *settings,
		     uint64_t limit, uint64_t t_ns);

/*
 * False where the other processes do the same: they have as many connections, and so few of these
 * were ever used again or closed that one of so many processes may well have as many suspects
 * without an end, whoever's they are.
 */
bool spread_is_apart(const struct judgement *judgement);

#endif
