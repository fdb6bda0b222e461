// SPDX-License-Identifier: Apache-2.0
/*
 * Worst first, or what else the user wants first.
 *
 * Invariant: the order is total and its ties are broken by what does not change, so that two
 * samples of the same figures give the same screen. What is gone comes last.
 */
#include "rows_order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

unsigned int rows_severity(const struct sample_row *pool)
{
	if (!pool->verdict.id)
		return 0;
	return pool->verdict.state == VERDICT_SUSPECT ? 1
						      : 2 + (unsigned int)pool->verdict.severity;
}

static int compare_count(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* What is unknown counts as less than everything. */
static int compare_figure(double a, double b)
{
	if (isnan(a) || isnan(b))
		return !isnan(a) - !isnan(b);
	return a < b ? -1 : a > b;
}

static int compare_text(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static double seconds_left(const struct sample_row *pool)
{
	return pool->verdict.id ? pool->verdict.exhausts_in_s : NAN;
}

static double fill(const struct row *row)
{
	return row->limit ? (double)row->open_count / (double)row->limit : NAN;
}

/* Least time left first, which is what is worst; unknown last. */
static int compare_left(const struct row *a, const struct row *b)
{
	double left_a = seconds_left(a->pool), left_b = seconds_left(b->pool);

	if (isnan(left_a) || isnan(left_b))
		return isnan(left_a) - isnan(left_b);
	return compare_figure(left_a, left_b);
}

/* Negative where the pool a is worse. */
int rows_compare_pools(const struct sample_row *a, const struct sample_row *b)
{
	double left_a = seconds_left(a), left_b = seconds_left(b);
	int r = (int)rows_severity(b) - (int)rows_severity(a);

	if (!r)
		r = a->exited - b->exited;
	if (!r && (isnan(left_a) || isnan(left_b)))
		r = isnan(left_a) - isnan(left_b);
	if (!r)
		r = compare_figure(left_a, left_b);
	if (!r)
		r = compare_count(b->stale_count, a->stale_count);
	return r ? r : compare_count(b->open_count, a->open_count);
}

static int compare_worst(const struct row *a, const struct row *b)
{
	int r = (int)rows_severity(b->pool) - (int)rows_severity(a->pool);

	if (!r)
		r = compare_left(a, b);
	if (!r)
		r = compare_count(b->stale_count, a->stale_count);
	return r ? r : compare_count(b->open_count, a->open_count);
}

/* Ties of every order: nothing that changes from one second to the next. */
static int compare_identity(const struct row *a, const struct row *b)
{
	int r = compare_count(a->pool->client.pid, b->pool->client.pid);

	if (!r)
		r = memcmp(a->pool->remote.ip, b->pool->remote.ip, sizeof(a->pool->remote.ip));
	if (!r)
		r = compare_count(a->pool->remote.port, b->pool->remote.port);
	return r ? r : compare_count(a->key, b->key);
}

/* Figures fall, names and pids rise: what one wants to see is on top. */
static int compare_by(enum rows_sort sort, const struct row *a, const struct row *b)
{
	switch (sort) {
	case ROWS_BY_PID:
		return compare_count(a->pool->client.pid, b->pool->client.pid);
	case ROWS_BY_COMM:
		return compare_text(a->pool->comm, b->pool->comm);
	case ROWS_BY_WORKLOAD:
		return compare_text(a->pool->workload, b->pool->workload);
	case ROWS_BY_DATABASE:
		return compare_text(a->pool->database, b->pool->database);
	case ROWS_BY_ENDPOINT:
		return compare_text(a->pool->endpoint, b->pool->endpoint);
	case ROWS_BY_OPEN:
		return compare_count(b->open_count, a->open_count);
	case ROWS_BY_FILL:
		return compare_figure(fill(b), fill(a));
	case ROWS_BY_BUSY:
		return compare_count(b->busy_count, a->busy_count);
	case ROWS_BY_IDLE:
		return compare_count(b->idle_count, a->idle_count);
	case ROWS_BY_STALE:
		return compare_count(b->stale_count, a->stale_count);
	case ROWS_BY_OPENS:
		return compare_figure(b->opens_per_s, a->opens_per_s);
	case ROWS_BY_CLOSES:
		return compare_figure(b->closes_per_s, a->closes_per_s);
	case ROWS_BY_LEFT:
		return compare_left(a, b);
	case ROWS_BY_SEVERITY:
	case ROWS_SORT_COUNT:
		break;
	}
	return compare_worst(a, b);
}

struct order {
	enum rows_sort sort;
	bool is_reversed;
};

static int compare_rows(const void *x, const void *y, void *userdata)
{
	const struct row *a = x, *b = y;
	const struct order *order = userdata;
	int r = a->exited - b->exited;

	if (r)
		return r;
	r = compare_by(order->sort, a, b);
	if (order->is_reversed)
		r = -r;
	return r ? r : compare_identity(a, b);
}

void rows_order(struct row *rows, uint32_t count, enum rows_sort sort, bool is_reversed)
{
	struct order order = {sort, is_reversed};

	qsort_r(rows, count, sizeof(*rows), compare_rows, &order);
}

const char *rows_sort_name(enum rows_sort sort)
{
	static const char *const names[ROWS_SORT_COUNT] = {
		[ROWS_BY_SEVERITY] = "severity", [ROWS_BY_PID] = "pid",
		[ROWS_BY_COMM] = "comm",	 [ROWS_BY_WORKLOAD] = "workload",
		[ROWS_BY_DATABASE] = "database", [ROWS_BY_ENDPOINT] = "endpoint",
		[ROWS_BY_OPEN] = "open",	 [ROWS_BY_FILL] = "fill",
		[ROWS_BY_BUSY] = "busy",	 [ROWS_BY_IDLE] = "idle",
		[ROWS_BY_STALE] = "stale",	 [ROWS_BY_OPENS] = "opens/s",
		[ROWS_BY_CLOSES] = "closes/s",	 [ROWS_BY_LEFT] = "time left",
	};

	return names[sort];
}
