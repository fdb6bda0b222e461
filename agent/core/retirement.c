// SPDX-License-Identifier: Apache-2.0
/*
 * HikariCP and psycopg_pool retire a connection after 30 min and an hour, each a little earlier by
 * chance, whether it was used or not. One that is used is retired on return; one that was never
 * returned is never retired.
 *
 * Pools without a lifetime close connections as well, at any age, and keep an old core for ever. So
 * there is a lifetime only where nearly all of the time that closed connections have lived was
 * lived by those that reached about the same age (ages count by their length: weights.h).
 *
 * Invariant: tests are made at closes at that age, at most one in GAP_NS.
 * Does not count connections whose age is not known, nor those that were used a moment ago.
 */
#include "retirement.h"

#include <stdio.h>

#include "format.h"

#define AGES_MIN 6
#define NEAR_SHARE 0.8
#define BEYOND_SHARE 0.02
/* Bins: the lifetime less a quarter, and what a retirement waits for, are within three. */
#define NEAR_BINS 3
#define OLD_AGE(life_ns) (5 * (life_ns) / 4)
#define GAP_NS (60 * NS_PER_SEC)
#define SILENT_NS (60 * NS_PER_SEC)
/* Longer than a statement may run; some protocols end an exchange with a send, so not for ever. */
#define OWED_NS (4 * 3600 * NS_PER_SEC)
#define AGE_MAX_NS (24 * 3600 * NS_PER_SEC)
#define COMEBACK_FACTOR 0.1

/* The age that hardly any connection exceeds, where most get near it; 0 = there is none. */
static uint64_t lifetime_ns(const struct retirement *retirement)
{
	const struct weights *ages = &retirement->ages;
	unsigned int bin = WEIGHTS_BINS - 2;
	const float *bins = ages->bins;
	float beyond, near = 0;

	if (ages->count < AGES_MIN)
		return 0;
	beyond = bins[WEIGHTS_BINS - 1];
	while (bin >= NEAR_BINS && beyond + bins[bin] <= BEYOND_SHARE * ages->sum)
		beyond += bins[bin--];
	if (bin < NEAR_BINS || beyond > BEYOND_SHARE * ages->sum)
		return 0;
	for (unsigned int i = 0; i < NEAR_BINS; i++)
		near += bins[bin - i];
	return near >= NEAR_SHARE * ages->sum ? weights_bin_end(bin) * RETIREMENT_UNIT_NS : 0;
}

static uint64_t age_ns(const struct conn *conn, int64_t t_ns)
{
	return t_ns > conn->open_ns ? (uint64_t)t_ns - (uint64_t)conn->open_ns : 0;
}

static bool counts(const struct finding *finding, const struct conn *conn)
{
	const struct retirement *retirement = finding->state;

	return age_ns(conn, retirement->known_ns) > finding->threshold * RETIREMENT_UNIT_NS;
}

static uint32_t count_old(const struct finding *finding, const struct pool *pool,
			  const struct losses *losses)
{
	struct stock_walk walk;
	struct conn *conn;
	uint32_t count = 0;

	stock_begin(&walk, pool, &finding->limits, losses);
	while ((conn = stock_next(&walk)))
		count += counts(finding, conn);
	return count;
}

/* Fills in which connections count. Returns false where no lifetime is known. */
static bool begin(struct finding *finding, const struct retirement *retirement,
		  const struct settings *settings)
{
	uint64_t silent_ns = settings->t0_ns > SILENT_NS ? settings->t0_ns : SILENT_NS;
	uint64_t life_ns = lifetime_ns(retirement);

	finding->state = retirement;
	finding->counts = counts;
	finding->threshold = (uint32_t)(OLD_AGE(life_ns) / RETIREMENT_UNIT_NS);
	finding->limits = (struct stock_limits){
		.kind = STOCK_IDLE,
		.known_ns = retirement->known_ns,
		.idle_ns = silent_ns,
		.owed_ns = silent_ns > OWED_NS ? silent_ns : OWED_NS,
	};
	return life_ns > 0;
}

/* One that was too old and was used or retired after all: so may the others be. */
static void take_back(struct retirement *retirement, const struct change *change)
{
	uint64_t life_ns;

	if (eprocess_value(&retirement->process) <= 1)
		return;
	life_ns = lifetime_ns(retirement);
	if (life_ns > 0 && change->silent_since_ns < retirement->known_ns - (int64_t)SILENT_NS &&
	    age_ns(change->conn, retirement->known_ns) > OLD_AGE(life_ns))
		eprocess_discount(&retirement->process, COMEBACK_FACTOR);
}

static void observe_close(struct retirement *retirement, const struct moment *moment,
			  const struct change *change)
{
	uint64_t age = age_ns(change->conn, (int64_t)moment->t_ns);
	struct finding finding = {0};

	if (age > AGE_MAX_NS)
		age = AGE_MAX_NS;
	weights_add(&retirement->ages, (uint32_t)(age / RETIREMENT_UNIT_NS), moment->t_ns);
	if (!eprocess_is_due(&retirement->process, moment->t_ns, GAP_NS) ||
	    age < lifetime_ns(retirement) / 2)
		return;
	retirement->known_ns = moment->known_ns;
	if (begin(&finding, retirement, moment->settings))
		eprocess_test(&retirement->process, moment->settings->i0, moment->settings->p_min,
			      count_old(&finding, change->pool, &moment->losses), moment->t_ns);
}

void retirement_observe(struct retirement *retirement, const struct moment *moment,
			const struct change *change)
{
	const struct conn *conn = change->conn;

	if (change->type == CHANGE_ACTIVE && !change->answer_was_owed)
		take_back(retirement, change);
	if (!change_is_own_close(change) || conn->age_is_bound || conn_peer_closed_ns(conn) != 0)
		return;
	take_back(retirement, change);
	observe_close(retirement, moment, change);
}

uint64_t retirement_life_ns(const struct retirement *retirement)
{
	return lifetime_ns(retirement);
}

double retirement_value(const struct retirement *retirement)
{
	double value = eprocess_value(&retirement->process);

	return value > 1 && lifetime_ns(retirement) == 0 ? 1 : value;
}

/* --- what it found ---------------------------------------------------------------------------- */

static void explain(const struct finding *finding, char *text, size_t size)
{
	char life[32], old[32];

	(void)snprintf(
		text, size,
		"this pool closes its connections at an age of at most %s, but %u silent ones "
		"are older than %s, %u when it began (e-value %.3g)",
		format_duration(lifetime_ns(finding->state), life, sizeof(life)), finding->stock,
		format_duration(finding->threshold * RETIREMENT_UNIT_NS, old, sizeof(old)),
		finding->base, finding->value);
}

void retirement_find(const struct retirement *retirement, const struct moment *moment,
		     const struct pool *pool, struct finding *ret_finding)
{
	(void)begin(ret_finding, retirement, moment->settings);
	ret_finding->test = "retirement";
	ret_finding->value = retirement_value(retirement);
	ret_finding->base = eprocess_base(&retirement->process);
	ret_finding->began_ns = eprocess_began_ns(&retirement->process);
	ret_finding->hold_ns = moment->settings->coverage_hold_ns;
	ret_finding->evidence = "missed_retirement";
	ret_finding->explain = explain;
	ret_finding->stock = count_old(ret_finding, pool, &moment->losses);
	ret_finding->excess = finding_excess(ret_finding->stock, ret_finding->base);
}
