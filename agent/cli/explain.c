// SPDX-License-Identifier: Apache-2.0
/*
 * The table forgets a pool when its process ends, and the detector forgets a verdict when it is
 * cleared; an explanation needs both. So what is worth showing is copied while it is there.
 *
 * Invariant: a pool is one (client, remote, netns), known once; verdicts has one line of an id.
 * Does not print and does not watch.
 */
#include "explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/view.h"

void explain_free(struct explain *explain)
{
	for (size_t i = 0; i < explain->verdict_count; i++)
		verdict_clear(&explain->verdicts[i]);
	free(explain->verdicts);
	free(explain->pools);
	explain->verdicts = NULL;
	explain->pools = NULL;
	explain->verdict_count = explain->pool_count = 0;
}

static bool is_same(const struct explained_pool *known, const struct pool *pool)
{
	return client_id_equal(known->client, pool->client->id) && known->netns == pool->netns &&
	       known->remote.port == pool->remote.port &&
	       memcmp(known->remote.ip, pool->remote.ip, sizeof(known->remote.ip)) == 0;
}

static struct explained_pool *take_pool(struct explain *explain, const struct pool *pool)
{
	struct explained_pool *pools = explain->pools, *known;

	for (size_t i = 0; i < explain->pool_count; i++)
		if (is_same(&pools[i], pool))
			return &pools[i];
	pools = reallocarray(pools, explain->pool_count + 1, sizeof(*pools));
	if (!pools)
		return NULL;
	explain->pools = pools;
	known = &pools[explain->pool_count++];
	memset(known, 0, sizeof(*known));
	known->client = pool->client->id;
	known->remote = pool->remote;
	known->netns = pool->netns;
	known->first_ns = pool->first_ns;
	return known;
}

static int sample_pool(struct explain *explain, struct pool *pool, uint64_t now_ns)
{
	const struct detector *detector = pipeline_detector(explain->view.pipeline);
	struct explained_pool *known = take_pool(explain, pool);

	if (!known)
		return -ENOMEM;
	memcpy(known->comm, pool->client->comm, sizeof(known->comm));
	(void)client_workload(pool->client, known->workload, sizeof(known->workload));
	known->pool = pool;
	known->exited = pool->client->exited;
	timeline_sample(&known->timeline, pool, pool_stale_count(pool, detector, now_ns), now_ns);
	return 0;
}

static int sample(struct explain *explain, uint64_t now_ns)
{
	struct table *table = pipeline_table(explain->view.pipeline);
	uint64_t pause_ns = TIMELINE_COLUMN_NS;

	explain->now_ns = now_ns;
	for (size_t i = 0; i < explain->pool_count; i++)
		explain->pools[i].pool = NULL;
	for (struct pool *pool = table_first_pool(table); pool; pool = pool->next) {
		int r;

		if (pool->client->id.pid != explain->options->subject_pid)
			continue;
		r = sample_pool(explain, pool, now_ns);
		if (r < 0)
			return r;
	}
	/* The youngest pool has the narrowest columns. */
	if (explain->pool_count > 0)
		pause_ns = timeline_pause_ns(&explain->pools[explain->pool_count - 1].timeline);
	explain->due_ns = now_ns + pause_ns;
	return 0;
}

int explain_sample(struct explain *explain, uint64_t now_ns)
{
	explain->now_ns = now_ns;
	return now_ns < explain->due_ns ? 0 : sample(explain, now_ns);
}

int explain_add_verdict(struct explain *explain, const struct verdict *verdict)
{
	struct verdict *verdicts = explain->verdicts, copy;

	if (verdict->client.pid != explain->options->subject_pid)
		return 0;
	if (verdict_copy(verdict, &copy) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < explain->verdict_count; i++) {
		if (verdicts[i].id != verdict->id)
			continue;
		verdict_clear(&verdicts[i]);
		verdicts[i] = copy;
		return 0;
	}
	verdicts = reallocarray(verdicts, explain->verdict_count + 1, sizeof(*verdicts));
	if (!verdicts) {
		verdict_clear(&copy);
		return -ENOMEM;
	}
	verdicts[explain->verdict_count++] = copy;
	explain->verdicts = verdicts;
	return 0;
}

int explain_finish(struct explain *explain, uint64_t now_ns)
{
	const struct detector *detector = pipeline_detector(explain->view.pipeline);
	int r = sample(explain, now_ns);

	explain->view.now_ns = now_ns;
	explain->lost_count = table_lost_count(pipeline_table(explain->view.pipeline));
	for (size_t i = 0; r == 0 && i < explain->pool_count; i++) {
		const struct pool *pool = explain->pools[i].pool;

		for (int kind = 0; r == 0 && pool && kind < VERDICT_KIND_COUNT; kind++) {
			const struct verdict *verdict =
				detector_pool_verdict_of(detector, pool, (enum verdict_kind)kind);
			struct verdict told;

			if (verdict) {
				ledger_translate(explain->ledger, verdict, &told);
				verdict = &told;
			} else {
				verdict = ledger_carried_of(explain->ledger, pool->client->id,
							    &pool->remote, (enum verdict_kind)kind);
			}
			if (verdict)
				r = explain_add_verdict(explain, verdict);
		}
	}
	return r;
}

int explain_recall(struct explain *explain, const struct live *live)
{
	const struct detector *detector = pipeline_detector(live->pipeline);
	int r;

	explain->view = *live;
	explain->realtime_at_zero_ns = live->realtime_at_zero_ns;
	explain->begin_ns = source_bpf_attached_ns(live->source);
	r = explain_finish(explain, live->now_ns);
	for (size_t i = 0; r == 0 && i < explain->pool_count; i++) {
		struct explained_pool *known = &explain->pools[i];
		const struct meter *meter = detector_pool_meter(detector, known->pool);

		if (meter)
			(void)timeline_recall(&known->timeline, meter,
					      live->now_ns); /* else as sampled */
	}
	return r;
}

bool explain_concerns(const struct verdict *verdict, const struct explained_pool *pool)
{
	return client_id_equal(verdict->client, pool->client) &&
	       verdict->remote.port == pool->remote.port &&
	       memcmp(verdict->remote.ip, pool->remote.ip, sizeof(pool->remote.ip)) == 0;
}

enum explain_group explain_group_of(const struct explain *explain, const struct conn *conn)
{
	const struct detector *detector = pipeline_detector(explain->view.pipeline);

	if (conn->is_suspect)
		return EXPLAIN_SUSPECT;
	if (conn->state == CONN_CONNECTING)
		return EXPLAIN_CONNECTING;
	if (conn->state == CONN_PEER_CLOSED)
		return EXPLAIN_PEER_CLOSED;
	if (detector_conn_is_stale(detector, conn, explain->now_ns))
		return EXPLAIN_STALE;
	return conn_is_owed(conn) ? EXPLAIN_BUSY : EXPLAIN_IDLE;
}

const char *explain_group_name(enum explain_group group)
{
	static const char *const names[EXPLAIN_GROUPS] = {
		[EXPLAIN_SUSPECT] = "suspect",
		[EXPLAIN_STALE] = "stale",
		[EXPLAIN_BUSY] = "busy",
		[EXPLAIN_IDLE] = "idle",
		[EXPLAIN_CONNECTING] = "connecting",
		[EXPLAIN_PEER_CLOSED] = "peer_closed",
	};

	return names[group];
}
