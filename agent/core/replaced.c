// SPDX-License-Identifier: Apache-2.0
/*
 * A pool opens a connection when it has no free one, and finds out at a borrow which of them the
 * server has closed. So it closes these before it grows:
 *
 *	server hangs up	    work goes on
 *	healthy	   ****X	x*--x*--x*--x*--	finds each (x), opens one in its place (*)
 *	forgotten  ****X	*---*---*---*---	four in CLOSE_WAIT, four beside them
 *
 * In one pool the second cannot happen at all. But a process may have two on one server, one of
 * which rests, loses its connections and finds out tomorrow, while the other grows. In such a
 * process what rests had rested before, so those alone count that have lain in CLOSE_WAIT for three
 * times as long as they were ever silent while they were of use; the pool that works finds its own
 * at once, so hardly any may have been found; and it has connections that live, so where the burst
 * has left some, one round of a burst and of growth has odds of one to twenty and no more. It takes
 * three of them, for what rests is not opened again.
 *
 * The odds of one open are of ranks: of d connections in CLOSE_WAIT and one that is to come, each
 * is as likely to be needed next, and it was the one to come.
 *
 * Invariant: earlier and round are at least 1 once there was a FIN.
 * Does not see those that the server closed before they were watched.
 */
#include "replaced.h"

#include <math.h>
#include <stdio.h>

/* FINs within so long of the first are one burst. */
#define BURST_NS (60 * NS_PER_SEC)
/* One, or so many of those that were closed: a burst that left no more left nothing to work with.
 */
#define LEFT_SHARE 0.1
#define ROUND_MAX 25.0
#define ROUND_MIN 5 /* connections that were closed in it */
/* Of those that lie there, or in sum were closed, so many at most were found. */
#define FOUND_SHARE 0.1
/* Of those that lie there, so many at least were replaced. */
#define REPLACED_SHARE 0.5
/* In CLOSE_WAIT for so many times longer than it was ever silent. */
#define QUIET_FACTOR 3
/* What rests for longer than an hour may rest till Monday; conn.longest knows no more either. */
#define QUIET_MAX_NS ((int64_t)(3600 * NS_PER_SEC))
#define UNIT_NS ((int64_t)(NS_PER_SEC / 16))
/*
 * The bet that the next one is one to come, and the least odds against it: a hundred in CLOSE_WAIT
 * of one pool are no more likely to be found than ten.
 */
#define BET 0.9
#define ODDS_MIN 0.1
#define VALUE_MAX 1e13

/* --- which of them ---------------------------------------------------------------------------- */

static bool counts(const struct finding *finding, const struct conn *conn)
{
	const struct replaced *replaced = finding->state;
	int64_t closed_ns = (int64_t)conn_peer_closed_ns(conn);
	int64_t quiet_ns = closed_ns - conn->last_active_ns;

	if (quiet_ns < conn->longest * UNIT_NS)
		quiet_ns = conn->longest * UNIT_NS;
	return closed_ns >= (int64_t)replaced->began_ns && quiet_ns < QUIET_MAX_NS &&
	       finding->limits.known_ns - closed_ns >= QUIET_FACTOR * quiet_ns;
}

static uint32_t begin(struct finding *finding, const struct replaced *replaced,
		      const struct moment *moment, const struct pool *pool)
{
	finding->limits = (struct stock_limits){
		.kind = STOCK_PEER_CLOSED,
		.known_ns = (int64_t)moment->t_ns,
		.idle_ns = moment->settings->close_wait_ns,
	};
	finding->counts = counts;
	finding->state = replaced;
	return finding_count(finding, pool, &moment->losses);
}

/* --- what happens ----------------------------------------------------------------------------- */

static uint32_t present_count(const struct pool *pool)
{
	return pool->conn_count - pool->connecting_count;
}

static bool are_found(const struct replaced *replaced, uint32_t count)
{
	return replaced->found_count > FOUND_SHARE * count;
}

static double value_of_round(const struct replaced *replaced)
{
	if (replaced->left_count <= 1 ||
	    replaced->left_count <= LEFT_SHARE * replaced->closed_count)
		return replaced->round;
	return replaced->round_count < ROUND_MIN ? 1 : fmin(replaced->round, ROUND_MAX);
}

static void observe_fin(struct replaced *replaced, const struct change *change)
{
	const struct pool *pool = change->pool;
	bool is_later = change->t_ns - replaced->burst_ns >= BURST_NS;

	if (replaced->began_ns == 0 || (is_later && are_found(replaced, replaced->closed_count)))
		*replaced = (struct replaced){
			.began_ns = change->t_ns,
			.earlier = 1,
			.round = 1,
		};
	if (is_later || replaced->burst_ns == 0)
		replaced->burst_ns = change->t_ns;
	if (replaced->round > 1) {
		replaced->earlier = fmin(replaced->earlier * value_of_round(replaced), VALUE_MAX);
		replaced->round = 1;
		replaced->round_count = 0;
	}
	replaced->closed_count++;
	replaced->round_count++;
	replaced->present_count = present_count(pool);
	replaced->left_count = present_count(pool) - pool->peer_closed_count;
}

static void observe_established(struct replaced *replaced, const struct moment *moment,
				const struct pool *pool)
{
	uint32_t present = present_count(pool), stock;
	struct finding finding = {0};
	double odds;

	if (present <= replaced->present_count)
		return;
	replaced->present_count = present;
	if (pool->peer_closed_count == 0)
		return;
	stock = begin(&finding, replaced, moment, pool);
	if (stock == 0 || are_found(replaced, stock))
		return;
	odds = fmax(1 / ((double)stock + 1), ODDS_MIN);
	replaced->round = fmin(replaced->round * BET / odds, VALUE_MAX);
	replaced->grown_count++;
}

void replaced_observe(struct replaced *replaced, const struct moment *moment,
		      const struct change *change)
{
	if (change->type == CHANGE_PEER_CLOSED)
		observe_fin(replaced, change);
	else if (change->type == CHANGE_ESTABLISHED)
		observe_established(replaced, moment, change->pool);
	else if (change->type == CHANGE_CLOSED && conn_peer_closed_ns(change->conn) != 0 &&
		 conn_peer_closed_ns(change->conn) >= replaced->began_ns)
		replaced->found_count++;
}

/* --- what it found ---------------------------------------------------------------------------- */

static double value_of(const struct replaced *replaced, uint32_t stock)
{
	if (stock == 0 || replaced->grown_count < REPLACED_SHARE * stock ||
	    are_found(replaced, stock))
		return 1;
	return fmin(replaced->earlier * value_of_round(replaced), VALUE_MAX);
}

double replaced_value(const struct replaced *replaced, const struct moment *moment,
		      const struct pool *pool)
{
	struct finding finding = {0};

	if (replaced->grown_count == 0 || pool->peer_closed_count == 0)
		return 1;
	return value_of(replaced, begin(&finding, replaced, moment, pool));
}

static void explain(const struct finding *finding, char *text, size_t size)
{
	const struct replaced *replaced = finding->state;

	(void)snprintf(text, size,
		       "of %u connections that the server closed the process closed %u; %u lie in "
		       "CLOSE_WAIT for three times as long as they were ever silent, while it "
		       "opened %u beside them (e-value %.3g)",
		       replaced->closed_count, replaced->found_count, finding->stock,
		       replaced->grown_count, finding->value);
}

void replaced_find(const struct replaced *replaced, const struct moment *moment,
		   const struct pool *pool, struct finding *ret_finding)
{
	ret_finding->stock = begin(ret_finding, replaced, moment, pool);
	ret_finding->excess = ret_finding->stock;
	ret_finding->test = "replaced";
	ret_finding->value = value_of(replaced, ret_finding->stock);
	ret_finding->began_ns = replaced->began_ns;
	ret_finding->evidence = "close_wait_replaced";
	ret_finding->explain = explain;
}
