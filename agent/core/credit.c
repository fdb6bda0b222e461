// SPDX-License-Identifier: Apache-2.0
/*
 * Rotation by maxLifetime closes and opens connections all day in pools whose stock is silent;
 * without this, every replacement would count as an open that nobody was free for.
 *
 * Only old connections pay: a rotation retires those; closes of young ones are churn, which would
 * pay for every leaked open as well.
 *
 * Invariant: counts[slot % CREDIT_SLOTS] holds the closes of that slot of time; slots older than
 * the span are empty. Bounded memory, whatever the rate, and none while all slots are empty.
 */
#include "credit.h"

#include <stdlib.h>

#include "table.h"

#define CREDIT_SLOTS 12

struct credit_slots {
	uint64_t slot; /* number of the newest slot since time 0 */
	uint16_t counts[CREDIT_SLOTS]; /* up to UINT16_MAX */
};

void credit_clear(struct credit *credit)
{
	free(credit->slots);
	credit->slots = NULL;
}

static uint64_t turn(struct credit_slots *slots, uint64_t t_ns, uint64_t span_ns)
{
	uint64_t slot = t_ns / (span_ns / CREDIT_SLOTS + 1);
	uint64_t passed = slot - slots->slot;

	if (passed > CREDIT_SLOTS)
		passed = CREDIT_SLOTS;
	for (uint64_t i = 0; i < passed; i++)
		slots->counts[(slot - i) % CREDIT_SLOTS] = 0;
	slots->slot = slot;
	return slot;
}

void credit_add(struct credit *credit, uint64_t t_ns, uint64_t span_ns)
{
	uint64_t slot;

	if (!credit->slots)
		credit->slots = calloc(1, sizeof(*credit->slots));
	if (!credit->slots)
		return;
	slot = turn(credit->slots, t_ns, span_ns);
	if (credit->slots->counts[slot % CREDIT_SLOTS] < UINT16_MAX)
		credit->slots->counts[slot % CREDIT_SLOTS]++;
}

uint32_t credit_count(struct credit *credit, uint64_t t_ns, uint64_t span_ns)
{
	uint32_t count = 0;

	if (!credit->slots)
		return 0;
	(void)turn(credit->slots, t_ns, span_ns); /* only to empty those that are past */
	for (int i = 0; i < CREDIT_SLOTS; i++)
		count += credit->slots->counts[i];
	if (count == 0)
		credit_clear(credit);
	return count;
}

bool credit_take(struct credit *credit, uint64_t t_ns, uint64_t span_ns)
{
	uint64_t slot;

	if (credit_count(credit, t_ns, span_ns) == 0)
		return false;
	slot = credit->slots->slot + 1;
	while (credit->slots->counts[slot % CREDIT_SLOTS] == 0)
		slot++;
	credit->slots->counts[slot % CREDIT_SLOTS]--;
	return true;
}

void credit_observe(struct credit *credit, const struct change *change, uint64_t span_ns)
{
	struct conn *conn = change->conn;

	if (change->type == CHANGE_OPENED)
		conn->is_replacement = credit_take(credit, change->t_ns, span_ns);
	else if (change->type == CHANGE_CLOSED &&
		 (conn->age_is_bound || (int64_t)change->t_ns - conn->open_ns >= (int64_t)span_ns))
		credit_add(credit, change->t_ns, span_ns);
}
