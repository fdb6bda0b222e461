// SPDX-License-Identifier: Apache-2.0
/*
 * The count of a test that picks among the silent ones, in one place: what is counted is what is
 * named later, for both go by counts().
 *
 * Invariant: changes nothing. A finding without counts() is the stock's matter (stock.h).
 */
#include "finding.h"

#include <math.h>

uint32_t finding_count(const struct finding *finding, const struct pool *pool,
		       const struct losses *losses)
{
	struct stock_walk walk;
	struct conn *conn;
	uint32_t count = 0;

	stock_begin(&walk, pool, &finding->limits, losses);
	while ((conn = stock_next(&walk)))
		count += finding->counts(finding, conn);
	return count;
}

uint32_t finding_least_excess(const struct finding *finding, const struct settings *settings)
{
	double spread = settings->leak_spread * sqrt(finding->base);

	if (finding->counts || finding->is_one_time || finding->inherited ||
	    spread < settings->leak_min)
		return settings->leak_min;
	return (uint32_t)ceil(spread);
}
