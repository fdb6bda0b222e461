// SPDX-License-Identifier: Apache-2.0
/* What is counted of a workload stays and never goes down, whatever becomes of its processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "core/rollup.h"

#define SECOND NS_PER_SEC

struct world {
	struct dbkind *databases;
	struct table *table;
	struct rollup *rollup;
};

static void world_open(struct world *world, uint32_t max_groups, bool per_process)
{
	world->databases = dbkind_new();
	world->table = table_new(NULL);
	world->rollup = rollup_new(world->databases, max_groups, per_process);
	assert_non_null(world->databases);
	assert_non_null(world->table);
	assert_non_null(world->rollup);
}

static void world_close(struct world *world)
{
	rollup_free(world->rollup);
	table_free(world->table);
	dbkind_free(world->databases);
}

static void feed(struct world *world, const struct event *event)
{
	struct change change;

	assert_int_equal(table_apply(world->table, event, &change), 0);
	rollup_observe(world->rollup, &change);
	table_settle(world->table);
	table_sweep(world->table, event->t_ns);
}

static void survey(struct world *world, uint64_t t_ns)
{
	rollup_survey(world->rollup, world->table, NULL, t_ns);
}

static struct event event_of(enum event_type type, uint64_t t_ns, uint64_t conn)
{
	return (struct event){.type = type, .t_ns = t_ns, .conn = conn};
}

static struct event owned_event(enum event_type type, uint64_t t_ns, uint64_t conn, uint32_t pid,
				const char *exe)
{
	struct event event = event_of(type, t_ns, conn);

	event.client = (struct client_id){.pid = pid, .start_ns = 1};
	event.exe = exe;
	event.remote.ip[10] = event.remote.ip[11] = 0xff;
	event.remote.ip[12] = 10;
	event.remote.ip[15] = 7;
	event.remote.port = 5432;
	return event;
}

static void open_conn(struct world *world, uint64_t t_ns, uint64_t conn, uint32_t pid,
		      const char *exe)
{
	struct event event = owned_event(EVENT_OPEN, t_ns, conn, pid, exe);

	feed(world, &event);
	event = event_of(EVENT_ESTABLISHED, t_ns + 2 * NS_PER_MS, conn);
	feed(world, &event);
}

static void close_conn(struct world *world, uint64_t t_ns, uint64_t conn, enum close_by by)
{
	struct event event = event_of(EVENT_CLOSE, t_ns, conn);

	event.by = by;
	feed(world, &event);
}

static void exit_client(struct world *world, uint64_t t_ns, uint32_t pid)
{
	struct event event = owned_event(EVENT_EXIT, t_ns, 0, pid, NULL);

	feed(world, &event);
}

static void pass_time(struct world *world, uint64_t t_ns)
{
	struct event event = event_of(EVENT_END, t_ns, 0);

	feed(world, &event);
}

/* By workload and pid; NULL when there is none. */
static const struct rollup_group *find(const struct world *world, const char *workload,
				       const char *pid)
{
	for (const struct rollup_group *group = rollup_first(world->rollup); group;
	     group = group->next)
		if (strcmp(group->labels[ROLLUP_WORKLOAD], workload) == 0 &&
		    strcmp(group->labels[ROLLUP_PID], pid) == 0)
			return group;
	return NULL;
}

static void observe_processes_of_a_workload_are_one_group(void **state)
{
	const struct rollup_group *group;
	struct world world;

	(void)state;
	world_open(&world, 10, false);
	open_conn(&world, 1 * SECOND, 1, 100, "/usr/bin/orders");
	open_conn(&world, 2 * SECOND, 2, 101, "/usr/bin/orders");
	open_conn(&world, 3 * SECOND, 3, 200, "/usr/bin/mailer");
	survey(&world, 4 * SECOND);
	assert_int_equal(rollup_group_count(world.rollup), 2);
	group = find(&world, "orders", "");
	assert_non_null(group);
	assert_string_equal(group->labels[ROLLUP_ENDPOINT], "10.0.0.7:5432");
	assert_string_equal(group->labels[ROLLUP_DATABASE], "postgresql");
	assert_string_equal(group->labels[ROLLUP_NAMESPACE], "");
	assert_int_equal(group->opened_count, 2);
	assert_int_equal(group->pool_count, 2);
	assert_int_equal(group->state_count[ROLLUP_IDLE], 2);
	assert_int_equal(group->connect.count, 2);
	assert_int_equal(group->connect.counts[4], 2); /* 2 ms: above 1, at most 2.5 */
	assert_true(isnan(group->exhausts_in_s));
	world_close(&world);
}

static void survey_each_connection_has_one_state(void **state)
{
	const struct rollup_group *group;
	struct event event;
	struct world world;

	(void)state;
	world_open(&world, 10, false);
	event = owned_event(EVENT_OPEN, 1 * SECOND, 1, 100, "/orders");
	feed(&world, &event);
	for (uint64_t conn = 2; conn <= 4; conn++)
		open_conn(&world, conn * SECOND, conn, 100, "/orders");
	event = event_of(EVENT_IO, 5 * SECOND, 2);
	event.sent_bytes = 10;
	event.last_send_ns = 5 * SECOND;
	feed(&world, &event);
	event = event_of(EVENT_PEER_CLOSED, 6 * SECOND, 3);
	feed(&world, &event);
	survey(&world, 7 * SECOND);
	group = find(&world, "orders", "");
	assert_int_equal(group->state_count[ROLLUP_CONNECTING], 1);
	assert_int_equal(group->state_count[ROLLUP_BUSY], 1);
	assert_int_equal(group->state_count[ROLLUP_PEER_CLOSED], 1);
	assert_int_equal(group->state_count[ROLLUP_IDLE], 1);
	assert_int_equal(group->state_count[ROLLUP_STALE], 0);
	world_close(&world);
}

static void observe_ends_and_failures_are_told_apart(void **state)
{
	const struct rollup_group *group;
	struct event event;
	struct world world;

	(void)state;
	world_open(&world, 10, false);
	open_conn(&world, 1 * SECOND, 1, 100, "/orders");
	open_conn(&world, 1 * SECOND + 3 * NS_PER_MS, 2, 100, "/orders");
	close_conn(&world, 8 * SECOND, 1, CLOSE_LOCAL);
	close_conn(&world, 2000 * SECOND, 2, CLOSE_TIMEOUT);
	event = owned_event(EVENT_OPEN, 2001 * SECOND, 3, 100, "/orders");
	feed(&world, &event);
	event = event_of(EVENT_FAILED, 2002 * SECOND, 3);
	strcpy(event.error, "ECONNREFUSED");
	feed(&world, &event);
	survey(&world, 2003 * SECOND);
	group = find(&world, "orders", "");
	assert_int_equal(group->opened_count, 3);
	assert_int_equal(group->closed_count[CLOSE_LOCAL], 1);
	assert_int_equal(group->closed_count[CLOSE_TIMEOUT], 1);
	assert_int_equal(group->closed_count[CLOSE_PEER], 0);
	assert_int_equal(group->failed_count[FAIL_REFUSED], 1);
	assert_int_equal(group->lifetime.count, 2);
	assert_int_equal(group->lifetime.counts[4], 1); /* 7 s */
	assert_int_equal(group->lifetime.counts[9], 1); /* above 1800, at most 3600 s */
	world_close(&world);
}

static void observe_short_connections_count_too(void **state)
{
	const struct rollup_group *group;
	struct event event;
	struct world world;

	(void)state;
	world_open(&world, 10, false);
	pass_time(&world, 10 * SECOND);
	event = owned_event(EVENT_CHURN, 11 * SECOND, 0, 100, "/orders");
	event.churn.opened_count = 9;
	event.churn.established_count = 7;
	event.churn.closed_count[CLOSE_LOCAL] = 6;
	event.churn.closed_count[CLOSE_RESET] = 1;
	event.churn.failed_count[FAIL_REFUSED] = 2;
	feed(&world, &event);
	survey(&world, 12 * SECOND);
	group = find(&world, "orders", "");
	assert_int_equal(group->opened_count, 9);
	assert_int_equal(group->closed_count[CLOSE_LOCAL], 6);
	assert_int_equal(group->closed_count[CLOSE_RESET], 1);
	assert_int_equal(group->failed_count[FAIL_REFUSED], 2);
	assert_int_equal(group->lifetime.count, 7);
	assert_int_equal(group->lifetime.counts[1], 7); /* half a second each */
	assert_true(fabs(group->lifetime.sum_s - 3.5) < 1e-9);
	world_close(&world);
}

static void observe_past_counts_go_on_where_another_agent_stopped(void **state)
{
	struct event event = owned_event(EVENT_PAST, SECOND, 0, 10, "/usr/bin/app");
	const struct rollup_group *group;
	struct world world;

	(void)state;
	world_open(&world, 10, false);
	event.churn.opened_count = 9;
	event.churn.closed_count[CLOSE_LOCAL] = 6;
	event.churn.failed_count[FAIL_REFUSED] = 2;
	feed(&world, &event);
	event = owned_event(EVENT_SEEN, 2 * SECOND, 1, 10, NULL);
	event.age_is_exact = true;
	event.age_ns = SECOND;
	feed(&world, &event);
	event.conn = 2;
	event.age_is_exact = false;
	feed(&world, &event);
	close_conn(&world, 3 * SECOND, 1, CLOSE_LOCAL);
	group = find(&world, "app", "");
	assert_non_null(group);
	assert_int_equal(group->opened_count, 10);
	assert_int_equal(group->closed_count[CLOSE_LOCAL], 7);
	assert_int_equal(group->failed_count[FAIL_REFUSED], 2);
	assert_int_equal(group->lifetime.count, 1);
	world_close(&world);
}

static void observe_what_was_open_before_has_no_lifetime(void **state)
{
	const struct rollup_group *group;
	struct event event;
	struct world world;

	(void)state;
	world_open(&world, 10, false);
	event = owned_event(EVENT_SEEN, 1 * SECOND, 1, 100, "/orders");
	feed(&world, &event);
	close_conn(&world, 2 * SECOND, 1, CLOSE_PEER);
	survey(&world, 3 * SECOND);
	group = find(&world, "orders", "");
	assert_int_equal(group->opened_count, 0);
	assert_int_equal(group->closed_count[CLOSE_PEER], 1);
	assert_int_equal(group->lifetime.count, 0);
	world_close(&world);
}

static void counts_stay_when_processes_and_pools_are_gone(void **state)
{
	const struct rollup_group *group;
	struct world world;

	(void)state;
	world_open(&world, 10, false);
	for (uint32_t i = 0; i < 5; i++) {
		uint64_t t_ns = (1 + 10 * (uint64_t)i) * SECOND;

		open_conn(&world, t_ns, i + 1, 100 + i, "/orders");
		close_conn(&world, t_ns + SECOND, i + 1, CLOSE_EXIT);
		exit_client(&world, t_ns + 2 * SECOND, 100 + i);
		survey(&world, t_ns + 3 * SECOND);
		group = find(&world, "orders", "");
		assert_int_equal(group->opened_count, i + 1);
		assert_int_equal(group->closed_count[CLOSE_EXIT], i + 1);
	}
	assert_int_equal(table_pool_count(world.table), 0);
	assert_int_equal(group->pool_count, 0);
	world_close(&world);
}

static void survey_a_group_without_pools_is_forgotten_after_an_hour(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, 1, false);
	open_conn(&world, 1 * SECOND, 1, 100, "/orders");
	close_conn(&world, 2 * SECOND, 1, CLOSE_EXIT);
	exit_client(&world, 2 * SECOND, 100);
	survey(&world, 3 * SECOND);
	survey(&world, ROLLUP_KEEP_NS); /* it was last seen at 1 s */
	assert_int_equal(rollup_group_count(world.rollup), 1);
	survey(&world, SECOND + ROLLUP_KEEP_NS);
	assert_int_equal(rollup_group_count(world.rollup), 0);
	open_conn(&world, 2 * ROLLUP_KEEP_NS, 2, 101, "/mailer");
	survey(&world, 2 * ROLLUP_KEEP_NS + SECOND);
	assert_non_null(find(&world, "mailer", ""));
	assert_int_equal(rollup_overflow_count(world.rollup), 0);
	world_close(&world);
}

static void observe_what_finds_no_room_is_one_counted_group(void **state)
{
	const struct rollup_group *other;
	struct world world;
	char exe[16];

	(void)state;
	world_open(&world, 3, false);
	for (uint32_t i = 1; i <= 50; i++) {
		(void)snprintf(exe, sizeof(exe), "/app%u", i);
		open_conn(&world, i * SECOND, i, 100 + i, exe);
		survey(&world, i * SECOND + NS_PER_MS * 3);
	}
	assert_int_equal(rollup_group_count(world.rollup), 3);
	assert_int_equal(rollup_overflow_count(world.rollup), 47);
	other = find(&world, ROLLUP_OTHER, "");
	assert_non_null(other);
	assert_int_equal(other->opened_count, 47);
	assert_int_equal(other->pool_count, 47);
	assert_int_equal(other->state_count[ROLLUP_IDLE], 47);
	assert_string_equal(other->labels[ROLLUP_ENDPOINT], "");
	close_conn(&world, 60 * SECOND, 50, CLOSE_LOCAL);
	assert_int_equal(other->closed_count[CLOSE_LOCAL], 1);
	world_close(&world);
}

static void per_process_counts_of_the_gone_go_to_the_workload(void **state)
{
	const struct rollup_group *group;
	struct world world;

	(void)state;
	world_open(&world, 10, true);
	open_conn(&world, 1 * SECOND, 1, 100, "/orders");
	open_conn(&world, 2 * SECOND, 2, 101, "/orders");
	survey(&world, 3 * SECOND);
	assert_int_equal(rollup_group_count(world.rollup), 2);
	assert_int_equal(find(&world, "orders", "100")->opened_count, 1);
	assert_null(find(&world, "orders", ""));
	close_conn(&world, 4 * SECOND, 1, CLOSE_EXIT);
	exit_client(&world, 5 * SECOND, 100);
	survey(&world, 6 * SECOND);
	assert_null(find(&world, "orders", "100"));
	group = find(&world, "orders", "");
	assert_non_null(group);
	assert_int_equal(group->opened_count, 1);
	assert_int_equal(group->closed_count[CLOSE_EXIT], 1);
	assert_int_equal(group->lifetime.count, 1);
	assert_int_equal(group->connect.count, 1);
	assert_int_equal(find(&world, "orders", "101")->opened_count, 1);
	world_close(&world);
}

static void survey_names_that_become_known_move_the_pool(void **state)
{
	struct event event;
	struct world world;

	(void)state;
	world_open(&world, 10, false);
	event = owned_event(EVENT_OPEN, 1 * SECOND, 1, 100, NULL);
	strcpy(event.comm, "x\x1b[2J");
	feed(&world, &event);
	survey(&world, 2 * SECOND);
	assert_non_null(find(&world, "x\\x1b[2J", ""));
	event = owned_event(EVENT_OPEN, 3 * SECOND, 2, 100, "/usr/bin/orders");
	feed(&world, &event);
	survey(&world, 4 * SECOND);
	assert_int_equal(find(&world, "orders", "")->pool_count, 1);
	assert_int_equal(find(&world, "x\\x1b[2J", "")->pool_count, 0);
	world_close(&world);
}

static void survey_a_named_endpoint_has_its_limit(void **state)
{
	const struct rollup_group *group;
	struct world world;
	char error[256];

	(void)state;
	world_open(&world, 10, false);
	assert_int_equal(dbkind_add_endpoint(world.databases, "orders-db=10.0.0.7:5432,limit=100",
					     error, sizeof(error)),
			 0);
	open_conn(&world, 1 * SECOND, 1, 100, "/orders");
	survey(&world, 2 * SECOND);
	group = find(&world, "orders", "");
	assert_string_equal(group->labels[ROLLUP_ENDPOINT], "orders-db");
	assert_int_equal(group->limit, 100);
	world_close(&world);
}

static struct verdict verdict_of(const struct pool *pool, enum verdict_kind kind)
{
	return (struct verdict){
		.t_ns = 10 * SECOND,
		.kind = kind,
		.state = VERDICT_RAISED,
		.severity = SEVERITY_WARNING,
		.client = pool->client->id,
		.remote = pool->remote,
		.exhausts_in_s = NAN,
	};
}

static void add_verdict_stands_for_the_group_of_its_pool(void **state)
{
	const struct rollup_group *group;
	struct verdict verdict;
	struct world world;

	(void)state;
	world_open(&world, 10, false);
	open_conn(&world, 1 * SECOND, 1, 100, "/orders");
	open_conn(&world, 2 * SECOND, 2, 200, "/mailer");
	survey(&world, 10 * SECOND);
	verdict = verdict_of(table_find_conn(world.table, 1)->pool, VERDICT_LEAK);
	rollup_add_verdict(world.rollup, world.table, &verdict, 10 * SECOND);
	verdict.kind = VERDICT_STORM;
	verdict.severity = SEVERITY_CRITICAL;
	rollup_add_verdict(world.rollup, world.table, &verdict, 10 * SECOND);
	group = find(&world, "orders", "");
	assert_int_equal(group->standing[VERDICT_LEAK], 1 << SEVERITY_WARNING);
	assert_int_equal(group->standing[VERDICT_STORM], 1 << SEVERITY_CRITICAL);
	assert_int_equal(group->standing[VERDICT_EXHAUSTED], 0);
	assert_true(isnan(group->exhausts_in_s));
	assert_int_equal(find(&world, "mailer", "")->standing[VERDICT_LEAK], 0);
	survey(&world, 11 * SECOND);
	assert_int_equal(group->standing[VERDICT_LEAK], 0); /* to be said after each survey */
	world_close(&world);
}

static void add_verdict_what_does_not_stand_is_left_out(void **state)
{
	struct verdict verdict;
	struct world world;

	(void)state;
	world_open(&world, 10, false);
	open_conn(&world, 1 * SECOND, 1, 100, "/orders");
	survey(&world, 10 * SECOND);
	verdict = verdict_of(table_find_conn(world.table, 1)->pool, VERDICT_LEAK);
	verdict.exhausts_in_s = 60;
	verdict.state = VERDICT_SUSPECT;
	rollup_add_verdict(world.rollup, world.table, &verdict, 10 * SECOND);
	verdict.state = VERDICT_CLEARED;
	rollup_add_verdict(world.rollup, world.table, &verdict, 10 * SECOND);
	verdict.state = VERDICT_RAISED;
	verdict.remote.port++; /* no such pool */
	rollup_add_verdict(world.rollup, world.table, &verdict, 10 * SECOND);
	verdict.client.pid++; /* no such process */
	rollup_add_verdict(world.rollup, world.table, &verdict, 10 * SECOND);
	assert_int_equal(find(&world, "orders", "")->standing[VERDICT_LEAK], 0);
	assert_true(isnan(find(&world, "orders", "")->exhausts_in_s));
	world_close(&world);
}

static void add_verdict_the_soonest_end_counts_and_comes_nearer(void **state)
{
	const struct rollup_group *group;
	struct verdict verdict;
	struct world world;

	(void)state;
	world_open(&world, 10, false);
	open_conn(&world, 1 * SECOND, 1, 100, "/orders");
	open_conn(&world, 1 * SECOND + 5 * NS_PER_MS, 2, 101, "/orders");
	survey(&world, 70 * SECOND);
	group = find(&world, "orders", "");
	verdict = verdict_of(table_find_conn(world.table, 1)->pool, VERDICT_LEAK);
	verdict.exhausts_in_s = 600;
	rollup_add_verdict(world.rollup, world.table, &verdict, 70 * SECOND);
	assert_true(fabs(group->exhausts_in_s - 540) < 1e-9);
	verdict = verdict_of(table_find_conn(world.table, 2)->pool, VERDICT_LEAK);
	verdict.exhausts_in_s = 900;
	rollup_add_verdict(world.rollup, world.table, &verdict, 70 * SECOND);
	assert_true(fabs(group->exhausts_in_s - 540) < 1e-9);
	verdict.exhausts_in_s = 30; /* due half a minute ago */
	rollup_add_verdict(world.rollup, world.table, &verdict, 70 * SECOND);
	assert_true(fabs(group->exhausts_in_s) < 1e-9);
	world_close(&world);
}

static void histogram_a_bound_belongs_to_its_bucket(void **state)
{
	struct histogram histogram = {0}, sum = {0};

	(void)state;
	histogram_add(&histogram, &histogram_connect_scale, NS_PER_SEC, 2);
	histogram_add(&histogram, &histogram_connect_scale, NS_PER_SEC + 1, 1);
	histogram_add(&histogram, &histogram_connect_scale, 100 * NS_PER_SEC, 1);
	assert_int_equal(histogram.counts[10], 2);
	assert_int_equal(histogram.counts[11], 1);
	assert_int_equal(histogram.counts[13], 1);
	assert_int_equal(histogram.count, 4);
	histogram_merge(&sum, &histogram);
	histogram_merge(&sum, &histogram);
	assert_int_equal(sum.counts[10], 4);
	assert_int_equal(sum.count, 8);
	assert_true(fabs(sum.sum_s - 206) < 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(observe_processes_of_a_workload_are_one_group),
		cmocka_unit_test(survey_each_connection_has_one_state),
		cmocka_unit_test(observe_ends_and_failures_are_told_apart),
		cmocka_unit_test(observe_short_connections_count_too),
		cmocka_unit_test(observe_what_was_open_before_has_no_lifetime),
		cmocka_unit_test(observe_past_counts_go_on_where_another_agent_stopped),
		cmocka_unit_test(counts_stay_when_processes_and_pools_are_gone),
		cmocka_unit_test(survey_a_group_without_pools_is_forgotten_after_an_hour),
		cmocka_unit_test(observe_what_finds_no_room_is_one_counted_group),
		cmocka_unit_test(per_process_counts_of_the_gone_go_to_the_workload),
		cmocka_unit_test(survey_names_that_become_known_move_the_pool),
		cmocka_unit_test(survey_a_named_endpoint_has_its_limit),
		cmocka_unit_test(add_verdict_stands_for_the_group_of_its_pool),
		cmocka_unit_test(add_verdict_what_does_not_stand_is_left_out),
		cmocka_unit_test(add_verdict_the_soonest_end_counts_and_comes_nearer),
		cmocka_unit_test(histogram_a_bound_belongs_to_its_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
