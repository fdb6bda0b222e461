// SPDX-License-Identifier: Apache-2.0
/*
 * An agent that goes on where another was stopped knows how often a pool was used before, but not
 * when. A detector that saw these counts arrive would take them for a storm; so they are kept
 * apart, and a pool without a past does not pay for one.
 *
 * Invariant: what is in the past of a pool is not in its totals, nor the other way round.
 * Does not know events; the table says what belongs where.
 */
#include "totals.h"

#include <stdlib.h>

#include "table.h"

#define EARLY_NS NS_PER_SEC
#define EARLY_BYTES 200

void totals_count_early_close(struct conn *conn, uint64_t t_ns)
{
	if (conn->age_is_bound || conn_peer_closed_ns(conn) != 0 ||
	    conn->received_bytes >= EARLY_BYTES)
		return;
	if (t_ns - (uint64_t)conn->open_ns < EARLY_NS)
		conn->pool->totals.early_peer_close_count++;
}

void totals_add_churn(struct pool_totals *totals, const struct churn *churn)
{
	totals->opened_count += churn->opened_count;
	totals->established_count += churn->established_count;
	totals->early_peer_close_count += churn->early_peer_close_count;
	for (int i = 0; i < FAIL_REASON_COUNT; i++)
		totals->failed_count[i] += churn->failed_count[i];
	for (int i = 0; i < CLOSE_BY_COUNT; i++)
		totals->closed_count[i] += churn->closed_count[i];
}

struct pool_totals *totals_past(struct pool *pool)
{
	if (!pool->past)
		pool->past = calloc(1, sizeof(*pool->past));
	return pool->past;
}

void totals_count_past_open(const struct conn *conn)
{
	struct pool_totals *past = totals_past(conn->pool);

	if (!past)
		return;
	past->opened_count++;
	past->established_count += conn->state != CONN_CONNECTING;
}

struct pool_totals totals_ever(const struct pool *pool)
{
	struct pool_totals ever = pool->totals;

	if (!pool->past)
		return ever;
	ever.opened_count += pool->past->opened_count;
	ever.established_count += pool->past->established_count;
	ever.early_peer_close_count += pool->past->early_peer_close_count;
	for (int i = 0; i < FAIL_REASON_COUNT; i++)
		ever.failed_count[i] += pool->past->failed_count[i];
	for (int i = 0; i < CLOSE_BY_COUNT; i++)
		ever.closed_count[i] += pool->past->closed_count[i];
	return ever;
}
