// SPDX-License-Identifier: Apache-2.0
/*
 * A pool of a fixed size neither opens nor closes when it leaks. What it does is to pass over the
 * leaked connection: while that lies silent, its siblings are used again and again.
 *
 * In its plain form this test made all the false alarms of the detector, for a connection can be
 * passed over in health as well. Hence these conditions:
 * - The pool must be fair. A gap between two uses is measured in rounds, and each gap counts by
 *   its length: a rare connection has few gaps and long ones, and a plain quantile would not see
 *   it among the many short gaps of the others. Unfair pools (LIFO with a surplus, threads with a
 *   rare tail, several pools in one) have no say here.
 * - Only a connection that itself was used in turn before can be missed: FAIR_MIN fair gaps in a
 *   row. Listeners, monitors and the connections of a rarely used second pool never get there.
 * - Two tests are at least a fair gap apart, so that a group that stops at once is one record.
 * - The work must go on without them. A leak leaves it to the others, so traffic stays what it was;
 *   where it has fallen with the connections in use, they have come to rest (threads without work,
 *   a surplus by night), and nothing is raised.
 *
 * Invariant: touched_at of a connection is the low half of rounds at its last use. Does not count a
 * connection to which the peer owes an answer.
 */
#include "coverage.h"

#include <stdio.h>

#include "heartbeat.h"

#define ROUND 16
#define FAIR_MIN 8
/* Of the time that connections spend waiting for their next use. */
#define UNFAIR_SHARE 0.005
#define MISSED_FACTOR 3
/* A quantile of lengths needs many rounds; these are of each connection, on average. */
#define ROUNDS_MIN 20
#define GAPS_MIN 100
/* Longer than a statement may run; some protocols end an exchange with a send, so not for ever. */
#define OWED_NS (4 * 3600 * NS_PER_SEC)
#define COMEBACK_FACTOR 0.1
#define RATE_S 300.0f
#define USUAL_RATE_S 3600.0f

static const uint64_t gaps_ns[COVERAGE_SCALES] = {60 * NS_PER_SEC, 600 * NS_PER_SEC};

/* --- fairness -------------------------------------------------------------------------------- */

static uint32_t gap_of(const struct coverage *coverage, const struct conn *conn)
{
	return (uint32_t)coverage->rounds - conn->touched_at;
}

uint32_t coverage_gap(const struct coverage *coverage, const struct moment *moment,
		      const struct pool *pool)
{
	const struct weights *gaps = &coverage->gaps;
	uint32_t gap;

	if (gaps->count < GAPS_MIN ||
	    gaps->sum < (float)ROUNDS_MIN * ROUND * (float)pool->conn_count)
		return 0;
	gap = weights_quantile(gaps, UNFAIR_SHARE);
	return gap <= moment->settings->fair_rounds * ROUND ? gap : 0;
}

/* --- uses ------------------------------------------------------------------------------------- */

static double value_of(const struct coverage *coverage)
{
	double sum = 0;

	for (unsigned int i = 0; i < COVERAGE_SCALES; i++)
		sum += eprocess_value(&coverage->scales[i]);
	return sum / COVERAGE_SCALES;
}

static bool is_missed(const struct coverage *coverage, const struct conn *conn, uint32_t gap)
{
	return gap > 0 && conn->fair_count >= FAIR_MIN &&
	       gap_of(coverage, conn) > MISSED_FACTOR * gap;
}

/* One that counted and came back: so may the others. */
static void take_back(struct coverage *coverage, const struct moment *moment,
		      const struct change *change)
{
	if (value_of(coverage) <= 1 || change->silent_since_ns >= coverage->known_ns ||
	    !is_missed(coverage, change->conn, coverage_gap(coverage, moment, change->pool)))
		return;
	for (unsigned int i = 0; i < COVERAGE_SCALES; i++)
		eprocess_discount(&coverage->scales[i], COMEBACK_FACTOR);
}

static void observe_use(struct coverage *coverage, const struct moment *moment,
			const struct change *change)
{
	struct conn *conn = change->conn;
	uint32_t gap;

	coverage->sent_bytes += change->sent_bytes;
	if (heartbeat_is_beating(conn))
		return;
	coverage->remainder += ROUND;
	coverage->rounds += coverage->remainder / change->pool->conn_count;
	coverage->remainder %= change->pool->conn_count;
	gap = gap_of(coverage, conn);
	if (!change->answer_was_owed) {
		take_back(coverage, moment, change);
		weights_add(&coverage->gaps, gap, moment->t_ns);
		if (gap > moment->settings->fair_rounds * ROUND)
			conn->fair_count = 0;
		else if (conn->fair_count < CONN_FAIR_MAX)
			conn->fair_count++;
	}
	conn->touched_at = (uint32_t)coverage->rounds;
}

void coverage_observe(struct coverage *coverage, const struct moment *moment,
		      const struct change *change)
{
	switch (change->type) {
	case CHANGE_OPENED:
	case CHANGE_SEEN:
		change->conn->touched_at = (uint32_t)coverage->rounds;
		break;
	case CHANGE_ACTIVE:
		observe_use(coverage, moment, change);
		break;
	case CHANGE_CLOSED:
		/* How long one lay about that the pool then retired says how fair the pool is. */
		if (change_is_own_close(change) && conn_peer_closed_ns(change->conn) == 0 &&
		    !change->answer_was_owed && !change->conn->is_suspect)
			weights_add(&coverage->gaps, gap_of(coverage, change->conn), moment->t_ns);
		break;
	default:
		break;
	}
}

/* --- tests ------------------------------------------------------------------------------------ */

static bool counts(const struct finding *finding, const struct conn *conn)
{
	return is_missed(finding->state, conn, finding->threshold);
}

static struct stock_limits limits_of(const struct coverage *coverage,
				     const struct settings *settings)
{
	return (struct stock_limits){
		.kind = STOCK_IDLE,
		.known_ns = coverage->known_ns,
		.idle_ns = settings->t0_ns,
		.owed_ns = settings->t0_ns > OWED_NS ? settings->t0_ns : OWED_NS,
	};
}

/* A mean over the last span_s, and over all there is until there is as much. */
static void follow(float *mean, float rate, float passed_s, float watched_s, float span_s)
{
	float weight = passed_s / (watched_s < span_s ? watched_s : span_s);

	*mean += (rate - *mean) * (weight < 1 ? weight : 1);
}

static void follow_rate(struct coverage *coverage, uint64_t t_ns)
{
	float passed_s = (float)(t_ns - coverage->ticked_ns) / 1e9f;
	float rate;

	if (coverage->ticked_ns > 0 && passed_s > 0) {
		rate = (float)coverage->sent_bytes / passed_s;
		coverage->watched_s += passed_s;
		follow(&coverage->rate, rate, passed_s, coverage->watched_s, RATE_S);
		if (value_of(coverage) <= 1)
			follow(&coverage->usual_rate, rate, passed_s, coverage->watched_s,
			       USUAL_RATE_S);
	}
	coverage->ticked_ns = t_ns;
	coverage->sent_bytes = 0;
}

static bool is_due(const struct coverage *coverage, unsigned int scale, uint32_t gap, uint64_t t_ns)
{
	return eprocess_is_due(&coverage->scales[scale], t_ns, gaps_ns[scale]) &&
	       coverage->rounds - coverage->tested_rounds[scale] >= gap;
}

void coverage_advance(struct coverage *coverage, const struct moment *moment,
		      const struct pool *pool)
{
	uint32_t gap, missed = 0;
	bool is_counted = false;

	follow_rate(coverage, moment->t_ns);
	gap = coverage_gap(coverage, moment, pool);
	for (unsigned int i = 0; gap > 0 && i < COVERAGE_SCALES; i++) {
		struct finding finding = {.state = coverage, .threshold = gap, .counts = counts};

		if (!is_due(coverage, i, gap, moment->t_ns))
			continue;
		if (!is_counted) {
			coverage->known_ns = moment->known_ns;
			finding.limits = limits_of(coverage, moment->settings);
			missed = finding_count(&finding, pool, &moment->losses);
			is_counted = true;
		}
		coverage->tested_rounds[i] = coverage->rounds;
		eprocess_test(&coverage->scales[i], moment->settings->i0, moment->settings->p_min,
			      missed, moment->t_ns);
	}
}

double coverage_value(const struct coverage *coverage, const struct moment *moment,
		      const struct pool *pool)
{
	double value = value_of(coverage);

	return value > 1 && coverage_gap(coverage, moment, pool) == 0 ? 1 : value;
}

/* --- what it found ---------------------------------------------------------------------------- */

static void explain(const struct finding *finding, char *text, size_t size)
{
	(void)snprintf(text, size,
		       "%u connections that used to be used in turn were passed over %.0f times or "
		       "more, %u when it began; 99.5%% of the time each waits at most %.1f rounds "
		       "(e-value %.3g)",
		       finding->stock, (double)(MISSED_FACTOR * finding->threshold) / ROUND,
		       finding->base, (double)finding->threshold / ROUND, finding->value);
}

/* Halfway between all the work and the share of those that are in use. */
static bool has_less_work(const struct coverage *coverage, const struct pool *pool, uint32_t missed)
{
	float resting = pool->conn_count > 0 ? (float)missed / (float)pool->conn_count : 0;

	return coverage->rate < coverage->usual_rate * (1 - resting / 2);
}

void coverage_find(const struct coverage *coverage, const struct moment *moment,
		   const struct pool *pool, struct finding *ret_finding)
{
	const struct eprocess *best = &coverage->scales[0];

	for (unsigned int i = 1; i < COVERAGE_SCALES; i++)
		if (eprocess_value(&coverage->scales[i]) > eprocess_value(best))
			best = &coverage->scales[i];
	ret_finding->test = "coverage";
	ret_finding->value = coverage_value(coverage, moment, pool);
	ret_finding->base = eprocess_base(best);
	ret_finding->began_ns = eprocess_began_ns(best);
	ret_finding->limits = limits_of(coverage, moment->settings);
	ret_finding->hold_ns = moment->settings->coverage_hold_ns;
	ret_finding->is_hint = coverage->rate < coverage->usual_rate / 2;
	ret_finding->threshold = coverage_gap(coverage, moment, pool);
	ret_finding->state = coverage;
	ret_finding->counts = counts;
	ret_finding->evidence = "coverage";
	ret_finding->explain = explain;
	ret_finding->stock = finding_count(ret_finding, pool, &moment->losses);
	ret_finding->excess = finding_excess(ret_finding->stock, ret_finding->base);
	ret_finding->is_hint = has_less_work(coverage, pool, ret_finding->stock);
}
