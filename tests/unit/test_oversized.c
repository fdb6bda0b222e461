/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deploys: a pool that is larger than its work is told from one that has more work, and from the
 * overlap of two processes.
 */
#include "pool_sim.h"

#define STEP_S 0.5
#define HOUR 3600.0

/* A process with a pool of a fixed size, or one that grows with its load. */
struct process {
	struct sim_conn *conns[80];
	uint32_t pid, count;
	double rate;
	double held_s; /* an answer is owed for so long a request */
};

static void add_conn(struct sim *sim, struct process *process)
{
	sim->pid = process->pid;
	process->conns[process->count++] = sim_open(sim);
}

static void begin(struct sim *sim, struct process *process, uint32_t pid, uint32_t count,
		  double rate)
{
	*process = (struct process){.pid = pid, .rate = rate};
	while (process->count < count)
		add_conn(sim, process);
}

static void end(struct sim *sim, struct process *process)
{
	struct event event = {.type = EVENT_EXIT};

	sim->pid = process->pid;
	event.client = sim_client(sim);
	sim_event(sim, &event);
	for (uint32_t i = 0; i < process->count; i++)
		sim_close(sim, process->conns[i], CLOSE_EXIT);
	process->count = 0;
}

static void step_process(struct sim *sim, struct process *process)
{
	for (double t = sim_exp(sim, 1); t < process->rate * STEP_S && process->count > 0;
	     t += sim_exp(sim, 1)) {
		struct sim_conn *conn =
			process->conns[(uint32_t)(sim_random(sim) * process->count)];

		if (conn->done > sim->now)
			continue;
		sim_use(sim, conn);
		conn->done = sim->now + process->held_s;
		if (process->held_s > 0)
			conn->last_recv = conn->last_send - 0.001;
	}
	for (uint32_t i = 0; i < process->count; i++) {
		struct sim_conn *conn = process->conns[i];

		if (conn->done <= 0 || conn->done > sim->now)
			continue;
		conn->done = 0;
		conn->last_recv = sim->now;
		conn->is_dirty = true;
	}
}

static void run(struct sim *sim, struct process *one, struct process *two, double hours)
{
	double until = sim->now + hours * HOUR;

	while (sim->now < until) {
		sim_advance(sim, sim->now + STEP_S);
		step_process(sim, one);
		if (two)
			step_process(sim, two);
	}
	sim_end(sim);
}

static const struct sim_line *raised(const struct sim *sim)
{
	for (uint32_t i = 0; i < sim->line_count; i++)
		if (sim->lines[i].kind == VERDICT_OVERSIZED &&
		    sim->lines[i].state == VERDICT_RAISED)
			return &sim->lines[i];
	return NULL;
}

struct deploy {
	const char *name;
	uint32_t before, after;
	double rate_before, rate_after;
	double overlap_s; /* the old process ends so much later */
	double held_s; /* after */
	bool is_oversized;
};

static const struct deploy deploys[] = {
	{"ten to forty", 10, 40, 5, 5, 120, 0, true},
	{"ten to forty, no overlap", 10, 40, 5, 5, 0, 0, true},
	{"ten to forty, long overlap", 10, 40, 5, 5, 1800, 0, true},
	{"twenty to thirty-one", 20, 31, 5, 5, 60, 0, true},
	{"the same size", 10, 10, 5, 5, 120, 0, false},
	{"a little larger", 20, 28, 5, 5, 120, 0, false},
	{"ten more of many", 40, 52, 5, 5, 120, 0, false},
	{"small pools", 4, 12, 5, 5, 120, 0, false},
	{"smaller", 40, 10, 5, 5, 120, 0, false},
	{"larger and used", 10, 40, 5, 30, 120, 0.9, false},
	{"larger, for each request takes longer", 10, 20, 5, 5, 120, 2.5, false},
	{"the same and more work", 10, 10, 5, 50, 120, 0, false},
};

static void oversized_deploys_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(deploys) / sizeof(deploys[0]); i++) {
		const struct deploy *deploy = &deploys[i];
		struct sim *sim = sim_new(i + 1);
		const struct sim_line *line;
		struct process old, new;
		double began;

		begin(sim, &old, 100, deploy->before, deploy->rate_before);
		run(sim, &old, NULL, 2);
		began = sim->now;
		begin(sim, &new, 101, deploy->after, deploy->rate_after);
		new.held_s = deploy->held_s;
		run(sim, &old, &new, deploy->overlap_s / HOUR);
		end(sim, &old);
		run(sim, &new, NULL, 2);
		line = raised(sim);
		if ((line != NULL) != deploy->is_oversized) {
			sim_print(sim, deploy->name, 1);
			fail_msg("%s: %s", deploy->name, line ? "accused" : "not found");
		}
		if (line) {
			assert_true(line->t >= began + 600);
			assert_true(line->t <= began + fmax(600, deploy->overlap_s) + 60);
			assert_non_null(strstr(line->summary, "OVERSIZED orders-api[101]"));
			assert_non_null(strstr(line->summary, "where the process before needed"));
		}
		sim_free(sim);
	}
}

/* A pool that grows by its load from night to day is not at its size from the start on. */
static void oversized_growth_with_the_day_is_none(void **state)
{
	struct sim *sim = sim_new(1);
	struct process old, new;

	(void)state;
	begin(sim, &old, 100, 8, 1);
	run(sim, &old, NULL, 3);
	end(sim, &old);
	begin(sim, &new, 101, 8, 1);
	for (int i = 0; i < 40; i++) {
		run(sim, &new, NULL, 0.05);
		add_conn(sim, &new);
		new.rate += 1;
	}
	run(sim, &new, NULL, 4);
	assert_null(raised(sim));
	sim_free(sim);
}

/* Replicas of one program that are all there, some with a larger pool by configuration. */
static void oversized_replicas_beside_each_other_are_none(void **state)
{
	struct sim *sim = sim_new(1);
	struct process web, worker, again;

	(void)state;
	begin(sim, &web, 100, 30, 10);
	begin(sim, &worker, 101, 5, 1);
	run(sim, &web, &worker, 2);
	end(sim, &worker);
	begin(sim, &again, 102, 5, 1);
	run(sim, &web, &again, 1);
	end(sim, &web);
	begin(sim, &web, 103, 30, 10);
	run(sim, &web, &again, 2);
	assert_null(raised(sim));
	sim_free(sim);
}

static void oversized_is_cleared_when_it_is_rolled_back(void **state)
{
	struct sim *sim = sim_new(1);
	struct process old, new;

	(void)state;
	begin(sim, &old, 100, 10, 5);
	run(sim, &old, NULL, 1);
	end(sim, &old);
	begin(sim, &new, 101, 40, 5);
	run(sim, &new, NULL, 1);
	assert_non_null(raised(sim));
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_OVERSIZED), 1);
	end(sim, &new);
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_OVERSIZED), 0);
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	begin(sim, &old, 102, 10, 5);
	run(sim, &old, NULL, 1);
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_OVERSIZED), 0);
	sim_free(sim);
}

static void set_limit(struct sim *sim, const char *rule)
{
	char error[200];

	assert_int_equal(dbkind_add_endpoint(sim->databases, rule, error, sizeof(error)), 0);
}

static void oversized_sum_beyond_the_limit_names_the_largest(void **state)
{
	struct sim *sim = sim_new(1);
	struct process one, two;

	(void)state;
	set_limit(sim, "orders-db=10.0.3.7:5432,limit=50");
	begin(sim, &one, 100, 40, 3);
	begin(sim, &two, 101, 8, 3);
	run(sim, &one, &two, 1);
	assert_null(raised(sim));
	begin(sim, &two, 102, 12, 3);
	run(sim, &one, &two, 0.5);
	assert_non_null(raised(sim));
	assert_int_equal(raised(sim)->severity, SEVERITY_CRITICAL);
	assert_non_null(strstr(raised(sim)->summary, "OVERSIZED orders-api[100]"));
	assert_non_null(strstr(raised(sim)->summary, "60 connections open where 50 are the limit"));
	sim_free(sim);
}

/* The server turns away what a somewhat larger pool asks for. */
static void oversized_smaller_step_shows_by_refusals(void **state)
{
	struct sim *sim = sim_new(1);
	struct process old, new;

	(void)state;
	begin(sim, &old, 100, 20, 5);
	run(sim, &old, NULL, 1);
	end(sim, &old);
	begin(sim, &new, 101, 26, 5);
	for (int i = 0; i < 10; i++) {
		struct sim_conn *conn = sim_open(sim);

		conn->is_dirty = false;
		sim_advance(sim, sim->now + 0.01);
		sim_fin(sim, conn);
		sim_close(sim, conn, CLOSE_LOCAL);
		run(sim, &new, NULL, 0.05);
	}
	assert_non_null(raised(sim));
	assert_non_null(strstr(raised(sim)->summary, "turn connections away"));
	sim_free(sim);
}

static struct sim_conn *find_open(struct sim *sim)
{
	struct event event = {.type = EVENT_SEEN, .conn = ++sim->last_id, .has_idle = true};
	struct sim_conn *conn = sim_slot(sim);

	*conn = (struct sim_conn){.state = SIM_IDLE, .id = event.conn, .opened = sim->now};
	sim_fill_owner(sim, &event);
	event.age_ns = 1800 * NS_PER_SEC;
	event.age_is_exact = true;
	sim_event(sim, &event);
	return conn;
}

/* An agent that starts again finds it at its size, and knows others from before. */
static void oversized_process_of_which_the_beginning_was_not_seen_is_none(void **state)
{
	struct sim *sim = sim_new(1);
	struct process old, found = {.pid = 101, .rate = 5};

	(void)state;
	begin(sim, &old, 100, 10, 5);
	run(sim, &old, NULL, 1);
	end(sim, &old);
	sim->pid = found.pid;
	while (found.count < 40)
		found.conns[found.count++] = find_open(sim);
	run(sim, &found, NULL, 2);
	assert_null(raised(sim));
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(oversized_deploys_are_told_apart),
		cmocka_unit_test(oversized_growth_with_the_day_is_none),
		cmocka_unit_test(oversized_replicas_beside_each_other_are_none),
		cmocka_unit_test(oversized_is_cleared_when_it_is_rolled_back),
		cmocka_unit_test(oversized_sum_beyond_the_limit_names_the_largest),
		cmocka_unit_test(oversized_smaller_step_shows_by_refusals),
		cmocka_unit_test(oversized_process_of_which_the_beginning_was_not_seen_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
