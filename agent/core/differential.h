/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The differential of a verdict: what else could be the matter, and what the figures say to it.
 */
#ifndef CONNLEAK_CORE_DIFFERENTIAL_H
#define CONNLEAK_CORE_DIFFERENTIAL_H

#include "judgement.h"
#include "rival.h"

/* What is known of a pool as of t_ns, on both sides of the moment at which evidence began. */
void differential_measure(const struct bench *bench, const struct judgement *judgement,
			  enum verdict_kind kind, uint64_t began_ns, uint64_t t_ns,
			  struct rival_figures *ret_figures);

/*
 * Fills the rivals of a verdict on the judgement's pool, as of verdict->t_ns: all but the one that
 * verdict->kind is. To be called before the summary is written; allocates nothing.
 */
void differential_fill(const struct bench *bench, const struct judgement *judgement,
		       uint64_t began_ns, struct verdict *verdict);

/*
 * What the summary says of it: "Not traffic: queries/s +2%. Not the network: connect p99 1.1 ms,
 * 0 failures. " with a space behind it; "" where nothing of that is ruled out. Returns buffer.
 */
const char *differential_tail(const struct verdict *verdict, char *buffer, size_t size);

#endif
