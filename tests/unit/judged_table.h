/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table that is judged, fed as a pipeline feeds it: for tests of what is shown of both.
 */
#ifndef CONNLEAK_TESTS_UNIT_JUDGED_TABLE_H
#define CONNLEAK_TESTS_UNIT_JUDGED_TABLE_H

#include "core/dbkind.h"
#include "core/detector.h"
#include "core/table.h"

struct world {
	struct settings settings;
	struct dbkind *databases;
	struct table *table;
	struct detector *detector;
	uint64_t now_ns;
};

/* endpoint: a rule, or NULL. For set-up functions of cmocka. */
static inline int world_set_up(void **state, const char *endpoint)
{
	struct world *world = calloc(1, sizeof(*world));
	char error[128];

	assert_non_null(world);
	settings_init(&world->settings);
	world->databases = dbkind_new();
	world->table = table_new(NULL);
	if (endpoint)
		assert_int_equal(
			dbkind_add_endpoint(world->databases, endpoint, error, sizeof(error)), 0);
	world->detector = detector_new(&world->settings, world->databases, world->table);
	assert_non_null(world->detector);
	*state = world;
	return 0;
}

static inline int world_tear_down(void **state)
{
	struct world *world = *state;

	detector_free(world->detector);
	table_free(world->table);
	dbkind_free(world->databases);
	free(world);
	return 0;
}

static inline void world_drain(struct world *world)
{
	while (detector_next(world->detector))
		;
}

/* At now_ns. */
static inline void world_feed(struct world *world, struct event *event)
{
	struct change change;

	event->t_ns = world->now_ns;
	while (detector_due_ns(world->detector) <= event->t_ns) {
		assert_int_equal(detector_tick(world->detector, detector_due_ns(world->detector)),
				 0);
		world_drain(world);
	}
	assert_int_equal(table_apply(world->table, event, &change), 0);
	assert_int_equal(detector_observe(world->detector, &change), 0);
	world_drain(world);
	table_settle(world->table);
}

#endif
