/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a recording -> which of them are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "sys/replay_filter.h"

static struct event of_client(enum event_type type, uint64_t conn, uint32_t pid, const char *comm,
			      const char *cgroup)
{
	struct event event = {.type = type,
			      .conn = conn,
			      .client = {.pid = pid, .start_ns = 1},
			      .remote = {.port = 5432},
			      .cgroup = cgroup};

	strncpy(event.comm, comm, sizeof(event.comm) - 1);
	return event;
}

static bool admits(struct replay_filter *filter, struct event event)
{
	int r = replay_filter_admits(filter, &event);

	assert_true(r == 0 || r == 1);
	return r;
}

static bool admits_conn(struct replay_filter *filter, enum event_type type, uint64_t conn)
{
	return admits(filter, (struct event){.type = type, .conn = conn});
}

static struct replay_filter *filter_of(const struct replay_rules *rules)
{
	struct replay_filter *filter = replay_filter_new(rules);

	assert_non_null(filter);
	return filter;
}

static void replay_filter_all_events_of_a_connection_or_none(void **state)
{
	const uint32_t pids[] = {7, 8};
	struct replay_filter *filter =
		filter_of(&(struct replay_rules){.pids = pids, .pid_count = 2});

	(void)state;
	assert_true(admits(filter, of_client(EVENT_OPEN, 1, 7, "app", NULL)));
	assert_false(admits(filter, of_client(EVENT_OPEN, 2, 9, "app", NULL)));
	assert_true(admits_conn(filter, EVENT_IO, 1));
	assert_false(admits_conn(filter, EVENT_ESTABLISHED, 2));
	assert_false(admits_conn(filter, EVENT_IO, 2));
	assert_false(admits_conn(filter, EVENT_CLOSE, 2));
	assert_true(admits_conn(filter, EVENT_CLOSE, 1));
	assert_true(admits(filter, of_client(EVENT_CHURN, 0, 8, "app", NULL)));
	assert_false(admits(filter, of_client(EVENT_PAST, 0, 9, "app", NULL)));
	replay_filter_free(filter);
}

/* Its number may be given again; an event of one that never began is for others to refuse. */
static void replay_filter_ended_connection_is_forgotten(void **state)
{
	const uint32_t pids[] = {7};
	struct replay_filter *filter =
		filter_of(&(struct replay_rules){.pids = pids, .pid_count = 1});

	(void)state;
	assert_false(admits(filter, of_client(EVENT_OPEN, 1, 9, "app", NULL)));
	assert_false(admits_conn(filter, EVENT_FAILED, 1));
	assert_true(admits_conn(filter, EVENT_IO, 1));
	assert_true(admits(filter, of_client(EVENT_OPEN, 1, 7, "app", NULL)));
	replay_filter_free(filter);
}

static void replay_filter_handed_over(void **state)
{
	const uint32_t pids[] = {7};
	struct replay_filter *filter =
		filter_of(&(struct replay_rules){.pids = pids, .pid_count = 1});

	(void)state;
	assert_false(admits(filter, of_client(EVENT_OPEN, 1, 9, "parent", NULL)));
	assert_true(admits(filter, of_client(EVENT_SEEN, 1, 7, "child", NULL)));
	assert_true(admits_conn(filter, EVENT_IO, 1));
	assert_true(admits(filter, of_client(EVENT_SEEN, 1, 9, "parent", NULL)));
	assert_true(admits_conn(filter, EVENT_CLOSE, 1));
	replay_filter_free(filter);
}

static void replay_filter_what_belongs_to_no_connection_is_told(void **state)
{
	const uint32_t pids[] = {7};
	struct replay_filter *filter =
		filter_of(&(struct replay_rules){.pids = pids, .pid_count = 1});

	(void)state;
	assert_true(admits_conn(filter, EVENT_LOST, 0));
	assert_true(admits_conn(filter, EVENT_END, 0));
	replay_filter_free(filter);
}

/* The table refuses the exit of a process that it has never heard of. */
static void replay_filter_exit_of_a_process_that_was_told_of(void **state)
{
	const uint32_t pids[] = {7};
	struct replay_filter *filter =
		filter_of(&(struct replay_rules){.pids = pids, .pid_count = 1});

	(void)state;
	assert_true(admits(filter, of_client(EVENT_OPEN, 1, 7, "app", NULL)));
	assert_false(admits(filter, of_client(EVENT_OPEN, 2, 8, "app", NULL)));
	assert_true(admits(filter, of_client(EVENT_SEEN, 1, 9, "heir", NULL)));
	assert_true(admits(filter, of_client(EVENT_EXIT, 0, 7, "", NULL)));
	assert_false(admits(filter, of_client(EVENT_EXIT, 0, 8, "", NULL)));
	assert_true(admits(filter, of_client(EVENT_EXIT, 0, 9, "", NULL)));
	assert_true(admits(filter, of_client(EVENT_EXIT, 0, 10, "", NULL)));
	replay_filter_free(filter);
}

static void replay_filter_names_and_ports(void **state)
{
	const char comms[][COMM_SIZE] = {"java", "node"};
	struct dbkind *ports = dbkind_new();
	char error[200];
	struct replay_filter *filter;

	(void)state;
	assert_non_null(ports);
	assert_int_equal(dbkind_set_ports(ports, "5432", error, sizeof(error)), 0);
	filter = filter_of(&(struct replay_rules){.comms = comms, .comm_count = 2, .ports = ports});
	assert_true(admits(filter, of_client(EVENT_OPEN, 1, 7, "node", NULL)));
	assert_false(admits(filter, of_client(EVENT_OPEN, 2, 7, "nod", NULL)));
	assert_false(admits(filter, (struct event){.type = EVENT_OPEN,
						   .conn = 3,
						   .comm = "node",
						   .remote = {.port = 6379}}));
	replay_filter_free(filter);
	dbkind_free(ports);
}

/* The trace tells it with the first connection of a process only. */
static void replay_filter_cgroup_of_the_process(void **state)
{
	static const struct {
		const char *rule, *path;
		bool admitted;
	} cases[] = {
		{"/sys/fs/cgroup/shop.slice", "/shop.slice/a.service", true},
		{"/sys/fs/cgroup/unified/shop.slice/", "/shop.slice", true},
		{"shop.slice", "/shop.slice/a.service", true},
		{"/shop.slice", "/shop.slice", true},
		{"/sys/fs/cgroup", "/anything", true},
		{"shop.slice", "/shop.slicer", false},
		{"shop.slice/a.service", "/shop.slice", false},
		{"/sys/fs/cgroups", "/sys", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char rule[64];
		char *rules[] = {rule};
		struct replay_filter *filter =
			filter_of(&(struct replay_rules){.cgroups = rules, .cgroup_count = 1});

		strcpy(rule, cases[i].rule);
		assert_false(admits(filter, of_client(EVENT_OPEN, 1, 7, "app", NULL)));
		if (admits(filter, of_client(EVENT_OPEN, 2, 7, "app", cases[i].path)) !=
		    cases[i].admitted)
			fail_msg("%s in %s", cases[i].path, cases[i].rule);
		assert_int_equal(admits(filter, of_client(EVENT_OPEN, 3, 7, "app", NULL)),
				 cases[i].admitted);
		assert_int_equal(admits(filter, of_client(EVENT_EXIT, 0, 7, "app", NULL)),
				 cases[i].admitted);
		assert_false(admits(filter, of_client(EVENT_OPEN, 4, 7, "app", NULL)));
		replay_filter_free(filter);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replay_filter_all_events_of_a_connection_or_none),
		cmocka_unit_test(replay_filter_ended_connection_is_forgotten),
		cmocka_unit_test(replay_filter_handed_over),
		cmocka_unit_test(replay_filter_what_belongs_to_no_connection_is_told),
		cmocka_unit_test(replay_filter_exit_of_a_process_that_was_told_of),
		cmocka_unit_test(replay_filter_names_and_ports),
		cmocka_unit_test(replay_filter_cgroup_of_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
