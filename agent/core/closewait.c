// SPDX-License-Identifier: Apache-2.0
/*
 * The test on CLOSE_WAIT. After a server restart a healthy pool is full of such connections until
 * it borrows them, so the stock alone means nothing. A burst of FINs is one test, and a stock that
 * is older than the burst is needed for a record.
 *
 * A load balancer that cuts idle connections one by one leaves the same growing stock in the
 * unused tail of a healthy pool. But that pool does not grow: it finds out at the next borrow,
 * closes, and opens one instead. So only as many connections are held to be leaked as the pool
 * has grown by since the evidence began; the plain form of this test has no such condition.
 *
 * It takes a burst for each record; what a single one shows is another file's matter (replaced.c).
 *
 * Invariant: at most one test in GAP_NS.
 * Does not count connections that were in CLOSE_WAIT when they were found.
 */
#include "closewait.h"

#define GAP_NS (60 * NS_PER_SEC)
#define COMEBACK_FACTOR 0.1

static struct stock_limits limits_of(const struct closewait *closewait,
				     const struct settings *settings)
{
	return (struct stock_limits){
		.kind = STOCK_PEER_CLOSED,
		.known_ns = closewait->known_ns,
		.idle_ns = settings->close_wait_ns,
	};
}

static bool observe_fin(struct closewait *closewait, const struct moment *moment,
			const struct pool *pool)
{
	const struct settings *settings = moment->settings;
	struct stock_limits limits;

	if (!eprocess_is_due(&closewait->process, moment->t_ns, GAP_NS))
		return false;
	if (closewait_value(closewait) <= 1)
		closewait->conn_count = pool->conn_count;
	closewait->known_ns = (int64_t)moment->t_ns;
	limits = limits_of(closewait, settings);
	eprocess_test(&closewait->process, settings->i0, settings->p_min,
		      stock_count(pool, &limits, &moment->losses), moment->t_ns);
	return true;
}

bool closewait_observe(struct closewait *closewait, const struct moment *moment,
		       const struct change *change)
{
	const struct conn *conn = change->conn;

	closewait->has_begun |= change->type == CHANGE_PEER_CLOSED;
	if (!closewait->has_begun)
		return false;
	replaced_observe(&closewait->replaced, moment, change);
	if (change->type == CHANGE_PEER_CLOSED)
		return observe_fin(closewait, moment, change->pool);
	if (change_is_own_close(change) && conn_peer_closed_ns(conn) != 0 &&
	    moment->t_ns - conn_peer_closed_ns(conn) > moment->settings->close_wait_ns)
		eprocess_discount(&closewait->process, COMEBACK_FACTOR);
	return false;
}

double closewait_value(const struct closewait *closewait)
{
	return eprocess_value(&closewait->process);
}

void closewait_find(const struct closewait *closewait, const struct moment *moment,
		    const struct pool *pool, struct finding *ret_finding)
{
	uint32_t growth = finding_excess(pool->conn_count, closewait->conn_count);

	ret_finding->test = "close_wait";
	ret_finding->value = closewait_value(closewait);
	ret_finding->base = eprocess_base(&closewait->process);
	ret_finding->began_ns = eprocess_began_ns(&closewait->process);
	ret_finding->limits = limits_of(closewait, moment->settings);
	ret_finding->stock = stock_count(pool, &ret_finding->limits, &moment->losses);
	ret_finding->excess = finding_excess(ret_finding->stock, ret_finding->base);
	if (ret_finding->excess > growth)
		ret_finding->excess = growth;
}
