// SPDX-License-Identifier: Apache-2.0
/*
 * One engine for all pools: what is free is kept in the order of return, and everything that
 * differs between pools is a figure in the profile.
 *
 * Invariant: open_count counts the places that are taken, including those of leaked connections,
 * so a pool with a maximum runs dry as a real one does. A connection is in the list of idle ones
 * if and only if nobody uses it.
 */
#include "pool_model.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_NS NS_PER_SEC

static void on_conn_ready(struct sim_conn *conn);
static void on_conn_failed(struct sim_conn *conn);
static void on_conn_peer_closed(struct sim_conn *conn);

static const struct conn_ops pool_ops = {on_conn_ready, on_conn_failed, on_conn_peer_closed};

struct pool_model *pool_new(struct world *world, struct sim_client *client,
			    const struct pool_profile *profile, const char *stream, uint64_t seed)
{
	struct pool_model *pool = calloc(1, sizeof(*pool));

	if (!pool)
		abort();
	pool->world = world;
	pool->client = client;
	pool->profile = *profile;
	pool->rng = rng_of(seed, stream);
	pool->thread_skew = 2;
	pool->openers = profile->reuse == REUSE_THREAD ? OPENERS_SELF : OPENERS_UNTOLD;
	return pool;
}

void pool_free(struct pool_model *pool)
{
	free(pool);
}

/* --- the free ones ---------------------------------------------------------------------------- */

void pool_remove_idle(struct pool_model *pool, struct sim_conn *conn)
{
	if (conn->previous_idle)
		conn->previous_idle->next_idle = conn->next_idle;
	else
		pool->oldest_idle = conn->next_idle;
	if (conn->next_idle)
		conn->next_idle->previous_idle = conn->previous_idle;
	else
		pool->newest_idle = conn->previous_idle;
	conn->previous_idle = conn->next_idle = NULL;
	conn->is_idle = false;
	pool->idle_count--;
}

static void add_idle(struct pool_model *pool, struct sim_conn *conn)
{
	conn->previous_idle = pool->newest_idle;
	conn->next_idle = NULL;
	if (pool->newest_idle)
		pool->newest_idle->next_idle = conn;
	else
		pool->oldest_idle = conn;
	pool->newest_idle = conn;
	conn->is_idle = true;
	conn->idle_since_ns = pool->world->now_ns;
	pool->idle_count++;
}

void pool_forget_place(struct pool_model *pool, struct sim_conn *conn)
{
	pool->open_count--;
	if (pool->profile.reuse == REUSE_THREAD && pool->of_thread[conn->slot] == conn)
		pool->of_thread[conn->slot] = NULL;
}

/* Terminate of PostgreSQL, COM_QUIT of MySQL. */
#define GOODBYE_BYTES 5

static void close_conn(struct pool_model *pool, struct sim_conn *conn)
{
	if (conn->state == SIM_OPEN && !pool->profile.leaves_mute)
		conn_exchange(conn, GOODBYE_BYTES, 0);
	conn_close(conn, CLOSE_LOCAL);
}

void pool_close_idle(struct pool_model *pool, struct sim_conn *conn)
{
	pool_remove_idle(pool, conn);
	pool_forget_place(pool, conn);
	close_conn(pool, conn);
}

static struct sim_conn *walk_idle(const struct pool_model *pool, uint32_t steps)
{
	struct sim_conn *conn = pool->oldest_idle;

	while (steps-- > 0)
		conn = conn->next_idle;
	return conn;
}

static uint32_t draw_thread(struct pool_model *pool, uint32_t count)
{
	return (uint32_t)(count * pow(rng_unit(&pool->rng), pool->thread_skew));
}

static struct sim_conn *choose_from_bag(struct pool_model *pool)
{
	uint32_t thread = draw_thread(pool, THREADS_MAX / 8);
	struct sim_conn *best = pool->oldest_idle;

	for (struct sim_conn *conn = best; conn; conn = conn->next_idle) {
		if (conn == pool->of_thread[thread])
			return conn;
		if (conn->slot < best->slot)
			best = conn;
	}
	pool->of_thread[thread] = best;
	return best;
}

static struct sim_conn *choose_idle(struct pool_model *pool)
{
	if (pool->idle_count == 0)
		return NULL;
	switch (pool->profile.reuse) {
	case REUSE_LIFO:
		return pool->newest_idle;
	case REUSE_BAG:
		return choose_from_bag(pool);
	case REUSE_RANDOM:
		return walk_idle(pool, rng_below(&pool->rng, pool->idle_count));
	default:
		return pool->oldest_idle;
	}
}

/* --- opening ---------------------------------------------------------------------------------- */

static bool may_open(const struct pool_model *pool)
{
	const struct pool_profile *profile = &pool->profile;

	if (pool->is_stopped || pool->is_retrying)
		return false;
	if (profile->max && pool->open_count >= profile->max)
		return false;
	return !profile->connecting_max || pool->connecting_count < profile->connecting_max;
}

static struct sim_conn *open_one(struct pool_model *pool, uint32_t slot)
{
	const struct pool_profile *profile = &pool->profile;
	uint32_t tid = openers_next_tid(pool, slot);
	struct sim_conn *conn =
		conn_open(pool->world, pool->client, pool->endpoint, tid, &pool_ops, pool);
	double lifetime_s = profile->lifetime_s;

	lifetime_s *= 1 - profile->lifetime_jitter * rng_unit(&pool->rng);
	conn->expires_ns = lifetime_s > 0 ? pool->world->now_ns + ns_of(lifetime_s) : NEVER_NS;
	conn->slot = slot;
	pool->open_count++;
	pool->connecting_count++;
	return conn;
}

/* As many as wait, in steps, and the minimum. */
void pool_open_more(struct pool_model *pool)
{
	const struct pool_profile *profile = &pool->profile;

	if (profile->reuse == REUSE_THREAD)
		return;
	while ((pool->waiter_count > pool->connecting_count || pool->open_count < profile->min) &&
	       may_open(pool))
		for (uint32_t i = 0; i < profile->step && may_open(pool); i++)
			(void)open_one(pool, (uint32_t)pool->world->last_conn);
}

static void on_retry(void *self, uint64_t arg)
{
	struct pool_model *pool = self;

	(void)arg;
	pool->is_retrying = false;
	pool_open_more(pool);
}

/* --- requests --------------------------------------------------------------------------------- */

static void on_done(void *self, uint64_t id);

/* Asked, answered, and now waiting for something else, with the connection in its hands. */
static void on_stalled(void *self, uint64_t id)
{
	struct sim_conn *conn = self;

	if (conn->id != id || conn->state == SIM_CLOSED)
		return;
	conn_exchange(conn, 24, 40);
	on_done(conn, id);
}

static void run_request(struct pool_model *pool, struct sim_conn *conn, bool validate)
{
	uint64_t end_ns = conn_run(conn, &pool->rng, &pool->work, validate);
	const struct window *stall = &pool->world->stall;

	conn->is_used = true;
	if (pool->world->now_ns >= stall->from_ns && end_ns < stall->to_ns &&
	    rng_unit(&pool->rng) < stall->factor) {
		end_ns = stall->to_ns + ns_of(rng_exp(&pool->rng, 0.5));
		timers_add(&pool->world->timers, end_ns, on_stalled, conn, conn->id);
		return;
	}
	timers_add(&pool->world->timers, end_ns, on_done, conn, conn->id);
}

/* Hands out a free connection that works; those that the server has closed go first. */
static bool run_on_idle(struct pool_model *pool)
{
	const struct pool_profile *profile = &pool->profile;
	struct sim_conn *conn;
	uint64_t idle_ns;

	while ((conn = choose_idle(pool))) {
		if (conn->state == SIM_FIN) {
			pool_close_idle(pool, conn);
			continue;
		}
		idle_ns = pool->world->now_ns - conn->idle_since_ns;
		pool_remove_idle(pool, conn);
		run_request(pool, conn,
			    profile->validate_s > 0 && idle_ns > ns_of(profile->validate_s));
		return true;
	}
	return false;
}

static bool take_waiter(struct pool_model *pool)
{
	if (pool->waiter_count == 0)
		return false;
	pool->first_waiter = (pool->first_waiter + 1) % WAITERS_MAX;
	pool->waiter_count--;
	return true;
}

void pool_serve(struct pool_model *pool)
{
	while (pool->waiter_count > 0 && run_on_idle(pool))
		(void)take_waiter(pool);
	pool_open_more(pool);
}

static void add_waiter(struct pool_model *pool)
{
	if (pool->waiter_count == WAITERS_MAX)
		return;
	pool->waiting_ns[(pool->first_waiter + pool->waiter_count++) % WAITERS_MAX] =
		pool->world->now_ns;
	pool_watch_waiters(pool);
}

/* A thread that is free takes the request and keeps its connection to itself. */
static void request_by_thread(struct pool_model *pool)
{
	uint32_t count = pool->profile.max < THREADS_MAX ? pool->profile.max : THREADS_MAX;
	uint32_t thread = draw_thread(pool, count);
	struct sim_conn *conn;

	for (uint32_t i = 0; i < count && pool->thread_is_busy[thread]; i++)
		thread = (thread + 1) % count;
	if (pool->thread_is_busy[thread])
		return; /* turned away by the server in front */
	pool->thread_is_busy[thread] = true;
	conn = pool->of_thread[thread];
	if (conn && conn->state == SIM_FIN) {
		pool_close_idle(pool, conn);
		conn = NULL;
	}
	if (conn) {
		pool_remove_idle(pool, conn);
		run_request(pool, conn, false);
	} else {
		pool->of_thread[thread] = open_one(pool, thread);
	}
}

static void on_arrival(void *self, uint64_t arg)
{
	struct pool_model *pool = self;
	uint64_t next_ns;

	(void)arg;
	if (pool->is_stopped || pool->is_left)
		return;
	next_ns = load_next_ns(&pool->load, pool->world);
	if (next_ns != NEVER_NS)
		timers_add(&pool->world->timers, next_ns, on_arrival, pool, 0);
	if (pool->profile.reuse == REUSE_THREAD) {
		request_by_thread(pool);
		return;
	}
	if (pool->waiter_count > 0 || !run_on_idle(pool)) {
		add_waiter(pool);
		pool_open_more(pool);
	} else if (pool->is_dry) {
		/* One slow request held up the others: what is left still carries the load. */
		pool->is_dry = false;
		pool->world->exhausted_ns = NEVER_NS;
	}
}

/* --- returns ---------------------------------------------------------------------------------- */

static void give_back(struct pool_model *pool, struct sim_conn *conn)
{
	const struct pool_profile *profile = &pool->profile;
	bool is_surplus = profile->keep != KEEP_ALL && pool->idle_count >= profile->keep &&
			  (pool->waiter_count == 0 || profile->keep == 0);

	if (profile->reuse == REUSE_THREAD)
		pool->thread_is_busy[conn->slot] = false;
	if (is_surplus || conn->state == SIM_FIN || pool->is_stopped ||
	    conn->endpoint != pool->endpoint || conn->expires_ns <= pool->world->now_ns) {
		pool_forget_place(pool, conn);
		close_conn(pool, conn);
		pool_open_more(pool);
		return;
	}
	add_idle(pool, conn);
	if (pool->is_left)
		conn_leak(conn);
	pool_serve(pool);
}

static void on_done(void *self, uint64_t id)
{
	struct sim_conn *conn = self;
	struct pool_model *pool;

	if (conn->id != id || conn->state == SIM_CLOSED)
		return;
	pool = conn->owner;
	conn_finish(conn);
	if (leak_takes(pool, conn)) {
		if (pool->profile.reuse == REUSE_THREAD)
			pool->thread_is_busy[conn->slot] = false;
		pool_open_more(pool);
	} else {
		give_back(pool, conn);
	}
}

/* --- what a connection says ------------------------------------------------------------------- */

static void on_conn_ready(struct sim_conn *conn)
{
	struct pool_model *pool = conn->owner;

	pool->connecting_count--;
	if (pool->profile.reuse == REUSE_THREAD) {
		run_request(pool, conn, false);
	} else if (take_waiter(pool)) {
		run_request(pool, conn, false);
		pool_open_more(pool); /* where only so many may connect at a time */
	} else {
		give_back(pool, conn);
	}
}

static void on_conn_failed(struct sim_conn *conn)
{
	struct pool_model *pool = conn->owner;

	pool->connecting_count--;
	pool->refused_count++;
	pool_forget_place(pool, conn);
	if (pool->profile.reuse == REUSE_THREAD)
		pool->thread_is_busy[conn->slot] = false;
	else
		(void)take_waiter(pool); /* that one gets the error */
	world_note_refusal(pool->world, conn->endpoint);
	if (!pool->is_retrying) {
		pool->is_retrying = true;
		timers_add(&pool->world->timers, pool->world->now_ns + RETRY_NS, on_retry, pool, 0);
	}
}

static void on_conn_peer_closed(struct sim_conn *conn)
{
	struct pool_model *pool = conn->owner;

	if (!conn->is_idle)
		return;
	if (pool->leak.kind == LEAK_CLOSE_WAIT) {
		leak_on_fin(pool, conn);
		return;
	}
	if (pool->profile.notices_fin) {
		pool_close_idle(pool, conn);
		pool_open_more(pool);
	}
}

/* --- start and stop --------------------------------------------------------------------------- */

static void on_start(void *self, uint64_t arg)
{
	struct pool_model *pool = self;
	uint64_t next_ns = load_next_ns(&pool->load, pool->world);

	(void)arg;
	pool_open_more(pool);
	for (uint32_t i = 0; i < pool->profile.monitors; i++)
		monitor_open(pool, false);
	if (next_ns != NEVER_NS)
		timers_add(&pool->world->timers, next_ns, on_arrival, pool, 0);
	pool_begin_upkeep(pool);
	openers_begin(pool);
	leak_begin(pool);
}

/* Not at once: nothing may be emitted while the scenario is still being built. */
void pool_start(struct pool_model *pool)
{
	timers_add(&pool->world->timers, pool->world->now_ns + NS_PER_US, on_start, pool, 0);
}

void pool_stop(struct pool_model *pool)
{
	pool->is_stopped = true;
	while (pool->oldest_idle)
		pool_close_idle(pool, pool->oldest_idle);
}

void pool_leave(struct pool_model *pool)
{
	pool->is_left = true;
	for (struct sim_conn *conn = pool->oldest_idle; conn; conn = conn->next_idle)
		conn_leak(conn);
}
