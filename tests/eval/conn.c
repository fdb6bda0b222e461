// SPDX-License-Identifier: Apache-2.0
/*
 * The life of one simulated socket: connect, handshake, exchanges, and the ways in which it ends.
 *
 * Invariant: an owner hears ready() or failed() once for each conn_open(), and after failed() or
 * conn_close() the connection is nobody's. Does not choose what to connect for.
 */
#include <stdlib.h>
#include <string.h>

#include "emit.h"

#define CONNECT_NS (800 * NS_PER_US)
#define HANDSHAKE_NS (4 * NS_PER_MS)
#define REFUSAL_BYTES 107 /* "sorry, too many clients already" */
#define TIMEOUT_NS (5 * NS_PER_SEC)

static struct sim_conn *take_memory(struct world *world)
{
	struct sim_conn *conn = world->free_conns;
	bool is_dirty = false;
	struct sim_conn *next_dirty = NULL;

	if (conn) {
		world->free_conns = conn->next_free;
		is_dirty = conn->is_dirty; /* it may still be in the list of the next look */
		next_dirty = conn->next_dirty;
		memset(conn, 0, sizeof(*conn));
		conn->is_dirty = is_dirty;
		conn->next_dirty = next_dirty;
		return conn;
	}
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		abort();
	return conn;
}

static void link_conn(struct world *world, struct sim_conn *conn)
{
	conn->older = world->newest;
	if (world->newest)
		world->newest->newer = conn;
	else
		world->oldest = conn;
	world->newest = conn;
}

static void give_back(struct sim_conn *conn)
{
	struct world *world = conn->world;

	if (conn->older)
		conn->older->newer = conn->newer;
	else
		world->oldest = conn->newer;
	if (conn->newer)
		conn->newer->older = conn->older;
	else
		world->newest = conn->older;
	conn->state = SIM_CLOSED;
	conn->id = 0;
	conn->next_free = world->free_conns;
	world->free_conns = conn;
}

static void note_end(struct sim_conn *conn)
{
	struct world *world = conn->world;

	if (!conn->leaked_ns)
		return;
	for (uint32_t i = 0; i < world->leak_count; i++)
		if (world->leaks[i].conn == conn->id)
			world->leaks[i].end_ns = world->now_ns;
}

/* --- handshake -------------------------------------------------------------------------------- */

static void on_ready(void *self, uint64_t id)
{
	struct sim_conn *conn = self;

	if (conn->id != id)
		return;
	if (conn->state == SIM_FIN) {
		conn->ops->failed(conn);
		conn_close(conn, CLOSE_LOCAL);
		return;
	}
	conn_exchange(conn, 310, 420);
	conn->ops->ready(conn);
}

static void on_turned_away(void *self, uint64_t id)
{
	struct sim_conn *conn = self;

	if (conn->id != id || conn->state == SIM_CLOSED)
		return;
	conn_exchange(conn, 82, REFUSAL_BYTES);
	conn->state = SIM_FIN;
	emit_io(conn);
	emit_plain(conn, EVENT_PEER_CLOSED);
	conn->ops->failed(conn);
	conn_close(conn, CLOSE_LOCAL);
}

static void fail(struct sim_conn *conn, const char *error)
{
	conn->world->endpoints[conn->endpoint].open_count--;
	emit_failed(conn, error);
	conn->ops->failed(conn);
	give_back(conn);
}

static void on_timeout(void *self, uint64_t id)
{
	struct sim_conn *conn = self;

	if (conn->id == id && conn->state == SIM_CONNECTING)
		fail(conn, "ETIMEDOUT");
}

static void on_connected(void *self, uint64_t id)
{
	struct sim_conn *conn = self;
	struct world *world = conn->world;
	struct endpoint *endpoint;

	if (conn->id != id || conn->state != SIM_CONNECTING)
		return;
	endpoint = &world->endpoints[conn->endpoint];
	if (world->now_ns < endpoint->down_until_ns) {
		fail(conn, "ECONNREFUSED");
		return;
	}
	conn->state = SIM_OPEN;
	emit_plain(conn, EVENT_ESTABLISHED);
	if (endpoint->limit && endpoint->open_count > endpoint->limit)
		timers_add(&world->timers, world->now_ns + 2 * NS_PER_MS, on_turned_away, conn, id);
	else
		timers_add(&world->timers, world->now_ns + HANDSHAKE_NS, on_ready, conn, id);
}

struct sim_conn *conn_open(struct world *world, struct sim_client *client, unsigned int endpoint,
			   uint32_t tid, const struct conn_ops *ops, void *owner)
{
	struct sim_conn *conn = take_memory(world);
	double factor = window_factor(&world->net, world->now_ns);
	uint64_t delay_ns = ns_of(1e-9 * CONNECT_NS * factor * rng_between(&world->rng, 0.6, 2));

	conn->id = ++world->last_conn;
	conn->world = world;
	conn->client = client;
	conn->endpoint = (uint8_t)endpoint;
	conn->tid = tid;
	conn->ops = ops;
	conn->owner = owner;
	conn->opened_ns = world->now_ns;
	link_conn(world, conn);
	world->endpoints[endpoint].open_count++;
	emit_open(conn);
	if (factor > 1 && rng_unit(&world->rng) < 0.1)
		timers_add(&world->timers, world->now_ns + TIMEOUT_NS, on_timeout, conn, conn->id);
	else
		timers_add(&world->timers, world->now_ns + delay_ns, on_connected, conn, conn->id);
	return conn;
}

/* --- payload ---------------------------------------------------------------------------------- */

uint64_t conn_run(struct sim_conn *conn, struct rng *rng, const struct work *work, bool validate)
{
	struct world *world = conn->world;
	double factor = window_factor(&world->slow, world->now_ns);

	if (window_factor(&world->net, world->now_ns) > 1)
		factor *= 5; /* retransmissions */
	script_begin(&conn->script, rng, work, factor, validate, world->now_ns, &conn->payload);
	emit_touch(conn);
	return conn->script.end_ns;
}

void conn_finish(struct sim_conn *conn)
{
	if (conn->script.end_ns) {
		script_finish(&conn->script, &conn->payload);
		emit_touch(conn);
	}
}

void conn_exchange(struct sim_conn *conn, uint32_t send_bytes, uint32_t recv_bytes)
{
	uint64_t now_ns = conn->world->now_ns;

	if (send_bytes) {
		conn->payload.sent_bytes += send_bytes;
		conn->payload.last_send_ns = now_ns - NS_PER_US;
	}
	if (recv_bytes) {
		conn->payload.received_bytes += recv_bytes;
		conn->payload.last_recv_ns = now_ns;
	}
	emit_touch(conn);
}

/* --- ends ------------------------------------------------------------------------------------- */

void conn_close(struct sim_conn *conn, enum close_by by)
{
	if (conn->script.end_ns)
		script_advance(&conn->script, conn->world->now_ns, &conn->payload);
	note_end(conn);
	conn->world->endpoints[conn->endpoint].open_count--;
	if (conn->state == SIM_CONNECTING)
		emit_failed(conn, "ECANCELED");
	else
		emit_close(conn, by);
	give_back(conn);
}

void conn_peer_close(struct sim_conn *conn)
{
	if (conn->state != SIM_OPEN)
		return;
	if (conn->script.end_ns) {
		script_advance(&conn->script, conn->world->now_ns, &conn->payload);
		conn->script.end_ns = 0; /* what was running has failed */
		emit_touch(conn);
	}
	conn->state = SIM_FIN;
	emit_plain(conn, EVENT_PEER_CLOSED);
	conn->ops->peer_closed(conn);
}

void conn_hand_over(struct sim_conn *conn, struct sim_client *client)
{
	conn->client = client;
	if (!conn->world->observe_ns)
		emit_seen(conn);
}

void conn_leak(struct sim_conn *conn)
{
	struct world *world = conn->world;

	if (world->leak_count == world->leak_size) {
		world->leak_size = world->leak_size ? 2 * world->leak_size : 64;
		world->leaks = realloc(world->leaks, world->leak_size * sizeof(*world->leaks));
		if (!world->leaks)
			abort();
	}
	conn->leaked_ns = world->now_ns;
	world->leaks[world->leak_count++] = (struct leak_record){conn->id, world->now_ns, NEVER_NS};
}
