/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples made by hand, for the tests of what is drawn and browsed.
 */
#ifndef CONNLEAK_TESTS_UNIT_SAMPLE_KIT_H
#define CONNLEAK_TESTS_UNIT_SAMPLE_KIT_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "screen/sample.h"

/* One pool; what is left out is unknown or 0. */
struct kit_pool {
	uint32_t pid;
	const char *comm, *workload, *remote, *endpoint, *database, *pod, *unit, *site;
	uint32_t open, busy, stale;
	uint64_t limit; /* configured */
	int severity; /* 0 none, 1 suspect, 2 info, 3 warning, 4 critical */
	double left_s; /* time to exhaustion; 0 = unknown */
	uint64_t gone_s; /* since when it is gone; 0 = it is there */
};

static inline const char *kit_text(struct sample *sample, const char *text)
{
	const char *copy = NULL;

	assert_int_equal(sample_copy_safe(sample, text, &copy), 0);
	return copy;
}

static inline void kit_verdict(struct sample *sample, const struct kit_pool *pool,
			       struct sample_verdict *verdict)
{
	*verdict = (struct sample_verdict){
		.id = pool->pid,
		.kind = VERDICT_LEAK,
		.state = pool->severity == 1 ? VERDICT_SUSPECT : VERDICT_RAISED,
		.severity =
			pool->severity > 1 ? (enum severity)(pool->severity - 2) : SEVERITY_INFO,
		.since_ns = 100 * NS_PER_SEC,
		.suspect_count = pool->stale,
		.growth_per_hour = NAN,
		.exhausts_in_s = pool->left_s ? pool->left_s : NAN,
		.exhausts_in_low_s = pool->left_s ? pool->left_s / 2 : NAN,
		.exhausts_in_high_s = pool->left_s ? pool->left_s * 2 : NAN,
		.summary = kit_text(sample, "LEAK as the summary has it"),
	};
}

static inline void kit_add(struct sample *sample, const struct kit_pool *pool)
{
	struct sample_row *row = sample_add_row(sample);
	struct sample_site *site;

	assert_non_null(row);
	row->client.pid = pool->pid;
	row->comm = kit_text(sample, pool->comm);
	row->workload = kit_text(sample, pool->workload ? pool->workload : "app.service");
	row->pod = kit_text(sample, pool->pod);
	row->unit = kit_text(sample, pool->unit);
	row->endpoint = kit_text(sample, pool->endpoint);
	row->database = kit_text(sample, pool->database ? pool->database : "postgresql");
	assert_int_equal(parse_netaddr(pool->remote ? pool->remote : "10.0.3.7:5432", &row->remote),
			 0);
	row->open_count = pool->open;
	row->busy_count = pool->busy;
	row->stale_count = pool->stale;
	row->idle_count = pool->open - pool->busy - pool->stale;
	row->limit = pool->limit;
	row->limit_kind = pool->limit ? SAMPLE_LIMIT_CONFIGURED : SAMPLE_LIMIT_NONE;
	row->opens_per_s = 0.5;
	row->closes_per_s = 0;
	row->fails_per_s = 0;
	for (uint32_t i = 0; i < SAMPLE_HISTORY_COUNT; i++)
		row->history[i] = pool->open * i / (SAMPLE_HISTORY_COUNT - 1);
	if (pool->severity)
		kit_verdict(sample, pool, &row->verdict);
	if (pool->site) {
		site = sample_alloc(sample, sizeof(*site));
		site->site = kit_text(sample, pool->site);
		site->open_count = pool->open;
		site->stale_count = pool->stale;
		row->sites = site;
		row->site_count = 1;
	}
	row->exited = pool->gone_s > 0;
	row->exited_ns = pool->gone_s * NS_PER_SEC;
	sample->conn_count += row->open_count;
}

/* As of t = 830 s, watched since t = 110 s; 14:02:50 where it has a wall clock. */
static inline struct sample *kit_sample(const struct kit_pool *pools, size_t count)
{
	struct sample *sample = sample_new();

	assert_non_null(sample);
	sample->now_ns = 830 * NS_PER_SEC;
	sample->since_ns = 110 * NS_PER_SEC;
	sample->realtime_at_zero_ns = ((14 * 60 + 2) * 60 + 50 - 830) * 1000000000LL;
	assert_int_equal(sample_reserve(sample, (uint32_t)count), 0);
	for (size_t i = 0; i < count; i++)
		kit_add(sample, &pools[i]);
	return sample;
}

#endif
