// SPDX-License-Identifier: Apache-2.0
/*
 * A storm of short connections costs the kernel a counter each and the agent nothing but this: once
 * a look, the difference to the counters as they were read last.
 *
 * Invariant: what has been told of a pool, the past included, adds up to what the kernel has
 * counted. What ended after the agent was told of its open is the source's to tell, not ours.
 */
#include "tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "hash.h"

struct tally_pool {
	struct pool_key key;
	struct end_counts told;
	struct roster_client *client;
	UT_hash_handle hh;
};

struct tally {
	struct tally_pool *pools;
	/* Of the call under way, for its callbacks. */
	struct probes *probes;
	struct roster *roster;
	struct batch *batch;
	int error;
};

struct tally *tally_new(void)
{
	return calloc(1, sizeof(struct tally));
}

void tally_free(struct tally *tally)
{
	struct tally_pool *pool, *next;

	if (!tally)
		return;
	HASH_ITER(hh, tally->pools, pool, next)
	{
		HASH_DEL(tally->pools, pool);
		free(pool);
	}
	free(tally);
}

static struct tally_pool *find_pool(const struct tally *tally, const struct pool_key *key)
{
	struct tally_pool *pool;

	HASH_FIND(hh, tally->pools, key, sizeof(*key), pool);
	return pool;
}

static struct tally_pool *add_pool(struct tally *tally, const struct pool_key *key,
				   struct roster_client *client)
{
	struct tally_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->key = *key;
	pool->client = client;
	HASH_ADD(hh, tally->pools, key, sizeof(pool->key), pool);
	if (!hash_took(pool)) {
		free(pool);
		return NULL;
	}
	roster_hold(client);
	return pool;
}

/* One that only counts what has been told: it is known, so that it can be forgotten. */
static struct tally_pool *watch_pool(struct tally *tally, const struct pool_key *key)
{
	struct roster_client *client =
		roster_get(tally->roster, key->client.pid, key->client.start_ns);
	struct tally_pool *pool = client ? add_pool(tally, key, client) : NULL;

	if (!pool)
		tally->error = -ENOMEM;
	return pool;
}

static void forget_pool(struct tally *tally, struct tally_pool *pool)
{
	probes_forget_pool(tally->probes, &pool->key);
	HASH_DEL(tally->pools, pool);
	roster_release(tally->roster, pool->client);
	free(pool);
}

/*
 * What has been added to the counters since. Each was opened unless it was there before the probe,
 * and has either failed or been closed; the probe counts no more than that.
 */
static void add_counts(struct churn *churn, const struct end_counts *counts,
		       const struct end_counts *since)
{
	uint64_t seed_count = counts->seed_count - since->seed_count;

	for (unsigned int i = 0; i < FAILED_COUNT; i++) {
		uint64_t count = counts->failed_count[i] - since->failed_count[i];

		churn->failed_count[i] += count;
		churn->opened_count += count;
	}
	for (unsigned int i = 0; i < ENDED_COUNT; i++) {
		uint64_t count = counts->closed_count[i] - since->closed_count[i];

		churn->closed_count[i] += count;
		churn->established_count += count;
		churn->opened_count += count;
	}
	churn->established_count -= seed_count;
	churn->opened_count -= seed_count;
	churn->early_peer_close_count +=
		counts->early_peer_close_count - since->early_peer_close_count;
}

/* Fills in whose it is, and adds it. NULL after a failure, which is noted. */
static struct tally_pool *tell(struct tally *tally, const struct pool_key *key,
			       const struct pool_counts *counts, struct event *event)
{
	struct roster_client *client;
	struct tally_pool *pool = find_pool(tally, key);

	event->t_ns = clock_monotonic_ns();
	client = roster_fill(tally->roster, key, counts->comm, event);
	if (client && !pool)
		pool = add_pool(tally, key, client);
	if (!pool || batch_add(tally->batch, event) < 0) {
		tally->error = -ENOMEM;
		return NULL;
	}
	return pool;
}

static void on_pool(void *userdata, const struct pool_key *key, const struct pool_counts *counts)
{
	struct tally *tally = userdata;
	struct event event = {.type = EVENT_CHURN};
	struct tally_pool *pool = find_pool(tally, key);
	bool is_new = !pool;

	if (is_new)
		pool = watch_pool(tally, key);
	if (!pool)
		return;
	if (!memcmp(&pool->told, &counts->brief, sizeof(pool->told))) {
		/* Nobody can add to it any more. */
		if (!is_new && pool->client->exit_told)
			forget_pool(tally, pool);
		return;
	}
	add_counts(&event.churn, &counts->brief, &pool->told);
	pool = tell(tally, key, counts, &event);
	if (pool)
		pool->told = counts->brief;
}

static void on_past_pool(void *userdata, const struct pool_key *key,
			 const struct pool_counts *counts)
{
	struct tally *tally = userdata;
	struct event event = {.type = EVENT_PAST};
	const struct end_counts none = {0};
	struct tally_pool *pool;

	add_counts(&event.churn, &counts->brief, &none);
	add_counts(&event.churn, &counts->told, &none);
	pool = tell(tally, key, counts, &event);
	if (pool)
		pool->told = counts->brief;
}

static int read_pools(struct tally *tally, struct probes *probes, struct roster *roster,
		      struct batch *batch,
		      void (*handle)(void *userdata, const struct pool_key *key,
				     const struct pool_counts *counts))
{
	int r;

	tally->probes = probes;
	tally->roster = roster;
	tally->batch = batch;
	tally->error = 0;
	r = probes_read_pools(probes, handle, tally);
	return r < 0 ? r : tally->error;
}

int tally_tell(struct tally *tally, struct probes *probes, struct roster *roster,
	       struct batch *batch)
{
	return read_pools(tally, probes, roster, batch, on_pool);
}

int tally_tell_past(struct tally *tally, struct probes *probes, struct roster *roster,
		    struct batch *batch)
{
	return read_pools(tally, probes, roster, batch, on_past_pool);
}
