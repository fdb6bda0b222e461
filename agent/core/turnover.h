/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a pool's work goes on while some of its connections are silent. Where requests leak,
 * others give their connection back; where all of them wait for something else, none does, and
 * they will come back together.
 */
#ifndef CONNLEAK_CORE_TURNOVER_H
#define CONNLEAK_CORE_TURNOVER_H

#include "table.h"

/* Zeroed memory is a valid new turnover. */
struct turnover {
	float sent_bytes; /* since turnover_begin() */
	float returned_bytes; /* of these, by connections that had been given back */
};

/* To be called where evidence begins. */
void turnover_begin(struct turnover *turnover);

/* To be called for each change, after heartbeat_observe(). */
void turnover_observe(struct turnover *turnover, const struct change *change);

/* True when hardly any work was done but with connections that have not come back since. */
bool turnover_has_stopped(const struct turnover *turnover);

#endif
