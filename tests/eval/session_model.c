// SPDX-License-Identifier: Apache-2.0
/*
 * The hard part of the healthy world: connections that are silent for hours, grow in number for
 * hours, and are nevertheless in somebody's hands.
 *
 * Invariant: each session ends by closing its connection unless it is noted as leaked. Does not
 * share connections between sessions.
 */
#include "session_model.h"

#include <stdlib.h>

struct session_model *session_new(struct world *world, struct sim_client *client, const char *comm,
				  const char *stream, uint64_t seed)
{
	struct session_model *session = calloc(1, sizeof(*session));

	if (!session)
		abort();
	session->world = world;
	session->client = client;
	session->comm = comm;
	session->rng = rng_of(seed, stream);
	session->hold_sigma = 1;
	session->gap_s = 30;
	return session;
}

void session_free(struct session_model *session)
{
	free(session);
}

static void end_session(struct sim_conn *conn)
{
	struct session_model *session = conn->owner;
	struct sim_client *client = conn->client;
	struct world *world = conn->world;

	session->open_count--;
	if (conn->state != SIM_FIN && world->now_ns >= session->leak_after_ns &&
	    session->leak_odds > 0 && rng_unit(&session->rng) < session->leak_odds) {
		conn_leak(conn);
		return;
	}
	if (session->client && !session->hands_on)
		conn_close(conn, CLOSE_LOCAL);
	else
		world_exit_client(world, client);
}

static void on_end(void *self, uint64_t id)
{
	struct sim_conn *conn = self;

	if (conn->id != id)
		return;
	conn_finish(conn);
	if (((struct session_model *)conn->owner)->activity == SESSION_ASK)
		conn_exchange(conn, 0, 5000);
	end_session(conn);
}

static double pause_s(struct session_model *session)
{
	switch (session->activity) {
	case SESSION_THINK:
		return rng_lognormal(&session->rng, session->gap_s, 1.3);
	case SESSION_BEAT:
		return session->gap_s;
	default:
		return rng_exp(&session->rng, session->gap_s);
	}
}

static void set_activity(struct sim_conn *conn);

static void on_activity(void *self, uint64_t id)
{
	struct sim_conn *conn = self;
	struct session_model *session = conn->owner;

	if (conn->id != id || conn->state != SIM_OPEN || conn->leaked_ns)
		return;
	if (session->activity == SESSION_RECEIVE)
		conn_exchange(conn, 0, 90 + rng_below(&session->rng, 400));
	else if (session->activity == SESSION_BEAT)
		conn_exchange(conn, 65, 314);
	else
		conn_exchange(conn, 40 + rng_below(&session->rng, 500),
			      100 + rng_below(&session->rng, 9000));
	set_activity(conn);
}

static void set_activity(struct sim_conn *conn)
{
	struct session_model *session = conn->owner;

	timers_add(&conn->world->timers, conn->world->now_ns + ns_of(pause_s(session)) + NS_PER_US,
		   on_activity, conn, conn->id);
}

/* One program, so one process to count the days of. */
static void hand_on(struct sim_conn *conn)
{
	struct session_model *session = conn->owner;
	struct sim_client *child = world_add_client(conn->world, session->comm);

	child->born_ns = NEVER_NS;
	conn_hand_over(conn, child);
}

static void on_session_ready(struct sim_conn *conn)
{
	struct session_model *session = conn->owner;
	struct world *world = conn->world;
	uint64_t end_ns = NEVER_NS;

	conn_exchange(conn, 60 + rng_below(&session->rng, 100), 200);
	if (session->activity == SESSION_ASK)
		conn_exchange(conn, 300, 0);
	else if (session->activity == SESSION_WORK)
		end_ns = conn_run(conn, &session->rng, &session->work, false);
	else if (session->activity != SESSION_SILENT)
		set_activity(conn);
	if (session->hands_on)
		hand_on(conn);
	if (end_ns == NEVER_NS && session->hold_s > 0 && !conn->slot)
		end_ns = world->now_ns + NS_PER_US +
			 ns_of(rng_lognormal(&session->rng, session->hold_s, session->hold_sigma));
	if (end_ns != NEVER_NS)
		timers_add(&world->timers, end_ns, on_end, conn, conn->id);
}

static void on_session_gone(struct sim_conn *conn)
{
	((struct session_model *)conn->owner)->open_count--;
}

/* Programs of this sort read all the time, so they see the end at once. */
static void on_session_fin(struct sim_conn *conn)
{
	if (conn->leaked_ns)
		return;
	timers_add(&conn->world->timers, conn->world->now_ns + NS_PER_MS, on_end, conn, conn->id);
}

static void open_session(struct session_model *session, bool stays)
{
	static const struct conn_ops ops = {on_session_ready, on_session_gone, on_session_fin};
	struct sim_client *client = session->client;
	struct sim_conn *conn;

	if (!client)
		client = world_add_client(session->world, session->comm);
	conn = conn_open(session->world, client, session->endpoint,
			 client->id.pid + (uint32_t)(session->world->last_conn % 97), &ops,
			 session);
	conn->slot = stays;
	session->open_count++;
}

static void on_arrival(void *self, uint64_t arg)
{
	struct session_model *session = self;
	uint64_t next_ns;

	(void)arg;
	if (session->is_stopped)
		return;
	next_ns = load_next_ns(&session->load, session->world);
	if (next_ns != NEVER_NS)
		timers_add(&session->world->timers, next_ns, on_arrival, session, 0);
	if (session->max == 0 || session->open_count < session->max)
		open_session(session, false);
}

static void on_start(void *self, uint64_t arg)
{
	struct session_model *session = self;
	uint64_t next_ns = NEVER_NS;

	(void)arg;
	for (uint32_t i = 0; i < session->initial; i++)
		open_session(session, session->keeps_initial);
	if (session->load.rate > 0)
		next_ns = load_next_ns(&session->load, session->world);
	if (next_ns != NEVER_NS)
		timers_add(&session->world->timers, next_ns, on_arrival, session, 0);
}

/* Not at once: nothing may be emitted while the scenario is still being built. */
void session_start(struct session_model *session)
{
	timers_add(&session->world->timers, session->world->now_ns + NS_PER_US, on_start, session,
		   0);
}
