/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table and its detector for tests in which memory is refused: the first error ends all feeding.
 */
#ifndef CONNLEAK_TESTS_NO_MEMORY_WORLD_H
#define CONNLEAK_TESTS_NO_MEMORY_WORLD_H

#include "refused.h"

#include "core/dbkind.h"
#include "core/detector.h"
#include "core/format.h"

struct world {
	struct settings settings;
	struct dbkind *databases;
	struct table *table;
	struct detector *detector;
	uint32_t raised[VERDICT_KIND_COUNT];
	int error; /* the first one; nothing is fed any more */
};

static inline struct netaddr server_address(void)
{
	struct netaddr address;

	assert_int_equal(parse_netaddr("10.0.3.7:5432", &address), 0);
	return address;
}

static inline void world_init(struct world *world)
{
	*world = (struct world){.error = -ENOMEM};
	settings_init(&world->settings);
	world->databases = dbkind_new();
	if (world->databases)
		world->error = dbkind_add_endpoint(world->databases, "orders=10.0.3.7:5432,limit=6",
						   (char[256]){""}, 256);
	world->table = table_new(NULL);
	if (world->table && world->databases)
		world->detector = detector_new(&world->settings, world->databases, world->table);
	if (!world->detector)
		world->error = -ENOMEM;
}

static inline void world_clear(struct world *world)
{
	detector_free(world->detector);
	table_free(world->table);
	dbkind_free(world->databases);
}

static inline void drain(struct world *world)
{
	const struct verdict *verdict;

	while ((verdict = detector_next(world->detector)))
		world->raised[verdict->kind] += verdict->state == VERDICT_RAISED;
}

static inline void feed(struct world *world, struct event *event, double t_s)
{
	struct change change;
	uint64_t due_ns;

	event->t_ns = (uint64_t)(t_s * 1e6) * 1000;
	while (!world->error && (due_ns = detector_due_ns(world->detector)) <= event->t_ns) {
		world->error = detector_tick(world->detector, due_ns);
		drain(world);
	}
	if (world->error)
		return;
	world->error = table_apply(world->table, event, &change);
	if (!world->error)
		world->error = detector_observe(world->detector, &change);
	drain(world);
	table_settle(world->table);
}

static inline struct event open_event(enum event_type type, uint32_t pid, uint64_t conn)
{
	struct event event = {.type = type,
			      .conn = conn,
			      .client = {.pid = pid, .start_ns = 1},
			      .tid = pid,
			      .comm = "orders-api",
			      .remote = server_address()};

	return event;
}

static inline void open_one(struct world *world, uint32_t pid, uint64_t conn, double t_s)
{
	struct event event = open_event(EVENT_OPEN, pid, conn);

	event.site = conn % 2 ? "OrderRepo.save" : "OrderRepo.find";
	feed(world, &event, t_s);
	event = (struct event){.type = EVENT_ESTABLISHED, .conn = conn};
	feed(world, &event, t_s);
}

static inline void use_one(struct world *world, uint64_t conn, double t_s)
{
	struct event event = {.type = EVENT_IO, .conn = conn};

	event.last_send_ns = (uint64_t)(t_s * 1e9) - 2 * NS_PER_MS;
	event.last_recv_ns = (uint64_t)(t_s * 1e9) - NS_PER_MS;
	event.sent_bytes = event.received_bytes = (uint64_t)(t_s * 100);
	feed(world, &event, t_s);
}

#endif
