// SPDX-License-Identifier: Apache-2.0
/*
 * The test on evictions. It needs no open, so it sees a leak out of the surplus of a pool that
 * evicts, where the test on opens has to wait until the surplus is gone.
 *
 * Invariant: no test before EVICTIONS_MIN closes have shown at what idle time the pool evicts, nor
 * before the pool is twice as old as what counts: in its youth nothing can be that old.
 * What comes back from beyond that time was not in the pool either: where others of the growth do,
 * the rest may, so it is a hint.
 * Does not tell an eviction from another close of a silent connection; sessions that end by
 * themselves raise the limit to their own length, and that is what makes them harmless.
 */
#include "evictions.h"

#define EVICTIONS_MIN 8
#define SHORTEST_NS NS_PER_SEC
#define GAP_NS (20 * NS_PER_SEC)
#define LIMIT_QUANTILE 0.99
/* Statements that run for longer than this are rare where connections are evicted at all. */
#define OWED_NS (300 * NS_PER_SEC)
#define SAMPLE_MAX_NS (24 * 3600 * NS_PER_SEC)
#define COMEBACK_FACTOR 0.1
#define AGE_FACTOR 2
/* For each one that came back so many must lie there, as in ladder.c. */
#define BACK_RATIO 8

static struct stock_limits limits_of(const struct evictions *evictions,
				     const struct settings *settings)
{
	struct stock_limits limits = {.kind = STOCK_IDLE, .known_ns = evictions->known_ns};
	uint64_t closed_ns = silence_quantile_ns(&evictions->closed, LIMIT_QUANTILE);

	limits.idle_ns = closed_ns + closed_ns / 2;
	if (limits.idle_ns < settings->t0_ns)
		limits.idle_ns = settings->t0_ns;
	limits.owed_ns = limits.idle_ns > OWED_NS ? limits.idle_ns : OWED_NS;
	return limits;
}

static void take_back(struct evictions *evictions, const struct moment *moment,
		      const struct change *change, uint64_t silence_ns)
{
	uint64_t idle_ns;

	if (silence_ns <= moment->settings->t0_ns || evictions_value(evictions) <= 1)
		return;
	idle_ns = limits_of(evictions, moment->settings).idle_ns;
	if (silence_ns <= idle_ns)
		return;
	if (change->silent_since_ns + (int64_t)idle_ns >=
	    (int64_t)eprocess_began_ns(&evictions->process))
		evictions->back_count++;
	eprocess_discount(&evictions->process, COMEBACK_FACTOR);
}

static bool is_of_idle(const struct change *change, uint64_t silence_ns)
{
	return change_is_own_close(change) && conn_peer_closed_ns(change->conn) == 0 &&
	       silence_ns > SHORTEST_NS;
}

static bool observe_close(struct evictions *evictions, const struct moment *moment,
			  const struct change *change, uint64_t silence_ns)
{
	const struct settings *settings = moment->settings;
	struct stock_limits limits;

	take_back(evictions, moment, change, silence_ns);
	silence_add(&evictions->closed, silence_ns < SAMPLE_MAX_NS ? silence_ns : SAMPLE_MAX_NS);
	if (evictions->closed.total < EVICTIONS_MIN ||
	    !eprocess_is_due(&evictions->process, moment->t_ns, GAP_NS))
		return false;
	evictions->known_ns = moment->known_ns;
	limits = limits_of(evictions, settings);
	/* In a process that is hardly older than the limit, the stock beyond it grows by itself. */
	if (moment->t_ns - change->pool->first_ns < AGE_FACTOR * limits.idle_ns)
		return false;
	if (evictions_value(evictions) <= 1)
		evictions->back_count = 0;
	eprocess_test(&evictions->process, settings->i0, settings->p_min,
		      stock_count(change->pool, &limits, &moment->losses), moment->t_ns);
	return true;
}

bool evictions_observe(struct evictions *evictions, const struct moment *moment,
		       const struct change *change)
{
	if (change->type == CHANGE_CLOSED) {
		uint64_t silence_ns = moment_idle_ns(moment, change);

		return is_of_idle(change, silence_ns) &&
		       observe_close(evictions, moment, change, silence_ns);
	}
	if (change->type == CHANGE_ACTIVE && !change->answer_was_owed)
		take_back(evictions, moment, change, moment_silence_ns(moment, change));
	return false;
}

uint64_t evictions_idle_ns(const struct evictions *evictions, double q)
{
	return silence_quantile_ns(&evictions->closed, q);
}

uint64_t evictions_limit_ns(const struct evictions *evictions, const struct settings *settings)
{
	if (evictions->closed.total < EVICTIONS_MIN)
		return 0;
	return limits_of(evictions, settings).idle_ns;
}

double evictions_value(const struct evictions *evictions)
{
	return eprocess_value(&evictions->process);
}

void evictions_find(const struct evictions *evictions, const struct moment *moment,
		    const struct pool *pool, struct finding *ret_finding)
{
	ret_finding->test = "evictions";
	ret_finding->value = evictions_value(evictions);
	ret_finding->base = eprocess_base(&evictions->process);
	ret_finding->began_ns = eprocess_began_ns(&evictions->process);
	(void)eprocess_find_earliest(&evictions->process, moment->settings->alarm,
				     &ret_finding->base, &ret_finding->began_ns); /* or else that */
	ret_finding->limits = limits_of(evictions, moment->settings);
	ret_finding->stock = stock_count(pool, &ret_finding->limits, &moment->losses);
	ret_finding->excess = finding_excess(ret_finding->stock, ret_finding->base);
	ret_finding->is_hint = BACK_RATIO * evictions->back_count > ret_finding->excess;
}
