// SPDX-License-Identifier: Apache-2.0
/*
 * A server counts the connections of all its clients, so no single pool says that it is full.
 *
 * Invariant: a server is counted once, under its name where it has one, with the pools that are
 * there.
 * Does not know the connections of other hosts.
 */
#include "nearlimit.h"

#include <stdlib.h>
#include <string.h>

#include "core/dbkind.h"

#define ENDPOINTS_MAX 64

static bool is_same_place(const struct sample_row *a, const struct sample_row *b)
{
	if (a->netns != b->netns && dbkind_is_loopback(&a->remote) &&
	    dbkind_is_loopback(&b->remote))
		return false;
	if (a->endpoint && b->endpoint)
		return strcmp(a->endpoint, b->endpoint) == 0;
	return a->remote.port == b->remote.port &&
	       memcmp(a->remote.ip, b->remote.ip, sizeof(a->remote.ip)) == 0;
}

static int compare_fill(const void *x, const void *y)
{
	const struct nearlimit *a = x, *b = y;
	double fill_a = (double)a->open_count / (double)a->limit;
	double fill_b = (double)b->open_count / (double)b->limit;

	if (fill_a < fill_b || fill_a > fill_b)
		return fill_a < fill_b ? 1 : -1;
	return a->pool < b->pool ? -1 : a->pool > b->pool;
}

static void add(struct nearlimit *all, uint32_t *count, const struct sample_row *pool)
{
	uint32_t i = 0;

	while (i < *count && !is_same_place(all[i].pool, pool))
		i++;
	if (i == ENDPOINTS_MAX)
		return;
	if (i == *count)
		all[(*count)++] = (struct nearlimit){.pool = pool, .limit = pool->limit};
	/* What the server has ended takes no place there. */
	all[i].open_count += pool->open_count - pool->peer_closed_count;
}

uint32_t nearlimit_find(const struct sample *sample, double share, struct nearlimit *found,
			uint32_t max)
{
	struct nearlimit all[ENDPOINTS_MAX] = {{0}};
	uint32_t count = 0, near = 0;

	for (uint32_t i = 0; i < sample->row_count; i++) {
		const struct sample_row *pool = &sample->rows[i];

		if (pool->limit_kind == SAMPLE_LIMIT_CONFIGURED && pool->limit && !pool->exited)
			add(all, &count, pool);
	}
	qsort(all, count, sizeof(*all), compare_fill);
	while (near < count && near < max &&
	       (double)all[near].open_count >= share * (double)all[near].limit) {
		found[near] = all[near];
		near++;
	}
	return near;
}
