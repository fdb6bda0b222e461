// SPDX-License-Identifier: Apache-2.0
/*
 * What a pool does without being asked: evict, retire, refill, ping; and the server that closes
 * what idles. These are the actions that tell a detector most about what is still in the pool.
 *
 * Invariant: only free connections are touched. Does not serve requests, but drops those that
 * have waited for too long, and notes when the pool has run dry.
 */
#include "pool_model.h"

#define WATCH_NS NS_PER_SEC
#define DRY_NS (5 * NS_PER_SEC)
#define MONITOR_S 10.0

static bool is_due(const struct pool_model *pool, const struct sim_conn *conn)
{
	const struct pool_profile *profile = &pool->profile;
	uint64_t now_ns = pool->world->now_ns;

	if (conn->state == SIM_FIN || conn->expires_ns <= now_ns)
		return true;
	return profile->idle_s > 0 && pool->open_count > profile->min &&
	       now_ns - conn->idle_since_ns >= ns_of(profile->idle_s);
}

static void close_by_server(struct pool_model *pool)
{
	struct sim_conn *next;

	if (pool->server_idle_s <= 0)
		return;
	for (struct sim_conn *conn = pool->oldest_idle; conn; conn = next) {
		next = conn->next_idle;
		if (pool->world->now_ns - conn->idle_since_ns < ns_of(pool->server_idle_s))
			break;
		conn_peer_close(conn);
	}
}

static void on_sweep(void *self, uint64_t arg)
{
	struct pool_model *pool = self;
	struct sim_conn *next;

	(void)arg;
	if (pool->is_stopped)
		return;
	timers_add(&pool->world->timers, pool->world->now_ns + ns_of(pool->profile.sweep_s),
		   on_sweep, pool, 0);
	close_by_server(pool);
	for (struct sim_conn *conn = pool->oldest_idle; conn; conn = next) {
		next = conn->next_idle;
		if (is_due(pool, conn))
			pool_close_idle(pool, conn);
	}
	pool_open_more(pool);
}

/* All free ones in turn, each keepalive_s after its last exchange as far as the timer sees. */
static void on_keepalive(void *self, uint64_t arg)
{
	struct pool_model *pool = self;
	uint64_t period_ns = ns_of(pool->profile.keepalive_s);
	uint64_t now_ns = pool->world->now_ns;

	(void)arg;
	if (pool->is_stopped)
		return;
	for (struct sim_conn *conn = pool->oldest_idle; conn; conn = conn->next_idle)
		if (conn->state == SIM_OPEN && now_ns - conn->payload.last_recv_ns >= period_ns)
			conn_exchange(conn, 6, 11);
	timers_add(&pool->world->timers, now_ns + period_ns / 8, on_keepalive, pool, 0);
}

void pool_begin_upkeep(struct pool_model *pool)
{
	struct world *world = pool->world;
	double offset_s = pool->profile.sweep_s * rng_unit(&pool->rng);

	timers_add(&world->timers, world->now_ns + ns_of(offset_s) + NS_PER_US, on_sweep, pool, 0);
	if (pool->profile.keepalive_s > 0)
		timers_add(&world->timers, world->now_ns + ns_of(offset_s) + NS_PER_US,
			   on_keepalive, pool, 0);
}

/* --- requests that wait ----------------------------------------------------------------------- */

static void note_dry(struct pool_model *pool, uint64_t waited_ns)
{
	struct world *world = pool->world;
	bool is_full = pool->profile.max && pool->open_count >= pool->profile.max;

	if (is_full && world->starved_ns == NEVER_NS)
		world->starved_ns = world->now_ns;
	if (is_full && waited_ns >= DRY_NS && pool->leaked_count > 0 &&
	    world->exhausted_ns == NEVER_NS) {
		world->exhausted_ns = world->now_ns;
		pool->is_dry = true;
	}
}

static void on_watch(void *self, uint64_t arg)
{
	struct pool_model *pool = self;
	uint64_t wait_ns = ns_of(pool->profile.wait_s);
	uint64_t now_ns = pool->world->now_ns;

	(void)arg;
	pool->is_watching = false;
	if (pool->waiter_count > 0)
		note_dry(pool, now_ns - pool->waiting_ns[pool->first_waiter]);
	else
		pool->world->starved_ns = NEVER_NS;
	while (wait_ns > 0 && pool->waiter_count > 0 &&
	       now_ns - pool->waiting_ns[pool->first_waiter] > wait_ns) {
		pool->first_waiter = (pool->first_waiter + 1) % WAITERS_MAX;
		pool->waiter_count--;
	}
	if (pool->waiter_count > 0)
		pool_watch_waiters(pool);
}

void pool_watch_waiters(struct pool_model *pool)
{
	if (pool->is_watching)
		return;
	pool->is_watching = true;
	timers_add(&pool->world->timers, pool->world->now_ns + WATCH_NS, on_watch, pool, 0);
}

/* --- monitors --------------------------------------------------------------------------------- */

static void on_heartbeat(void *self, uint64_t id)
{
	struct sim_conn *conn = self;

	if (conn->id != id)
		return;
	if (conn->state == SIM_FIN) {
		struct pool_model *pool = conn->owner;

		conn_close(conn, CLOSE_LOCAL);
		monitor_open(pool, false);
		return;
	}
	if (conn->state != SIM_OPEN)
		return;
	conn_exchange(conn, 65, 314);
	timers_add(&conn->world->timers, conn->world->now_ns + ns_of(MONITOR_S), on_heartbeat, conn,
		   id);
}

static void on_monitor_ready(struct sim_conn *conn)
{
	timers_add(&conn->world->timers, conn->world->now_ns + ns_of(MONITOR_S), on_heartbeat, conn,
		   conn->id);
}

static void on_leaked_monitor_ready(struct sim_conn *conn)
{
	conn_leak(conn);
	((struct pool_model *)conn->owner)->leaked_count++;
	on_monitor_ready(conn);
}

static void on_monitor_again(void *self, uint64_t arg)
{
	(void)arg;
	if (!((struct pool_model *)self)->is_stopped)
		monitor_open(self, false);
}

static void on_monitor_failed(struct sim_conn *conn)
{
	struct pool_model *pool = conn->owner;

	timers_add(&pool->world->timers, pool->world->now_ns + ns_of(MONITOR_S), on_monitor_again,
		   pool, 0);
}

static void on_nothing(struct sim_conn *conn)
{
	(void)conn;
}

void monitor_open(struct pool_model *pool, bool leaked)
{
	static const struct conn_ops ops = {on_monitor_ready, on_monitor_failed, on_nothing};
	static const struct conn_ops leaked_ops = {on_leaked_monitor_ready, on_nothing, on_nothing};

	(void)conn_open(pool->world, pool->client, pool->endpoint, pool->client->id.pid + 2,
			leaked ? &leaked_ops : &ops, pool);
}
