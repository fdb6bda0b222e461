// SPDX-License-Identifier: Apache-2.0
/*
 * What stands on a line and where is decided here, from the sample and the query alone, so that it
 * can be tested without a terminal.
 *
 * Invariant: the sums of a group are those of its pools that have passed the filter and are there.
 * Which line comes first is said by rows_order.c.
 */
#include "rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/dbkind.h"
#include "core/index.h"
#include "rows_order.h"

/* --- which group a pool belongs to ------------------------------------------------------------ */

static uint64_t hash_text(const char *text, uint64_t seed)
{
	uint64_t hash = 0xcbf29ce484222325ULL ^ seed; /* FNV-1a */

	for (; text && *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3ULL;
	return index_mix(hash);
}

/* As far as it tells servers from each other. */
static uint32_t netns_of(const struct sample_row *pool)
{
	return dbkind_is_loopback(&pool->remote) ? pool->netns : 0;
}

static uint64_t hash_remote(const struct sample_row *pool)
{
	struct sample_row place = {.remote = pool->remote, .netns = netns_of(pool)};

	return sample_row_hash(&place);
}

static uint64_t group_key(enum rows_group group, const struct sample_row *pool, const char *site)
{
	uint64_t key = 0;

	switch (group) {
	case ROWS_POOLS:
	case ROWS_GROUP_COUNT:
		key = sample_row_hash(pool);
		break;
	case ROWS_PROCESSES:
		key = index_mix(pool->client.pid) ^ index_mix(~pool->client.start_ns);
		break;
	case ROWS_WORKLOADS:
		key = hash_text(pool->workload, 1);
		break;
	case ROWS_ENDPOINTS:
		key = pool->endpoint
			      ? hash_text(pool->endpoint, 2 + ((uint64_t)netns_of(pool) << 8))
			      : hash_remote(pool);
		break;
	case ROWS_SITES:
		key = hash_text(site, site ? 3 : 4);
		break;
	}
	return key ? key : 1;
}

static bool is_in_scope(const struct rows_scope *scope, const struct sample_row *pool)
{
	if (scope->group == ROWS_POOLS)
		return true;
	if (scope->group != ROWS_SITES)
		return group_key(scope->group, pool, NULL) == scope->key;
	for (uint32_t i = 0; i < pool->site_count; i++)
		if (group_key(ROWS_SITES, pool, pool->sites[i].site) == scope->key)
			return true;
	return false;
}

/* --- an index of the lines by key ------------------------------------------------------------- */

struct places {
	uint32_t *slots; /* place + 1; 0 = free */
	size_t mask;
};

static int places_init(struct places *places, uint32_t count)
{
	size_t size = 16;

	while (size < (size_t)count * 2)
		size *= 2;
	places->slots = calloc(size, sizeof(*places->slots));
	places->mask = size - 1;
	return places->slots ? 0 : -ENOMEM;
}

/* The slot of key: that of its line, or the free one where it belongs. */
static uint32_t *places_find(const struct places *places, const struct row *rows, uint64_t key)
{
	size_t at = key & places->mask;

	while (places->slots[at] && rows[places->slots[at] - 1].key != key)
		at = (at + 1) & places->mask;
	return &places->slots[at];
}

/* --- gathering -------------------------------------------------------------------------------- */

struct gathering {
	const struct rows_query *query;
	struct rows *rows;
	struct places places;
};

static void add_figure(double *sum, double figure)
{
	if (isnan(*sum))
		*sum = figure;
	else if (!isnan(figure))
		*sum += figure;
}

static void add_history(struct row *row, const struct sample_row *pool)
{
	for (int i = 0; i < SAMPLE_HISTORY_COUNT; i++) {
		if (pool->history[i] == SAMPLE_UNKNOWN)
			continue;
		if (row->history[i] == SAMPLE_UNKNOWN)
			row->history[i] = 0;
		row->history[i] += pool->history[i];
	}
}

static void begin_row(struct row *row, uint64_t key, const struct sample_row *pool)
{
	*row = (struct row){
		.key = key,
		.pool = pool,
		.opens_per_s = NAN,
		.closes_per_s = NAN,
		.fails_per_s = NAN,
		.limit = pool->limit,
		.limit_kind = pool->limit_kind,
		.exited = true,
	};
	for (int i = 0; i < SAMPLE_HISTORY_COUNT; i++)
		row->history[i] = SAMPLE_UNKNOWN;
}

/* The limit of one pool is nothing to hold the sum of several against, unless it is the server's.
 */
static void join_limit(enum rows_group group, struct row *row, const struct sample_row *pool)
{
	if (row->pool_count == 1)
		return;
	if (group == ROWS_ENDPOINTS && row->limit == pool->limit &&
	    row->limit_kind == SAMPLE_LIMIT_CONFIGURED)
		return;
	row->limit = 0;
	row->limit_kind = SAMPLE_LIMIT_NONE;
}

static void add_pool(struct row *row, const struct sample_row *pool)
{
	if (!pool->exited) {
		row->open_count += pool->open_count;
		row->stale_count += pool->stale_count;
		row->connecting_count += pool->connecting_count;
		row->busy_count += pool->busy_count;
		row->idle_count += pool->idle_count;
		row->peer_closed_count += pool->peer_closed_count;
		add_figure(&row->opens_per_s, pool->opens_per_s);
		add_figure(&row->closes_per_s, pool->closes_per_s);
		add_figure(&row->fails_per_s, pool->fails_per_s);
		add_history(row, pool);
		row->exited = false;
	}
}

static void keep_last_figures(struct row *row, const struct sample_row *pool)
{
	row->open_count = pool->open_count;
	row->stale_count = pool->stale_count;
	row->connecting_count = pool->connecting_count;
	row->busy_count = pool->busy_count;
	row->idle_count = pool->idle_count;
	row->peer_closed_count = pool->peer_closed_count;
	add_history(row, pool);
}

/* The line of key, made where there is none. */
static struct row *row_of(struct gathering *gathering, uint64_t key, const struct sample_row *pool)
{
	struct rows *rows = gathering->rows;
	uint32_t *slot = places_find(&gathering->places, rows->rows, key);
	struct row *row;

	if (*slot)
		return &rows->rows[*slot - 1];
	row = &rows->rows[rows->count++];
	*slot = rows->count;
	begin_row(row, key, pool);
	return row;
}

static void join(struct gathering *gathering, const struct sample_row *pool)
{
	uint64_t key = group_key(gathering->query->group, pool, NULL);
	struct row *row = row_of(gathering, key, pool);

	row->pool_count++;
	join_limit(gathering->query->group, row, pool);
	if (row->pool != pool && rows_compare_pools(pool, row->pool) < 0)
		row->pool = pool;
	add_pool(row, pool);
	if (gathering->query->group == ROWS_POOLS && pool->exited)
		keep_last_figures(row, pool);
}

static void join_sites(struct gathering *gathering, const struct sample_row *pool)
{
	for (uint32_t i = 0; i < pool->site_count; i++) {
		const struct sample_site *site = &pool->sites[i];
		uint64_t key = group_key(ROWS_SITES, pool, site->site);
		struct row *row = row_of(gathering, key, pool);

		row->site = site->site;
		row->pool_count++;
		join_limit(ROWS_SITES, row, pool);
		row->limit = 0;
		if (row->pool != pool && rows_compare_pools(pool, row->pool) < 0)
			row->pool = pool;
		row->exited = row->exited && pool->exited;
		row->open_count += site->open_count;
		row->stale_count += site->stale_count;
	}
}

static uint32_t count_lines(const struct sample *sample, enum rows_group group)
{
	uint32_t count = sample->row_count;

	for (uint32_t i = 0; group == ROWS_SITES && i < sample->row_count; i++)
		count += sample->rows[i].site_count;
	return count;
}

/* --- how many different ones are behind a line ------------------------------------------------ */

static int compare_count(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

struct member {
	uint64_t line, key;
};

static int compare_members(const void *x, const void *y)
{
	const struct member *a = x, *b = y;
	int r = compare_count(a->line, b->line);

	return r ? r : compare_count(a->key, b->key);
}

static uint32_t *counter_of(struct row *row, enum rows_group of)
{
	if (of == ROWS_PROCESSES)
		return &row->process_count;
	return of == ROWS_WORKLOADS ? &row->workload_count : &row->endpoint_count;
}

/* Adds to each line how many processes (workloads, endpoints) its pools are of. */
static int count_members(struct gathering *gathering, const struct sample *sample,
			 const struct sample_row **pools, enum rows_group of)
{
	uint32_t pool_count = gathering->rows->pool_count, count = 0;
	struct member *members =
		calloc(count_lines(sample, gathering->query->group) + 1UL, sizeof(*members));

	if (!members)
		return -ENOMEM;
	for (uint32_t i = 0; i < pool_count; i++) {
		const struct sample_row *pool = pools[i];
		uint64_t key = group_key(of, pool, NULL);

		if (pool->exited) /* it is counted no more, as its connections are not */
			continue;
		if (gathering->query->group != ROWS_SITES)
			members[count++] = (struct member){
				group_key(gathering->query->group, pool, NULL), key};
		for (uint32_t s = 0; gathering->query->group == ROWS_SITES && s < pool->site_count;
		     s++)
			members[count++] = (struct member){
				group_key(ROWS_SITES, pool, pool->sites[s].site), key};
	}
	qsort(members, count, sizeof(*members), compare_members);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *slot;

		if (i && !compare_members(&members[i], &members[i - 1]))
			continue;
		slot = places_find(&gathering->places, gathering->rows->rows, members[i].line);
		(*counter_of(&gathering->rows->rows[*slot - 1], of))++;
	}
	free(members);
	return 0;
}

static int count_all_members(struct gathering *gathering, const struct sample *sample,
			     const struct sample_row **pools)
{
	int r = 0;

	if (gathering->query->group == ROWS_POOLS)
		return 0;
	r = count_members(gathering, sample, pools, ROWS_PROCESSES);
	if (r == 0)
		r = count_members(gathering, sample, pools, ROWS_WORKLOADS);
	if (r == 0)
		r = count_members(gathering, sample, pools, ROWS_ENDPOINTS);
	return r;
}

/* --- making ----------------------------------------------------------------------------------- */

/* What held has comes first, in its order. */
static int hold_order(struct rows *rows, const struct rows *held)
{
	struct row *ordered = calloc(rows->count ? rows->count : 1, sizeof(*ordered));
	struct places places = {0};
	uint32_t count = 0;

	if (!ordered || places_init(&places, rows->count) < 0) {
		free(ordered);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < rows->count; i++)
		*places_find(&places, rows->rows, rows->rows[i].key) = i + 1;
	for (uint32_t i = 0; i < held->count; i++) {
		uint32_t *slot = places_find(&places, rows->rows, held->rows[i].key);

		if (!*slot || rows->rows[*slot - 1].pool == NULL)
			continue;
		ordered[count++] = rows->rows[*slot - 1];
		rows->rows[*slot - 1].pool = NULL; /* taken */
	}
	for (uint32_t i = 0; i < rows->count; i++)
		if (rows->rows[i].pool)
			ordered[count++] = rows->rows[i];
	free(places.slots);
	free(rows->rows);
	rows->rows = ordered;
	return 0;
}

static int gather(struct gathering *gathering, const struct sample *sample)
{
	const struct sample_row **pools = calloc(sample->row_count ? sample->row_count : 1,
						 sizeof(const struct sample_row *));
	struct rows *rows = gathering->rows;
	int r;

	if (!pools)
		return -ENOMEM;
	for (uint32_t i = 0; i < sample->row_count; i++) {
		const struct sample_row *pool = &sample->rows[i];

		if (!is_in_scope(&gathering->query->scope, pool) ||
		    !filter_matches(gathering->query->filter, pool))
			continue;
		pools[rows->pool_count++] = pool;
		if (gathering->query->group == ROWS_SITES)
			join_sites(gathering, pool);
		else
			join(gathering, pool);
	}
	r = count_all_members(gathering, sample, pools);
	free(pools);
	return r;
}

int rows_make(const struct sample *sample, const struct rows_query *query, const struct rows *held,
	      struct rows *ret_rows)
{
	struct rows rows = {0};
	struct gathering gathering = {.query = query, .rows = &rows};
	uint32_t capacity = count_lines(sample, query->group);
	int r = places_init(&gathering.places, capacity);

	rows.rows = calloc(capacity ? capacity : 1, sizeof(*rows.rows));
	if (!rows.rows)
		r = -ENOMEM;
	if (r == 0)
		r = gather(&gathering, sample);
	free(gathering.places.slots);
	if (r == 0) {
		rows_order(rows.rows, rows.count, query->sort, query->is_reversed);
		if (held)
			r = hold_order(&rows, held);
	}
	if (r < 0) {
		rows_clear(&rows);
		return r;
	}
	*ret_rows = rows;
	return 0;
}

void rows_clear(struct rows *rows)
{
	free(rows->rows);
	*rows = (struct rows){0};
}

uint32_t rows_find(const struct rows *rows, uint64_t key)
{
	for (uint32_t i = 0; i < rows->count; i++)
		if (rows->rows[i].key == key)
			return i;
	return UINT32_MAX;
}

const char *rows_group_name(enum rows_group group)
{
	static const char *const names[ROWS_GROUP_COUNT] = {
		[ROWS_POOLS] = "pool",	       [ROWS_PROCESSES] = "process",
		[ROWS_WORKLOADS] = "workload", [ROWS_ENDPOINTS] = "endpoint",
		[ROWS_SITES] = "site",
	};

	return names[group];
}
