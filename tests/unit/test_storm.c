/* SPDX-License-Identifier: Apache-2.0 */
/* A storm is many times as many connects as ever, that come to nothing; everything else is life. */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEEDS 3
#define STEP_S 0.05

/* What becomes of a connection. */
enum fate { FATE_SHORT, FATE_REFUSED, FATE_TURNED_AWAY, FATE_IDLE, FATE_CHURN, FATE_UNANSWERED };

struct phase {
	double until_s;
	double rate; /* connects a second */
	enum fate fate;
	double life_s; /* of SHORT */
};

struct weather {
	const char *name;
	struct phase phases[4];
	uint32_t steady; /* connections that are used all the time */
	double storm_s; /* when it breaks out; 0 = never */
	bool may_be_critical;
	bool is_of_any_severity; /* half of it or less, by the moment */
};

#define HOUR 3600

static const struct weather weathers[] = {
	{.name = "a connection per request all of a sudden",
	 .phases = {{HOUR, 0.05, FATE_SHORT, 0.1}, {HOUR + 300, 30, FATE_SHORT, 0.01}},
	 .steady = 10,
	 .storm_s = HOUR},
	{.name = "slow ones",
	 .phases = {{HOUR, 0.05, FATE_SHORT, 0.1}, {HOUR + 300, 10, FATE_SHORT, 2}},
	 .steady = 10,
	 .storm_s = HOUR},
	{.name = "ten times the churn",
	 .phases = {{HOUR, 5, FATE_SHORT, 0.05}, {HOUR + 300, 60, FATE_SHORT, 0.05}},
	 .storm_s = HOUR},
	{.name = "the server is away",
	 .phases = {{HOUR, 0, FATE_SHORT, 0}, {HOUR + 120, 8, FATE_REFUSED, 0}},
	 .steady = 10,
	 .storm_s = HOUR,
	 .may_be_critical = true},
	{.name = "the server is full",
	 .phases = {{HOUR, 1, FATE_SHORT, 0.1}, {HOUR + 120, 20, FATE_TURNED_AWAY, 0}},
	 .steady = 10,
	 .storm_s = HOUR,
	 .may_be_critical = true},
	{.name = "refused from the start",
	 .phases = {{60, 8, FATE_REFUSED, 0}},
	 .storm_s = 1,
	 .may_be_critical = true},
	{.name = "a stampede of idle ones",
	 .phases = {{HOUR, 0.01, FATE_IDLE, 0}, {HOUR + 60, 12, FATE_IDLE, 0}},
	 .steady = 10,
	 .storm_s = HOUR},
	{.name = "too short to be seen one by one",
	 .phases = {{HOUR, 0.05, FATE_CHURN, 0}, {HOUR + 120, 400, FATE_CHURN, 0}},
	 .steady = 10,
	 .storm_s = HOUR},
	{.name = "constant churn", .phases = {{2 * HOUR, 20, FATE_SHORT, 0.05}}},
	{.name = "constant churn, not seen one by one", .phases = {{2 * HOUR, 200, FATE_CHURN, 0}}},
	{.name = "churn that triples",
	 .phases = {{HOUR, 10, FATE_SHORT, 0.05}, {2 * HOUR, 30, FATE_SHORT, 0.05}}},
	{.name = "one burst",
	 .phases = {{HOUR, 0.05, FATE_SHORT, 0.1},
		    {HOUR + 2, 40, FATE_SHORT, 0.2},
		    {HOUR + 600, 0.05, FATE_SHORT, 0.1}},
	 .steady = 5},
	{.name = "a server that takes connects and says nothing, clients that wait for 3 s",
	 .phases = {{HOUR / 4, 0.05, FATE_SHORT, 0.1}, {HOUR / 4 + 120, 30, FATE_UNANSWERED, 3}},
	 .steady = 5,
	 .storm_s = HOUR / 4,
	 .may_be_critical = true},
	{.name = "the same with clients that wait for half a minute",
	 .phases = {{HOUR / 4, 0.05, FATE_SHORT, 0.1}, {HOUR / 4 + 120, 10, FATE_UNANSWERED, 30}},
	 .steady = 5,
	 .storm_s = HOUR / 4,
	 .is_of_any_severity = true},
	{.name = "a surge of a load that was quiet for half an hour",
	 .phases = {{HOUR / 2, 0.05, FATE_SHORT, 0.1}, {HOUR / 2 + 120, 5, FATE_SHORT, 0.2}},
	 .steady = 2},
	{.name = "a process that begins with many short ones",
	 .phases = {{120, 10, FATE_SHORT, 0.1}}},
	{.name = "a server that restarts for three seconds",
	 .phases = {{HOUR, 0.2, FATE_SHORT, 0.1},
		    {HOUR + 3, 20, FATE_REFUSED, 0},
		    {HOUR + 60, 0.2, FATE_SHORT, 0.1}},
	 .steady = 10},
	{.name = "a few failures",
	 .phases = {{HOUR, 1, FATE_SHORT, 0.1}, {HOUR + 300, 1, FATE_REFUSED, 0}}},
};

static void churn(struct sim *sim, double rate)
{
	struct event event = {.type = EVENT_CHURN};
	uint64_t count = (uint64_t)(rate * sim->look_s);

	sim_fill_owner(sim, &event);
	event.churn.opened_count = count;
	event.churn.established_count = count;
	event.churn.closed_count[CLOSE_LOCAL] = count;
	if (count > 0)
		sim_event(sim, &event);
}

static void refuse(struct sim *sim)
{
	struct event event = {.type = EVENT_OPEN, .conn = ++sim->last_id};

	sim_fill_owner(sim, &event);
	sim_event(sim, &event);
	event = (struct event){.type = EVENT_FAILED, .conn = sim->last_id};
	memcpy(event.error, "ECONNREFUSED", 13);
	sim_event(sim, &event);
}

static void connect_one(struct sim *sim, const struct phase *phase)
{
	struct sim_conn *conn;

	if (phase->fate == FATE_REFUSED) {
		refuse(sim);
		return;
	}
	conn = sim_open(sim);
	if (phase->fate == FATE_TURNED_AWAY) {
		conn->received = 0;
		conn->is_dirty = false;
		sim_fin(sim, conn);
		sim_close(sim, conn, CLOSE_LOCAL);
	} else if (phase->fate == FATE_SHORT || phase->fate == FATE_UNANSWERED) {
		if (phase->fate == FATE_UNANSWERED)
			conn->received = 0;
		conn->state = SIM_BUSY;
		conn->done = sim->now + phase->life_s;
	}
}

static void step(struct sim *sim, const struct phase *phase, struct sim_conn **steady,
		 uint32_t steady_count)
{
	double look = sim->next_look;

	sim_advance(sim, sim->now + STEP_S);
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state == SIM_BUSY && sim->conns[i].done <= sim->now)
			sim_close(sim, &sim->conns[i], CLOSE_LOCAL);
	if (steady_count > 0)
		sim_use(sim, steady[(uint32_t)(sim_random(sim) * steady_count)]);
	if (phase->fate == FATE_CHURN) {
		if (sim->next_look > look)
			churn(sim, phase->rate);
		return;
	}
	for (double wait = sim_exp(sim, 1); wait < phase->rate * STEP_S; wait += sim_exp(sim, 1))
		connect_one(sim, phase);
}

static void run_weather(struct sim *sim, const struct weather *weather)
{
	struct sim_conn *steady[16];

	for (uint32_t i = 0; i < weather->steady; i++)
		steady[i] = sim_open(sim);
	for (size_t i = 0; i < COUNT(weather->phases) && weather->phases[i].until_s > 0; i++)
		while (sim->now < weather->phases[i].until_s)
			step(sim, &weather->phases[i], steady, weather->steady);
	sim_end(sim);
}

static void check_weather(const struct weather *weather, uint64_t seed)
{
	struct sim *sim = sim_new(seed);
	const struct sim_line *raised;

	run_weather(sim, weather);
	raised = sim_first_by(sim, VERDICT_STORM, VERDICT_RAISED, "connects");
	if (weather->storm_s == 0 && sim->line_count > 0) {
		sim_print(sim, weather->name, seed);
		fail_msg("%s: no storm", weather->name);
	}
	if (weather->storm_s > 0 &&
	    (!raised || raised->t < weather->storm_s || raised->t > weather->storm_s + 20)) {
		sim_print(sim, weather->name, seed);
		fail_msg("%s, seed %u: raised at %.0f s", weather->name, (unsigned int)seed,
			 raised ? raised->t : NAN);
	}
	if (raised && !weather->is_of_any_severity &&
	    (raised->severity == SEVERITY_CRITICAL) != weather->may_be_critical)
		fail_msg("%s: severity", weather->name);
	sim_free(sim);
}

static void storm_is_raised_within_twenty_seconds_and_in_no_other_weather(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(weathers); i++)
		for (uint64_t seed = 1; seed <= SEEDS; seed++)
			check_weather(&weathers[i], seed);
}

static void storm_line_carries_its_figures_and_is_cleared_a_minute_after(void **state)
{
	struct sim *sim = sim_new(1);
	const struct phase calm = {0, 0, FATE_SHORT, 0};
	const struct sim_line *line;
	double end;

	(void)state;
	run_weather(sim, &weathers[7]);
	line = sim_first_by(sim, VERDICT_STORM, VERDICT_RAISED, "connects");
	assert_non_null(line);
	assert_non_null(strstr(line->summary, "STORM orders-api[4121] -> 10.0.3.7:5432 "
					      "(postgresql): 4,000 connects in 10 s (normally 0), "
					      "100% closed within 5 s, 10 open (normally 10)."));
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_STORM), 1);
	end = sim->now + 120;
	while (sim->now < end)
		step(sim, &calm, NULL, 0);
	sim_end(sim);
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	assert_int_equal(sim_last(sim)->id, line->id);
	assert_true(sim_last(sim)->t < end - 20);
	assert_int_equal(detector_standing_count(sim->detector, VERDICT_STORM), 0);
	sim_free(sim);
}

static const char *line_of(const char *weather)
{
	static char summary[sizeof(((struct sim_line *)0)->summary)];
	struct sim *sim = sim_new(1);
	const struct sim_line *line;
	size_t i = 0;

	while (strcmp(weathers[i].name, weather) != 0)
		i++;
	run_weather(sim, &weathers[i]);
	line = sim_first(sim, VERDICT_RAISED);
	assert_non_null(line);
	memcpy(summary, line->summary, sizeof(summary));
	sim_free(sim);
	return summary;
}

/* Who reads it asks which of them it was, and not which it was not. */
static void storm_line_says_in_what_way_connects_were_turned_away(void **state)
{
	(void)state;
	assert_non_null(strstr(line_of("the server is away"), " turned away ("));
	assert_non_null(strstr(line_of("the server is away"), " refused), "));
	assert_non_null(strstr(line_of("the server is full"), " turned away ("));
	assert_non_null(strstr(line_of("the server is full"), " closed at once), "));
	assert_null(strstr(line_of("the server is full"), "refused"));
}

/* A process that dies in its storm is not accused anew by the counts of its end. */
static void storm_ends_with_the_process(void **state)
{
	struct sim *sim = sim_new(1);
	struct event event = {.type = EVENT_EXIT};

	(void)state;
	run_weather(sim, &weathers[3]);
	event.client = sim_client(sim);
	sim_event(sim, &event);
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	assert_non_null(strstr(sim_last(sim)->summary, "the process has exited"));
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state != SIM_GONE)
			sim_close(sim, &sim->conns[i], CLOSE_EXIT);
	sim_advance(sim, sim->now + 60);
	sim_end(sim);
	assert_int_equal(sim_last(sim)->state, VERDICT_CLEARED);
	assert_int_equal(sim->line_count, 2);
	assert_null(table_first_pool(sim->table)->dossier);
	sim_free(sim);
}

static uint32_t count_raised(const struct sim *sim)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < sim->line_count; i++)
		count += sim->lines[i].kind == VERDICT_STORM &&
			 sim->lines[i].state == VERDICT_RAISED;
	return count;
}

/* A surge every half hour after a quiet hour: when nothing comes of it, that is how it works. */
static void storm_that_comes_again_is_told_twice_unless_it_is_turned_away(void **state)
{
	static const struct {
		enum fate fate;
		uint32_t least, most;
	} rows[] = {{FATE_SHORT, 2, 2}, {FATE_REFUSED, 5, 6}};

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		const struct phase calm = {0, 0.05, FATE_SHORT, 0.1};
		const struct phase surge = {0, 10, rows[row].fate, 0.5};
		struct sim *sim = sim_new(1);

		for (int i = 0; i < 6; i++) {
			double from = sim->now + (i == 0 ? HOUR : HOUR / 2);

			while (sim->now < from)
				step(sim, &calm, NULL, 0);
			while (sim->now < from + 120)
				step(sim, &surge, NULL, 0);
		}
		if (count_raised(sim) < rows[row].least || count_raised(sim) > rows[row].most) {
			sim_print(sim, "again", 1);
			fail_msg("row %u: raised %u times", (unsigned int)row, count_raised(sim));
		}
		sim_free(sim);
	}
}

/* Programs that run psql again and again: each is a process of its own. */
static void storm_is_not_said_of_many_short_processes(void **state)
{
	struct sim *sim = sim_new(1);

	(void)state;
	while (sim->now < 600) {
		struct event event = {.type = EVENT_EXIT};
		struct sim_conn *conn;

		sim->pid++;
		conn = sim_open(sim);
		sim_advance(sim, sim->now + 0.05);
		sim_close(sim, conn, CLOSE_LOCAL);
		event.client = sim_client(sim);
		sim_event(sim, &event);
	}
	assert_int_equal(sim->line_count, 0);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(storm_is_raised_within_twenty_seconds_and_in_no_other_weather),
		cmocka_unit_test(storm_line_carries_its_figures_and_is_cleared_a_minute_after),
		cmocka_unit_test(storm_line_says_in_what_way_connects_were_turned_away),
		cmocka_unit_test(storm_ends_with_the_process),
		cmocka_unit_test(storm_that_comes_again_is_told_twice_unless_it_is_turned_away),
		cmocka_unit_test(storm_is_not_said_of_many_short_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
