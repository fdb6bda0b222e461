/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaks out of pools of every discipline: each is raised in time, and what is named is leaked.
 */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEEDS 4

struct leaky_pool {
	struct sim_pool pool;
	double leaked_mean, leaked_most; /* by the time it is raised: over the seeds, of any */
	double look_s; /* 0 = 5 s */
	double late;
};

#define PER_MIN (1.0 / 60)

/*
 * A LIFO pool with a surplus loses that first, without a sign; hence the bounds of the first two.
 * At 1/s, ten leaks a piece go by while T0, HOLD and the look pass.
 */
static const struct leaky_pool leaky_pools[] = {
	{.pool = {"cold LIFO, 6/min", .max = 100, .rate = 20, .held_s = 0.2, .leak_rate = 0.1},
	 .leaked_mean = 28,
	 .leaked_most = 35},
	{.pool = {"cold LIFO, 1/s", .max = 100, .rate = 20, .held_s = 0.2, .leak_rate = 1},
	 .leaked_mean = 52,
	 .leaked_most = 62},
	{.pool = {"cold LIFO, 1/s, looks every second", .max = 100, .rate = 20, .held_s = 0.2,
		  .leak_rate = 1},
	 .leaked_mean = 48,
	 .leaked_most = 58,
	 .look_s = 1},
	{.pool = {"cold LIFO, 1/min", .max = 100, .rate = 20, .held_s = 0.2, .leak_rate = PER_MIN},
	 .leaked_mean = 16,
	 .leaked_most = 20},
	{.pool = {"cold LIFO, 6/h", .max = 100, .rate = 20, .held_s = 0.2,
		  .leak_rate = PER_MIN / 10},
	 .leaked_mean = 16,
	 .leaked_most = 20},
	{.pool = {"cold LIFO, low load, 1/min", .max = 100, .rate = 0.5, .held_s = 0.2,
		  .leak_rate = PER_MIN},
	 .leaked_mean = 13,
	 .leaked_most = 16},
	{.pool = {"cold FIFO, 1/min", SIM_FIFO, .max = 50, .rate = 5, .held_s = 0.3,
		  .leak_rate = PER_MIN},
	 .leaked_mean = 16,
	 .leaked_most = 18},
	{.pool = {"cold pool of 20, 1/min", .max = 20, .rate = 5, .held_s = 0.1,
		  .leak_rate = PER_MIN},
	 .leaked_mean = 13,
	 .leaked_most = 16},
	{.pool = {"cold Go, two idle, 1/min", .keep = 2, .rate = 20, .held_s = 0.3,
		  .leak_rate = PER_MIN},
	 .leaked_mean = 13,
	 .leaked_most = 16},
	{.pool = {"cold SQLAlchemy, 1/min", SIM_FIFO, .max = 50, .keep = 5, .rate = 10,
		  .held_s = 0.4, .leak_rate = PER_MIN},
	 .leaked_mean = 14,
	 .leaked_most = 17},
	{.pool = {"cold, no pool at all, 1/min", .keep = 1, .rate = 3, .held_s = 0.1,
		  .leak_rate = PER_MIN},
	 .leaked_mean = 14,
	 .leaked_most = 17},
	{.pool = {"cold Tomcat, 1/min", .max = 100, .min = 10, .idle_close_s = 60, .sweep_s = 5,
		  .rate = 8, .held_s = 0.5, .leak_rate = PER_MIN},
	 .leaked_mean = 17,
	 .leaked_most = 23},
	{.pool = {"some statements take a minute, 6/min", .max = 100, .rate = 5, .held_s = 0.3,
		  .slow_share = 0.02, .slow_s = 60, .leak_rate = 0.1},
	 .leaked_mean = 21,
	 .leaked_most = 27},
	{.pool = {"warm Go, 6/min", .keep = 2, .max = 100, .rate = 20, .held_s = 0.2,
		  .leak_rate = 0.1, .leak_from_s = 7200},
	 .leaked_mean = 10,
	 .leaked_most = 13},
	{.pool = {"warm LIFO with rotation, 1/min", .max = 100, .rate = 20, .held_s = 0.2,
		  .lifetime_s = 1800, .leak_rate = PER_MIN, .leak_from_s = 7200},
	 .leaked_mean = 13,
	 .leaked_most = 16},
	{.pool = {"warm LIFO, 1/s, of which looks tell late", .max = 50, .rate = 10, .held_s = 0.05,
		  .leak_rate = 1, .leak_from_s = 3600},
	 .leaked_mean = 40,
	 .leaked_most = 49,
	 .look_s = 1,
	 .late = 0.4},
};

static const struct sim_line *run_until_raised(struct sim *sim, const struct leaky_pool *leaky)
{
	struct sim_pool pool = leaky->pool;

	pool.hours = 8;
	if (leaky->look_s > 0)
		sim->look_s = leaky->look_s;
	sim->late = leaky->late;
	sim_run(sim, &pool, true);
	return sim_first(sim, VERDICT_RAISED);
}

static void detector_leaks_are_raised_in_time_and_named_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(leaky_pools); i++) {
		const struct leaky_pool *leaky = &leaky_pools[i];
		double leaked = 0, named = 0, right = 0;

		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim *sim = sim_new(seed);
			const struct sim_line *line = run_until_raised(sim, leaky);

			if (!line)
				fail_msg("%s, seed %u: %u leaked, not raised", leaky->pool.name,
					 (unsigned int)seed, sim->leaked_count);
			if (line->leaked_count > leaky->leaked_most)
				fail_msg("%s, seed %u: raised after %u leaks", leaky->pool.name,
					 (unsigned int)seed, line->leaked_count);
			assert_int_equal(sim->lines[0].state, VERDICT_SUSPECT);
			assert_int_equal(sim->lines[0].id, line->id);
			leaked += line->leaked_count;
			named += line->suspect_count;
			right += line->right_count;
			sim_free(sim);
		}
		if (leaked / SEEDS > leaky->leaked_mean)
			fail_msg("%s: raised after %.1f leaks", leaky->pool.name, leaked / SEEDS);
		if (right / named < 0.98)
			fail_msg("%s: %.0f of %.0f named are leaked", leaky->pool.name, right,
				 named);
	}
}

static void use_for(struct sim *sim, double seconds)
{
	double end = sim->now + seconds;

	while (sim->now < end) {
		for (uint32_t i = 0; i < sim->conn_count; i++)
			if (sim->conns[i].state == SIM_IDLE)
				sim_use(sim, &sim->conns[i]);
		sim_advance(sim, sim->now + 2);
	}
}

static void leak_number(struct sim *sim, uint32_t index)
{
	sim->conns[index].state = SIM_LEAKED;
	sim->leaked_count++;
}

/* Three records among sixty tests are no evidence yet; when it comes, those three are its base. */
static void detector_those_before_the_evidence_are_named_in_the_end(void **state)
{
	struct sim *sim = sim_new(1);
	const struct sim_line *line;

	(void)state;
	for (int i = 0; i < 8; i++)
		(void)sim_open(sim);
	use_for(sim, 10);
	for (uint32_t i = 0; i < 3; i++)
		leak_number(sim, i);
	use_for(sim, 20);
	for (int i = 0; i < 60; i++) {
		struct sim_conn *conn = sim_open(sim);

		use_for(sim, 2);
		sim_close(sim, conn, CLOSE_LOCAL);
	}
	for (uint32_t i = 3; i < 30 && !sim_first(sim, VERDICT_RAISED); i++) {
		(void)sim_open(sim);
		use_for(sim, 10);
		leak_number(sim, i);
		use_for(sim, 20);
	}
	line = sim_first(sim, VERDICT_RAISED);
	assert_non_null(line);
	assert_in_range(line->leaked_count, 8, 14);
	assert_int_equal(line->right_count, line->suspect_count);
	assert_true(line->suspect_count >= line->leaked_count - 1);
	sim_free(sim);
}

/* Every request opens a connection and forgets it: nothing ever comes back to compare with. */
static void detector_connection_per_request_is_raised_and_all_named(void **state)
{
	struct sim *sim = sim_new(1);
	const struct sim_line *line;

	(void)state;
	for (int i = 0; i < 23; i++) {
		sim_open(sim)->state = SIM_LEAKED;
		sim->leaked_count++;
		sim_advance(sim, sim->now + 1);
	}
	sim_advance(sim, sim->now + 600);
	sim_end(sim);
	line = sim_first(sim, VERDICT_RAISED);
	assert_non_null(line);
	assert_int_equal(line->suspect_count, 23);
	assert_int_equal(line->right_count, 23);
	assert_true(line->t < 200);
	assert_true(fabs(line->growth_per_hour - 3600) < 200);
	sim_free(sim);
}

/*
 * A pool of ten uses five of them once a minute and the others never; connects that time out leave
 * connections behind. What is leaked is named when it is raised, although the limit is minutes, and
 * the pool's own are not.
 */
static void detector_orphans_are_named_whole_and_alone(void **state)
{
	struct sim *sim = sim_new(1);
	const struct sim_line *line;

	(void)state;
	for (int i = 0; i < 10; i++)
		(void)sim_open(sim);
	for (int second = 0; second < 7200 && !sim_first(sim, VERDICT_RAISED); second++) {
		if (second % 12 == 0)
			sim_use(sim, &sim->conns[second / 12 % 5]);
		if (second >= 3600 && second % 40 == 0) {
			sim_open(sim)->state = SIM_LEAKED;
			sim->leaked_count++;
		}
		sim_advance(sim, sim->now + 1);
	}
	line = sim_first(sim, VERDICT_RAISED);
	assert_non_null(line);
	assert_in_range(line->leaked_count, 10, 30);
	/* The last one is not silent yet. */
	assert_in_range(line->right_count, line->leaked_count - 1, line->leaked_count);
	assert_int_equal(line->suspect_count, line->right_count);
	sim_free(sim);
}

static bool has_evidence(const struct sim *sim, const char *name)
{
	const struct verdict *verdict =
		detector_pool_verdict_of(sim->detector, table_first_pool(sim->table), VERDICT_LEAK);

	for (uint32_t i = 0; verdict && i < verdict->evidence_count; i++)
		if (strcmp(verdict->evidence[i].name, name) == 0)
			return true;
	return false;
}

/*
 * Two pools of a process for one server: one is used every ten minutes, and rests when the other
 * one begins to leak; one of its own was retired by then. Only what the other loses is named, and
 * only that is its growth.
 */
static void detector_what_rests_in_a_second_pool_is_not_named(void **state)
{
	struct sim *sim = sim_new(1);
	const struct sim_line *line;

	(void)state;
	for (int i = 0; i < 16; i++)
		(void)sim_open(sim);
	for (uint32_t i = 0; i < 8; i++)
		sim->conns[i].state = SIM_BUSY; /* not used by use_for() */
	for (int wake = 0; wake < 4; wake++) {
		for (uint32_t i = 0; i < 8; i++) {
			sim->conns[i].sent += (uint64_t)(sim_random(sim) * 1000); /* no beat */
			sim_use(sim, &sim->conns[i]);
		}
		use_for(sim, wake < 3 ? 600 : 300);
	}
	sim_close(sim, &sim->conns[0], CLOSE_LOCAL);
	sim_open(sim)->state = SIM_BUSY;
	use_for(sim, 120);
	for (uint32_t i = 8; i < 60 && !sim_first(sim, VERDICT_RAISED); i++) {
		leak_number(sim, i);
		(void)sim_open(sim);
		use_for(sim, 12);
	}
	line = sim_first(sim, VERDICT_RAISED);
	assert_non_null(line);
	assert_true(line->right_count >= 5);
	assert_int_equal(line->right_count, line->suspect_count);
	assert_true(fabs(line->growth_per_hour - 300) < 60);
	assert_true(has_evidence(sim, "resting_together"));
	assert_true(has_evidence(sim, "unused_replacements"));
	sim_free(sim);
}

static struct sim *sim_new_limited(uint32_t limit)
{
	struct sim *sim = sim_new_quick();
	char rule[64], error[128];

	(void)snprintf(rule, sizeof(rule), "db=10.0.3.7:5432,limit=%u", limit);
	assert_int_equal(dbkind_add_endpoint(sim->databases, rule, error, sizeof(error)), 0);
	return sim;
}

/* The limit is the endpoint's. */
static double run_towards(uint32_t limit, double gap_s, uint32_t *ret_open_count)
{
	struct sim *sim = sim_new_limited(limit);
	double held_s;

	for (int i = 0; i < 4; i++)
		(void)sim_open(sim);
	use_for(sim, 60);
	for (uint32_t i = 0; i < 100 && !sim_first(sim, VERDICT_RAISED); i++) {
		leak_number(sim, (uint32_t)(sim_open(sim) - sim->conns));
		use_for(sim, gap_s);
	}
	assert_non_null(sim_first(sim, VERDICT_RAISED));
	held_s = sim_first(sim, VERDICT_RAISED)->t - sim_first(sim, VERDICT_SUSPECT)->t;
	*ret_open_count = sim_live_count(sim);
	sim_free(sim);
	return held_s;
}

/* A warning that comes after the end is none; and where there is time, it takes its time. */
static void detector_hold_is_over_where_the_end_comes_before(void **state)
{
	uint32_t open_count;

	(void)state;
	assert_true(run_towards(1000, 2, &open_count) >= 10);
	assert_true(run_towards(open_count, 2, &open_count) < 10);
}

/* All requests wait for the same thing, for half a minute: each needs a connection of its own. */
static void detector_hold_is_not_over_where_all_work_has_stopped(void **state)
{
	struct sim *sim = sim_new_limited(50);

	(void)state;
	for (int i = 0; i < 8; i++)
		(void)sim_open(sim);
	use_for(sim, 300);
	for (int i = 0; i < 36; i++) {
		(void)sim_open(sim);
		sim_advance(sim, sim->now + 1);
	}
	use_for(sim, 60);
	assert_non_null(sim_first(sim, VERDICT_SUSPECT));
	assert_null(sim_first(sim, VERDICT_RAISED));
	sim_free(sim);
}

/* The server hangs up after 8 s; the process never notices and opens another one. */
static void detector_close_wait_leak_is_raised(void **state)
{
	struct sim *sim = sim_new(1);
	const struct sim_line *line;

	(void)state;
	while (sim->now < 1200 && !sim_first(sim, VERDICT_RAISED)) {
		struct sim_conn *conn = sim_open(sim);

		conn->state = SIM_LEAKED;
		sim->leaked_count++;
		sim_advance(sim, sim->now + 8);
		sim_fin(sim, conn);
		sim_advance(sim, sim->now + 12);
	}
	line = sim_first(sim, VERDICT_RAISED);
	assert_non_null(line);
	assert_in_range(line->leaked_count, 5, 35);
	assert_int_equal(line->right_count, line->suspect_count);
	assert_non_null(strstr(line->summary, "nor were closed after the server had closed them"));
	sim_free(sim);
}

/*
 * A shrinking load: of the three connections that fall silent in a minute two are evicted, and the
 * third is leaked. No open ever tests the stock.
 */
static void detector_evictions_tell_a_leak_without_opens(void **state)
{
	struct sim *sim = sim_new(1);
	const struct sim_line *line;

	(void)state;
	for (int i = 0; i < 75; i++)
		sim_open(sim);
	for (uint32_t minute = 0; minute < 25 && !sim_first(sim, VERDICT_RAISED); minute++) {
		for (int second = 0; second < 60; second++) {
			sim_advance(sim, sim->now + 1);
			for (uint32_t i = 3 * minute + 3; i < 75; i++)
				sim_use(sim, &sim->conns[i]);
		}
		sim->conns[3 * minute].state = SIM_LEAKED;
		sim->leaked_count++;
		sim_close(sim, &sim->conns[3 * minute + 1], CLOSE_LOCAL);
		sim_close(sim, &sim->conns[3 * minute + 2], CLOSE_LOCAL);
	}
	line = sim_first(sim, VERDICT_RAISED);
	assert_non_null(line);
	assert_in_range(line->leaked_count, 8, 16);
	assert_int_equal(line->right_count, line->suspect_count);
	sim_free(sim);
}

/* LMIN says how few are a leak, and one is allowed: it has no others to keep a distance from. */
static void detector_a_single_connection_is_a_leak_where_that_is_asked_for(void **state)
{
	struct sim *sim = sim_new(1);
	struct sim_conn *conn;

	(void)state;
	sim->settings.leak_min = sim->settings.suspect_min = 1;
	sim->settings.leak_spread = 0;
	sim->settings.alarm = 10;
	sim->settings.suspect = 2;
	(void)sim_open(sim);
	(void)sim_open(sim);
	for (int i = 0; i < 400 && !sim_first(sim, VERDICT_RAISED); i++) {
		if (i == 300) {
			leak_number(sim, (uint32_t)(sim_open(sim) - sim->conns));
			use_for(sim, 2);
		}
		conn = sim_open(sim);
		use_for(sim, 2);
		sim_close(sim, conn, CLOSE_LOCAL);
		use_for(sim, 8);
	}
	assert_non_null(sim_first(sim, VERDICT_RAISED));
	assert_int_equal(sim_first(sim, VERDICT_RAISED)->suspect_count, 1);
	assert_int_equal(sim_first(sim, VERDICT_RAISED)->right_count, 1);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(detector_leaks_are_raised_in_time_and_named_right),
		cmocka_unit_test(detector_those_before_the_evidence_are_named_in_the_end),
		cmocka_unit_test(detector_connection_per_request_is_raised_and_all_named),
		cmocka_unit_test(detector_orphans_are_named_whole_and_alone),
		cmocka_unit_test(detector_what_rests_in_a_second_pool_is_not_named),
		cmocka_unit_test(detector_hold_is_over_where_the_end_comes_before),
		cmocka_unit_test(detector_hold_is_not_over_where_all_work_has_stopped),
		cmocka_unit_test(detector_close_wait_leak_is_raised),
		cmocka_unit_test(detector_evictions_tell_a_leak_without_opens),
		cmocka_unit_test(detector_a_single_connection_is_a_leak_where_that_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
