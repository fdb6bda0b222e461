/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool does, span by span. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/heartbeat.h"
#include "core/meter.h"

/* A table, its one pool, and the meter that watches it. Ticks are the test's to make. */
struct world {
	struct table *table;
	struct pool *pool;
	struct meter meter;
	struct heartbeat heartbeat;
	uint64_t sent[64], received[64];
};

static struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->table = table_new(NULL);
	assert_non_null(world->table);
	return world;
}

static void world_free(struct world *world)
{
	meter_clear(&world->meter);
	table_free(world->table);
	free(world);
}

static uint64_t ns(double seconds)
{
	return (uint64_t)(seconds * 1e6) * NS_PER_US;
}

static void feed(struct world *world, double t, struct event event)
{
	struct change change;

	event.t_ns = ns(t);
	event.client = (struct client_id){.pid = 7, .start_ns = 1};
	event.remote = (struct netaddr){.port = 5432};
	assert_int_equal(table_apply(world->table, &event, &change), 0);
	if (change.pool)
		world->pool = change.pool;
	if (change.type != CHANGE_NONE && change.type != CHANGE_CHURNED) {
		heartbeat_observe(&world->heartbeat, &change);
		meter_observe(&world->meter, &change);
	}
	table_settle(world->table);
}

static void open_conn(struct world *world, double t, uint64_t id, double connect_s)
{
	feed(world, t, (struct event){.type = EVENT_OPEN, .conn = id});
	feed(world, t + connect_s, (struct event){.type = EVENT_ESTABLISHED, .conn = id});
}

/* An exchange that began at t, as a look at look_t tells it. */
static void look_at(struct world *world, double look_t, uint64_t id, double t, double exchange_s)
{
	world->sent[id] += 100;
	world->received[id] += 900;
	feed(world, look_t,
	     (struct event){.type = EVENT_IO,
			    .conn = id,
			    .sent_bytes = world->sent[id],
			    .received_bytes = world->received[id],
			    .last_send_ns = ns(t),
			    .last_recv_ns = ns(t + exchange_s)});
}

static void use_conn(struct world *world, double t, uint64_t id, double exchange_s)
{
	look_at(world, t + 1, id, t, exchange_s);
}

static void tick(struct world *world, double t)
{
	feed(world, t, (struct event){.type = EVENT_END});
	meter_sample(&world->meter, world->pool, 0, ns(t));
}

/* From one moment to another: an operation every two seconds and a tick every five. */
static void work(struct world *world, int from, int to)
{
	for (int t = from; t < to; t++) {
		if (t % 2 == 0)
			use_conn(world, t, 1, 0.002);
		else if (t % 5 == 0)
			tick(world, t + 0.9);
	}
}

static void meter_sum_counts_on_both_sides_of_a_moment(void **state)
{
	struct world *world = world_new();
	struct meter_figures before, since;

	(void)state;
	open_conn(world, 10, 1, 0.001);
	work(world, 11, 100);
	for (uint64_t id = 2; id < 8; id++) {
		open_conn(world, 101 + (double)id, id, 0.004);
		tick(world, 101.5 + (double)id);
	}
	feed(world, 112, (struct event){.type = EVENT_CLOSE, .conn = 7});
	tick(world, 115);
	tick(world, 120);
	meter_sum(&world->meter, 0, ns(100), &before);
	meter_sum(&world->meter, ns(100), ns(120), &since);
	assert_int_equal(before.opened_count, 1);
	assert_int_equal(before.observed_ns, 90 * NS_PER_SEC);
	assert_int_equal(before.operation_count, 44);
	assert_float_equal(before.operations_per_second, 44 / 90.0, 0.001);
	assert_float_equal(before.sent_bytes_per_second, 4400 / 90.0, 0.01);
	assert_float_equal(before.exchange_us, 2000, 5);
	assert_float_equal(before.connect_us, 1000, 5);
	assert_int_equal(since.opened_count, 6);
	assert_int_equal(since.opened_peak, 6);
	assert_int_equal(since.closed_count, 1);
	assert_float_equal(since.opened_per_minute, 18, 0.001);
	assert_float_equal(since.connect_p99_us, 4000, 5);
	assert_float_equal(since.open_max, 7, 0);
	assert_int_equal(since.operation_count, 0);
	assert_true(isnan(since.exchange_us));
	world_free(world);
}

static void meter_sum_reaches_back_by_coarser_spans(void **state)
{
	struct world *world = world_new();
	struct meter_figures figures;

	(void)state;
	open_conn(world, 0.1, 1, 0.001);
	work(world, 1, 6 * 3600);
	/* The last five minutes to ten seconds, an hour ago to two minutes, six to twenty. */
	meter_sum(&world->meter, ns(6 * 3600 - 205), ns(6 * 3600), &figures);
	assert_true(figures.observed_ns >= 190 * NS_PER_SEC);
	meter_sum(&world->meter, ns(5.5 * 3600), ns(5.75 * 3600), &figures);
	assert_true(figures.observed_ns >= 720 * NS_PER_SEC);
	assert_true(figures.observed_ns <= 900 * NS_PER_SEC);
	assert_float_equal(figures.operations_per_second, 0.5, 0.01);
	meter_sum(&world->meter, 0, ns(3 * 3600), &figures);
	assert_true(figures.observed_ns >= 9600 * NS_PER_SEC);
	assert_float_equal(figures.operations_per_second, 0.5, 0.01);
	world_free(world);
}

static void meter_sum_of_forgotten_time_is_empty(void **state)
{
	struct world *world = world_new();
	struct meter_figures figures;

	(void)state;
	open_conn(world, 0.1, 1, 0.001);
	work(world, 1, 100);
	tick(world, 20 * 3600);
	meter_sum(&world->meter, 0, ns(3600), &figures);
	assert_int_equal(figures.observed_ns, 0);
	assert_true(isnan(figures.operations_per_second));
	world_free(world);
}

static void meter_sum_tells_slow_connects_apart(void **state)
{
	struct world *world = world_new();
	struct meter_figures figures;

	(void)state;
	for (uint64_t id = 1; id < 20; id++)
		open_conn(world, (double)id, id, 0.001);
	tick(world, 20);
	meter_sum(&world->meter, 0, ns(20), &figures);
	assert_float_equal(figures.connect_p99_us, 1000, 1);
	open_conn(world, 21, 20, 1.01);
	tick(world, 25);
	meter_sum(&world->meter, 0, ns(25), &figures);
	assert_int_equal(figures.slow_connect_count, 1);
	assert_true(isinf(figures.connect_p99_us));
	world_free(world);
}

static void meter_sum_counts_failures_by_what_they_mean(void **state)
{
	static const char *const errors[] = {"ECONNREFUSED", "ETIMEDOUT", "EHOSTUNREACH"};
	struct world *world = world_new();
	struct meter_figures figures;

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		struct event failed = {.type = EVENT_FAILED, .conn = i + 1};

		strcpy(failed.error, errors[i]);
		feed(world, (double)i, (struct event){.type = EVENT_OPEN, .conn = i + 1});
		feed(world, (double)i + 0.5, failed);
	}
	tick(world, 5);
	meter_sum(&world->meter, 0, ns(5), &figures);
	assert_int_equal(figures.opened_count, 3);
	assert_int_equal(figures.failed_count, 3);
	assert_int_equal(figures.unreached_count, 2);
	world_free(world);
}

static void meter_sum_takes_path_figures_from_io(void **state)
{
	struct world *world = world_new();
	struct meter_figures figures;
	struct event io = {.type = EVENT_IO,
			   .conn = 1,
			   .sent_bytes = 100,
			   .received_bytes = 100,
			   .last_send_ns = ns(2),
			   .last_recv_ns = ns(2.5),
			   .rtt_us = 400,
			   .retransmit_count = 3};

	(void)state;
	open_conn(world, 1, 1, 0.001);
	feed(world, 3, io);
	/* No payload has moved; the retransmissions count all the same. */
	io.retransmit_count = 5;
	feed(world, 4, io);
	tick(world, 5);
	meter_sum(&world->meter, 0, ns(5), &figures);
	assert_float_equal(figures.rtt_us, 400, 0.5);
	assert_int_equal(figures.rtt_count, 1);
	assert_int_equal(figures.retransmit_count, 5);
	world_free(world);
}

static void meter_sum_past_of_a_found_connection_does_not_count(void **state)
{
	struct world *world = world_new();
	struct meter_figures figures;
	struct event io = {.type = EVENT_IO,
			   .conn = 1,
			   .sent_bytes = 1000000,
			   .received_bytes = 1000000,
			   .last_send_ns = ns(2),
			   .last_recv_ns = ns(2.5),
			   .retransmit_count = 100};

	(void)state;
	feed(world, 1, (struct event){.type = EVENT_SEEN, .conn = 1});
	feed(world, 3, io);
	io.sent_bytes += 500;
	io.last_send_ns = ns(3.5);
	io.retransmit_count += 2;
	feed(world, 4, io);
	tick(world, 6);
	meter_sum(&world->meter, 0, ns(6), &figures);
	assert_float_equal(figures.sent_bytes_per_second, 100, 0.01);
	assert_int_equal(figures.retransmit_count, 2);
	assert_int_equal(figures.opened_count, 0);
	world_free(world);
}

static void meter_sample_counts_churn(void **state)
{
	struct world *world = world_new();
	struct meter_figures figures;
	struct event churn = {.type = EVENT_CHURN,
			      .churn = {.opened_count = 50,
					.established_count = 40,
					.closed_count = {[CLOSE_LOCAL] = 40},
					.early_peer_close_count = 4}};

	(void)state;
	churn.churn.failed_count[FAIL_REFUSED] = 10;
	open_conn(world, 1, 1, 0.001);
	feed(world, 3, churn);
	tick(world, 5);
	meter_sum(&world->meter, 0, ns(5), &figures);
	assert_int_equal(figures.opened_count, 51);
	assert_int_equal(figures.opened_peak, 51);
	assert_int_equal(figures.closed_count, 40);
	assert_int_equal(figures.failed_count, 10);
	assert_int_equal(figures.early_close_count, 4);
	world_free(world);
}

static void meter_observe_exchanges_below_a_jiffy_count_as_one(void **state)
{
	struct world *world = world_new();
	struct meter_figures figures;

	(void)state;
	open_conn(world, 1, 1, 0.001);
	use_conn(world, 2, 1, 0);
	use_conn(world, 4, 1, 0.0001);
	tick(world, 6);
	meter_sum(&world->meter, 0, ns(6), &figures);
	assert_int_equal(figures.exchange_count, 2);
	assert_float_equal(figures.exchange_us, 1000, 0.5);
	world_free(world);
}

/* A monitor is answered after ten seconds, and begins to beat as soon as it is open. */
static void meter_observe_heartbeats_are_no_operations(void **state)
{
	struct world *world = world_new();
	struct meter_figures figures;

	(void)state;
	open_conn(world, 100, 1, 0.001);
	open_conn(world, 101, 2, 0.001);
	for (int i = 0; i < 20; i++) {
		use_conn(world, 102 + 10 * i, 2, 0.002);
		use_conn(world, 105 + 10 * i, 2, 0.002);
		look_at(world, 111 + 10 * i, 1, 101 + 10 * i, 9.5);
		tick(world, 112 + 10 * i);
	}
	meter_sum(&world->meter, 0, ns(400), &figures);
	assert_int_equal(figures.operation_count, 2 * 20);
	assert_true(figures.exchange_us < 2300);
	world_free(world);
}

static void meter_busy_is_the_share_that_is_owed_an_answer(void **state)
{
	struct world *world = world_new();

	(void)state;
	for (uint64_t id = 1; id <= 4; id++)
		open_conn(world, 1, id, 0);
	feed(world, 2,
	     (struct event){
		     .type = EVENT_IO, .conn = 2, .sent_bytes = 10, .last_send_ns = ns(1.5)});
	tick(world, 5);
	assert_float_equal(meter_busy_share(world->pool), 0.25, 0.0001);
	assert_float_equal(meter_busy(&world->meter, 1), 0.25, 0.0001);
	assert_true(isnan(meter_busy(&world->meter, 2)));
	world_free(world);
}

/* Asked and answered every half second, as what is written by hand. */
static bool is_coarse_with_answers_after(double took_s)
{
	struct world *world = world_new();
	bool answer;

	open_conn(world, 1, 1, 0);
	for (uint64_t i = 1; i <= 40; i++) {
		double t = 1.5 + 0.5 * (double)i;
		struct event event = {.type = EVENT_IO,
				      .conn = 1,
				      .sent_bytes = 70 * i,
				      .received_bytes = 90 * i,
				      .last_send_ns = ns(t) - ns(took_s),
				      .last_recv_ns = ns(t)};

		feed(world, t, event);
	}
	answer = meter_clock_is_coarse(&world->meter);
	world_free(world);
	return answer;
}

static void meter_clock_that_shows_how_long_answers_take_is_not_coarse(void **state)
{
	(void)state;
	assert_true(is_coarse_with_answers_after(0));
	assert_false(is_coarse_with_answers_after(0.002));
	assert_false(is_coarse_with_answers_after(0.1));
}

static void meter_clock_of_whole_seconds_is_coarse_and_busy_unknown(void **state)
{
	struct world *world = world_new();
	struct meter_figures figures;

	(void)state;
	open_conn(world, 1, 1, 0);
	for (uint64_t i = 1; i <= 30; i++) {
		struct event event = {.type = EVENT_IO,
				      .conn = 1,
				      .sent_bytes = 70 * i + i % 7,
				      .received_bytes = 90 * i,
				      .last_send_ns = ns(2.0 * (double)i),
				      .last_recv_ns = ns(2.0 * (double)i)};

		assert_false(meter_clock_is_coarse(&world->meter) && i < 20);
		feed(world, 2.0 * (double)i + 0.5, event);
	}
	tick(world, 65);
	assert_true(meter_clock_is_coarse(&world->meter));
	meter_sum(&world->meter, 0, ns(65), &figures);
	assert_true(isnan(figures.busy));
	feed(world, 71,
	     (struct event){.type = EVENT_IO,
			    .conn = 1,
			    .sent_bytes = 9000,
			    .received_bytes = 9000,
			    .last_send_ns = ns(70),
			    .last_recv_ns = ns(70.004)});
	assert_false(meter_clock_is_coarse(&world->meter));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meter_sum_counts_on_both_sides_of_a_moment),
		cmocka_unit_test(meter_sum_reaches_back_by_coarser_spans),
		cmocka_unit_test(meter_sum_of_forgotten_time_is_empty),
		cmocka_unit_test(meter_sum_tells_slow_connects_apart),
		cmocka_unit_test(meter_sum_counts_failures_by_what_they_mean),
		cmocka_unit_test(meter_sum_takes_path_figures_from_io),
		cmocka_unit_test(meter_sum_past_of_a_found_connection_does_not_count),
		cmocka_unit_test(meter_sample_counts_churn),
		cmocka_unit_test(meter_observe_exchanges_below_a_jiffy_count_as_one),
		cmocka_unit_test(meter_observe_heartbeats_are_no_operations),
		cmocka_unit_test(meter_busy_is_the_share_that_is_owed_an_answer),
		cmocka_unit_test(meter_clock_that_shows_how_long_answers_take_is_not_coarse),
		cmocka_unit_test(meter_clock_of_whole_seconds_is_coarse_and_busy_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
