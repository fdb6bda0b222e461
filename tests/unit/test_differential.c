/* SPDX-License-Identifier: Apache-2.0 */
/* Courses of a pool -> what its verdict says of the rivals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/differential.h"

#define CONNS_MAX 400
#define TICK_S 5

/* What a source would tell of a conn; the driver of a test says when it is used. */
struct sim_conn {
	uint64_t sent, received;
	bool is_open, is_leaked;
};

/* The pools of one process, one an endpoint, with a dossier each but without a detector. */
struct world {
	struct settings settings;
	struct bench bench;
	struct dossiers dossiers;
	struct judgement *judgements[2];
	struct sim_conn conns[2][CONNS_MAX];
	uint32_t conn_count[2];
	double now; /* whole seconds */
	double exchange_s; /* of what is used from now on */
	double connect_s;
	uint32_t size; /* of each request */
};

static struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	settings_init(&world->settings);
	world->bench.settings = &world->settings;
	world->bench.table = table_new(NULL);
	world->bench.losses.last_ns = INT64_MIN;
	assert_non_null(world->bench.table);
	world->now = 1000;
	world->exchange_s = 0.004;
	world->connect_s = 0.001;
	world->size = 100;
	return world;
}

static void world_free(struct world *world)
{
	for (int i = 0; i < 2; i++) {
		if (world->judgements[i])
			dossier_free(&world->dossiers, world->judgements[i]->pool->dossier);
	}
	dossiers_clear(&world->dossiers);
	table_free(world->bench.table);
	free(world);
}

static uint64_t ns(double seconds)
{
	return (uint64_t)(seconds * 1e6) * NS_PER_US;
}

static void feed(struct world *world, unsigned int which, double t, struct event event)
{
	struct judgement **judgement = &world->judgements[which];
	struct change change;

	event.t_ns = ns(t);
	event.client = (struct client_id){.pid = 7, .start_ns = 1};
	event.remote = (struct netaddr){.port = (uint16_t)(5432 + which)};
	assert_int_equal(table_apply(world->bench.table, &event, &change), 0);
	if (change.pool && !*judgement) {
		assert_non_null(dossier_new(&world->dossiers, change.pool));
		*judgement = change.pool->dossier->judgement;
	}
	if (change.type != CHANGE_NONE)
		meter_observe(&(*judgement)->meter, &change);
	table_settle(world->bench.table);
}

static uint64_t conn_id(unsigned int which, uint32_t slot)
{
	return which * CONNS_MAX + slot + 1;
}

static void open_conn(struct world *world, unsigned int which, const char *error)
{
	double t = (double)table_now_ns(world->bench.table) / 1e9;
	uint32_t slot = world->conn_count[which]++;
	struct event event = {.conn = conn_id(which, slot)};

	assert_true(slot < CONNS_MAX);
	event.type = EVENT_OPEN;
	t = t > world->now ? t + 1e-6 : world->now;
	feed(world, which, t, event);
	event.type = error ? EVENT_FAILED : EVENT_ESTABLISHED;
	if (error)
		strcpy(event.error, error);
	feed(world, which, t + world->connect_s, event);
	world->conns[which][slot].is_open = !error;
}

static void look_at(struct world *world, unsigned int which, uint32_t slot, bool is_answered)
{
	struct sim_conn *conn = &world->conns[which][slot];
	struct event io = {.type = EVENT_IO, .conn = conn_id(which, slot)};

	conn->sent += world->size;
	conn->received += is_answered ? 900 : 0;
	io.sent_bytes = conn->sent;
	io.received_bytes = conn->received;
	io.last_send_ns = ns(world->now + 0.1);
	io.last_recv_ns = is_answered ? ns(world->now + 0.1 + world->exchange_s) : 0;
	feed(world, which, world->now + 0.9, io);
}

/* A second in which the first `used` connections that are not leaked do an exchange each. */
static void second(struct world *world, uint32_t used, bool is_answered)
{
	for (unsigned int which = 0; which < 2; which++) {
		uint32_t left = used;

		for (uint32_t slot = 0; slot < world->conn_count[which] && left > 0; slot++) {
			if (!world->conns[which][slot].is_open ||
			    world->conns[which][slot].is_leaked)
				continue;
			look_at(world, which, slot, is_answered);
			left--;
		}
	}
	world->now += 1;
	if ((uint64_t)world->now % TICK_S != 0)
		return;
	for (unsigned int which = 0; which < 2; which++)
		if (world->judgements[which])
			meter_sample(&world->judgements[which]->meter,
				     world->judgements[which]->pool, 0, ns(world->now));
}

static void seconds(struct world *world, unsigned int count, uint32_t used)
{
	for (unsigned int i = 0; i < count; i++)
		second(world, used, true);
}

/* Every ten seconds one is taken and never used again, and another one is opened. */
static void leak(struct world *world, unsigned int count, uint32_t used)
{
	for (unsigned int i = 0; i < count; i++) {
		uint32_t slot = 0;

		while (world->conns[0][slot].is_leaked)
			slot++;
		world->conns[0][slot].is_leaked = true;
		open_conn(world, 0, NULL);
		seconds(world, 10, used);
	}
}

static void begin(struct world *world, uint32_t size, unsigned int history_s, uint32_t used)
{
	for (uint32_t i = 0; i < size; i++) {
		open_conn(world, 0, NULL);
		open_conn(world, 1, NULL);
	}
	seconds(world, history_s, used);
}

static struct verdict judge(struct world *world, enum verdict_kind kind, double began)
{
	struct verdict verdict = {.kind = kind, .t_ns = ns(world->now)};

	differential_fill(&world->bench, world->judgements[0], ns(began), &verdict);
	return verdict;
}

static void assert_ruling(const struct verdict *verdict, enum rival rival, enum ruling expected)
{
	for (uint32_t i = 0; i < verdict->rival_count; i++) {
		const struct rival_ruling *ruling = &verdict->rivals[i];

		if (ruling->rival != rival)
			continue;
		if (ruling->ruling != expected)
			fail_msg("%s is %s: %s", rival_name(rival), ruling_title(ruling->ruling),
				 ruling->text);
		return;
	}
	fail_msg("nothing is said of %s", rival_name(rival));
}

static void differential_fill_leak_under_steady_traffic_rules_all_out(void **state)
{
	struct world *world = world_new();
	struct verdict verdict;
	char tail[256];
	double began;

	(void)state;
	begin(world, 4, 600, 4);
	began = world->now;
	leak(world, 20, 4);
	verdict = judge(world, VERDICT_LEAK, began);
	assert_int_equal(verdict.rival_count, RIVAL_COUNT - 1);
	assert_ruling(&verdict, RIVAL_TRAFFIC_SPIKE, RULING_RULED_OUT);
	assert_ruling(&verdict, RIVAL_NETWORK, RULING_RULED_OUT);
	assert_ruling(&verdict, RIVAL_SLOW_DATABASE, RULING_RULED_OUT);
	assert_ruling(&verdict, RIVAL_POOL_TOO_SMALL, RULING_RULED_OUT);
	assert_ruling(&verdict, RIVAL_OVERSIZED, RULING_RULED_OUT);
	assert_ruling(&verdict, RIVAL_STORM, RULING_RULED_OUT);
	assert_string_equal(differential_tail(&verdict, tail, sizeof(tail)),
			    "Not traffic: queries/s +0%. Not the network: connect p99 1 ms, "
			    "0 failures. Not the database: exchange time +0%. ");
	world_free(world);
}

static void differential_fill_leak_from_the_start_compares_halves(void **state)
{
	struct world *world = world_new();
	struct verdict verdict;

	(void)state;
	begin(world, 4, 2, 4);
	leak(world, 8, 4);
	verdict = judge(world, VERDICT_LEAK, 1001);
	assert_ruling(&verdict, RIVAL_TRAFFIC_SPIKE, RULING_CANNOT_TELL);
	assert_non_null(strstr(verdict.rivals[0].text, "history"));
	leak(world, 16, 4);
	verdict = judge(world, VERDICT_LEAK, 1001);
	assert_ruling(&verdict, RIVAL_TRAFFIC_SPIKE, RULING_RULED_OUT);
	assert_non_null(strstr(verdict.rivals[0].text, "first half"));
	/* What begins with a step has no half to be compared with. */
	verdict = judge(world, VERDICT_OVERSIZED, 1001);
	assert_ruling(&verdict, RIVAL_TRAFFIC_SPIKE, RULING_CANNOT_TELL);
	world_free(world);
}

static void differential_fill_leak_from_the_start_is_compared_with_the_process_before(void **state)
{
	struct world *former = world_new(), *world = world_new();
	struct meter_figures figures;
	struct fleet fleet = {.former = &figures};
	struct verdict verdict;

	(void)state;
	begin(former, 4, 1200, 4);
	meter_sum(&former->judgements[0]->meter, 0, ns(former->now), &figures);
	begin(world, 4, 1, 4);
	leak(world, 8, 4);
	world->judgements[0]->pool->dossier->membership.fleet = &fleet;
	verdict = judge(world, VERDICT_LEAK, 1001);
	assert_ruling(&verdict, RIVAL_TRAFFIC_SPIKE, RULING_RULED_OUT);
	assert_non_null(strstr(verdict.rivals[0].text, "in the process before"));
	assert_ruling(&verdict, RIVAL_SLOW_DATABASE, RULING_RULED_OUT);
	verdict = judge(world, VERDICT_OVERSIZED, 1001);
	assert_ruling(&verdict, RIVAL_TRAFFIC_SPIKE, RULING_CANNOT_TELL);
	world->judgements[0]->pool->dossier->membership.fleet = NULL;
	world_free(world);
	world_free(former);
}

static void differential_fill_user_spike_is_ruled_in(void **state)
{
	struct world *world = world_new();
	struct verdict verdict;
	char tail[256];
	double began;

	(void)state;
	begin(world, 4, 600, 4);
	began = world->now;
	for (int i = 0; i < 16; i++)
		open_conn(world, 0, NULL);
	seconds(world, 120, 20);
	verdict = judge(world, VERDICT_OVERSIZED, began);
	assert_ruling(&verdict, RIVAL_TRAFFIC_SPIKE, RULING_RULED_IN);
	assert_ruling(&verdict, RIVAL_NETWORK, RULING_RULED_OUT);
	assert_ruling(&verdict, RIVAL_LEAK, RULING_RULED_OUT);
	assert_null(strstr(differential_tail(&verdict, tail, sizeof(tail)), "traffic"));
	world_free(world);
}

static void differential_fill_slow_database_is_ruled_in(void **state)
{
	struct world *world = world_new();
	struct verdict verdict;
	double began;

	(void)state;
	begin(world, 10, 600, 5);
	began = world->now;
	world->exchange_s = 0.4;
	seconds(world, 120, 5);
	verdict = judge(world, VERDICT_OVERSIZED, began);
	assert_ruling(&verdict, RIVAL_SLOW_DATABASE, RULING_RULED_IN);
	assert_ruling(&verdict, RIVAL_TRAFFIC_SPIKE, RULING_RULED_OUT);
	world_free(world);
}

static void differential_fill_hung_database_is_ruled_in(void **state)
{
	struct world *world = world_new();
	struct verdict verdict;
	double began;

	(void)state;
	begin(world, 10, 600, 5);
	began = world->now;
	second(world, 10, false);
	/* Two ticks without a look, and some more: nothing has come since. */
	for (int i = 0; i < 2 * TICK_S + 3; i++)
		second(world, 0, false);
	verdict = judge(world, VERDICT_EXHAUSTED, began);
	assert_ruling(&verdict, RIVAL_SLOW_DATABASE, RULING_RULED_IN);
	world_free(world);
}

/* Each look meets all of them at work, and the next one is five seconds away. */
static void differential_fill_busy_at_the_last_look_is_not_owed_for_long(void **state)
{
	struct world *world = world_new();
	struct verdict verdict;
	double began;

	(void)state;
	begin(world, 10, 600, 5);
	began = world->now;
	for (int i = 0; i < 12; i++) {
		second(world, 10, false);
		for (int j = 1; j < TICK_S; j++)
			second(world, 0, false);
	}
	verdict = judge(world, VERDICT_SATURATED, began);
	assert_ruling(&verdict, RIVAL_SLOW_DATABASE, RULING_CANNOT_TELL);
	world_free(world);
}

/* It has been at its maximum since the start; what matters is when it became busy. */
static void differential_fill_saturated_begins_when_it_is_busy(void **state)
{
	struct world *world = world_new();
	struct verdict verdict;

	(void)state;
	begin(world, 10, 600, 4);
	for (int i = 0; i < 90; i++)
		second(world, 10, false);
	verdict = judge(world, VERDICT_SATURATED, 1000);
	assert_ruling(&verdict, RIVAL_TRAFFIC_SPIKE, RULING_RULED_IN);
	assert_ruling(&verdict, RIVAL_POOL_TOO_SMALL, RULING_RULED_IN);
	assert_ruling(&verdict, RIVAL_LEAK, RULING_RULED_OUT);
	world_free(world);
}

static void differential_fill_network_needs_a_second_endpoint(void **state)
{
	struct world *world = world_new();
	struct verdict verdict;
	double began;

	(void)state;
	begin(world, 4, 600, 4);
	began = world->now;
	for (int i = 0; i < 6; i++) {
		open_conn(world, 0, "ETIMEDOUT");
		seconds(world, 5, 4);
	}
	verdict = judge(world, VERDICT_STORM, began);
	assert_int_equal(verdict.rival_count, RIVAL_COUNT - 1);
	assert_ruling(&verdict, RIVAL_NETWORK, RULING_CANNOT_TELL);
	for (int i = 0; i < 6; i++) {
		open_conn(world, 1, "EHOSTUNREACH");
		seconds(world, 5, 4);
	}
	verdict = judge(world, VERDICT_STORM, began);
	assert_ruling(&verdict, RIVAL_NETWORK, RULING_RULED_IN);
	world_free(world);
}

/* Of 20 connections of the start five are used; the others rest from then on, or were at work. */
static void differential_fill_what_rests_from_the_start_is_too_much(void **state)
{
	static const struct {
		uint32_t used;
		enum ruling expected;
	} cases[] = {{5, RULING_RULED_IN}, {20, RULING_CANNOT_TELL}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *world = world_new();
		struct verdict verdict;

		begin(world, 20, 600, cases[i].used);
		seconds(world, 300, 5);
		verdict = judge(world, VERDICT_LEAK, world->now - 300);
		assert_ruling(&verdict, RIVAL_OVERSIZED, cases[i].expected);
		world_free(world);
	}
}

static void differential_fill_storm_beside_another_verdict_is_ruled_in(void **state)
{
	struct world *world = world_new();
	struct verdict verdict;
	double began;

	(void)state;
	begin(world, 4, 600, 4);
	began = world->now;
	for (int i = 0; i < 60; i++)
		open_conn(world, 0, i % 2 ? "ECONNREFUSED" : NULL);
	seconds(world, 30, 4);
	verdict = judge(world, VERDICT_OVERSIZED, began);
	assert_ruling(&verdict, RIVAL_STORM, RULING_RULED_IN);
	world_free(world);
}

static void differential_fill_loss_keeps_claims_back(void **state)
{
	struct world *world = world_new();
	struct verdict verdict;
	double began;

	(void)state;
	begin(world, 4, 600, 4);
	began = world->now;
	seconds(world, 60, 4);
	world->bench.losses.count = 3;
	world->bench.losses.last_ns = (int64_t)ns(began + 10);
	verdict = judge(world, VERDICT_OVERSIZED, began);
	assert_ruling(&verdict, RIVAL_NETWORK, RULING_CANNOT_TELL);
	assert_ruling(&verdict, RIVAL_STORM, RULING_CANNOT_TELL);
	assert_ruling(&verdict, RIVAL_LEAK, RULING_CANNOT_TELL);
	/* One before the evidence is no matter. */
	world->bench.losses.last_ns = (int64_t)ns(began - 10);
	verdict = judge(world, VERDICT_OVERSIZED, began);
	assert_ruling(&verdict, RIVAL_NETWORK, RULING_RULED_OUT);
	world_free(world);
}

static void differential_tail_that_does_not_fit_ends_with_a_sentence(void **state)
{
	struct verdict verdict = {.rival_count = 2};
	char tail[40];

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		verdict.rivals[i].rival = (enum rival)i;
		verdict.rivals[i].ruling = RULING_RULED_OUT;
		strcpy(verdict.rivals[i].brief, "queries/s +2%");
	}
	assert_string_equal(differential_tail(&verdict, tail, sizeof(tail)),
			    "Not traffic: queries/s +2%. ");
	verdict.rival_count = 0;
	assert_string_equal(differential_tail(&verdict, tail, sizeof(tail)), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differential_fill_leak_under_steady_traffic_rules_all_out),
		cmocka_unit_test(differential_fill_leak_from_the_start_compares_halves),
		cmocka_unit_test(
			differential_fill_leak_from_the_start_is_compared_with_the_process_before),
		cmocka_unit_test(differential_fill_user_spike_is_ruled_in),
		cmocka_unit_test(differential_fill_slow_database_is_ruled_in),
		cmocka_unit_test(differential_fill_hung_database_is_ruled_in),
		cmocka_unit_test(differential_fill_busy_at_the_last_look_is_not_owed_for_long),
		cmocka_unit_test(differential_fill_saturated_begins_when_it_is_busy),
		cmocka_unit_test(differential_fill_network_needs_a_second_endpoint),
		cmocka_unit_test(differential_fill_what_rests_from_the_start_is_too_much),
		cmocka_unit_test(differential_fill_storm_beside_another_verdict_is_ruled_in),
		cmocka_unit_test(differential_fill_loss_keeps_claims_back),
		cmocka_unit_test(differential_tail_that_does_not_fit_ends_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
