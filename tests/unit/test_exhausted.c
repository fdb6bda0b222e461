/* SPDX-License-Identifier: Apache-2.0 */
/* Pools that leak at a fixed size are said to be exhausted when they are, and not before. */
#include "pool_sim.h"

#include "core/judgement.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEEDS 3
#define PER_MIN (1.0 / 60)

/* --- leaks ------------------------------------------------------------------------------------ */

static const struct sim_pool leaky_pools[] = {
	{"ten, FIFO, 1/min", SIM_FIFO, .max = 10, .min = 10, .rate = 6, .held_s = 0.2,
	 .leak_rate = PER_MIN, .leak_from_s = 300},
	{"ten, LIFO, 1/min", .max = 10, .min = 10, .rate = 6, .held_s = 0.2, .leak_rate = PER_MIN,
	 .leak_from_s = 300},
	{"ten, FIFO, 12/h, rotation", SIM_FIFO, .max = 10, .min = 10, .rate = 6, .held_s = 0.2,
	 .lifetime_s = 1800, .leak_rate = PER_MIN / 5, .leak_from_s = 3600},
	{"twenty, FIFO, 1/min", SIM_FIFO, .max = 20, .min = 20, .rate = 10, .held_s = 0.3,
	 .leak_rate = PER_MIN, .leak_from_s = 1800},
	{"ten, low load", SIM_FIFO, .max = 10, .min = 10, .rate = 1, .held_s = 0.3,
	 .leak_rate = PER_MIN / 3, .leak_from_s = 1800},
	{"eight on demand, LIFO", .max = 8, .rate = 4, .held_s = 0.5, .leak_rate = PER_MIN,
	 .leak_from_s = 1800},
	{"a hundred on demand, LIFO, 30/min", .max = 100, .rate = 8, .held_s = 0.1,
	 .leak_rate = 30 * PER_MIN, .leak_from_s = 1800},
	{"a hundred on demand, FIFO, 6/min", SIM_FIFO, .max = 100, .rate = 4, .held_s = 0.1,
	 .leak_rate = 6 * PER_MIN, .leak_from_s = 1800},
	{"twenty, FIFO, 6/min", SIM_FIFO, .max = 20, .min = 20, .rate = 10, .held_s = 0.2,
	 .leak_rate = 6 * PER_MIN, .leak_from_s = 1800},
};

/* Runs until no more than left connections can be leaked, and returns when that was. */
static double run_down(struct sim *sim, const struct sim_pool *pool, uint32_t left)
{
	double end = 24 * 3600;

	while (sim->leaked_count < pool->max - left && sim->now < end)
		sim_run_until(sim, pool, sim->now + 1);
	return sim->now;
}

static double run_dry(struct sim *sim, const struct sim_pool *pool)
{
	return run_down(sim, pool, 0);
}

static void exhausted_is_raised_within_a_minute_of_the_last_leak(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(leaky_pools); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			const struct sim_pool *pool = &leaky_pools[i];
			struct sim *sim = sim_new(seed);
			const struct sim_line *line;
			double last = run_down(sim, pool, 1);
			double dry = run_dry(sim, pool);

			sim_run_until(sim, pool, dry + 120);
			line = sim_first_of(sim, VERDICT_EXHAUSTED);
			if (!line || line->t < last || line->t > dry + 60) {
				sim_print(sim, pool->name, seed);
				fail_msg("%s, seed %u: dry at %.0f s, raised at %.0f s", pool->name,
					 (unsigned int)seed, dry, line ? line->t : NAN);
			}
			assert_int_equal(line->state, VERDICT_RAISED);
			assert_int_equal(line->severity, SEVERITY_CRITICAL);
			/* With one left that does the work of all it is as good as over. */
			assert_in_range(line->suspect_count, pool->max - 1, pool->max);
			assert_int_equal(line->right_count, line->suspect_count);
			sim_free(sim);
		}
	}
}

/* A pool that opens no more is not tested at opens; a standing leak still names what it took last.
 */
static void exhausted_pool_is_named_whole_by_its_leak(void **state)
{
	const struct sim_pool pool = {"sixty on demand, LIFO, 10/min",
				      .max = 60,
				      .rate = 8,
				      .held_s = 0.2,
				      .slow_share = 0.05,
				      .slow_s = 6,
				      .leak_rate = 10 * PER_MIN,
				      .leak_from_s = 1800};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);
		const struct sim_line *leak = NULL;

		sim_run_until(sim, &pool, run_dry(sim, &pool) + 240);
		for (uint32_t i = 0; i < sim->line_count; i++)
			if (sim->lines[i].kind == VERDICT_LEAK)
				leak = &sim->lines[i];
		assert_non_null(sim_first_of(sim, VERDICT_EXHAUSTED));
		assert_non_null(leak);
		if (leak->suspect_count != pool.max || leak->right_count != pool.max) {
			sim_print(sim, pool.name, seed);
			fail_msg("seed %u: %u named", (unsigned int)seed, leak->suspect_count);
		}
		sim_free(sim);
	}
}

/* Half of the pool is gone, and what is left cannot carry the load any more. */
static void exhausted_is_raised_when_the_rest_works_without_rest(void **state)
{
	const struct sim_pool pool = {"rest",
				      SIM_FIFO,
				      .max = 10,
				      .min = 10,
				      .rate = 8,
				      .slow_share = 1,
				      .slow_s = 0.4,
				      .leak_rate = PER_MIN,
				      .leak_from_s = 600};
	struct sim *sim = sim_new(1);
	const struct sim_line *line;

	(void)state;
	while (sim->leaked_count < 8 && sim->now < 7200)
		sim_run_until(sim, &pool, sim->now + 1);
	{
		struct sim_pool sound = pool;

		sound.leak_rate = 0;
		sim_run_until(sim, &sound, sim->now + 240);
	}
	line = sim_first_of(sim, VERDICT_EXHAUSTED);
	assert_non_null(line);
	assert_in_range(line->leaked_count, 5, 8);
	assert_int_equal(line->right_count, line->suspect_count);
	assert_non_null(strstr(line->summary, "EXHAUSTED orders-api[4121] -> 10.0.3.7:5432"));
	assert_non_null(strstr(line->summary, "that are left are busy"));
	for (uint32_t i = 0; i < sim->line_count; i++)
		assert_int_not_equal(sim->lines[i].kind, VERDICT_SATURATED);
	sim_free(sim);
}

/* --- the line --------------------------------------------------------------------------------- */

static struct sim *new_exhausted(void)
{
	struct sim *sim = sim_new(1);
	double dry = run_dry(sim, &leaky_pools[0]);

	sim_run_until(sim, &leaky_pools[0], dry + 120);
	assert_non_null(sim_first_of(sim, VERDICT_EXHAUSTED));
	return sim;
}

static void exhausted_is_the_worst_verdict_of_its_pool(void **state)
{
	struct sim *sim = new_exhausted();
	const struct verdict *verdict =
		detector_pool_verdict(sim->detector, table_first_pool(sim->table));

	(void)state;
	assert_int_equal(verdict->kind, VERDICT_EXHAUSTED);
	assert_int_equal(verdict->open_count, 10);
	assert_int_equal(verdict->stale_count, 10);
	assert_true(verdict->exhausts_in_s == 0);
	assert_true(verdict->since_ns > 300 * NS_PER_SEC);
	assert_string_equal(verdict->evidence[0].name, "held");
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_EXHAUSTED), 1);
	sim_free(sim);
}

/* Else a pool that opens and closes what is beyond its size has less to do once all are leaked. */
static void exhausted_counts_no_handshake_as_work(void **state)
{
	struct conn conn = {.state = CONN_OPEN, .last_active_ns = NS_PER_SEC};
	struct change change = {.type = CHANGE_ACTIVE, .conn = &conn, .sent_bytes = 600};
	struct judgement judgement = {0};

	(void)state;
	exhausted_observe(&judgement, &change);
	assert_int_equal(judgement.exhausted.sent_bytes, 0);
	assert_int_equal(judgement.exhausted.operation_count, 1);
	conn.has_returned = 1;
	conn.last_active_ns = 2 * NS_PER_SEC;
	change.sent_bytes = 80;
	exhausted_observe(&judgement, &change);
	assert_int_equal(judgement.exhausted.sent_bytes, 80);
}

static void exhausted_is_cleared_when_connections_come_back(void **state)
{
	struct sim *sim = new_exhausted();

	(void)state;
	for (int second = 0; second < 120; second++) {
		for (uint32_t i = 0; i < sim->conn_count; i++) {
			sim_use(sim, &sim->conns[i]);
			/* As many bytes each time would be a heartbeat. */
			sim->conns[i].sent += (uint64_t)(100 * sim_random(sim));
		}
		sim_advance(sim, sim->now + 1);
	}
	sim_end(sim);
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_EXHAUSTED), 0);
	sim_free(sim);
}

static void exhausted_is_cleared_when_everything_is_closed(void **state)
{
	struct sim *sim = new_exhausted();
	uint64_t id = sim_first_of(sim, VERDICT_EXHAUSTED)->id;
	const struct sim_line *line = NULL;

	(void)state;
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state == SIM_LEAKED)
			sim_close(sim, &sim->conns[i], CLOSE_LOCAL);
	sim_advance(sim, sim->now + 10);
	sim_end(sim);
	for (uint32_t i = 0; i < sim->line_count; i++)
		if (sim->lines[i].id == id)
			line = &sim->lines[i];
	assert_int_equal(line->state, VERDICT_CLEARED);
	sim_free(sim);
}

/* --- the last minutes of a pool of five or less ------------------------------------------------
 */

/* Four requests a second; each takes the first free one, or each free one in turn. */
struct drain {
	const char *name;
	bool in_turn;
	uint32_t count;
	double ends[6]; /* when each is leaked; NAN = never */
	double stop; /* no requests any more */
	double slow; /* how long the last statement takes */
	bool is_exhausted;
};

static const struct drain drains[] = {
	{"the surplus long ago, the rest one by one",
	 false,
	 5,
	 {60, 500, 2000, 2090, 2280},
	 9000,
	 0,
	 true},
	{"the first ones just after another",
	 false,
	 5,
	 {3000, 3010, 3040, 3150, 3260},
	 9000,
	 0,
	 true},
	{"empty within 45 s", true, 4, {110, 131, 136, 152}, 9000, 0, true},
	{"the last statement takes 40 s", false, 5, {300, 420, 500, 640, 700}, 9000, 40, true},
	{"two at once, and soon the others", true, 4, {75, 75.5, 116, 121}, 9000, 0, true},
	{"one after the other, from the start on", true, 4, {38, 62, 63, 71}, 9000, 0, true},
	{"the last two within seconds", false, 5, {61, 1162, 2532, 2912, 2916}, 9000, 0, true},
	{"one early, the others one by one", false, 5, {556, 36, 787, 590, 788}, 9000, 0, true},
	{"nobody leaks, the load stops", false, 5, {NAN, NAN, NAN, NAN, NAN}, 2280, 0, false},
	{"nobody leaks, the load stops soon", true, 4, {NAN, NAN, NAN, NAN}, 160, 0, false},
	{"one is leaked, the load stops", false, 5, {60, NAN, NAN, NAN, NAN}, 2280, 0, false},
	{"all at once", true, 4, {150, 151, 152, 153}, 9000, 0, false},
};

/* Every fourth request comes while another runs, every sixteenth while two do, and so on. */
static struct sim_conn *choose(const struct drain *drain, struct sim_conn **conns, double now,
			       uint32_t request)
{
	uint32_t free_count = 0, depth = 0;
	struct sim_conn *free_conns[6];

	for (uint32_t i = 0; i < drain->count; i++)
		if (!(drain->ends[i] <= now))
			free_conns[free_count++] = conns[i];
	if (free_count == 0)
		return NULL;
	if (drain->in_turn)
		return free_conns[request % free_count];
	while (depth + 1 < free_count && request % 4 == 0 && request > 0) {
		depth++;
		request /= 4;
	}
	return free_conns[free_count - 1 - depth];
}

static double last_end(const struct drain *drain)
{
	double last = 0;

	for (uint32_t i = 0; i < drain->count; i++)
		last = isnan(drain->ends[i]) ? INFINITY : fmax(last, drain->ends[i]);
	return last;
}

static void run_drain(struct sim *sim, const struct drain *drain)
{
	struct sim_conn *conns[6], *conn = NULL;
	uint32_t request = 0;
	double end;

	sim->look_s = 1;
	for (uint32_t i = 0; i < drain->count; i++)
		conns[i] = sim_open(sim);
	while (sim->now < drain->stop && sim->now < last_end(drain)) {
		conn = choose(drain, conns, sim->now, request++);
		assert_non_null(conn);
		sim_use(sim, conn);
		conn->sent += (uint64_t)(100 * sim_random(sim)); /* else it is a heartbeat */
		sim_advance(sim, sim->now + 0.25);
	}
	if (drain->slow > 0) {
		conn->last_send = sim->now;
		conn->sent += 100;
		conn->is_dirty = true;
		sim_advance(sim, sim->now + drain->slow);
		sim_use(sim, conn);
	}
	end = sim->now + 300;
	while (sim->now < end)
		sim_advance(sim, sim->now + 1);
	sim_end(sim);
}

static void exhausted_is_told_from_a_stop_by_how_the_last_ones_went(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(drains); i++) {
		const struct drain *drain = &drains[i];
		struct sim *sim = sim_new(1);
		const struct sim_line *line;

		run_drain(sim, drain);
		line = sim_first_of(sim, VERDICT_EXHAUSTED);
		if ((line != NULL) != drain->is_exhausted ||
		    (line && line->t > last_end(drain) + 2 * drain->slow + 65)) {
			sim_print(sim, drain->name, i);
			fail_msg("%s: raised at %.0f s", drain->name, line ? line->t : NAN);
		}
		sim_free(sim);
	}
}

/* --- nearly all requests leak ------------------------------------------------------------------
 */

struct rush {
	const char *name;
	uint32_t used; /* of twenty connections, before */
	bool opens; /* the others are opened when they are needed */
	double gap; /* between the last requests, each of which takes another connection, in s */
	double stall; /* after which those come back; 0 = never */
	bool is_exhausted;
	bool replaces; /* those that are not used, some minutes before */
};

static const struct rush rushes[] = {
	{"two are enough, then all are leaked", 2, false, 1, 0, true, false},
	{"six are enough, then all are leaked", 6, false, 0.7, 0, true, false},
	{"two are open, then all are leaked", 2, true, 1, 0, true, false},
	{"two are enough, the others are replaced, then all are leaked", 2, false, 1, 0, true,
	 true},
	{"all take turns", 20, false, 1, 0, false, false},
	{"many at once, then nothing", 2, false, 0.02, 0, false, false},
	{"many opened at once, then nothing", 2, true, 0.02, 0, false, false},
	{"all wait for something else for a minute", 2, false, 1, 60, false, false},
	{"all that are opened wait for a minute", 2, true, 1, 60, false, false},
};

static void replace(struct sim *sim, struct sim_conn **conns, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		sim_close(sim, conns[i], CLOSE_LOCAL);
		conns[i] = sim_open(sim);
		sim_advance(sim, sim->now + 0.01);
		sim_use(sim, conns[i]); /* the handshake */
	}
}

static void run_rush(struct sim *sim, const struct rush *rush)
{
	struct sim_conn *conns[20];
	uint32_t request = 0;
	double end;

	sim->look_s = 1;
	for (uint32_t i = 0; i < (rush->opens ? rush->used : 20); i++)
		conns[i] = sim_open(sim);
	for (; sim->now < 1800; request++) {
		sim_use(sim, conns[request % rush->used]);
		conns[request % rush->used]->sent += (uint64_t)(100 * sim_random(sim));
		sim_advance(sim, sim->now + 1);
		if (rush->replaces && request == 1600)
			replace(sim, conns + rush->used, 20 - rush->used);
	}
	for (uint32_t i = 0; i < 20; i++) {
		if (rush->opens && i >= rush->used)
			conns[i] = sim_open(sim);
		sim_advance(sim, sim->now + 0.01);
		sim_use(sim, conns[i]);
		sim_advance(sim, sim->now + rush->gap);
	}
	end = sim->now + 200;
	if (rush->stall > 0)
		sim_advance(sim, sim->now - 20 * rush->gap + rush->stall);
	for (uint32_t i = 0; rush->stall > 0 && i < 20; i++)
		sim_use(sim, conns[i]);
	while (sim->now < end && rush->stall == 0)
		sim_advance(sim, sim->now + 1);
	sim_end(sim);
}

static void exhausted_is_raised_when_each_of_the_last_requests_took_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rushes); i++) {
		const struct rush *rush = &rushes[i];
		struct sim *sim = sim_new(1);
		const struct sim_line *line;

		run_rush(sim, rush);
		line = sim_first_of(sim, VERDICT_EXHAUSTED);
		if ((line != NULL) != rush->is_exhausted ||
		    (line && line->t > 1800 + 20 * rush->gap + 60)) {
			sim_print(sim, rush->name, i);
			fail_msg("%s: raised at %.0f s", rush->name, line ? line->t : NAN);
		}
		if (line)
			/* One that grew meanwhile tells so by its opens, a little earlier. */
			assert_true(strcmp(line->evidence, "drained") == 0 ||
				    strcmp(line->evidence, "not_given_back") == 0);
		sim_free(sim);
	}
}

/* When a load stops, what it has begun goes on: slow statements are answered, by fewer and fewer.
 */
static void exhausted_is_not_said_where_the_last_statements_end_one_by_one(void **state)
{
	static const double ends[] = {0.2, 3, 8, 16, 29};
	struct sim *sim = sim_new(1);
	struct sim_conn *conns[5];
	double stop;

	(void)state;
	sim->look_s = 1;
	for (int i = 0; i < 5; i++)
		conns[i] = sim_open(sim);
	for (int i = 0; i < 4800; i++) {
		sim_use(sim, conns[i % 5]);
		conns[i % 5]->sent +=
			(uint64_t)(100 * sim_random(sim)); /* else it is a heartbeat */
		sim_advance(sim, sim->now + 0.125);
	}
	stop = sim->now;
	for (int i = 0; i < 5; i++) {
		conns[i]->last_send = stop;
		conns[i]->sent += 2000;
		conns[i]->is_dirty = true;
	}
	for (int i = 0; i < 5; i++) {
		while (sim->now < stop + ends[i])
			sim_advance(sim, fmin(sim->now + 1, stop + ends[i]));
		conns[i]->last_recv = sim->now;
		conns[i]->received += 100;
		conns[i]->is_dirty = true;
	}
	for (int second = 0; second < 200; second++)
		sim_advance(sim, sim->now + 1);
	sim_end(sim);
	assert_null(sim_first_of(sim, VERDICT_EXHAUSTED));
	sim_free(sim);
}

/* --- a pool that is dead before it has a past --------------------------------------------------
 */

/* With retries the program goes on to ask for one each second, and is turned away. */
static struct sim *new_spent(const char *rule, bool retries)
{
	struct sim *sim = sim_new(1);
	struct sim_conn *conns[12];
	char error[200];

	sim->look_s = 1;
	assert_int_equal(dbkind_add_endpoint(sim->databases, rule, error, sizeof(error)), 0);
	for (int i = 0; i < 12; i++)
		conns[i] = sim_open(sim);
	for (int i = 0; i < 12; i++) {
		sim_advance(sim, sim->now + 4);
		conns[i]->sent += (uint64_t)i;
		sim_use(sim, conns[i]);
	}
	for (int second = 0; second < 300; second++) {
		if (retries) {
			struct sim_conn *conn = sim_open(sim);

			conn->received = 120; /* too many clients already */
			/* One of them in six stands when the detector decides. */
			sim_advance(sim, sim->now + 0.5);
			sim_close(sim, conn, CLOSE_LOCAL);
			sim_advance(sim, sim->now + 0.3);
			continue;
		}
		sim_advance(sim, sim->now + 1);
	}
	sim_end(sim);
	return sim;
}

static void exhausted_is_raised_late_where_each_of_the_limit_was_used_once(void **state)
{
	struct sim *sim = new_spent("db=10.0.3.7:5432,limit=12", false);
	const struct sim_line *line = sim_first_of(sim, VERDICT_EXHAUSTED);

	(void)state;
	assert_non_null(line);
	assert_int_equal(line->suspect_count, 12);
	assert_non_null(strstr(line->summary, "12 of 12 connections"));
	sim_free(sim);
	sim = new_spent("db=10.0.3.7:5432,limit=13", false);
	assert_null(sim_first_of(sim, VERDICT_EXHAUSTED));
	sim_free(sim);
}

/* What is turned away was never free, and is no use of those that are held. */
static void exhausted_takes_no_connect_that_came_to_nothing_for_a_free_one(void **state)
{
	struct sim *sim = new_spent("db=10.0.3.7:5432,limit=12", true);
	const struct sim_line *line = sim_first_of(sim, VERDICT_EXHAUSTED);

	(void)state;
	assert_non_null(line);
	assert_non_null(strstr(line->summary, "None was used for "));
	for (uint32_t i = 0; i < sim->line_count; i++)
		assert_null(strstr(sim->lines[i].summary, "closed one that was free"));
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exhausted_is_raised_within_a_minute_of_the_last_leak),
		cmocka_unit_test(exhausted_pool_is_named_whole_by_its_leak),
		cmocka_unit_test(exhausted_is_raised_when_the_rest_works_without_rest),
		cmocka_unit_test(exhausted_is_the_worst_verdict_of_its_pool),
		cmocka_unit_test(exhausted_counts_no_handshake_as_work),
		cmocka_unit_test(exhausted_is_cleared_when_connections_come_back),
		cmocka_unit_test(exhausted_is_cleared_when_everything_is_closed),
		cmocka_unit_test(exhausted_is_told_from_a_stop_by_how_the_last_ones_went),
		cmocka_unit_test(exhausted_is_raised_when_each_of_the_last_requests_took_another),
		cmocka_unit_test(exhausted_is_not_said_where_the_last_statements_end_one_by_one),
		cmocka_unit_test(exhausted_is_raised_late_where_each_of_the_limit_was_used_once),
		cmocka_unit_test(exhausted_takes_no_connect_that_came_to_nothing_for_a_free_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
