// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a state file: no crash; refused with one safe line and nothing taken, or taken and
 * then written and taken again as the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/state_json.h"
#include "core/detector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct state_clock clock_now = {
	.boot_id = "b", .t_ns = 1000 * NS_PER_SEC, .realtime_ns = 1795000000000000000LL};

static uint32_t count_fleets(const struct fleets *fleets)
{
	uint32_t count = 0;

	for (const struct fleet *fleet = fleets_first(fleets); fleet; fleet = fleet->next)
		count++;
	return count;
}

static void take_again(const struct ledger *ledger, const struct fleets *fleets)
{
	char *text = state_encode(ledger, fleets, &clock_now), error[256];
	struct ledger *second = ledger_new();
	struct fleets *others = fleets_new();

	if (!text || !second || !others ||
	    state_decode(text, strlen(text), &clock_now, second, others, error, sizeof(error)) < 0)
		abort();
	if (ledger_standing_count(second) != ledger_standing_count(ledger) ||
	    ledger_next_id(second) != ledger_next_id(ledger) ||
	    count_fleets(others) != count_fleets(fleets))
		abort();
	free(text);
	ledger_free(second);
	fleets_free(others);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ledger *ledger = ledger_new();
	struct fleets *fleets = fleets_new();
	char error[256] = "";
	int r;

	if (!ledger || !fleets)
		abort();
	r = state_decode((const char *)data, size, &clock_now, ledger, fleets, error,
			 sizeof(error));
	if (r == 0)
		take_again(ledger, fleets);
	else if (ledger_first(ledger) || fleets_first(fleets) || !error[0] ||
		 strpbrk(error, "\n\033"))
		abort();
	ledger_free(ledger);
	fleets_free(fleets);
	return 0;
}
