// SPDX-License-Identifier: Apache-2.0
/*
 * The clock of a simulation and its source: what a live source reports, and nothing else, leaves
 * it. Payload is reported at looks only, with the exact times of the last bytes; opens and ends at
 * their own times; an end brings the last counters with it; what was open when the source began
 * to look is reported as seen.
 *
 * Invariant: events never go back in time, and times are whole microseconds. A connection's
 * memory is reused but never freed before the world, so a late timer can still compare ids.
 * Does not know pools.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emit.h"

struct world *world_new(uint64_t seed, world_sink_fn sink, void *userdata)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		return NULL;
	world->rng = rng_of(seed, "world");
	world->sink = sink;
	world->userdata = userdata;
	world->now_ns = NS_PER_SEC;
	world->look_ns = NS_PER_SEC;
	world->exhausted_ns = NEVER_NS;
	world->starved_ns = NEVER_NS;
	world->last_pid = 4000;
	for (unsigned int i = 0; i < ENDPOINTS_MAX; i++) {
		struct netaddr *remote = &world->endpoints[i].remote;

		memcpy(remote->ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\3", 15);
		remote->ip[15] = (uint8_t)(7 + i);
		remote->port = 5432;
	}
	return world;
}

static void free_list(struct sim_conn *conn, bool by_age)
{
	while (conn) {
		struct sim_conn *next = by_age ? conn->newer : conn->next_free;

		free(conn);
		conn = next;
	}
}

void world_free(struct world *world)
{
	if (!world)
		return;
	free_list(world->oldest, true);
	free_list(world->free_conns, false);
	while (world->clients) {
		struct sim_client *next = world->clients->next;

		free(world->clients);
		world->clients = next;
	}
	timers_destroy(&world->timers);
	free(world->leaks);
	free(world);
}

struct sim_client *world_add_client(struct world *world, const char *comm)
{
	struct sim_client *client = calloc(1, sizeof(*client));

	if (!client)
		abort();
	client->id.pid = ++world->last_pid;
	client->id.start_ns = world->now_ns - world->now_ns % NS_PER_US;
	client->born_ns = world->now_ns;
	client->exited_ns = NEVER_NS;
	(void)snprintf(client->comm, sizeof(client->comm), "%s", comm);
	(void)snprintf(client->exe, sizeof(client->exe), "/usr/bin/%s", client->comm);
	client->next = world->clients;
	world->clients = client;
	return client;
}

/* --- the run ---------------------------------------------------------------------------------- */

static void look(struct world *world)
{
	struct sim_conn *conn = world->dirty, *next;

	world->dirty = NULL;
	for (; conn; conn = next) {
		next = conn->next_dirty;
		conn->is_dirty = false;
		if (conn->state == SIM_CLOSED || conn->id == 0)
			continue;
		if (conn->script.end_ns) {
			script_advance(&conn->script, world->now_ns, &conn->payload);
			emit_touch(conn);
		}
		emit_io(conn);
	}
}

static void begin_observation(struct world *world)
{
	for (struct sim_conn *conn = world->oldest; conn; conn = conn->newer) {
		if (conn->script.end_ns)
			script_advance(&conn->script, world->now_ns, &conn->payload);
		emit_seen(conn);
	}
	world->observe_ns = 0;
}

int world_run(struct world *world)
{
	uint64_t look_ns = world->now_ns + world->look_ns;
	struct timer timer;

	if (world->observe_ns && look_ns < world->observe_ns)
		look_ns = world->observe_ns;
	while (world->error == 0 && world->now_ns < world->end_ns) {
		uint64_t next_ns = timers_next_ns(&world->timers);

		if (next_ns <= look_ns) {
			(void)timers_take(&world->timers, &timer);
			if (timer.t_ns > world->now_ns)
				world->now_ns = timer.t_ns;
			timer.fn(timer.self, timer.arg);
			continue;
		}
		world->now_ns = look_ns;
		if (world->observe_ns)
			begin_observation(world);
		else
			look(world);
		look_ns += world->look_ns;
	}
	if (world->error == 0)
		emit_end(world);
	return world->error;
}

void world_exit_client(struct world *world, struct sim_client *client)
{
	struct sim_conn *next;

	for (struct sim_conn *conn = world->oldest; conn; conn = next) {
		next = conn->newer;
		if (conn->client == client)
			conn_close(conn, CLOSE_EXIT);
	}
	client->exited_ns = world->now_ns;
	emit_exit(world, client);
}

void world_restart_server(struct world *world, unsigned int endpoint, double down_s)
{
	struct sim_conn *next;

	world->endpoints[endpoint].down_until_ns = world->now_ns + ns_of(down_s);
	for (struct sim_conn *conn = world->oldest; conn; conn = next) {
		next = conn->newer;
		if (conn->endpoint == endpoint && conn->state == SIM_OPEN)
			conn_peer_close(conn);
	}
}

void world_note_refusal(struct world *world, unsigned int endpoint)
{
	const struct endpoint *at = &world->endpoints[endpoint];

	if (world->exhausted_ns == NEVER_NS && world->leak_count > 0 && at->limit &&
	    at->open_count >= at->limit)
		world->exhausted_ns = world->now_ns;
}
