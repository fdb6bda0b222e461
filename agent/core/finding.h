/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one statistical test holds against a pool: the common language of the tests.
 */
#ifndef CONNLEAK_CORE_FINDING_H
#define CONNLEAK_CORE_FINDING_H

#include "settings.h"
#include "stock.h"

struct inherited;

struct finding {
	const char *test; /* static: "opens" */
	double value; /* e-value; 1 = nothing */
	uint64_t began_ns; /* when the evidence began to grow */
	uint64_t base_ns; /* when the base was counted, where that was earlier; 0 = then */
	uint32_t base; /* the stock then, not part of the growth */
	uint32_t stock; /* as of the last test, under the limits of now */
	uint32_t excess; /* of the stock above the base, as far as it can be leaked */
	struct stock_limits limits; /* which connections, as of the last test */
	/* What the tests beyond the first three need; zero = does not apply. */
	uint32_t elsewhere; /* excess in other processes: counted, but named only if inherited */
	const struct inherited *inherited; /* has those in other processes; NULL = none */
	uint64_t hold_ns; /* the evidence must last this long for a leak; 0 = HOLD */
	float hold_factor; /* so many times as long; 0 = once */
	bool is_one_time; /* it does not go on, so there is no growth to go by */
	bool is_hint; /* reason to suspect, but not to raise */
	bool base_is_leaked; /* where it is a leak, what it counted at the beginning is, too */
	bool (*counts)(const struct finding *finding, const struct conn *conn); /* which of those */
	bool has_depths; /* as many as the base, longest silent, are not for names(): a stack's */
	/* Which others it names where it is a leak; NULL = none. */
	bool (*names)(const struct finding *finding, const struct conn *conn);
	const void *state; /* the test, for counts() and explain() */
	uint32_t threshold; /* for counts(), in the test's unit */
	const char *evidence; /* static: name of its sentence */
	void (*explain)(const struct finding *finding, char *text, size_t size);
};

/* The connections under the finding's limits that its counts() picks. */
uint32_t finding_count(const struct finding *finding, const struct pool *pool,
		       const struct losses *losses);

/*
 * The excess that a leak needs: LMIN, and where silence alone is counted LMIN_SPREAD times the root
 * of the base. What comes and goes by itself is a Poisson count, whose standard deviation that is.
 */
uint32_t finding_least_excess(const struct finding *finding, const struct settings *settings);

/* What the stock is above its base; 0 where it is below. */
static inline uint32_t finding_excess(uint32_t stock, uint32_t base)
{
	return stock > base ? stock - base : 0;
}

#endif
