/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool that leaks and whose load comes and goes: exhausted within a minute of its last
 * connection, however often it has rested before, and never while it merely rests. And a healthy
 * one whose load fades: never.
 */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define ON_OFF .on_s = 600, .off_s = 600
#define PER_MIN (1.0 / 60)

static const struct sim_pool full[] = {
	{"fifty on demand, two a minute", .max = 50, .rate = 4, .held_s = 0.3,
	 .leak_rate = 2 * PER_MIN, .leak_from_s = 3600, ON_OFF},
	{"thirty, in turn, one a minute", SIM_FIFO, .max = 30, .rate = 6, .held_s = 0.2,
	 .leak_rate = PER_MIN, .leak_from_s = 3600, ON_OFF},
	{"sixty on demand, from the start on, of which nobody knows the limit", .max = 60,
	 .rate = 8, .held_s = 0.12, .leak_rate = 6 * PER_MIN, .leak_from_s = 60},
	{"eight in turn, six a minute", SIM_FIFO, .max = 8, .min = 8, .rate = 4, .held_s = 0.02,
	 .leak_rate = 6 * PER_MIN, .leak_from_s = 3600},
};

static void exhausted_is_raised_within_a_minute_however_often_it_has_rested(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(full); i++) {
		struct sim *sim = sim_new(1);
		const struct sim_line *line;
		double dry;

		sim->look_s = 1;
		while (sim->leaked_count < full[i].max && sim->now < 24 * 3600)
			sim_run_until(sim, &full[i], sim->now + 1);
		dry = sim->now;
		sim_run_until(sim, &full[i], dry + 120);
		line = sim_first_of(sim, VERDICT_EXHAUSTED);
		if (!line || line->t < dry - 60 || line->t > dry + 60) {
			sim_print(sim, full[i].name, i);
			fail_msg("%s: dry at %.0f s, raised at %.0f s", full[i].name, dry,
				 line ? line->t : NAN);
		}
		/* What is left tells where no ceiling does. */
		if (full[i].leak_from_s < 3600) {
			assert_string_equal(line->second, "dwindled");
			assert_non_null(strstr(detector_pool_verdict_of(
						       sim->detector, table_first_pool(sim->table),
						       VERDICT_EXHAUSTED)
						       ->evidence[1]
						       .text,
					       "so few were enough"));
		}
		sim_free(sim);
	}
}

#define MONITORS 6

/* Clients of a process, each with its monitors, which go on when the pool is empty. */
static void exhausted_is_raised_though_monitors_go_on(void **state)
{
	static const struct sim_pool pool = {
		"eight in turn beside monitors",
		SIM_FIFO,
		.max = MONITORS + 8,
		.min = MONITORS + 8,
		.rate = 4,
		.held_s = 0.02,
		.leak_rate = 6 * PER_MIN,
		.leak_from_s = 3600,
	};
	struct sim *sim = sim_new(1);
	struct sim_conn *monitors[MONITORS];
	const struct sim_line *line;

	(void)state;
	sim->look_s = 1;
	for (int i = 0; i < MONITORS; i++) {
		monitors[i] = sim_open(sim);
		monitors[i]->state = SIM_LEAKED; /* no request gets it */
	}
	for (double beat = 10; beat < 3600 + 600; beat += 10) {
		sim_run_until(sim, &pool, beat);
		for (int i = 0; i < MONITORS; i++)
			sim_use(sim, monitors[i]);
	}
	assert_int_equal(sim->leaked_count, 8);
	line = sim_first_of(sim, VERDICT_EXHAUSTED);
	assert_non_null(line);
	assert_int_equal(line->suspect_count, 8);
	sim_free(sim);
}

static const struct sim_pool resting[] = {
	{"an unlimited pool that leaks from the start on", .rate = 4, .held_s = 0.3,
	 .leak_rate = 6 * PER_MIN, .leak_from_s = 60, ON_OFF, .hours = 4},
	{"one that leaks once a minute", .rate = 4, .held_s = 0.3, .leak_rate = PER_MIN,
	 .leak_from_s = 60, ON_OFF, .hours = 8},
	{"the same, with two that are kept", .keep = 2, .rate = 4, .held_s = 0.1,
	 .leak_rate = PER_MIN, .leak_from_s = 60, ON_OFF, .hours = 8},
	{"the same, in turn", SIM_FIFO, .rate = 4, .held_s = 0.3, .leak_rate = 2 * PER_MIN,
	 .leak_from_s = 60, ON_OFF, .hours = 4},
};

static void exhausted_is_not_said_of_a_leaking_pool_that_rests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(resting); i++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct sim *sim = sim_new(seed);

			sim_run(sim, &resting[i], false);
			if (sim_first_of(sim, VERDICT_EXHAUSTED)) {
				sim_print(sim, resting[i].name, seed);
				fail_msg("%s: raised at %.0f s", resting[i].name,
					 sim_first_of(sim, VERDICT_EXHAUSTED)->t);
			}
			assert_non_null(sim_first(sim, VERDICT_RAISED)); /* the leak is told */
			sim_free(sim);
		}
	}
}

/* So many requests a second for so long; the last one of a course lasts for 0 s. */
struct phase {
	double rate, s;
};

/* What they have leaked stays when they are gone. */
static const struct phase ends[][5] = {
	{{10, 600}, {8, 4}, {5, 4}, {2, 4}},
	{{10, 600}, {1.5, 60}, {10, 7}},
};

/* Workers that leave within seconds of each other; and a last burst. */
static void exhausted_is_not_said_of_a_leaking_pool_whose_load_goes(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 16; seed++) {
		struct sim_pool pool = {.held_s = 0.05, .leak_from_s = 60};
		struct sim *sim = sim_new(seed);

		sim->look_s = 1;
		for (const struct phase *at = ends[seed % 2]; at->s > 0; at++) {
			pool.rate = at->rate;
			pool.leak_rate = at->rate / 100;
			sim_run_until(sim, &pool, sim->now + at->s);
		}
		pool.rate = pool.leak_rate = 0;
		sim_run_until(sim, &pool, sim->now + 600);
		assert_non_null(sim_first(sim, VERDICT_RAISED)); /* the leak is told */
		if (sim_first_of(sim, VERDICT_EXHAUSTED)) {
			sim_print(sim, "a load that goes", seed);
			fail_msg("seed %u: raised at %.0f s", (unsigned int)seed,
				 sim_first_of(sim, VERDICT_EXHAUSTED)->t);
		}
		sim_free(sim);
	}
}

/* --- loads that change ------------------------------------------------------------------------ */

static void run_phases(struct sim *sim, const struct sim_pool *pool, const struct phase *phase)
{
	for (; phase->s > 0; phase++) {
		struct sim_pool now = *pool;

		now.rate = phase->rate;
		sim_run_until(sim, &now, sim->now + phase->s);
	}
}

static const struct sim_pool calmed[] = {
	{"ten in turn", SIM_FIFO, .max = 10, .min = 10, .held_s = 0.2, .leak_rate = PER_MIN,
	 .leak_from_s = 2700},
	{"ten, the last one first", .max = 10, .min = 10, .held_s = 0.2, .leak_rate = PER_MIN,
	 .leak_from_s = 2700},
};

/* A sixth of the work of half an hour ago is not the end of a day: it has been so for long. */
static void exhausted_is_raised_of_a_pool_that_has_less_to_do_than_before(void **state)
{
	static const struct phase busy[] = {{12, 1800}, {2, 900}, {0, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(calmed); i++) {
		for (uint64_t seed = 2; seed <= 3; seed++) {
			struct sim *sim = sim_new(seed);
			struct sim_pool calm = calmed[i];
			const struct sim_line *line;
			double dry;

			sim->look_s = 1;
			calm.rate = 2;
			run_phases(sim, &calm, busy);
			while (sim->leaked_count < calm.max && sim->now < 24 * 3600)
				sim_run_until(sim, &calm, sim->now + 1);
			dry = sim->now;
			sim_run_until(sim, &calm, dry + 120);
			line = sim_first_of(sim, VERDICT_EXHAUSTED);
			if (!line || line->t > dry + 60) {
				sim_print(sim, calm.name, seed);
				fail_msg("%s, seed %u: dry at %.0f s, raised at %.0f s", calm.name,
					 (unsigned int)seed, dry, line ? line->t : NAN);
			}
			sim_free(sim);
		}
	}
}

/* Calm for ten minutes or so and busy for one or two, again and again, until it is dry or then. */
static void run_tides(struct sim *sim, const struct sim_pool *pool, double until)
{
	struct sim_pool now = *pool;
	bool is_busy = false;
	double turn = sim->now + sim_exp(sim, 600);

	now.rate = pool->rate / 2;
	while (sim->leaked_count < pool->max && sim->now < until) {
		if (sim->now >= turn) {
			is_busy = !is_busy;
			now.rate = pool->rate * (is_busy ? 3 : 0.5);
			turn = sim->now + sim_exp(sim, is_busy ? 90 : 600);
		}
		sim_run_until(sim, &now, fmin(until, pool->leak_rate > 0 ? sim->now + 1 : turn));
	}
}

struct tidal {
	struct sim_pool pool;
	uint64_t seed;
};

static const struct tidal tidals[] = {
	{{"five, one a minute", .max = 5, .min = 5, .rate = 8, .held_s = 0.02, .leak_rate = PER_MIN,
	  .leak_from_s = 3600},
	 2},
	{{"five, one in five minutes", .max = 5, .min = 5, .rate = 8, .held_s = 0.02,
	  .leak_rate = PER_MIN / 5, .leak_from_s = 3600},
	 2},
	{{"five, busier", .max = 5, .min = 5, .rate = 8, .held_s = 0.1, .leak_rate = PER_MIN,
	  .leak_from_s = 3600},
	 3},
	{{"eight, one in five minutes", .max = 8, .min = 8, .rate = 8, .held_s = 0.02,
	  .leak_rate = PER_MIN / 5, .leak_from_s = 3600},
	 1},
	{{"five, one a minute, one of them alone in the end", .max = 5, .min = 5, .rate = 8,
	  .held_s = 0.02, .leak_rate = PER_MIN, .leak_from_s = 3600},
	 1},
	{{"eight, the same", .max = 8, .min = 8, .rate = 8, .held_s = 0.02, .leak_rate = PER_MIN,
	  .leak_from_s = 3600},
	 1},
};

/* At its end it does a sixth of what it did when it was busy; and so it does most of the time. */
static void exhausted_is_raised_of_a_pool_that_ends_in_its_low_tide(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tidals); i++) {
		struct sim *sim = sim_new(tidals[i].seed);
		struct sim_pool calm = tidals[i].pool;
		const struct sim_line *line;
		double dry;

		sim->look_s = 1;
		run_tides(sim, &calm, 24 * 3600);
		dry = sim->now;
		sim_run_until(sim, &calm, dry + 120);
		line = sim_first_of(sim, VERDICT_EXHAUSTED);
		if (!line || line->t > dry + 60) {
			sim_print(sim, calm.name, tidals[i].seed);
			fail_msg("%s: dry at %.0f s, raised at %.0f s", calm.name, dry,
				 line ? line->t : NAN);
		}
		sim_free(sim);
	}
}

/* Nobody leaks, and it stops in a tide that was low for longer than ever. */
static const struct tidal ebbs[] = {
	{{"three are left", .max = 10, .rate = 1, .held_s = 0.2}, 8},
	{{"all are held for longer than ever", .max = 10, .rate = 3, .held_s = 0.2}, 9},
	{{"the same, with less to do", .max = 10, .rate = 1, .held_s = 0.5}, 27},
	{{"one is left, and what looks like a heartbeat", .max = 10, .rate = 1, .held_s = 0.5}, 33},
	{{"the same, in less time", .max = 10, .rate = 1, .held_s = 0.05}, 39},
};

static void exhausted_is_not_said_where_a_long_low_tide_stops(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ebbs); i++) {
		struct sim *sim = sim_new(ebbs[i].seed);
		struct sim_pool none = ebbs[i].pool;
		double stop = 3600 + 7200 * sim_random(sim);

		sim->look_s = 1;
		run_tides(sim, &none, stop);
		none.rate = 0;
		sim_run_until(sim, &none, stop + 120);
		if (sim_first_of(sim, VERDICT_EXHAUSTED)) {
			sim_print(sim, none.name, ebbs[i].seed);
			fail_msg("%s: raised at %.0f s", none.name,
				 sim_first_of(sim, VERDICT_EXHAUSTED)->t);
		}
		sim_free(sim);
	}
}

/*
 * The last leaks come within seconds, and so few connections were silent for long. But one or two
 * had done all of the work for longer than they ever had.
 */
static const struct last_few {
	struct sim_pool pool;
	uint64_t seed;
} last_few[] = {
	{{"five, two a minute", .max = 5, .rate = 4, .held_s = 0.1, .leak_rate = 2 * PER_MIN,
	  .leak_from_s = 3600},
	 49},
	{{"ten, two a minute", .max = 10, .rate = 8, .held_s = 0.1, .leak_rate = 2 * PER_MIN,
	  .leak_from_s = 3600},
	 20},
	{{"five, one in two minutes", .max = 5, .rate = 4, .held_s = 0.1, .leak_rate = PER_MIN / 2,
	  .leak_from_s = 3600},
	 53},
};

static void exhausted_is_raised_where_few_were_left_for_longer_than_ever(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(last_few); i++) {
		struct sim *sim = sim_new(last_few[i].seed);
		struct sim_pool pool = last_few[i].pool;

		sim->look_s = 1;
		sim_run_until(sim, &pool, 3600);
		while (sim_count(sim, SIM_LEAKED) < pool.max && sim->now < 7200)
			sim_run_until(sim, &pool, sim->now + 1);
		sim_run_until(sim, &pool, sim->now + 60);
		if (!sim_first_of(sim, VERDICT_EXHAUSTED)) {
			sim_print(sim, pool.name, last_few[i].seed);
			fail_msg("%s: not raised", pool.name);
		}
		sim_free(sim);
	}
}

/* Each is a run in which its pool looks the most like one that leaks, and one rule tells it. */
static const struct fading {
	struct sim_pool pool;
	uint64_t seed;
	struct phase phases[9];
} fadings[] = {
	{{"five, within two minutes: two did the work, and less of it", .max = 5, .held_s = 0.1},
	 23,
	 {{4, 3600}, {3.6, 20}, {3.1, 20}, {2.6, 20}, {2.1, 20}, {1.6, 20}, {1.2, 20}, {0, 90}}},
	{{"the same: most were silent for as long before", .max = 5, .held_s = 0.1},
	 18,
	 {{4, 3600}, {3.6, 20}, {3.1, 20}, {2.6, 20}, {2.1, 20}, {1.6, 20}, {1.2, 20}, {0, 90}}},
	{{"ten, within two minutes: fewer and fewer, for less and less", .max = 10, .held_s = 0.1},
	 12,
	 {{10, 3600}, {9, 20}, {8, 20}, {6.5, 20}, {5.2, 20}, {4.2, 20}, {3, 20}, {0, 90}}},
	{{"eight, calm after a busy time", .max = 8, .held_s = 0.2},
	 8,
	 {{2, 1200}, {12, 90}, {2, 600}, {12, 300}, {2, 300}, {0, 90}}},
	{{"eight, within two hours", .max = 8, .held_s = 0.2},
	 18,
	 {{8, 3600},
	  {7, 1200},
	  {6, 1200},
	  {5, 1200},
	  {4, 1200},
	  {3.2, 1200},
	  {2.6, 1200},
	  {0, 90}}},
	{{"eight, half of it for less than a minute: one alone did it", .max = 8, .held_s = 0.1},
	 2,
	 {{4, 3599}, {4 * 0.55, 40}, {0, 120}}},
	{{"the same, a third for some seconds", .max = 8, .held_s = 0.1},
	 1,
	 {{4, 3599}, {4 * 0.3, 20}, {0, 120}}},
	{{"the same, a third for more than a minute", .max = 8, .held_s = 0.1},
	 9,
	 {{8, 3599}, {8 * 0.3, 90}, {0, 120}}},
	{{"the same, less than half for less than one", .max = 8, .held_s = 0.1},
	 10,
	 {{8, 3599}, {8 * 0.45, 40}, {0, 120}}},
};

static void exhausted_is_not_said_where_the_load_fades_and_stops(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(fadings); i++) {
		struct sim *sim = sim_new(fadings[i].seed);

		sim->look_s = 1;
		run_phases(sim, &fadings[i].pool, fadings[i].phases);
		if (sim_first_of(sim, VERDICT_EXHAUSTED)) {
			sim_print(sim, fadings[i].pool.name, fadings[i].seed);
			fail_msg("%s: raised at %.0f s", fadings[i].pool.name,
				 sim_first_of(sim, VERDICT_EXHAUSTED)->t);
		}
		sim_free(sim);
	}
}

/* --- nobody leaks, the load stops ------------------------------------------------------------- */

#define STOP_S 1800

struct stop {
	const char *name;
	uint32_t count;
	double gap; /* between requests, in s */
	double replaced_s; /* the oldest is replaced so often in the end; 0 = none is */
	uint32_t left; /* so many jobs go on at the end */
	bool in_turn; /* or the newest one does the work */
};

static const struct stop stops[] = {
	{"the newest is used, and one is replaced every half minute", 20, 0.5, 30, 0, false},
	{"all take turns, and two jobs go on", 30, 0.4, 0, 2, true},
	{"all take turns, and three jobs go on", 30, 0.4, 0, 3, true},
	{"all take turns", 30, 0.4, 0, 0, true},
};

static void work(struct sim *sim, struct sim_conn *conn, double gap)
{
	sim_use(sim, conn);
	conn->sent += (uint64_t)(100 * sim_random(sim)); /* else it is a heartbeat */
	sim_advance(sim, sim->now + gap);
}

static void run_stop(struct sim *sim, const struct stop *stop)
{
	double replaced = STOP_S - stop->count * stop->replaced_s;
	struct sim_conn *conns[30];
	uint32_t newest = 0;

	sim->look_s = 1;
	for (uint32_t i = 0; i < stop->count; i++)
		conns[i] = sim_open(sim);
	for (uint32_t request = 0; sim->now < STOP_S; request++) {
		if (stop->replaced_s > 0 && sim->now >= replaced) {
			newest = (newest + 1) % stop->count;
			sim_close(sim, conns[newest], CLOSE_LOCAL);
			conns[newest] = sim_open(sim);
			replaced += stop->replaced_s;
		}
		work(sim, conns[stop->in_turn ? request % stop->count : newest], stop->gap);
	}
	for (uint32_t i = 0; stop->left > 0 && sim->now < STOP_S + 10; i++)
		work(sim, conns[i % stop->left], stop->gap);
	while (sim->now < STOP_S + 300)
		sim_advance(sim, sim->now + 1);
	sim_end(sim);
}

static void exhausted_is_not_said_where_nobody_leaks_and_the_load_stops(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(stops); i++) {
		struct sim *sim = sim_new(1);

		run_stop(sim, &stops[i]);
		if (sim_first_of(sim, VERDICT_EXHAUSTED)) {
			sim_print(sim, stops[i].name, i);
			fail_msg("%s: raised at %.0f s", stops[i].name,
				 sim_first_of(sim, VERDICT_EXHAUSTED)->t);
		}
		sim_free(sim);
	}
}

/* --- it grows, or has free ones --------------------------------------------------------------- */

#define LEAKED_MAX 6

/* Two work; one of them is leaked and another opened at once, but for the last, which comes late.
 */
static void exhausted_is_not_said_where_each_that_was_lost_was_replaced(void **state)
{
	struct sim *sim = sim_new(1);
	struct sim_conn *conns[2];

	(void)state;
	sim->look_s = 1;
	conns[0] = sim_open(sim);
	conns[1] = sim_open(sim);
	for (uint32_t leaked = 0; leaked < LEAKED_MAX; leaked++) {
		double end = sim->now + 400;

		for (uint32_t i = 0; sim->now < end; i++)
			work(sim, conns[i % 2], 0.5);
		if (leaked + 1 < LEAKED_MAX)
			conns[1] = sim_open(sim);
	}
	for (uint32_t i = 0; i < 300; i++)
		work(sim, conns[0], 0.5);
	sim_end(sim);
	assert_null(sim_first_of(sim, VERDICT_EXHAUSTED));
	sim_free(sim);
}

/* Eight in turn, one after the other is leaked; then one is closed, or none. */
static bool is_said_of_eight(bool closes)
{
	struct sim *sim = sim_new(1);
	struct sim_conn *conns[8];
	bool is_said;

	sim->look_s = 1;
	for (uint32_t i = 0; i < 8; i++)
		conns[i] = sim_open(sim);
	for (uint32_t i = 0; sim->now < STOP_S; i++)
		work(sim, conns[i % 8], 0.25);
	for (uint32_t left = 7; left > 0; left--)
		for (uint32_t i = 0; i < 80; i++)
			work(sim, conns[i % left], 0.25);
	sim_advance(sim, sim->now + 1);
	if (closes)
		sim_close(sim, conns[0], CLOSE_LOCAL);
	for (uint32_t i = 0; i < 120; i++)
		sim_advance(sim, sim->now + 1);
	sim_end(sim);
	is_said = sim_first_of(sim, VERDICT_EXHAUSTED) != NULL;
	sim_free(sim);
	return is_said;
}

/* Four in turn; two are lost so many seconds apart, and minutes later the last two. */
static bool is_held_of_four(double apart)
{
	const double lasts[] = {STOP_S, apart, 380, 5};
	struct sim *sim = sim_new(1);
	struct sim_conn *conns[4];
	bool is_held;

	sim->look_s = 1;
	for (uint32_t i = 0; i < 4; i++)
		conns[i] = sim_open(sim);
	for (uint32_t lost = 0; lost < 4; lost++) {
		double end = sim->now + lasts[lost];

		for (uint32_t i = 0; sim->now < end; i++)
			work(sim, conns[i % (4 - lost)], 0.4);
	}
	for (uint32_t i = 0; i < 60; i++)
		sim_advance(sim, sim->now + 1);
	sim_end(sim);
	is_held = sim_first_by(sim, VERDICT_EXHAUSTED, VERDICT_RAISED, "held") != NULL;
	sim_free(sim);
	return is_held;
}

static void exhausted_is_raised_where_each_that_was_lost_missed_its_turn(void **state)
{
	(void)state;
	assert_true(is_held_of_four(8));
	assert_false(is_held_of_four(0));
}

static void exhausted_is_not_said_where_the_pool_closes_a_free_one(void **state)
{
	(void)state;
	assert_true(is_said_of_eight(false));
	assert_false(is_said_of_eight(true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exhausted_is_raised_within_a_minute_however_often_it_has_rested),
		cmocka_unit_test(exhausted_is_raised_though_monitors_go_on),
		cmocka_unit_test(exhausted_is_not_said_of_a_leaking_pool_that_rests),
		cmocka_unit_test(exhausted_is_not_said_of_a_leaking_pool_whose_load_goes),
		cmocka_unit_test(exhausted_is_raised_of_a_pool_that_has_less_to_do_than_before),
		cmocka_unit_test(exhausted_is_raised_of_a_pool_that_ends_in_its_low_tide),
		cmocka_unit_test(exhausted_is_not_said_where_a_long_low_tide_stops),
		cmocka_unit_test(exhausted_is_raised_where_few_were_left_for_longer_than_ever),
		cmocka_unit_test(exhausted_is_not_said_where_the_load_fades_and_stops),
		cmocka_unit_test(exhausted_is_not_said_where_nobody_leaks_and_the_load_stops),
		cmocka_unit_test(exhausted_is_not_said_where_each_that_was_lost_was_replaced),
		cmocka_unit_test(exhausted_is_raised_where_each_that_was_lost_missed_its_turn),
		cmocka_unit_test(exhausted_is_not_said_where_the_pool_closes_a_free_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
