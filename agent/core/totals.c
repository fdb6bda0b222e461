// SPDX-License-Identifier: Apache-2.0
/*
 * Most pools have few counts: of no connect that has failed, and none beyond 32 bits. These do not
 * pay for the others.
 *
 * An agent that goes on where another was stopped is told how often a pool was used before, but not
 * when. That is none of this: a detector that saw it arrive would take it for a storm (rollup.h
 * adds it up).
 * Does not know events; the table says what belongs where.
 */
#include "totals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define EARLY_BYTES 200
/*
 * Who is turned away has said no more than who it is: nothing (MySQL, Redis), or a request for TLS
 * and a startup message (PostgreSQL). Who goes on has had an answer, however short: a program that
 * connects for each statement and is answered its goodbye with a FIN.
 */
#define EARLY_SEGMENTS 2

bool totals_is_early(const struct conn *conn, uint64_t t_ns)
{
	return !conn->age_is_bound && conn_received_bytes(conn) < EARLY_BYTES &&
	       t_ns - (uint64_t)conn->open_ns < TOTALS_EARLY_NS;
}

bool totals_is_turned_away(const struct conn *conn, const struct event *close)
{
	uint64_t fin_ns = conn_peer_closed_ns(conn);

	if ((fin_ns == 0 && close->by != CLOSE_RESET) || close->segment_count > EARLY_SEGMENTS)
		return false;
	return totals_is_early(conn, fin_ns > 0 ? fin_ns : close->t_ns);
}

/* NULL when out of memory. */
static struct pool_rare *take_rare(struct pool *pool)
{
	if (!pool->rare)
		pool->rare = calloc(1, sizeof(*pool->rare));
	return pool->rare;
}

uint64_t totals_count_of(const struct pool *pool, enum pool_count which)
{
	uint64_t high = pool->rare ? pool->rare->high[which] : 0;

	return high << 32 | pool->counts[which];
}

uint64_t totals_closed_count(const struct pool *pool)
{
	uint64_t count = 0;

	for (int by = 0; by < CLOSE_BY_COUNT; by++)
		count += totals_count_of(pool, COUNT_CLOSED + by);
	return count;
}

void totals_add(struct pool *pool, enum pool_count which, uint64_t more)
{
	uint64_t sum = totals_count_of(pool, which) + more;

	if (sum > UINT32_MAX && !take_rare(pool))
		sum = UINT32_MAX;
	pool->counts[which] = (uint32_t)sum;
	if (pool->rare)
		pool->rare->high[which] = (uint32_t)(sum >> 32);
}

struct pool_totals totals_now(const struct pool *pool)
{
	struct pool_totals now = {
		.counts = {
			.opened_count = totals_count_of(pool, COUNT_OPENED),
			.established_count = totals_count_of(pool, COUNT_ESTABLISHED),
			.early_peer_close_count = totals_count_of(pool, COUNT_EARLY_PEER_CLOSE),
			.retransmit_count = totals_count_of(pool, COUNT_RETRANSMIT),
		}};

	for (int by = 0; by < CLOSE_BY_COUNT; by++)
		now.counts.closed_count[by] = totals_count_of(pool, COUNT_CLOSED + by);
	if (pool->rare)
		memcpy(now.failed_count, pool->rare->failed_count, sizeof(now.failed_count));
	return now;
}

static void add_failures(uint64_t *failed_count, const uint64_t *more)
{
	for (int i = 0; i < FAIL_REASON_COUNT; i++)
		failed_count[i] += more[i];
}

static bool has_failures(const struct churn *churn)
{
	uint64_t any = 0;

	for (int i = 0; i < FAIL_REASON_COUNT; i++)
		any |= churn->failed_count[i];
	return any != 0;
}

int totals_add_churn(struct pool *pool, const struct churn *churn)
{
	if (has_failures(churn)) {
		if (!take_rare(pool))
			return -ENOMEM;
		add_failures(pool->rare->failed_count, churn->failed_count);
	}
	totals_add(pool, COUNT_OPENED, churn->opened_count);
	totals_add(pool, COUNT_ESTABLISHED, churn->established_count);
	totals_add(pool, COUNT_EARLY_PEER_CLOSE, churn->early_peer_close_count);
	for (int by = 0; by < CLOSE_BY_COUNT; by++)
		totals_add(pool, COUNT_CLOSED + by, churn->closed_count[by]);
	return 0;
}

int totals_count_failure(struct pool *pool, enum fail_reason reason)
{
	if (!take_rare(pool))
		return -ENOMEM;
	pool->rare->failed_count[reason]++;
	return 0;
}

uint64_t totals_failed_count_of(const struct pool *pool, enum fail_reason reason)
{
	return pool->rare ? pool->rare->failed_count[reason] : 0;
}

uint64_t totals_failed_count(const struct pool *pool)
{
	uint64_t count = 0;

	for (int i = 0; pool->rare && i < FAIL_REASON_COUNT; i++)
		count += pool->rare->failed_count[i];
	return count;
}
