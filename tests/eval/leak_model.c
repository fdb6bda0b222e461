// SPDX-License-Identifier: Apache-2.0
/*
 * The bugs: when one strikes is the shape's matter, what it does to a connection the kind's. The
 * truth is noted at the moment from which nobody will use or close the connection.
 *
 * Invariant: a connection that is noted as leaked is never used, returned or closed by the model
 * afterwards (heartbeats of a leaked client go on, since its threads do, and a pool that a reload
 * has left goes on retiring its own).
 */
#include "pool_model.h"

#define BURST 4
#define WINDOW_S 300.0
#define HOUR_S 3600.0
#define GROW_EVERY 20.0

static void on_leak(void *self, uint64_t arg);

static double gap_s(struct pool_model *pool)
{
	const struct leak_spec *leak = &pool->leak;
	double into_s;

	switch (leak->shape) {
	case SHAPE_PERIODIC:
		return 1 / leak->rate;
	case SHAPE_BURST:
		return BURST * rng_exp(&pool->rng, 1 / leak->rate);
	case SHAPE_GROWING:
		return rng_exp(&pool->rng, 1 / leak->rate) / (1 + pool->leaked_count / GROW_EVERY);
	case SHAPE_WINDOW:
		into_s = fmod((double)(pool->world->now_ns - leak->after_ns) / 1e9, HOUR_S);
		if (into_s >= WINDOW_S)
			return HOUR_S - into_s;
		return rng_exp(&pool->rng, 1 / (12 * leak->rate));
	default:
		return rng_exp(&pool->rng, 1 / leak->rate);
	}
}

static void set_timer(struct pool_model *pool)
{
	timers_add(&pool->world->timers, pool->world->now_ns + ns_of(gap_s(pool)) + NS_PER_US,
		   on_leak, pool, 1);
}

static void note(struct pool_model *pool, struct sim_conn *conn, bool keeps_place)
{
	const struct pool_profile *profile = &pool->profile;

	conn_leak(conn);
	pool->leaked_count++;
	if (!keeps_place)
		pool_forget_place(pool, conn);
	else if (profile->max && pool->leaked_count >= profile->max &&
		 pool->world->exhausted_ns == NEVER_NS)
		pool->world->exhausted_ns = pool->world->now_ns;
}

/* --- kinds that need no request --------------------------------------------------------------- */

static void on_stray_ready(struct sim_conn *conn)
{
	struct pool_model *pool = conn->owner;

	if (pool->leak.kind == LEAK_CLIENT)
		conn_exchange(conn, 200, 3000);
	conn_leak(conn);
	pool->leaked_count++;
}

static void on_stray(struct sim_conn *conn)
{
	(void)conn;
}

static void on_stray_failed(struct sim_conn *conn)
{
	world_note_refusal(conn->world, conn->endpoint);
}

static void open_strays(struct pool_model *pool)
{
	static const struct conn_ops ops = {on_stray_ready, on_stray_failed, on_stray};
	uint32_t count = pool->leak.kind == LEAK_CLIENT ? pool->leak.size : 1;

	for (uint32_t i = 0; i < count; i++)
		(void)conn_open(pool->world, pool->client, pool->endpoint, pool->client->id.pid + 3,
				&ops, pool);
	for (uint32_t i = 0; pool->leak.kind == LEAK_CLIENT && i < pool->profile.monitors; i++)
		monitor_open(pool, true);
}

static void fail_over(struct pool_model *pool)
{
	while (pool->oldest_idle) {
		struct sim_conn *conn = pool->oldest_idle;

		pool_remove_idle(pool, conn);
		note(pool, conn, false);
	}
	pool->endpoint++;
	pool->leak.kind = LEAK_NOTHING;
	pool_open_more(pool);
}

/* --- when ------------------------------------------------------------------------------------- */

static void on_leak(void *self, uint64_t arg)
{
	struct pool_model *pool = self;
	bool is_outside =
		pool->leak.shape == SHAPE_WINDOW &&
		fmod((double)(pool->world->now_ns - pool->leak.after_ns) / 1e9, HOUR_S) >= WINDOW_S;
	uint32_t count = pool->leak.shape == SHAPE_BURST ? BURST : 1;

	if (pool->is_stopped)
		return;
	if (pool->leak.kind == LEAK_FAILOVER) {
		fail_over(pool);
		return;
	}
	/* The first call only begins; one that comes outside a window waits for the next. */
	if (arg > 0 && !is_outside) {
		for (uint32_t i = 0; i < count; i++) {
			if (pool->leak.kind == LEAK_ORPHAN || pool->leak.kind == LEAK_CLIENT)
				open_strays(pool);
			else if (pool->pending_leaks < BURST) /* no requests, no leaks */
				pool->pending_leaks++;
		}
	}
	set_timer(pool);
}

void leak_begin(struct pool_model *pool)
{
	const struct leak_spec *leak = &pool->leak;
	uint64_t t_ns = pool->world->now_ns;

	if (leak->kind == LEAK_NOTHING || leak->kind == LEAK_CLOSE_WAIT ||
	    leak->shape == SHAPE_REQUEST)
		return;
	if (leak->after_ns > t_ns)
		t_ns = leak->after_ns;
	timers_add(&pool->world->timers, t_ns + NS_PER_US, on_leak, pool, 0);
}

/* --- kinds that strike a request -------------------------------------------------------------- */

static void hand_to_child(struct pool_model *pool, struct sim_conn *conn)
{
	struct sim_client *child = world_add_client(pool->world, pool->client->comm);

	conn_hand_over(conn, child);
}

static bool strikes(struct pool_model *pool)
{
	const struct leak_spec *leak = &pool->leak;

	if (leak->shape == SHAPE_REQUEST)
		return pool->world->now_ns >= leak->after_ns && rng_unit(&pool->rng) < leak->rate;
	if (pool->pending_leaks == 0)
		return false;
	pool->pending_leaks--;
	return true;
}

bool leak_takes(struct pool_model *pool, struct sim_conn *conn)
{
	switch (pool->leak.kind) {
	case LEAK_RETURN:
	case LEAK_TX:
	case LEAK_CANCEL:
		if (!strikes(pool))
			return false;
		note(pool, conn, pool->profile.reuse != REUSE_THREAD);
		return true;
	case LEAK_THREAD:
	case LEAK_FORK:
		if (!strikes(pool))
			return false;
		note(pool, conn, false);
		if (pool->leak.kind == LEAK_FORK)
			hand_to_child(pool, conn);
		else
			openers_end_thread(pool, conn);
		return true;
	default:
		return false;
	}
}

void leak_on_fin(struct pool_model *pool, struct sim_conn *conn)
{
	if (pool->world->now_ns < pool->leak.after_ns ||
	    (pool->leak.rate < 1 && rng_unit(&pool->rng) >= pool->leak.rate)) {
		pool_close_idle(pool, conn);
		return;
	}
	pool_remove_idle(pool, conn);
	note(pool, conn, false);
}
