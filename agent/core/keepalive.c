// SPDX-License-Identifier: Apache-2.0
/*
 * HikariCP pings every 2 min, Jedis every 30 s, ProxySQL every 9 s. By day, use comes before the
 * ping, and by night nothing else happens; either way a silence ends at about the period P, and
 * hardly any time is spent in longer ones (silences count by their length: weights.h). P is looked
 * for from above: the longest silence that is common, around which most of the long ones lie.
 *
 * Work may have a rhythm as well, and what ends with it is not leaked. A ping is the same bytes
 * each time, out and in; what ends most silences of about P is the ping of this pool.
 *
 * Invariant: no test unless a ping ended a silence of about P within the last two periods: where
 * pings have stopped for all, nobody is missed. Two tests are at least P apart, so that a group of
 * connections that is left out at once is one record.
 * Does not count a connection that was used only once, nor one to which an answer is owed.
 */
#include "keepalive.h"

#include <stdio.h>

#include "format.h"
#include "heartbeat.h"

#define ENDED_MIN 20
#define NEAR_SHARE 0.7
#define BEYOND_SHARE 0.01
#define PINGED_MIN 3
#define PINGED_SHARE 0.3
#define FIT_SHARE 0.8
#define MISSED_FACTOR 2
#define LIFE_MIN_PERIODS 10
#define VOTES_MIN 4
#define VOTES_MAX 16
#define TEST_GAP_NS (60 * NS_PER_SEC)
/* Longer than a statement may run; some protocols end an exchange with a send, so not for ever. */
#define OWED_NS (4 * 3600 * NS_PER_SEC)
#define SAMPLE_MAX_NS (24 * 3600 * NS_PER_SEC)
#define COMEBACK_FACTOR 0.1

/* --- the period ------------------------------------------------------------------------------- */

/* Within the three bins around P, which is the end of the one in the middle. */
static bool is_near(const struct keepalive *keepalive, uint64_t silence_ns)
{
	return silence_ns > keepalive->period_ns / 10 * 7 &&
	       silence_ns < keepalive->period_ns / 10 * 14;
}

/*
 * The end of the bin around which NEAR_SHARE of the time in silences of half of it and more is
 * spent, and beyond which there is almost none; the longest one that is. 0 = none.
 */
static uint64_t find_period_ns(const struct weights *ended)
{
	const float *bins = ended->bins;
	float beyond = 0; /* in the bins after the near ones */

	if (ended->count < ENDED_MIN)
		return 0;
	for (unsigned int bin = WEIGHTS_BINS - 2; bin >= 4; bin--) {
		float near = bins[bin - 1] + bins[bin] + bins[bin + 1];
		float from_half = beyond + near + bins[bin - 2] + bins[bin - 3] + bins[bin - 4];

		if (near > 0 && near >= NEAR_SHARE * from_half) {
			bin -= bins[bin - 1] > bins[bin];
			return weights_bin_end(bin) * KEEPALIVE_UNIT_NS;
		}
		beyond += bins[bin + 1];
		if (beyond > BEYOND_SHARE * ended->sum)
			return 0;
	}
	return 0;
}

/*
 * Monitors beat beside a pool that nobody pings. What has done nothing but beat for nearly all of
 * its life may be one, or lie deep in a pool; what has also worked is of the pool.
 */
static bool has_worked(const struct keepalive *keepalive, const struct conn *conn)
{
	int64_t life_ns = conn->last_active_ns - conn->open_ns;

	return life_ns > LIFE_MIN_PERIODS * (int64_t)keepalive->period_ns &&
	       (!heartbeat_is_beating(conn) ||
		(int64_t)heartbeat_length_ns(conn) < life_ns / 5 * 4);
}

/*
 * Some connections have been pinged, and most of the others are used so often that it never came
 * to that. Those that are silent for too long are the question, and no part of the answer.
 */
static bool is_common(const struct keepalive *keepalive, const struct moment *moment,
		      const struct pool *pool)
{
	int64_t used_ns = moment->known_ns - (int64_t)keepalive->period_ns;
	int64_t missed_ns = used_ns - (int64_t)((MISSED_FACTOR - 1) * keepalive->period_ns);
	uint32_t fit = 0, pinged = 0, all = 0;

	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
		if (conn->state != CONN_OPEN || conn->last_active_ns < missed_ns)
			continue;
		all++;
		pinged += conn->is_pinged;
		fit += conn->is_pinged || (conn->has_returned && conn->last_active_ns >= used_ns);
	}
	return pinged >= PINGED_MIN && pinged >= PINGED_SHARE * all && fit >= FIT_SHARE * all;
}

/* A vote by majority: the ping wins it as long as it ends more such silences than work does. */
static bool is_ping(struct keepalive *keepalive, const struct change *change)
{
	bool is_same = change->sent_bytes == keepalive->sent_bytes &&
		       change->received_bytes == keepalive->received_bytes;

	if (is_same) {
		keepalive->votes += keepalive->votes < VOTES_MAX;
	} else if (keepalive->votes > 0) {
		keepalive->votes--;
	} else {
		keepalive->sent_bytes = change->sent_bytes;
		keepalive->received_bytes = change->received_bytes;
		keepalive->votes = 1;
	}
	return is_same && keepalive->votes >= VOTES_MIN;
}

/* --- changes ---------------------------------------------------------------------------------- */

static struct stock_limits limits_of(const struct keepalive *keepalive)
{
	uint64_t idle_ns = MISSED_FACTOR * keepalive->period_ns;

	return (struct stock_limits){
		.kind = STOCK_IDLE,
		.known_ns = keepalive->known_ns,
		.idle_ns = idle_ns,
		.owed_ns = idle_ns > OWED_NS ? idle_ns : OWED_NS,
	};
}

static void observe_end(struct keepalive *keepalive, const struct moment *moment,
			const struct change *change)
{
	uint64_t silence_ns = change->silence_ns;

	if (silence_ns > SAMPLE_MAX_NS)
		silence_ns = SAMPLE_MAX_NS;
	weights_add(&keepalive->ended, (uint32_t)(silence_ns / KEEPALIVE_UNIT_NS), moment->t_ns);
	if (keepalive->period_ns == 0)
		return;
	if (is_near(keepalive, silence_ns) && is_ping(keepalive, change)) {
		change->conn->is_pinged = true;
		keepalive->is_of_pool |= has_worked(keepalive, change->conn);
		keepalive->pinged_ns = moment->t_ns;
	}
	if (silence_ns > limits_of(keepalive).idle_ns && eprocess_value(&keepalive->process) > 1)
		eprocess_discount(&keepalive->process, COMEBACK_FACTOR);
}

void keepalive_observe(struct keepalive *keepalive, const struct moment *moment,
		       const struct change *change)
{
	if (change->type == CHANGE_ACTIVE && !change->answer_was_owed &&
	    change->silence_ns >= 4 * KEEPALIVE_UNIT_NS)
		observe_end(keepalive, moment, change);
}

static bool counts(const struct finding *finding, const struct conn *conn)
{
	(void)finding;
	return conn->is_pinged || conn->has_returned;
}

void keepalive_advance(struct keepalive *keepalive, const struct moment *moment,
		       const struct pool *pool)
{
	struct finding finding = {.counts = counts};
	uint64_t gap_ns = keepalive->period_ns > TEST_GAP_NS ? keepalive->period_ns : TEST_GAP_NS;

	if (!eprocess_is_due(&keepalive->process, moment->t_ns, gap_ns))
		return;
	keepalive->period_ns = find_period_ns(&keepalive->ended);
	if (keepalive->period_ns == 0 || !keepalive->is_of_pool ||
	    moment->t_ns - keepalive->pinged_ns > 2 * keepalive->period_ns ||
	    !is_common(keepalive, moment, pool))
		return;
	keepalive->known_ns = moment->known_ns;
	finding.limits = limits_of(keepalive);
	eprocess_test(&keepalive->process, moment->settings->i0, moment->settings->p_min,
		      finding_count(&finding, pool, &moment->losses), moment->t_ns);
}

double keepalive_value(const struct keepalive *keepalive)
{
	return keepalive->period_ns == 0 ? 1 : eprocess_value(&keepalive->process);
}

/* --- what it found ---------------------------------------------------------------------------- */

static void explain(const struct finding *finding, char *text, size_t size)
{
	char period[32], limit[32];

	(void)snprintf(
		text, size,
		"this pool uses or pings each connection every %s, but %u that it used to ping "
		"have been silent for longer than %s, %u when it began (e-value %.3g)",
		format_duration(finding->limits.idle_ns / MISSED_FACTOR, period, sizeof(period)),
		finding->stock, format_duration(finding->limits.idle_ns, limit, sizeof(limit)),
		finding->base, finding->value);
}

void keepalive_find(const struct keepalive *keepalive, const struct moment *moment,
		    const struct pool *pool, struct finding *ret_finding)
{
	ret_finding->test = "keepalive";
	ret_finding->value = keepalive_value(keepalive);
	ret_finding->base = eprocess_base(&keepalive->process);
	ret_finding->began_ns = eprocess_began_ns(&keepalive->process);
	ret_finding->limits = limits_of(keepalive);
	ret_finding->hold_ns = moment->settings->coverage_hold_ns;
	ret_finding->state = keepalive;
	ret_finding->counts = counts;
	ret_finding->evidence = "missed_keepalive";
	ret_finding->explain = explain;
	ret_finding->stock = finding_count(ret_finding, pool, &moment->losses);
	ret_finding->excess = finding_excess(ret_finding->stock, ret_finding->base);
}
