// SPDX-License-Identifier: Apache-2.0
/*
 * Rotation by maxLifetime closes and opens connections all day in pools whose stock is silent;
 * without this, every replacement would count as an open that nobody was free for.
 *
 * Invariant: counts[slot % CREDIT_SLOTS] holds the closes of that slot of time; slots older than
 * the span are empty. Bounded memory, whatever the rate.
 * Does not know which closes deserve credit.
 */
#include "credit.h"

static uint64_t turn(struct credit *credit, uint64_t t_ns, uint64_t span_ns)
{
	uint64_t slot = t_ns / (span_ns / CREDIT_SLOTS + 1);
	uint64_t passed = slot - credit->slot;

	if (passed > CREDIT_SLOTS)
		passed = CREDIT_SLOTS;
	for (uint64_t i = 0; i < passed; i++)
		credit->counts[(slot - i) % CREDIT_SLOTS] = 0;
	credit->slot = slot;
	return slot;
}

void credit_add(struct credit *credit, uint64_t t_ns, uint64_t span_ns)
{
	uint64_t slot = turn(credit, t_ns, span_ns);

	if (credit->counts[slot % CREDIT_SLOTS] < UINT16_MAX)
		credit->counts[slot % CREDIT_SLOTS]++;
}

bool credit_take(struct credit *credit, uint64_t t_ns, uint64_t span_ns)
{
	uint64_t slot = turn(credit, t_ns, span_ns);

	for (uint64_t i = 1; i <= CREDIT_SLOTS; i++) {
		uint16_t *count = &credit->counts[(slot + i) % CREDIT_SLOTS];

		if (*count > 0) {
			--*count;
			return true;
		}
	}
	return false;
}
