// SPDX-License-Identifier: Apache-2.0
/*
 * A name that resolves to another address, and a pool that goes there without closing what it has:
 * the old connections are open for ever, and no test on opens, evictions or FINs of the old pool
 * asks for them again, for there it has none. It does not grow, so this is said once, and late.
 *
 *	old server	***************-------------------------	all at one moment
 *	new server	              *************************		from there on, as much
 *
 * Each of n uses so far was followed by another one within the longest pause; that the last one was
 * not has odds of 1 to n. That a process turns to a server that it never had before within that
 * pause by chance has odds of the pause to the time before, for each server that it turned to. The
 * evidence is the product. Nights and other ends of work have no heir; a pool of a second server
 * that is used by turns has met it before.
 *
 * Invariant: nothing is raised before the pool has been silent for longer than pools keep idle
 * connections. Does not see that a name has changed, and says nothing of a pool that still beats,
 * opens or closes.
 */
#include "failover.h"

#include <stdio.h>

#include "format.h"
#include "judgement.h"

/* The turn is made at once: what waits for a connect is served by the new server. */
#define TURN_MIN_NS (10 * NS_PER_SEC)
#define QUIET_FACTOR 10
/* The heir need not work at every moment. */
#define REST_NS (600 * NS_PER_SEC)
/* The heir does the work of the old one. */
#define WORK_SHARE 0.5f
#define CONNS_MIN 3
#define VALUE_MAX 1e13

void failover_observe(struct failover *failover, const struct change *change)
{
	if (change->type == CHANGE_ACTIVE && !heartbeat_is_beating(change->conn) &&
	    failover->operation_count < UINT32_MAX) {
		failover->operation_count++;
		failover->was_left = false;
	} else if (change->type == CHANGE_CLOSED || change->type == CHANGE_OPENED) {
		failover->changed_ns = (int64_t)change->t_ns;
	}
}

static uint64_t turn_ns(const struct judgement *judgement)
{
	uint64_t longest_ns = judgement->exhausted.longest_quiet_ns;

	return longest_ns > TURN_MIN_NS ? longest_ns : TURN_MIN_NS;
}

/* How long a silence it takes to ask for an heir. */
static int64_t quiet_ns(const struct judgement *judgement, const struct settings *settings)
{
	uint64_t quiet_ns = QUIET_FACTOR * judgement->exhausted.longest_quiet_ns;

	return (int64_t)(quiet_ns > settings->left_ns ? quiet_ns : settings->left_ns);
}

/* Nothing has happened to it since its last use: no beat, no close, no open. */
static bool is_left(const struct judgement *judgement, const struct moment *moment)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	const struct pool *pool = judgement->pool;
	uint64_t turn = turn_ns(judgement);
	int64_t last_ns = exhausted->last_active_ns;

	if (last_ns <= 0 || pool->conn_count < CONNS_MIN || pool->connecting_count > 0 ||
	    moment->known_ns - last_ns < quiet_ns(judgement, moment->settings))
		return false;
	return pool->newest->last_active_ns <= last_ns &&
	       judgement->failover.changed_ns <= last_ns + (int64_t)turn;
}

static bool is_other_server(const struct pool *pool, const struct pool *other)
{
	return other != pool && other->dossier && other->netns == pool->netns &&
	       other->remote.port == pool->remote.port;
}

/* It began when this one ended, and does as much as this one did. */
static bool is_heir(const struct judgement *judgement, const struct pool *other,
		    const struct moment *moment, float *ret_rate)
{
	const struct exhausted *then = &judgement->exhausted, *now;
	int64_t since_ns = (int64_t)other->first_ns - then->last_active_ns;
	struct judgement room;

	if (!is_other_server(judgement->pool, other) || since_ns < -(int64_t)turn_ns(judgement) ||
	    since_ns > (int64_t)turn_ns(judgement))
		return false;
	now = &dossier_look(other->dossier, &room)->exhausted;
	*ret_rate = now->expected;
	return now->expected >= WORK_SHARE * then->expected &&
	       moment->known_ns - now->last_active_ns < (int64_t)REST_NS;
}

static uint32_t count_turns(const struct judgement *judgement)
{
	const struct pool *pool = judgement->pool;
	uint32_t count = 0;

	for (const struct pool *other = pool->client->pools; other; other = other->next_of_client)
		count += is_other_server(pool, other) && other->first_ns > pool->first_ns;
	return count;
}

static double value_of(const struct judgement *judgement, const struct moment *moment)
{
	const struct exhausted *exhausted = &judgement->exhausted;
	const struct pool *pool = judgement->pool;
	double uses = judgement->failover.operation_count;
	double quiet_s = (double)(moment->known_ns - exhausted->last_active_ns) / 1e9;
	double before = (double)(exhausted->last_active_ns - (int64_t)pool->first_ns) /
			(double)turn_ns(judgement);

	if (uses > quiet_s * exhausted->expected)
		uses = quiet_s * exhausted->expected;
	before /= count_turns(judgement);
	if (before < 1)
		return 1;
	return uses * before < VALUE_MAX ? uses * before : VALUE_MAX;
}

static void find_heir(struct judgement *judgement, const struct moment *moment)
{
	const struct pool *other = judgement->pool->client->pools;
	int64_t since_ns = moment->known_ns - judgement->exhausted.last_active_ns;
	float rate = 0;

	/* Who has not shown it by then is none; pools that rest for days cost nothing. */
	if (since_ns > 2 * quiet_ns(judgement, moment->settings))
		return;
	while (other && !is_heir(judgement, other, moment, &rate))
		other = other->next_of_client;
	if (!other)
		return;
	judgement->failover.was_left = true;
	judgement->failover.heir = other->remote;
	judgement->failover.heir_rate = rate;
}

void failover_advance(struct judgement *judgement, const struct moment *moment)
{
	struct failover *failover = &judgement->failover;

	failover->value = 1;
	if (!is_left(judgement, moment)) {
		failover->heir.port = 0;
		return;
	}
	/* Whatever becomes of the heir later, this pool is left. */
	if (failover->heir.port == 0)
		find_heir(judgement, moment);
	if (failover->heir.port != 0)
		failover->value = value_of(judgement, moment);
}

bool failover_is_left(const struct failover *failover)
{
	return failover->was_left;
}

double failover_value(const struct failover *failover)
{
	return failover->value > 1 ? failover->value : 1;
}

/* --- what it found ---------------------------------------------------------------------------- */

static void explain(const struct finding *finding, char *text, size_t size)
{
	const struct judgement *judgement = finding->state;
	const struct exhausted *exhausted = &judgement->exhausted;
	const struct failover *failover = &judgement->failover;
	char remote[ADDR_TEXT_SIZE], longest[32], quiet[32];
	uint64_t since_ns =
		(uint64_t)finding->limits.known_ns - (uint64_t)exhausted->last_active_ns;

	(void)snprintf(text, size,
		       "all %u have been silent for %s, after %u uses with no pause over %s; since "
		       "then the process uses %s, %.1f times a second against %.1f here (e-value "
		       "%.3g)",
		       finding->stock, format_duration(since_ns, quiet, sizeof(quiet)),
		       failover->operation_count,
		       format_duration(exhausted->longest_quiet_ns, longest, sizeof(longest)),
		       format_netaddr(&failover->heir, remote, sizeof(remote)), failover->heir_rate,
		       exhausted->expected, finding->value);
}

void failover_find(const struct judgement *judgement, const struct moment *moment,
		   struct finding *ret_finding)
{
	const struct settings *settings = moment->settings;
	uint64_t silent_ns =
		settings->t0_ns > settings->left_ns ? settings->t0_ns : settings->left_ns;

	ret_finding->test = "failover";
	ret_finding->value = failover_value(&judgement->failover);
	ret_finding->began_ns = (uint64_t)judgement->exhausted.last_active_ns;
	ret_finding->limits = (struct stock_limits){
		.kind = STOCK_IDLE,
		.known_ns = moment->known_ns,
		.idle_ns = silent_ns / 2,
		.owed_ns = silent_ns,
	};
	ret_finding->stock = stock_count(judgement->pool, &ret_finding->limits, &moment->losses);
	ret_finding->excess = ret_finding->stock;
	/* Beyond the hour for which some pools keep what is idle (settings.c). */
	ret_finding->hold_ns = settings->left_ns / 2;
	ret_finding->is_one_time = true;
	ret_finding->state = judgement;
	ret_finding->evidence = "left_behind";
	ret_finding->explain = explain;
}
