// SPDX-License-Identifier: Apache-2.0
/*
 * The only way out of a simulation. It keeps the rules of a live source: a connection is
 * announced before anything else is said of it, and payload is told only when it has changed.
 *
 * Invariant: nothing is emitted while the observation has not begun. Does not decide when.
 */
#include "emit.h"

#include <stdio.h>
#include <string.h>

static void emit(struct world *world, struct event *event)
{
	int error;

	if (world->observe_ns)
		return;
	event->t_ns = world->now_ns;
	world->event_count++;
	error = world->sink(world->userdata, event);
	if (error < 0 && world->error == 0)
		world->error = error;
}

void emit_touch(struct sim_conn *conn)
{
	if (conn->is_dirty)
		return;
	conn->is_dirty = true;
	conn->next_dirty = conn->world->dirty;
	conn->world->dirty = conn;
}

static void fill_client(const struct sim_conn *conn, struct event *event)
{
	const struct sim_client *client = conn->client;

	event->conn = conn->id;
	event->client = client->id;
	event->tid = conn->tid;
	memcpy(event->comm, client->comm, sizeof(event->comm));
	event->exe = client->exe;
	event->remote = conn->world->endpoints[conn->endpoint].remote;
}

void emit_open(struct sim_conn *conn)
{
	struct event event = {.type = EVENT_OPEN};

	if (conn->world->observe_ns)
		return;
	fill_client(conn, &event);
	conn->is_announced = true;
	emit(conn->world, &event);
}

void emit_seen(struct sim_conn *conn)
{
	static const enum seen_state states[] = {
		[SIM_CONNECTING] = SEEN_CONNECTING,
		[SIM_OPEN] = SEEN_ESTABLISHED,
		[SIM_FIN] = SEEN_PEER_CLOSED,
	};
	struct world *world = conn->world;
	struct event event = {.type = EVENT_SEEN};
	uint64_t observe_ns = world->observe_ns;
	uint64_t active_ns = conn->payload.last_send_ns > conn->payload.last_recv_ns
				     ? conn->payload.last_send_ns
				     : conn->payload.last_recv_ns;

	if (active_ns < conn->opened_ns)
		active_ns = conn->opened_ns;
	fill_client(conn, &event);
	event.seen_state = states[conn->state];
	event.has_idle = conn->state != SIM_CONNECTING;
	event.idle_ns = event.has_idle ? world->now_ns - active_ns : 0;
	event.age_ns = event.has_idle ? world->now_ns - conn->opened_ns : 0;
	conn->is_announced = true;
	conn->told = conn->payload;
	world->observe_ns = 0;
	emit(world, &event);
	world->observe_ns = observe_ns;
}

void emit_io(struct sim_conn *conn)
{
	struct event event = {
		.type = EVENT_IO,
		.conn = conn->id,
		.sent_bytes = conn->payload.sent_bytes,
		.received_bytes = conn->payload.received_bytes,
		.last_send_ns = conn->payload.last_send_ns,
		.last_recv_ns = conn->payload.last_recv_ns,
	};

	if (!conn->is_announced || memcmp(&conn->told, &conn->payload, sizeof(conn->told)) == 0)
		return;
	conn->told = conn->payload;
	emit(conn->world, &event);
}

/* The counters are those that were told last: this is no look at them. */
void emit_opener(struct sim_conn *conn, enum opener_state state)
{
	struct event event = {
		.type = EVENT_IO,
		.conn = conn->id,
		.opener = (uint16_t)state,
		.sent_bytes = conn->told.sent_bytes,
		.received_bytes = conn->told.received_bytes,
		.last_send_ns = conn->told.last_send_ns,
		.last_recv_ns = conn->told.last_recv_ns,
	};

	emit(conn->world, &event);
}

void emit_plain(struct sim_conn *conn, enum event_type type)
{
	struct event event = {.type = type, .conn = conn->id};

	if (conn->is_announced)
		emit(conn->world, &event);
}

void emit_failed(struct sim_conn *conn, const char *error)
{
	struct event event = {.type = EVENT_FAILED, .conn = conn->id};

	(void)snprintf(event.error, sizeof(event.error), "%s", error);
	if (conn->is_announced)
		emit(conn->world, &event);
}

/* The end of a connection brings its last counters with it, looked at or not. */
void emit_close(struct sim_conn *conn, enum close_by by)
{
	struct event event = {.type = EVENT_CLOSE, .conn = conn->id, .by = by};

	if (!conn->is_announced)
		return;
	emit_io(conn);
	emit(conn->world, &event);
}

void emit_exit(struct world *world, const struct sim_client *client)
{
	struct event event = {.type = EVENT_EXIT, .client = client->id};

	emit(world, &event);
}

void emit_end(struct world *world)
{
	struct event event = {.type = EVENT_END};

	emit(world, &event);
}
