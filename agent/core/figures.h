/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of a leak verdict: how many, how fast, and when it ends.
 */
#ifndef CONNLEAK_CORE_FIGURES_H
#define CONNLEAK_CORE_FIGURES_H

#include "judgement.h"

/*
 * What is open on this host towards the pool's remote address, all processes together; of the
 * others as of the last tick, those that are connecting left out.
 */
uint64_t figures_open_on_host(const struct pool *pool);

/* To be called when its leak verdict has changed: what the leaks of its server add up to. */
void figures_count_leak(struct judgement *judgement);

/* By how much an hour the leaks of other pools use up its server's limit; 0 without a limit. */
double figures_growth_of_others(const struct bench *bench, const struct judgement *judgement);

/* What the operator has configured for the remote address; 0 = nothing. */
uint64_t figures_limit(const struct bench *bench, const struct pool *pool);

/* Whether a verdict stands that says that its server turns connections away. */
bool figures_server_refuses(const struct pool *pool);

/* Counts, growth and time to exhaustion as of verdict->t_ns; allocates nothing. */
void figures_fill(const struct bench *bench, const struct judgement *judgement,
		  const struct finding *finding, struct verdict *verdict);

/*
 * The sites that used the verdict's suspects last, and those that opened them; who sent last leads,
 * as in a pool the opener is the pool. Returns 0 or -ENOMEM.
 */
int figures_fill_sites(const struct table *table, struct verdict *verdict);

/* The suspects and their sites. Returns 0 or -ENOMEM. */
int figures_fill_suspects(const struct bench *bench, const struct judgement *judgement,
			  const struct finding *finding, struct verdict *verdict);

/* How many connections in other processes the finding names, beside the marked ones of the pool. */
uint32_t figures_elsewhere(const struct finding *finding);

#endif
