/* SPDX-License-Identifier: Apache-2.0 */
/* When a pool is at its plateau, and when that is known to be a ceiling. */
#include "pool_sim.h"

#include "core/plateau.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SECOND NS_PER_SEC

enum step_type {
	GROW, /* count connections are established */
	LOSE, /* count old connections are closed by the process */
	DROP, /* the same, but they were young */
	REFUSE, /* count connections are established, and closed by the server at once */
	KNOCK, /* over a tick each, count are established and closed by the server at once */
	KEEP, /* one is established just before a tick, and stays */
	FAIL, /* count connects fail */
	BRIEF_SERVED, /* GROW, and the process closes it, too soon to be seen one by one */
	BRIEF_REFUSED, /* REFUSE, the same way */
	BRIEF_FAIL, /* FAIL, the same way */
	FIN, /* the server closes count old connections */
	PUSH, /* demand pushes */
	WAIT, /* count ticks of 5 s */
};

struct step {
	enum step_type type;
	uint32_t count;
};

struct world {
	struct settings settings;
	struct plateau plateau;
	struct pool pool;
	struct conn young;
	uint64_t now_ns;
};

static void observe_end(struct world *world, enum change_type type, int64_t open_ns,
			bool is_turned_away)
{
	struct conn conn = {.open_ns = open_ns, .received_low = 100};
	struct change change = {.type = type, .t_ns = world->now_ns, .conn = &conn};

	change.by = CLOSE_LOCAL;
	change.is_turned_away = is_turned_away;
	plateau_observe(&world->plateau, &world->settings, &change);
}

static void observe(struct world *world, enum change_type type, int64_t open_ns)
{
	observe_end(world, type, open_ns, false);
}

/* The server closes it at once, and the process does when it sees that. */
static void observe_refusal(struct world *world, int64_t open_ns)
{
	observe(world, CHANGE_PEER_CLOSED, open_ns);
	observe_end(world, CHANGE_CLOSED, open_ns, true);
}

static void observe_brief(struct world *world, enum step_type type)
{
	struct churn churn = {.opened_count = 1};
	struct change change = {.type = CHANGE_CHURNED, .t_ns = world->now_ns, .churn = &churn};

	if (type == BRIEF_FAIL) {
		churn.failed_count[FAIL_REFUSED] = 1;
	} else {
		churn.established_count = 1;
		churn.closed_count[CLOSE_LOCAL] = 1;
		churn.early_peer_close_count = type == BRIEF_REFUSED;
	}
	plateau_observe(&world->plateau, &world->settings, &change);
}

static void sample(struct world *world)
{
	world->now_ns += 5 * SECOND;
	plateau_sample(&world->plateau, &world->settings, &world->pool, world->now_ns);
}

static void open_before_tick(struct world *world)
{
	int64_t open_ns = (int64_t)(world->now_ns + 5 * SECOND - SECOND / 100);

	world->young = (struct conn){.open_ns = open_ns, .last_active_ns = open_ns};
	world->young.state = CONN_OPEN;
	world->pool.newest = &world->young;
	world->pool.conn_count++;
	observe(world, CHANGE_ESTABLISHED, open_ns);
	sample(world);
}

static void step_once(struct world *world, enum step_type type)
{
	int64_t now_ns = (int64_t)world->now_ns;

	switch (type) {
	case GROW:
		world->pool.conn_count++;
		observe(world, CHANGE_ESTABLISHED, now_ns);
		break;
	case LOSE:
		world->pool.conn_count--;
		observe(world, CHANGE_CLOSED, now_ns - 600 * (int64_t)SECOND);
		break;
	case DROP:
		world->pool.conn_count--;
		observe(world, CHANGE_CLOSED, now_ns - 10 * (int64_t)SECOND);
		break;
	case REFUSE:
		observe(world, CHANGE_ESTABLISHED, now_ns);
		observe_refusal(world, now_ns);
		break;
	case FAIL:
		observe(world, CHANGE_FAILED, now_ns);
		break;
	case BRIEF_SERVED:
	case BRIEF_REFUSED:
	case BRIEF_FAIL:
		observe_brief(world, type);
		break;
	case FIN:
		world->pool.peer_closed_count++;
		observe(world, CHANGE_PEER_CLOSED, now_ns - 600 * (int64_t)SECOND);
		break;
	case PUSH:
		plateau_push(&world->plateau, world->now_ns);
		break;
	case KNOCK:
		open_before_tick(world);
		world->pool.newest = NULL;
		world->pool.conn_count--;
		observe_refusal(world, world->young.open_ns);
		break;
	case KEEP:
		open_before_tick(world);
		break;
	case WAIT:
		sample(world);
		break;
	}
}

/* To be followed by plateau_clear(). */
static void run(struct world *world, const struct step *steps, size_t count)
{
	memset(world, 0, sizeof(*world));
	settings_init(&world->settings);
	world->now_ns = 1000 * SECOND;
	for (size_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < steps[i].count; k++)
			step_once(world, steps[i].type);
}

static void plateau_stands_where_the_count_is_flat_at_its_maximum(void **state)
{
	static const struct {
		const char *name;
		struct step steps[8];
		bool stands;
	} rows[] = {
		{"flat for a minute", {{GROW, 10}, {WAIT, 14}}, true},
		{"flat for half a minute", {{GROW, 10}, {WAIT, 7}}, false},
		{"grows", {{GROW, 10}, {WAIT, 14}, {GROW, 1}, {WAIT, 7}}, false},
		{"grew a minute ago", {{GROW, 10}, {WAIT, 14}, {GROW, 1}, {WAIT, 14}}, true},
		{"below its maximum", {{GROW, 10}, {WAIT, 2}, {DROP, 4}, {WAIT, 20}}, false},
		{"nothing open", {{WAIT, 20}}, false},
		{"one is replaced",
		 {{GROW, 10}, {WAIT, 14}, {LOSE, 1}, {WAIT, 1}, {GROW, 1}, {WAIT, 1}},
		 true},
		{"two wait for replacement", {{GROW, 10}, {WAIT, 14}, {LOSE, 2}, {WAIT, 3}}, true},
		{"two are not replaced", {{GROW, 10}, {WAIT, 14}, {LOSE, 2}, {WAIT, 20}}, false},
		{"more come than went",
		 {{GROW, 10}, {WAIT, 14}, {LOSE, 1}, {WAIT, 1}, {GROW, 2}, {WAIT, 1}},
		 false},
		{"closed young, opened again",
		 {{GROW, 10}, {WAIT, 14}, {DROP, 1}, {GROW, 1}, {WAIT, 1}},
		 false},
		{"the server is full", {{GROW, 10}, {WAIT, 14}, {REFUSE, 3}, {WAIT, 1}}, true},
		{"full, and asked at every tick", {{GROW, 10}, {WAIT, 14}, {KNOCK, 20}}, true},
		{"full, refused too soon to be seen",
		 {{GROW, 10}, {WAIT, 14}, {BRIEF_REFUSED, 3}, {BRIEF_FAIL, 2}, {WAIT, 1}},
		 true},
		{"another is served, too soon to be seen",
		 {{GROW, 10}, {WAIT, 14}, {BRIEF_REFUSED, 3}, {BRIEF_SERVED, 1}, {WAIT, 1}},
		 false},
		{"it becomes full", {{GROW, 10}, {WAIT, 2}, {KNOCK, 20}, {WAIT, 1}}, true},
		{"one was kept just before the tick",
		 {{GROW, 10}, {WAIT, 14}, {KEEP, 1}, {WAIT, 1}},
		 false},
		{"one was kept a minute ago",
		 {{GROW, 10}, {WAIT, 14}, {KEEP, 1}, {WAIT, 13}},
		 true},
		{"connects fail", {{GROW, 10}, {WAIT, 14}, {FAIL, 3}, {WAIT, 1}}, true},
		{"the server has restarted", {{GROW, 10}, {WAIT, 14}, {FIN, 10}, {WAIT, 1}}, false},
		{"the maximum is of hours ago",
		 {{GROW, 10}, {WAIT, 2}, {DROP, 4}, {WAIT, 2 * 360 + 20}},
		 true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world world;

		run(&world, rows[i].steps, COUNT(rows[i].steps));
		if (plateau_stands(&world.plateau, &world.settings, world.now_ns) != rows[i].stands)
			fail_msg("%s", rows[i].name);
		plateau_clear(&world.plateau);
	}
}

static void plateau_ceiling_is_what_demand_pushed_against(void **state)
{
	static const struct {
		const char *name;
		struct step steps[8];
		uint32_t ceiling, push_count;
	} rows[] = {
		{"never pushed", {{GROW, 10}, {WAIT, 500}}, 0, 0},
		{"pushed", {{GROW, 10}, {WAIT, 14}, {PUSH, 5}}, 10, 1},
		{"pushed twice",
		 {{GROW, 10}, {WAIT, 14}, {PUSH, 1}, {WAIT, 100}, {PUSH, 1}},
		 10,
		 2},
		{"smaller since",
		 {{GROW, 10}, {WAIT, 14}, {PUSH, 1}, {LOSE, 5}, {WAIT, 90}},
		 10,
		 1},
		{"grown since", {{GROW, 10}, {WAIT, 14}, {PUSH, 1}, {GROW, 1}, {WAIT, 1}}, 0, 0},
		{"pushed higher up",
		 {{GROW, 10}, {WAIT, 14}, {PUSH, 1}, {GROW, 5}, {WAIT, 14}, {PUSH, 1}},
		 15,
		 1},
		{"one is being replaced",
		 {{GROW, 9}, {WAIT, 14}, {PUSH, 1}, {LOSE, 1}, {PUSH, 1}},
		 9,
		 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world world;

		run(&world, rows[i].steps, COUNT(rows[i].steps));
		if (plateau_ceiling(&world.plateau) != rows[i].ceiling ||
		    world.plateau.push_count != rows[i].push_count)
			fail_msg("%s: %u, %u times", rows[i].name, plateau_ceiling(&world.plateau),
				 world.plateau.push_count);
		plateau_clear(&world.plateau);
	}
}

/* A storm that is over is not told as one of the last minute. */
static void plateau_counts_the_refused_of_a_minute_and_no_older(void **state)
{
	static const struct {
		const char *name;
		struct step steps[6];
		uint32_t refused;
		bool is_refused;
	} rows[] = {
		{"none", {{GROW, 10}, {WAIT, 20}}, 0, false},
		{"just now", {{GROW, 10}, {WAIT, 20}, {REFUSE, 3}, {FAIL, 4}, {WAIT, 1}}, 7, true},
		{"too soon to be seen",
		 {{GROW, 10}, {WAIT, 20}, {BRIEF_REFUSED, 3}, {BRIEF_FAIL, 4}, {WAIT, 1}},
		 7,
		 true},
		{"served too soon to be seen",
		 {{GROW, 10}, {WAIT, 20}, {BRIEF_SERVED, 9}, {WAIT, 1}},
		 0,
		 false},
		{"half a minute ago", {{GROW, 10}, {REFUSE, 300}, {WAIT, 7}}, 300, false},
		{"75 seconds ago", {{GROW, 10}, {REFUSE, 5000}, {WAIT, 15}}, 0, false},
		{"an hour ago", {{GROW, 10}, {REFUSE, 5000}, {WAIT, 720}}, 0, false},
		{"some of them are older", {{FAIL, 9}, {WAIT, 14}, {FAIL, 6}, {WAIT, 2}}, 6, true},
		{"more than are counted", {{FAIL, 70000}, {WAIT, 1}}, UINT16_MAX, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world world;

		run(&world, rows[i].steps, COUNT(rows[i].steps));
		if (world.plateau.refused != rows[i].refused ||
		    world.plateau.is_refused != rows[i].is_refused)
			fail_msg("%s: %u", rows[i].name, world.plateau.refused);
		plateau_clear(&world.plateau);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plateau_stands_where_the_count_is_flat_at_its_maximum),
		cmocka_unit_test(plateau_ceiling_is_what_demand_pushed_against),
		cmocka_unit_test(plateau_counts_the_refused_of_a_minute_and_no_older),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
