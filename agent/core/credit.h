/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool that replaces a retired connection opens one without need of more: each close pays for
 * one open, for a while.
 */
#ifndef CONNLEAK_CORE_CREDIT_H
#define CONNLEAK_CORE_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#define CREDIT_SLOTS 12

/* Zeroed memory is a valid empty purse. Every call takes the same span_ns. */
struct credit {
	uint16_t counts[CREDIT_SLOTS]; /* up to UINT16_MAX */
	uint64_t slot; /* number of the newest slot since time 0 */
};

/* A close; worth one open until span_ns later (short by at most a twelfth). */
void credit_add(struct credit *credit, uint64_t t_ns, uint64_t span_ns);

/* Takes the oldest credit there is. Returns false when there is none. */
bool credit_take(struct credit *credit, uint64_t t_ns, uint64_t span_ns);

#endif
