/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool that replaces a retired connection opens one without need of more: each close pays for
 * one open, for a while.
 */
#ifndef CONNLEAK_CORE_CREDIT_H
#define CONNLEAK_CORE_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

struct change;
struct credit_slots;

/* Zeroed memory is a valid empty purse. Every call takes the same span_ns. */
struct credit {
	struct credit_slots *slots; /* owned; NULL = it is empty */
};

/* Frees what it owns; it is empty then. */
void credit_clear(struct credit *credit);

/*
 * A close; worth one open until span_ns later (short by at most a twelfth). Without memory it is
 * worth none.
 */
void credit_add(struct credit *credit, uint64_t t_ns, uint64_t span_ns);

/* Takes the oldest credit there is. Returns false when there is none. */
bool credit_take(struct credit *credit, uint64_t t_ns, uint64_t span_ns);

/* How many opens it would pay for; drops what is no longer worth one. */
uint32_t credit_count(struct credit *credit, uint64_t t_ns, uint64_t span_ns);

/*
 * To be called for each change of a pool, before the tests: closes of connections that are older
 * than span_ns pay, and an open that is paid for is_replacement.
 */
void credit_observe(struct credit *credit, const struct change *change, uint64_t span_ns);

#endif
