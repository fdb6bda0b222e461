// SPDX-License-Identifier: Apache-2.0
/*
 * Most pools are stacks: what was returned last is handed out first. When such a pool reaches down
 * to a connection that nobody has used for long, all that came back later is in use, or gone:
 *
 *	#1 ***----------------------*	reached
 *	#2 ******--------------*-**-*
 *	#3 *******--------------------	later than #1, and not used before it: passed over
 *
 * A leak out of the surplus shows here long before the pool needs a new connection, and where it is
 * at its maximum and opens none any more. Under health the passed over are held by requests that
 * are silent meanwhile; how long that may be, those say that were passed over and came back.
 *
 * A pool is taken for a stack when connections waited while younger ones were handed out, again and
 * again, and hardly any came back after it had been passed over. Where all take turns none waits;
 * where threads have their own, or several pools share a server, those that were passed over come
 * back all of the time.
 *
 * A load that stops finds what is free at the bottom, where it has been for long. In a pool that
 * has leaked to the last nothing lies below the first that was passed over; and the others fell
 * silent at the rate of those that were, which is so many times as often as loads stop. Those that
 * fell silent together were given back after a burst, or two leaks met.
 *
 * What a look tells comes in no order, so it counts when the look is over. One to which an answer
 * is owed is in use, however long that takes.
 *
 * Invariant: conn->was_passed is unset when a connection is used.
 * Does not look at opens.
 */
#include "passed.h"

#include <math.h>
#include <stdio.h>

#include "format.h"
#include "heartbeat.h"
#include "held.h"
#include "order.h"

/* A request gives its connection back within so long of its last statement. */
#define RETURN_NS ((int64_t)(2 * NS_PER_SEC))
/* As the tests on silent stock have them (opens.c, evictions.c). */
#define LIMIT_FACTOR 4
#define LIMIT_QUANTILE 0.99
#define OWED_NS (300 * NS_PER_SEC)
#define SAMPLE_MAX_NS (24 * 3600 * NS_PER_SEC)
#define COMEBACK_FACTOR 0.1
/* So many have waited, and so few came back for each of them, in a stack. */
#define WAITED_MIN 20
#define BACK_SHARE 0.03
/* One that was passed over at the end may be held for long; two are a leak. */
#define END_MIN 2
/* Loads stop once a day, as by night. */
#define STOPS_PER_S (1.0 / 86400)

static const uint64_t gaps_ns[PASSED_SCALES] = {8 * NS_PER_SEC, 64 * NS_PER_SEC};

/* --- which of them ---------------------------------------------------------------------------- */

static bool counts(const struct finding *finding, const struct conn *conn)
{
	(void)finding;
	return conn->was_passed && !conn_is_owed(conn);
}

/* One that a pool has opened in advance may lie anywhere in the stack. */
static bool may_be_free(const struct conn *conn)
{
	return conn->state == CONN_OPEN && (conn->has_returned || !conn->is_replacement);
}

static void mark(const struct passed *passed, const struct pool *pool)
{
	for (struct conn *conn = pool->oldest;
	     conn && order_second(conn->last_active_ns) <= order_second(passed->until_ns);
	     conn = conn_newer(conn))
		if (conn->last_active_ns > passed->from_ns &&
		    conn->last_active_ns < passed->until_ns && may_be_free(conn))
			conn->was_passed = true;
}

static void begin(struct finding *finding, const struct passed *passed,
		  const struct settings *settings)
{
	finding->limits = (struct stock_limits){.kind = STOCK_IDLE, .known_ns = passed->known_ns};
	finding->limits.idle_ns =
		LIMIT_FACTOR * silence_quantile_ns(&passed->benign, LIMIT_QUANTILE);
	if (finding->limits.idle_ns < settings->t0_ns)
		finding->limits.idle_ns = settings->t0_ns;
	finding->limits.owed_ns =
		finding->limits.idle_ns > OWED_NS ? finding->limits.idle_ns : OWED_NS;
	finding->counts = counts;
	finding->state = passed;
}

/* --- what happens ----------------------------------------------------------------------------- */

bool passed_is_stack(const struct passed *passed)
{
	return passed->waited_count >= WAITED_MIN &&
	       passed->back_count <= BACK_SHARE * passed->waited_count;
}

static bool test(struct passed *passed, const struct moment *moment, const struct pool *pool)
{
	const struct settings *settings = moment->settings;
	struct finding finding = {0};
	bool has_tested = false;
	uint32_t stock;

	if (passed->reached_ns == 0 || passed->reached_ns > moment->known_ns)
		return false;
	passed->reached_ns = 0;
	if (passed->younger_ns > passed->youngest_ns)
		passed->youngest_ns = passed->younger_ns;
	mark(passed, pool);
	passed->from_ns = passed->until_ns = passed->younger_ns = 0; /* takes no room then */
	if (!passed_is_stack(passed))
		return false;
	passed->known_ns = moment->known_ns;
	begin(&finding, passed, settings);
	stock = finding_count(&finding, pool, &moment->losses);
	for (unsigned int i = 0; i < PASSED_SCALES; i++) {
		if (!eprocess_is_due(&passed->scales[i], moment->t_ns, gaps_ns[i]))
			continue;
		eprocess_test(&passed->scales[i], settings->i0, settings->p_min, stock,
			      moment->t_ns);
		has_tested = true;
	}
	return has_tested;
}

static void take_back(struct passed *passed, const struct moment *moment,
		      const struct change *change)
{
	uint64_t silence_ns = moment_silence_ns(moment, change);
	struct finding finding = {0};

	if (!change->conn->was_passed)
		return;
	change->conn->was_passed = false;
	passed->back_count++;
	begin(&finding, passed, moment->settings);
	for (unsigned int i = 0; i < PASSED_SCALES && silence_ns > finding.limits.idle_ns; i++)
		eprocess_discount(&passed->scales[i], COMEBACK_FACTOR);
	silence_add(&passed->benign, silence_ns < SAMPLE_MAX_NS ? silence_ns : SAMPLE_MAX_NS);
}

static void reach(struct passed *passed, const struct moment *moment, const struct change *change)
{
	const struct settings *settings = moment->settings;
	int64_t from_ns = change->silent_since_ns + RETURN_NS;
	/* It may have been used long before the last use that the look tells of. */
	int64_t until_ns = change->conn->last_active_ns - (int64_t)settings->tick_ns -
			   (int64_t)settings->t0_ns;

	if (until_ns <= from_ns)
		return;
	if (passed->youngest_ns > from_ns)
		passed->waited_count++;
	if (passed->reached_ns == 0 || change->silent_since_ns > passed->younger_ns)
		passed->younger_ns = change->silent_since_ns;
	if (passed->reached_ns == 0 || from_ns < passed->from_ns)
		passed->from_ns = from_ns;
	if (passed->reached_ns == 0 || until_ns < passed->until_ns)
		passed->until_ns = until_ns;
	passed->reached_ns = (int64_t)moment->t_ns;
}

bool passed_observe(struct passed *passed, const struct moment *moment, const struct change *change)
{
	bool is_active = change->type == CHANGE_ACTIVE;
	bool is_use = is_active && !change->answer_was_owed &&
		      !heartbeat_is_beating(change->conn) &&
		      change->silence_ns > moment->settings->t0_ns;
	bool has_tested;

	passed->has_begun |= is_use;
	if (!passed->has_begun)
		return false;
	has_tested = test(passed, moment, change->pool);
	if (is_active || (change_is_own_close(change) && conn_peer_closed_ns(change->conn) == 0))
		take_back(passed, moment, change);
	if (is_use)
		reach(passed, moment, change);
	return has_tested;
}

double passed_value(const struct passed *passed)
{
	double sum = 0;

	if (!passed_is_stack(passed))
		return 1;
	for (unsigned int i = 0; i < PASSED_SCALES; i++)
		sum += eprocess_value(&passed->scales[i]);
	return sum / PASSED_SCALES;
}

/* --- how it ended ----------------------------------------------------------------------------- */

bool passed_find_end(const struct passed *passed, const struct settings *settings,
		     const struct pool *pool, int64_t end_ns, double expected,
		     struct passed_end *ret_end)
{
	struct passed_end end = {
		.waited_count = passed->waited_count,
		.back_count = passed->back_count,
	};
	double least_s = 1 / expected, longest_s = 0, evidence = 0, rate;
	uint32_t together = 0;
	int64_t before_ns = 0;
	struct finding finding = {0};

	if (!passed_is_stack(passed))
		return false;
	begin(&finding, passed, settings);
	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
		int64_t silence_ns = end_ns - conn->last_active_ns;

		if (!held_is_of_pool(conn))
			continue;
		if (counts(&finding, conn) && silence_ns > (int64_t)finding.limits.idle_ns) {
			if (end.count++ > 0)
				continue;
			end.first_ns = conn->last_active_ns;
			longest_s = (double)silence_ns / NS_PER_SEC;
			continue;
		}
		if (end.count == 0)
			return false;
		if (conn->last_active_ns - before_ns <= RETURN_NS)
			together++;
		else if (silence_ns > 0)
			evidence += held_rate_evidence((double)silence_ns / NS_PER_SEC, least_s,
						       longest_s);
		before_ns = conn->last_active_ns;
	}
	if (end.count < END_MIN || longest_s <= least_s)
		return false;
	rate = end.count / longest_s;
	evidence += together * log(fmin(rate * RETURN_NS / NS_PER_SEC, 1));
	end.odds = exp(evidence) * rate / STOPS_PER_S;
	*ret_end = end;
	return true;
}

/* --- what it found ---------------------------------------------------------------------------- */

static void explain(const struct finding *finding, char *text, size_t size)
{
	const struct passed *passed = finding->state;
	char limit[32];

	(void)snprintf(text, size,
		       "%u connections were silent for longer than %s while the pool used others "
		       "that had come back before them, %u when it began; %u times it took what "
		       "came back last first, %u times not (e-value %.3g)",
		       finding->stock,
		       format_duration(finding->limits.idle_ns, limit, sizeof(limit)),
		       finding->base, passed->waited_count, passed->back_count, finding->value);
}

void passed_find(const struct passed *passed, const struct moment *moment, const struct pool *pool,
		 struct finding *ret_finding)
{
	unsigned int best = 0;

	for (unsigned int i = 1; i < PASSED_SCALES; i++)
		if (eprocess_value(&passed->scales[i]) > eprocess_value(&passed->scales[best]))
			best = i;
	begin(ret_finding, passed, moment->settings);
	ret_finding->test = "passed_over";
	ret_finding->value = passed_value(passed);
	ret_finding->base = eprocess_base(&passed->scales[best]);
	ret_finding->began_ns = eprocess_began_ns(&passed->scales[best]);
	ret_finding->evidence = "passed_over";
	ret_finding->base_is_leaked = true;
	ret_finding->explain = explain;
	ret_finding->stock = finding_count(ret_finding, pool, &moment->losses);
	ret_finding->excess = finding_excess(ret_finding->stock, ret_finding->base);
}
