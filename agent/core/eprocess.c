// SPDX-License-Identifier: Apache-2.0
/*
 * A threshold on a count needs to know the pool; a test on records does not. While a pool is
 * healthy the counts at its tests are exchangeable, whatever their distribution, so the i-th is
 * larger than all before with probability at most 1/i. Betting against that at fair odds multiplies
 * the wealth by q/p at a record and (1-q)/(1-p) otherwise; wealth that grows refutes health. The
 * floor at 1 (a CUSUM) keeps years of health from having to be paid back first.
 *
 * Most pools win nothing most of the time, so bets have memory only while one of them has won, in
 * place of what is known of the first one meanwhile.
 *
 * Invariant: 1 <= wealth <= WEALTH_MAX. A record is the highest x of this epoch and the one
 * before, so that one outage does not hide leaks smaller than itself for ever.
 * Does not know what x counts, nor when to ask.
 */
#include "eprocess.h"

#include <stdlib.h>

#include "types.h"

/* Enough to raise any verdict; a bound, so that doubt afterwards counts at once. */
#define WEALTH_MAX 1e13
#define TESTS_MAX (UINT32_MAX >> 2)
/* Long enough to hold a day's pattern: a shorter one would take each morning for news. */
#define EPOCH_NS (24 * 3600 * NS_PER_SEC)

/*
 * Where each test is a record, 0.85 needs six of them cold, and 0.5 alone eight. Where one of four
 * is none, as between two requests of a spike, 0.7 has won most.
 */
static const double odds[EPROCESS_BETS] = {0.85, 0.7, 0.5, 0.1, 0.02};

bool eprocess_is_due(const struct eprocess *process, uint64_t t_ns, uint64_t gap_ns)
{
	uint64_t since_ns = t_ns - process->known_ns;

	return process->test_count == 0 ||
	       since_ns + (uint64_t)process->untested * EPROCESS_UNIT_NS >= gap_ns;
}

void eprocess_clear(struct eprocess *process)
{
	if (!process->has_bets)
		return;
	free(process->bets);
	process->has_bets = false;
	process->began_ns = 0;
}

static uint32_t epoch_of(uint64_t t_ns)
{
	return (uint32_t)(t_ns / EPROCESS_EPOCH_UNIT_NS);
}

/* Rounded up: what is due may be so a little early, but never comes late. */
static void note_bound(struct eprocess *process, uint64_t t_ns)
{
	uint64_t passed = (t_ns - process->known_ns + EPROCESS_UNIT_NS - 1) / EPROCESS_UNIT_NS;

	process->untested = passed < UINT32_MAX - process->untested
				    ? process->untested + (uint32_t)passed
				    : UINT32_MAX;
	process->known_ns = t_ns;
}

static void begin(struct eprocess *process, uint32_t i0, uint32_t x, uint64_t t_ns)
{
	process->base = x;
	process->began_ns = t_ns;
	process->test_count = i0 < TESTS_MAX ? i0 : TESTS_MAX;
	process->record = x;
	process->record_before = x;
	process->epoch = epoch_of(t_ns);
	process->known_ns = t_ns;
}

static void turn_epoch(struct eprocess *process, uint32_t x, uint64_t t_ns)
{
	if (epoch_of(t_ns) - process->epoch < EPOCH_NS / EPROCESS_EPOCH_UNIT_NS)
		return;
	process->record_before = process->record;
	process->record = x;
	process->epoch = epoch_of(t_ns);
}

uint32_t eprocess_record(const struct eprocess *process)
{
	return process->record > process->record_before ? process->record : process->record_before;
}

static double bounded(double wealth)
{
	if (wealth < 1)
		return 1;
	return wealth < WEALTH_MAX ? wealth : WEALTH_MAX;
}

static void begin_bets(struct eprocess *process)
{
	struct eprocess_bets *bets = calloc(1, sizeof(*bets));

	if (!bets)
		return;
	for (unsigned int k = 0; k < EPROCESS_BETS; k++)
		bets->wealth[k] = 1;
	bets->base[0] = process->base;
	bets->began_ns[0] = process->began_ns;
	process->bets = bets;
	process->has_bets = true;
}

/* Where all wealth is lost only the first bet's last record is remembered. */
static void end_bets(struct eprocess *process)
{
	uint64_t began_ns = process->bets->began_ns[0];

	for (unsigned int k = 0; k < EPROCESS_BETS; k++)
		if (process->bets->wealth[k] > 1)
			return;
	process->base = process->bets->base[0];
	eprocess_clear(process);
	process->began_ns = began_ns;
}

static void bet(struct eprocess *process, double p, uint32_t record, bool is_record)
{
	struct eprocess_bets *bets = process->bets;

	for (unsigned int k = 0; k < EPROCESS_BETS; k++) {
		double q = odds[k];

		if (q <= p)
			continue;
		if (is_record && bets->wealth[k] <= 1) {
			bets->base[k] = record;
			bets->began_ns[k] = process->known_ns;
		}
		bets->wealth[k] =
			bounded(bets->wealth[k] * (is_record ? q / p : (1 - q) / (1 - p)));
	}
	end_bets(process);
}

void eprocess_test(struct eprocess *process, uint32_t i0, double p_min, uint32_t x, uint64_t t_ns)
{
	uint32_t record;
	double p;

	if (process->test_count == 0) {
		begin(process, i0, x, t_ns);
		process->has_tested = true;
		return;
	}
	process->has_tested = true;
	record = eprocess_record(process);
	if (process->test_count < TESTS_MAX)
		process->test_count++;
	p = 1.0 / process->test_count;
	if (p < p_min)
		p = p_min;
	if (x > record && !process->has_bets)
		begin_bets(process);
	if (process->has_bets)
		bet(process, p, record, x > record);
	turn_epoch(process, x, t_ns);
	if (x > process->record)
		process->record = x;
	process->known_ns = t_ns;
	process->untested = 0;
}

void eprocess_witness(struct eprocess *process, uint32_t i0, uint32_t x_at_most, uint64_t t_ns)
{
	if (process->test_count == 0) {
		begin(process, i0, x_at_most, t_ns);
		return;
	}
	if (!process->has_tested && x_at_most < process->record)
		process->record = process->record_before = x_at_most;
	if (x_at_most > eprocess_record(process))
		return;
	if (process->test_count < TESTS_MAX)
		process->test_count++;
	note_bound(process, t_ns);
}

void eprocess_remember(struct eprocess *process, uint32_t i0, uint32_t x, uint64_t t_ns)
{
	if (process->test_count == 0) {
		begin(process, i0, x, t_ns);
		return;
	}
	if (process->test_count < TESTS_MAX)
		process->test_count++;
	turn_epoch(process, x, t_ns);
	if (x > process->record)
		process->record = x;
	note_bound(process, t_ns);
}

double eprocess_value(const struct eprocess *process)
{
	double sum = 0;

	if (process->test_count == 0 || !process->has_bets)
		return 1;
	for (unsigned int k = 0; k < EPROCESS_BETS; k++)
		sum += process->bets->wealth[k];
	return sum / EPROCESS_BETS;
}

static unsigned int best_of(const struct eprocess_bets *bets)
{
	unsigned int best = 0;

	for (unsigned int k = 1; k < EPROCESS_BETS; k++)
		if (bets->wealth[k] > bets->wealth[best])
			best = k;
	return best;
}

uint32_t eprocess_base(const struct eprocess *process)
{
	return process->has_bets ? process->bets->base[best_of(process->bets)] : process->base;
}

uint64_t eprocess_began_ns(const struct eprocess *process)
{
	return process->has_bets ? process->bets->began_ns[best_of(process->bets)]
				 : process->began_ns;
}

bool eprocess_find_earliest(const struct eprocess *process, double wealth, uint32_t *ret_base,
			    uint64_t *ret_began_ns)
{
	const struct eprocess_bets *bets = process->has_bets ? process->bets : NULL;
	bool is_found = false;

	for (unsigned int k = 0; bets && k < EPROCESS_BETS; k++) {
		if (bets->wealth[k] < wealth || (is_found && bets->base[k] >= *ret_base))
			continue;
		*ret_base = bets->base[k];
		*ret_began_ns = bets->began_ns[k];
		is_found = true;
	}
	return is_found;
}

void eprocess_discount(struct eprocess *process, double factor)
{
	if (!process->has_bets)
		return;
	for (unsigned int k = 0; k < EPROCESS_BETS; k++)
		process->bets->wealth[k] = bounded(process->bets->wealth[k] * factor);
	end_bets(process);
}
