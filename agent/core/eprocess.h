/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test of one question, asked again and again: does the count x set new records more often than
 * chance lets it? The answer is an e-value: 1 is no evidence, and a healthy pool reaches A with
 * odds of about 1 to A.
 */
#ifndef CONNLEAK_CORE_EPROCESS_H
#define CONNLEAK_CORE_EPROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Bets: records come with probability q. A fast leak makes every test a record, a slow one few. */
#define EPROCESS_BETS 5

struct eprocess_bets {
	double wealth[EPROCESS_BETS]; /* at least 1 */
	uint64_t began_ns[EPROCESS_BETS]; /* the last test before wealth left 1 */
	uint32_t base[EPROCESS_BETS]; /* the record at that test */
};

/* Zeroed memory is a valid new process; eprocess_clear() frees what it has allocated since. */
struct eprocess {
	union {
		struct eprocess_bets *bets; /* where has_bets; owned */
		uint64_t began_ns; /* else: of the first bet, as it was when it had won last */
	};
	uint64_t known_ns; /* time of the last test, or of a bound that held after it */
	uint32_t untested; /* from the last test to known_ns, in EPROCESS_UNIT_NS, up to 2^32 - 1 */
	uint32_t base; /* as began_ns */
	uint32_t test_count : 30; /* starts at I0; 0 = it has not begun */
	uint32_t has_tested : 1; /* not only witnessed */
	uint32_t has_bets : 1; /* else the wealth of each is 1 */
	uint32_t record, record_before; /* of this epoch, and of the one before */
	uint32_t
		epoch; /* when this epoch began, in EPROCESS_EPOCH_UNIT_NS; wraps after two years */
};

/* A whole number of them is a second, and 2^32 of them are 36 minutes. */
#define EPROCESS_UNIT_NS 512
#define EPROCESS_EPOCH_UNIT_NS (1U << 24)

/* There are nine of each pool. */
_Static_assert(sizeof(struct eprocess) == 40, "what a pool costs is on purpose");

/* Frees its bets; the record stays. */
void eprocess_clear(struct eprocess *process);

/*
 * True when a test at t_ns is not within gap_ns of the last one. Of a process that is witnessed the
 * gap is at most half an hour.
 */
bool eprocess_is_due(const struct eprocess *process, uint64_t t_ns, uint64_t gap_ns);

/*
 * The first test only sets the record. Without memory nothing is bet on a record: it is history,
 * and no evidence.
 */
void eprocess_test(struct eprocess *process, uint32_t i0, double p_min, uint32_t x, uint64_t t_ns);

/*
 * The count was at most x_at_most at a moment that nobody chose: history, on which nothing is bet.
 * Until the first test the lowest bound is the record.
 */
void eprocess_witness(struct eprocess *process, uint32_t i0, uint32_t x_at_most, uint64_t t_ns);

/* The count was x at a moment that nobody chose: as a test, but nothing is bet on it. */
void eprocess_remember(struct eprocess *process, uint32_t i0, uint32_t x, uint64_t t_ns);

/* The highest count so far; 0 before the first. */
uint32_t eprocess_record(const struct eprocess *process);

/* The mean of the bets. */
double eprocess_value(const struct eprocess *process);

/* Of the bet that has won most: the record when it began to win, and when that was. */
uint32_t eprocess_base(const struct eprocess *process);
uint64_t eprocess_began_ns(const struct eprocess *process);

/*
 * The same of the bet that began with the lowest record, of those that have won at least wealth.
 * Each of these refutes health by itself, so only what was there when the earliest began need not
 * be leaked. False where none has.
 */
bool eprocess_find_earliest(const struct eprocess *process, double wealth, uint32_t *ret_base,
			    uint64_t *ret_began_ns);

/* Takes evidence back: wealth times factor (below 1), but not below 1. */
void eprocess_discount(struct eprocess *process, double factor);

#endif
