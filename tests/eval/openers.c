// SPDX-License-Identifier: Apache-2.0
/*
 * Which thread opens a connection, when that thread ends, and what a source that asks for it finds.
 * Where each thread has a connection of its own, the end of a thread is the end of its connection,
 * at once or when the runtime gets round to it; elsewhere it means nothing.
 *
 * Invariant: as the live source does, it tells of a thread that has ended once the connection has
 * been silent for a while, and of those beside it as soon as there are two of these.
 */
#include <string.h>

#include "emit.h"
#include "pool_model.h"

#define LOOK_S 5.0
#define SILENT_NS (10 * NS_PER_SEC)
#define ADDER_S 5.0
#define REQUEST_S 0.5
#define WORKERS 40
#define COMPANY_MIN 2

enum openers openers_of(const char *word)
{
	static const char *const words[] = {
		[OPENERS_UNTOLD] = "untold",	 [OPENERS_SELF] = "self",
		[OPENERS_ADDER] = "adder",	 [OPENERS_WORKERS] = "workers",
		[OPENERS_REQUESTS] = "requests",
	};

	for (int openers = 0; openers < OPENERS_COUNT; openers++)
		if (strcmp(word, words[openers]) == 0)
			return (enum openers)openers;
	return OPENERS_UNTOLD;
}

/* Threads of a group begin at different times and last equally long. */
static uint32_t generation_of(const struct pool_model *pool, uint32_t thread)
{
	double into_s = (double)pool->world->now_ns / 1e9;

	if (pool->thread_life_s <= 0)
		return 0;
	return (uint32_t)(into_s / pool->thread_life_s + fmod(thread * 0.618, 1));
}

static uint32_t tid_of(const struct pool_model *pool, uint32_t thread)
{
	uint32_t ended = pool->openers == OPENERS_SELF && thread < THREADS_MAX
				 ? pool->ended_threads[thread]
				 : 0;

	return pool->client->id.pid + 1 + thread +
	       THREADS_MAX * (generation_of(pool, thread) + ended);
}

uint32_t openers_next_tid(struct pool_model *pool, uint32_t slot)
{
	switch (pool->openers) {
	case OPENERS_SELF:
		return tid_of(pool, slot);
	case OPENERS_ADDER:
		return pool->client->id.pid + 1 +
		       (uint32_t)((double)pool->world->now_ns / (ADDER_S * 1e9));
	case OPENERS_WORKERS:
		return tid_of(pool, rng_below(&pool->rng, WORKERS));
	case OPENERS_REQUESTS:
		return pool->client->id.pid + 1 + (uint32_t)pool->world->last_conn;
	default:
		return pool->client->id.pid + (pool->profile.reuse == REUSE_THREAD ? slot + 1 : 1);
	}
}

void openers_end_thread(struct pool_model *pool, const struct sim_conn *conn)
{
	if (pool->openers == OPENERS_SELF && conn->slot < THREADS_MAX)
		pool->ended_threads[conn->slot]++;
}

static bool has_ended(const struct pool_model *pool, const struct sim_conn *conn)
{
	uint64_t age_ns = pool->world->now_ns - conn->opened_ns;
	uint32_t thread = (conn->tid - pool->client->id.pid - 1) % THREADS_MAX;

	switch (pool->openers) {
	case OPENERS_SELF:
	case OPENERS_WORKERS:
		return conn->tid != tid_of(pool, thread);
	case OPENERS_ADDER:
		return age_ns > ns_of(ADDER_S);
	case OPENERS_REQUESTS:
		return age_ns > ns_of(REQUEST_S);
	default:
		return false;
	}
}

/* --- threads that end ------------------------------------------------------------------------ */

static void on_reaped(void *self, uint64_t id)
{
	struct sim_conn *conn = self;

	if (conn->id == id && conn->state != SIM_CLOSED)
		conn_close(conn, CLOSE_LOCAL);
}

/* What belonged to a thread that is no more is closed when the runtime finds it. */
static void reap(struct pool_model *pool)
{
	struct sim_conn *conn = pool->oldest_idle, *next;

	for (; conn; conn = next) {
		next = conn->next_idle;
		if (!has_ended(pool, conn))
			continue;
		pool_remove_idle(pool, conn);
		pool_forget_place(pool, conn);
		timers_add(&pool->world->timers,
			   pool->world->now_ns + NS_PER_MS +
				   ns_of(pool->reap_s * rng_unit(&pool->rng)),
			   on_reaped, conn, conn->id);
	}
}

/* --- who asks -------------------------------------------------------------------------------- */

static bool is_silent(const struct sim_conn *conn)
{
	uint64_t last_ns = conn->opened_ns;

	if (last_ns < conn->told.last_send_ns)
		last_ns = conn->told.last_send_ns;
	if (last_ns < conn->told.last_recv_ns)
		last_ns = conn->told.last_recv_ns;
	return conn->world->now_ns - last_ns > SILENT_NS;
}

static bool is_asked_for(const struct pool_model *pool, const struct sim_conn *conn)
{
	return conn->owner == pool && conn->is_announced && conn->state == SIM_OPEN;
}

static void tell(struct sim_conn *conn, enum opener_state state)
{
	if (conn->opener_told == state || conn->opener_told == OPENER_ENDED)
		return;
	conn->opener_told = (uint8_t)state;
	emit_opener(conn, state);
}

static void on_look(void *self, uint64_t arg)
{
	struct pool_model *pool = self;
	struct world *world = pool->world;
	uint32_t ended_count = 0;

	(void)arg;
	if (pool->openers == OPENERS_SELF && pool->thread_life_s > 0)
		reap(pool);
	for (struct sim_conn *conn = world->oldest; conn; conn = conn->newer) {
		if (!is_asked_for(pool, conn) || !is_silent(conn) || !has_ended(pool, conn))
			continue;
		ended_count++;
		tell(conn, OPENER_ENDED);
	}
	for (struct sim_conn *conn = world->oldest; conn && ended_count >= COMPANY_MIN;
	     conn = conn->newer)
		if (is_asked_for(pool, conn))
			tell(conn, has_ended(pool, conn) ? OPENER_ENDED : OPENER_RUNNING);
	timers_add(&world->timers, world->now_ns + ns_of(LOOK_S), on_look, pool, 0);
}

void openers_begin(struct pool_model *pool)
{
	if (pool->openers != OPENERS_UNTOLD && pool->world->observe_ns == 0)
		timers_add(&pool->world->timers, pool->world->now_ns + ns_of(LOOK_S), on_look, pool,
			   0);
}
