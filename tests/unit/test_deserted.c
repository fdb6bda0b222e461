// SPDX-License-Identifier: Apache-2.0
/*
 * Threads with connections of their own that end: what they leave is named. Threads that open for
 * others end as well, runtimes clean up late, and neither is a leak.
 */
#include "core/deserted.h"
#include "core/judgement.h"
#include "pool_sim.h"

#define WORKERS 12
#define STEP_S 1.0

struct thread {
	struct sim_conn *conn;
	uint32_t tid;
};

static uint32_t next_tid;

static struct thread open_by(struct sim *sim, uint32_t tid)
{
	struct event event = {.type = EVENT_OPEN};
	struct sim_conn *conn = sim_slot(sim);

	memset(conn, 0, sizeof(*conn));
	conn->id = ++sim->last_id;
	conn->state = SIM_IDLE;
	event.conn = conn->id;
	event.tid = tid;
	sim_fill_owner(sim, &event);
	sim_event(sim, &event);
	event = (struct event){.type = EVENT_ESTABLISHED, .conn = conn->id};
	sim_event(sim, &event);
	sim_use(sim, conn);
	return (struct thread){conn, tid};
}

static struct thread start_thread(struct sim *sim)
{
	return open_by(sim, ++next_tid);
}

/* As the source does: with the counters of the look before. */
static void tell(struct sim *sim, const struct sim_conn *sim_conn, enum opener_state state)
{
	const struct conn *conn = table_find_conn(sim->table, sim_conn->id);
	struct event event = {
		.type = EVENT_IO,
		.conn = conn->id,
		.opener = (uint16_t)state,
		.sent_bytes = conn_sent_bytes(conn),
		.received_bytes = conn_received_bytes(conn),
		.last_send_ns = conn_last_send_ns(conn),
		.last_recv_ns = conn_last_recv_ns(conn),
	};

	sim_event(sim, &event);
}

static struct sim *start(struct thread *workers)
{
	struct sim *sim = sim_new(1);

	next_tid = 5000;
	for (int i = 0; i < WORKERS; i++)
		workers[i] = start_thread(sim);
	return sim;
}

/* Each worker uses its own, in turn. */
static void work(struct sim *sim, const struct thread *workers, double seconds)
{
	double until = sim->now + seconds;

	for (int i = 0; sim->now < until; i++) {
		struct sim_conn *conn = workers[i % WORKERS].conn;

		conn->sent += (uint64_t)(sim_random(sim) * 1000);
		sim_use(sim, conn);
		sim_advance(sim, sim->now + STEP_S);
	}
}

static void tell_workers(struct sim *sim, const struct thread *workers, enum opener_state state)
{
	for (int i = 0; i < WORKERS; i++)
		tell(sim, workers[i].conn, state);
}

/* Threads begin, work, and end; each leaves its connection. */
static void desert(struct sim *sim, const struct thread *workers, int count)
{
	for (int i = 0; i < count; i++) {
		struct thread thread = start_thread(sim);

		work(sim, workers, 5);
		sim_use(sim, thread.conn);
		work(sim, workers, 15);
		thread.conn->state = SIM_LEAKED;
		sim->leaked_count++;
		tell(sim, thread.conn, OPENER_ENDED);
	}
}

static double value_of(const struct sim *sim)
{
	return deserted_value(table_first_pool(sim->table)->dossier->judgement->deserted);
}

static void deserted_connections_are_a_leak(void **state)
{
	struct thread workers[WORKERS], old[14];
	struct sim *sim = start(workers);
	const struct verdict *verdict;
	const struct sim_line *line;

	(void)state;
	/* All at the start: nothing grows that another test could see. */
	for (int i = 0; i < 14; i++)
		old[i] = start_thread(sim);
	for (int i = 0; i < 20; i++) {
		work(sim, workers, 5);
		for (int k = 0; k < 14; k++)
			sim_use(sim, old[k].conn);
	}
	work(sim, workers, 30);
	tell_workers(sim, workers, OPENER_RUNNING);
	for (int i = 0; i < 14; i++) {
		tell(sim, old[i].conn, OPENER_ENDED);
		old[i].conn->state = SIM_LEAKED;
	}
	assert_null(sim_first(sim, VERDICT_SUSPECT));
	work(sim, workers, 180);
	line = sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "threads_ended");
	assert_non_null(line);
	assert_int_equal(line->right_count, 14);
	/* Whichever test leads, what is left behind later is named as soon. */
	desert(sim, workers, 6);
	work(sim, workers, 90);
	verdict =
		detector_pool_verdict_of(sim->detector, table_first_pool(sim->table), VERDICT_LEAK);
	assert_int_equal(verdict->suspect_count, 20);
	sim_free(sim);
}

/* 1 / C(26, 12) and its e-value. */
static void deserted_value_is_that_of_drawing_blindly(void **state)
{
	struct thread workers[WORKERS];
	struct sim *sim = start(workers);

	(void)state;
	tell_workers(sim, workers, OPENER_RUNNING);
	desert(sim, workers, 2);
	work(sim, workers, 90);
	assert_true(value_of(sim) == 1);
	desert(sim, workers, 12);
	work(sim, workers, 90);
	assert_true(value_of(sim) > 3.7e4 && value_of(sim) < 3.8e4);
	/* Half of those that run rest: then it may be chance. */
	work(sim,
	     (struct thread[WORKERS]){workers[0], workers[1], workers[2], workers[3], workers[4],
				      workers[5], workers[0], workers[1], workers[2], workers[3],
				      workers[4], workers[5]},
	     90);
	assert_true(value_of(sim) > 1 && value_of(sim) < 400);
	sim_free(sim);
}

static void deserted_connection_that_others_use_refutes_it(void **state)
{
	struct thread workers[WORKERS], old[WORKERS];
	struct sim *sim = start(workers);

	(void)state;
	tell_workers(sim, workers, OPENER_RUNNING);
	for (int i = 0; i < WORKERS; i++)
		old[i] = start_thread(sim);
	work(sim, workers, 30);
	for (int i = 0; i < WORKERS; i++)
		tell(sim, old[i].conn, OPENER_ENDED);
	work(sim, workers, 90);
	assert_true(value_of(sim) > 1000);
	/* The pool is shared after all: some of these are used again, and rest from then on. */
	for (int i = 0; i < 4; i++) {
		work(sim, workers, 20);
		sim_use(sim, old[i].conn);
	}
	work(sim, workers, 90);
	assert_true(value_of(sim) < 20);
	/* What is closed now was shared all the same. */
	for (int i = 0; i < 4; i++)
		sim_close(sim, old[i].conn, CLOSE_LOCAL);
	work(sim, workers, 400);
	assert_true(value_of(sim) < 20);
	sim_free(sim);
}

static void deserted_last_use_of_the_thread_itself_counts_for_nothing(void **state)
{
	struct thread workers[WORKERS], old[WORKERS];
	struct sim *sim = start(workers);

	(void)state;
	tell_workers(sim, workers, OPENER_RUNNING);
	for (int i = 0; i < WORKERS; i++)
		old[i] = start_thread(sim);
	work(sim, workers, 5);
	/* It has used it since the last look, which is told when its end is known already. */
	for (int i = 0; i < WORKERS; i++) {
		tell(sim, old[i].conn, OPENER_ENDED);
		sim_use(sim, old[i].conn);
	}
	work(sim, workers, 90);
	assert_true(value_of(sim) > 1000);
	sim_free(sim);
}

static void deserted_helpers_of_a_pool_are_none(void **state)
{
	struct thread workers[WORKERS];
	struct sim *sim = start(workers);

	(void)state;
	/* Whoever opened them has ended, of those in use as well. */
	work(sim, workers, 11);
	tell_workers(sim, workers, OPENER_ENDED);
	desert(sim, workers, 14);
	work(sim, workers, 180);
	assert_true(value_of(sim) == 1);
	sim_free(sim);
}

static void deserted_connections_of_one_thread_are_one_case(void **state)
{
	struct thread workers[WORKERS], opened[14];
	struct sim *sim = start(workers);

	(void)state;
	for (int i = 0; i < 14; i++)
		opened[i] = open_by(sim, 4999);
	work(sim, workers, 60);
	tell_workers(sim, workers, OPENER_RUNNING);
	for (int i = 0; i < 14; i++)
		tell(sim, opened[i].conn, OPENER_ENDED);
	work(sim, workers, 1800);
	assert_true(value_of(sim) == 1);
	assert_null(sim_first(sim, VERDICT_SUSPECT));
	sim_free(sim);
}

static void deserted_connections_that_are_closed_late_are_none(void **state)
{
	struct thread workers[WORKERS], left[3];
	struct sim *sim = start(workers);

	(void)state;
	tell_workers(sim, workers, OPENER_RUNNING);
	/* The runtime needs ten minutes to find what a thread has left. */
	for (int i = 0; i < 3; i++)
		left[i] = start_thread(sim);
	work(sim, workers, 20);
	for (int i = 0; i < 3; i++)
		tell(sim, left[i].conn, OPENER_ENDED);
	work(sim, workers, 600);
	for (int i = 0; i < 3; i++)
		sim_close(sim, left[i].conn, CLOSE_LOCAL);
	desert(sim, workers, 14);
	work(sim, workers, 600);
	assert_true(value_of(sim) == 1);
	/* Four times as long is too long. */
	work(sim, workers, 2400);
	assert_true(value_of(sim) > 1e4);
	sim_free(sim);
}

static void deserted_value_without_any_is_one(void **state)
{
	struct deserted nothing = {0};

	(void)state;
	assert_true(deserted_value(NULL) == 1);
	assert_true(deserted_value(&nothing) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deserted_connections_are_a_leak),
		cmocka_unit_test(deserted_value_is_that_of_drawing_blindly),
		cmocka_unit_test(deserted_connection_that_others_use_refutes_it),
		cmocka_unit_test(deserted_last_use_of_the_thread_itself_counts_for_nothing),
		cmocka_unit_test(deserted_helpers_of_a_pool_are_none),
		cmocka_unit_test(deserted_connections_of_one_thread_are_one_case),
		cmocka_unit_test(deserted_connections_that_are_closed_late_are_none),
		cmocka_unit_test(deserted_value_without_any_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
