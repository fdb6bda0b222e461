/* SPDX-License-Identifier: Apache-2.0 */
/* Pools that are too small for their load are said to be; busy ones that wait for nobody are not.
 */
#include "core/format.h"
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEEDS 3

/* Every request is one statement of slow_s, half of it either way. */
struct load {
	struct sim_pool pool;
	double rise_s; /* when the load becomes ... */
	double factor; /* ... so many times as high */
	double fall_s; /* when it is as before again; 0 = never */
	double raised_by_s; /* 0 = it must not be raised */
	double cleared_by_s; /* 0 = it need not be */
};

/* 10 connections carry 20 requests of half a second each second. */
#define TEN .max = 10, .slow_share = 1, .slow_s = 0.5, .hours = 0.5

static const struct load loads[] = {
	{.pool = {"fixed size, load triples", .min = 10, .rate = 9, TEN},
	 .rise_s = 600,
	 .factor = 4,
	 .raised_by_s = 90,
	 .fall_s = 1000,
	 .cleared_by_s = 400},
	{.pool = {"on demand, load grows", .rate = 9, TEN},
	 .rise_s = 600,
	 .factor = 4,
	 .raised_by_s = 150},
	{.pool = {"FIFO with rotation", SIM_FIFO, .min = 10, .rate = 9, .lifetime_s = 300, TEN},
	 .rise_s = 600,
	 .factor = 4,
	 .raised_by_s = 150},
	{.pool = {"too small from the start", .min = 10, .rate = 50, TEN},
	 .rise_s = 2,
	 .factor = 1,
	 .raised_by_s = 800},
	{.pool = {"half busy", .min = 10, .rate = 10, TEN}, .rise_s = 600, .factor = 1},
	{.pool = {"two thirds busy for hours", .min = 10, .max = 10, .rate = 9, .slow_share = 1,
		  .slow_s = 0.5, .hours = 8},
	 .rise_s = 600,
	 .factor = 1.5},
	{.pool = {"full for half a minute", .min = 10, .rate = 9, TEN},
	 .rise_s = 600,
	 .factor = 4,
	 .fall_s = 630},
	{.pool = {"grows with the load", .max = 400, .rate = 10, .slow_share = 1, .slow_s = 0.5,
		  .hours = 0.5},
	 .rise_s = 600,
	 .factor = 6},
	{.pool = {"two connections", .min = 2, .max = 2, .rate = 2, .slow_share = 1, .slow_s = 0.5,
		  .hours = 0.5},
	 .rise_s = 600,
	 .factor = 10},
	{.pool = {"jobs of minutes on all of them", .min = 10, .max = 10, .rate = 1,
		  .slow_share = 1, .slow_s = 300, .hours = 0.5},
	 .rise_s = 2,
	 .factor = 1},
	{.pool = {"held for long, hardly busy", .min = 10, .max = 10, .rate = 1, .held_s = 30,
		  .hours = 0.5},
	 .rise_s = 600,
	 .factor = 4},
};

static void run_until(struct sim *sim, const struct sim_pool *pool, double until)
{
	struct sim_pool part = *pool;

	part.hours = (until - sim->now) / 3600;
	if (part.hours > 0)
		sim_run(sim, &part, false);
}

static void run_load(struct sim *sim, const struct load *load)
{
	struct sim_pool high = load->pool;

	high.rate *= load->factor;
	run_until(sim, &load->pool, load->rise_s);
	run_until(sim, &high, load->fall_s > 0 ? load->fall_s : load->pool.hours * 3600);
	run_until(sim, &load->pool, load->pool.hours * 3600);
}

static void check_load(const struct load *load, uint64_t seed)
{
	struct sim *sim = sim_new(seed);
	const struct sim_line *raised, *cleared;

	run_load(sim, load);
	raised = sim_first_by(sim, VERDICT_SATURATED, VERDICT_RAISED, "busy");
	cleared = sim_first_by(sim, VERDICT_SATURATED, VERDICT_CLEARED, "busy");
	if (sim->line_count > (load->raised_by_s > 0 ? 2 : 0)) {
		sim_print(sim, load->pool.name, seed);
		fail_msg("%s: too many lines", load->pool.name);
	}
	if (load->raised_by_s > 0 && (!raised || raised->t > load->rise_s + load->raised_by_s))
		fail_msg("%s, seed %u: raised at %.0f s", load->pool.name, (unsigned int)seed,
			 raised ? raised->t : NAN);
	if (load->cleared_by_s > 0 && (!cleared || cleared->t > load->fall_s + load->cleared_by_s))
		fail_msg("%s, seed %u: not cleared", load->pool.name, (unsigned int)seed);
	sim_free(sim);
}

static void saturated_is_raised_where_requests_wait_and_nowhere_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(loads); i++)
		for (uint64_t seed = 1; seed <= SEEDS; seed++)
			check_load(&loads[i], seed);
}

static void saturated_line_carries_figures_and_the_learned_ceiling(void **state)
{
	struct sim *sim = sim_new(1);
	const struct verdict *verdict;
	const struct sim_line *line;

	(void)state;
	run_load(sim, &loads[1]);
	line = sim_first_by(sim, VERDICT_SATURATED, VERDICT_RAISED, "busy");
	assert_non_null(line);
	assert_int_equal(line->severity, SEVERITY_WARNING);
	assert_int_equal(line->suspect_count, 0);
	assert_non_null(strstr(line->summary, "SATURATED orders-api[4121] -> 10.0.3.7:5432 "
					      "(postgresql): all 10 connections busy ("));
	assert_non_null(strstr(line->summary, ", all used within the last "));
	verdict = detector_pool_verdict(sim->detector, table_first_pool(sim->table));
	assert_non_null(verdict);
	assert_int_equal(verdict->kind, VERDICT_SATURATED);
	assert_int_equal(verdict->limit, 10);
	assert_true(isnan(verdict->exhausts_in_s));
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_SATURATED), 1);
	sim_free(sim);
}

/* It is waited for ten minutes, and they are part of how long the pool has been full. */
static void saturated_line_says_since_when_the_pool_is_full(void **state)
{
	struct sim *sim = sim_new(1);
	const struct sim_line *line;
	char span[32], words[48];

	(void)state;
	assert_string_equal(loads[3].pool.name, "too small from the start");
	run_load(sim, &loads[3]);
	line = sim_first_by(sim, VERDICT_SATURATED, VERDICT_RAISED, "busy");
	assert_non_null(line);
	assert_true(line->t > 600);
	/* All of it but the first seconds. */
	(void)snprintf(words, sizeof(words), "%%) for %s, ",
		       format_duration(sim_ns(line->t), span, sizeof(span)));
	assert_non_null(strstr(line->summary, words));
	sim_free(sim);
}

static void saturated_is_cleared_when_the_process_exits(void **state)
{
	struct sim *sim = sim_new(1);
	struct event event = {.type = EVENT_EXIT};

	(void)state;
	run_load(sim, &loads[1]);
	event.client = sim_client(sim);
	sim_event(sim, &event);
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	assert_non_null(strstr(sim_last(sim)->summary, "the process has exited"));
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_SATURATED), 0);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saturated_is_raised_where_requests_wait_and_nowhere_else),
		cmocka_unit_test(saturated_line_carries_figures_and_the_learned_ceiling),
		cmocka_unit_test(saturated_line_says_since_when_the_pool_is_full),
		cmocka_unit_test(saturated_is_cleared_when_the_process_exits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
