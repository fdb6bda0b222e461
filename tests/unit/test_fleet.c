/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes belong together, and what is known of them when they are gone. */
#include "core/dossier.h"
#include "core/fleet.h"
#include "pool_sim.h"

#include <errno.h>

static void open_by(struct sim *sim, uint32_t pid, const char *exe, const char *cgroup,
		    const char *remote)
{
	struct event event = {.type = EVENT_OPEN, .conn = ++sim->last_id};

	sim_fill_owner(sim, &event);
	event.client.pid = pid;
	event.exe = exe;
	event.cgroup = cgroup;
	assert_int_equal(parse_netaddr(remote, &event.remote), 0);
	sim_event(sim, &event);
	event = (struct event){.type = EVENT_ESTABLISHED, .conn = sim->last_id};
	sim_event(sim, &event);
}

static uint32_t fleet_count(const struct sim *sim)
{
	const struct fleet *fleet = fleets_first(detector_fleets(sim->detector));
	uint32_t count = 0;

	for (; fleet; fleet = fleet->next)
		count++;
	return count;
}

static void fleet_join_puts_processes_of_one_workload_together(void **state)
{
	static const char unit[] = "/system.slice/orders.service";
	static const char other[] = "/system.slice/billing.service";
	static const struct {
		const char *exe, *cgroup, *remote;
		uint32_t fleets; /* with this one */
	} rows[] = {
		{"/srv/orders", unit, "10.0.3.7:5432", 1},
		{"/srv/orders", unit, "10.0.3.7:5432", 1},
		{"/srv/orders", unit, "10.0.3.8:5432", 2},
		{"/srv/orders", other, "10.0.3.7:5432", 3},
		{"/srv/helper", unit, "10.0.3.7:5432", 4},
		{"/srv/orders", NULL, "10.0.3.7:5432", 5},
		{NULL, NULL, "10.0.3.7:5432", 6},
		{NULL, NULL, "10.0.3.7:5432", 6},
	};
	struct sim *sim = sim_new(1);

	(void)state;
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_by(sim, 100 + i, rows[i].exe, rows[i].cgroup, rows[i].remote);
		assert_int_equal(fleet_count(sim), rows[i].fleets);
	}
	sim_free(sim);
}

/* A rollout gives each pod a new name, a new cgroup and a new id; the workload is the same. */
static void fleet_join_puts_pods_of_one_controller_together(void **state)
{
	static const struct {
		const char *pod, *container;
		uint32_t fleets; /* with this one */
	} rows[] = {
		{"orders-7d9fb6c5d8-x2vqz", "api", 1},
		{"orders-5c8b94f7d6-b9d5k", "api", 1},
		{"orders-5c8b94f7d6-b9d5k", "proxy", 2},
		{"billing-5c8b94f7d6-b9d5k", "api", 3},
	};
	struct sim *sim = sim_new(1);

	(void)state;
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct event event = {.type = EVENT_OPEN, .conn = ++sim->last_id};

		sim_fill_owner(sim, &event);
		event.client.pid = 100 + i;
		event.exe = "/srv/orders";
		event.namespace = "shop";
		event.pod = rows[i].pod;
		event.container = rows[i].container;
		assert_int_equal(parse_netaddr("10.0.3.7:5432", &event.remote), 0);
		sim_event(sim, &event);
		assert_int_equal(fleet_count(sim), rows[i].fleets);
	}
	sim_free(sim);
}

static void go(struct sim *sim, uint32_t pid, uint64_t first, uint32_t count)
{
	struct event event = {.type = EVENT_EXIT};

	sim_fill_owner(sim, &event);
	event.client.pid = pid;
	sim_event(sim, &event);
	for (uint64_t id = first; id < first + count; id++) {
		event = (struct event){.type = EVENT_CLOSE, .conn = id, .by = CLOSE_EXIT};
		sim_event(sim, &event);
	}
}

/* Lives for an hour with so many connections, and goes. */
static void live_with_and_go(struct sim *sim, uint32_t pid, uint32_t count)
{
	uint64_t first = sim->last_id + 1;

	for (uint32_t i = 0; i < count; i++)
		open_by(sim, pid, "/srv/orders", NULL, "10.0.3.7:5432");
	for (int i = 0; i < 60; i++) {
		sim_advance(sim, sim->now + 60);
		sim_end(sim);
	}
	go(sim, pid, first, count);
	sim_advance(sim, sim->now + 60);
	sim_end(sim);
}

static void live_and_go(struct sim *sim, uint32_t pid)
{
	live_with_and_go(sim, pid, 10);
}

static void fleet_leave_keeps_the_baseline(void **state)
{
	struct sim *sim = sim_new(1);
	const struct fleet *fleet;

	(void)state;
	live_and_go(sim, 100);
	fleet = fleets_first(detector_fleets(sim->detector));
	assert_non_null(fleet);
	assert_int_equal(fleet->member_count, 0);
	assert_string_equal(fleet_baseline(fleet)->workload, "/srv/orders");
	assert_int_equal(fleet_baseline(fleet)->plateau, 10);
	assert_int_equal(fleet_baseline(fleet)->remote.port, 5432);
	/* And what it did, for the process that comes after it. */
	assert_non_null(fleet->former);
	assert_int_equal(fleet->former->opened_count, 10);
	sim_free(sim);
}

/* The largest of a week and of the week before count, and no older one. */
static void fleet_leave_forgets_what_a_workload_was_like_weeks_ago(void **state)
{
	static const struct {
		uint32_t count, plateau, before;
	} weeks[] = {{40, 40, 0}, {10, 10, 40}, {10, 10, 10}};
	struct sim *sim = sim_new(1);
	const struct baseline *baseline;

	(void)state;
	for (uint32_t i = 0; i < sizeof(weeks) / sizeof(weeks[0]); i++) {
		live_with_and_go(sim, 100 + i, weeks[i].count);
		baseline = fleet_baseline(fleets_first(detector_fleets(sim->detector)));
		assert_int_equal(baseline->plateau, weeks[i].plateau);
		assert_int_equal(baseline->plateau_before, weeks[i].before);
		sim->now += 7 * 24 * 3600;
		sim->next_look = sim->now;
	}
	sim_free(sim);
}

static void fleet_leave_forgets_a_process_that_was_hardly_seen(void **state)
{
	struct sim *sim = sim_new(1);
	struct event event = {.type = EVENT_EXIT};

	(void)state;
	open_by(sim, 100, "/bin/psql", NULL, "10.0.3.7:5432");
	assert_int_equal(fleet_count(sim), 1);
	sim_fill_owner(sim, &event);
	event.client.pid = 100;
	sim_event(sim, &event);
	event = (struct event){.type = EVENT_CLOSE, .conn = sim->last_id, .by = CLOSE_EXIT};
	sim_event(sim, &event);
	sim_advance(sim, sim->now + 60);
	sim_end(sim);
	assert_int_equal(fleet_count(sim), 0);
	sim_free(sim);
}

static void fleet_leave_takes_nothing_from_those_that_stay(void **state)
{
	struct sim *sim = sim_new(1);
	const struct fleet *fleet;

	(void)state;
	open_by(sim, 100, "/srv/orders", NULL, "10.0.3.7:5432");
	open_by(sim, 101, "/srv/orders", NULL, "10.0.3.7:5432");
	sim_advance(sim, sim->now + 60);
	fleet = fleets_first(detector_fleets(sim->detector));
	assert_int_equal(fleet->member_count, 2);
	go(sim, 100, 1, 1);
	for (int i = 0; i < 1000 && fleet->member_count == 2; i++) {
		sim_advance(sim, sim->now + 1);
		sim_end(sim);
	}
	assert_int_equal(fleet->member_count, 1);
	assert_non_null(fleet->server->largest);
	assert_int_equal(fleet->server->largest->pool->client->id.pid, 101);
	sim_free(sim);
}

static void fleets_import_gives_back_what_was_kept(void **state)
{
	struct sim *sim = sim_new(1), *next = sim_new(2);
	struct baseline kept;

	(void)state;
	live_and_go(sim, 100);
	kept = *fleet_baseline(fleets_first(detector_fleets(sim->detector)));
	sim_free(sim);
	assert_int_equal(fleets_import(detector_fleets(next->detector), &kept), 0);
	assert_int_equal(fleet_count(next), 1);
	open_by(next, 200, "/srv/orders", NULL, "10.0.3.7:5432");
	assert_int_equal(fleet_count(next), 1);
	assert_int_equal(fleet_baseline(fleets_first(detector_fleets(next->detector)))->plateau,
			 10);
	sim_free(next);
}

static void fleets_import_refuses_what_says_nothing(void **state)
{
	struct sim *sim = sim_new(1);
	struct baseline baseline = {.workload = "/srv/orders", .plateau = 10};
	struct fleets *fleets = detector_fleets(sim->detector);

	(void)state;
	assert_int_equal(fleets_import(fleets, &baseline), -EINVAL);
	assert_int_equal(parse_netaddr("10.0.3.7:5432", &baseline.remote), 0);
	baseline.plateau = 0;
	assert_int_equal(fleets_import(fleets, &baseline), -EINVAL);
	baseline.plateau = 10;
	memset(baseline.workload, 'x', sizeof(baseline.workload));
	assert_int_equal(fleets_import(fleets, &baseline), -EINVAL);
	baseline.workload[0] = '\0';
	assert_int_equal(fleets_import(fleets, &baseline), -EINVAL);
	assert_int_equal(fleet_count(sim), 0);
	sim_free(sim);
}

static void fleets_import_has_a_bound(void **state)
{
	struct sim *sim = sim_new(1);
	struct baseline baseline = {.plateau = 10};
	int error = 0;
	uint32_t count = 0;

	(void)state;
	assert_int_equal(parse_netaddr("10.0.3.7:5432", &baseline.remote), 0);
	while (error == 0 && count < 100000) {
		(void)snprintf(baseline.workload, sizeof(baseline.workload), "%u", count++);
		error = fleets_import(detector_fleets(sim->detector), &baseline);
	}
	assert_int_equal(error, -ENOSPC);
	open_by(sim, 100, "/srv/orders", NULL, "10.0.3.7:5432");
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fleet_join_puts_processes_of_one_workload_together),
		cmocka_unit_test(fleet_join_puts_pods_of_one_controller_together),
		cmocka_unit_test(fleet_leave_keeps_the_baseline),
		cmocka_unit_test(fleet_leave_forgets_what_a_workload_was_like_weeks_ago),
		cmocka_unit_test(fleet_leave_forgets_a_process_that_was_hardly_seen),
		cmocka_unit_test(fleet_leave_takes_nothing_from_those_that_stay),
		cmocka_unit_test(fleets_import_gives_back_what_was_kept),
		cmocka_unit_test(fleets_import_refuses_what_says_nothing),
		cmocka_unit_test(fleets_import_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
