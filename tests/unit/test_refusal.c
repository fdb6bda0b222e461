/* SPDX-License-Identifier: Apache-2.0 */
/* A server that turns away most of the few connects that a process makes, and goes on doing so. */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HALF_HOUR 1800.0

enum fate {
	SERVED, /* lives for a tenth of a second */
	TURNED_AWAY, /* closed by the server at once */
	TURNED_AWAY_UNSEEN, /* the same, told as a number */
	REFUSED, /* no server is there */
	MIXED, /* every third is turned away */
};

struct phase {
	double until_s;
	double wait_s; /* between two connects */
	enum fate fate;
};

static void count_unseen(struct sim *sim)
{
	struct event event = {.type = EVENT_CHURN};

	sim_fill_owner(sim, &event);
	event.churn = (struct churn){.opened_count = 1,
				     .established_count = 1,
				     .closed_count[CLOSE_LOCAL] = 1,
				     .early_peer_close_count = 1};
	sim_event(sim, &event);
}

static void fail_one(struct sim *sim)
{
	struct event event = {.type = EVENT_OPEN, .conn = ++sim->last_id};

	sim_fill_owner(sim, &event);
	sim_event(sim, &event);
	event = (struct event){.type = EVENT_FAILED, .conn = sim->last_id};
	memcpy(event.error, "ECONNREFUSED", 13);
	sim_event(sim, &event);
}

static void connect_one(struct sim *sim, enum fate fate)
{
	struct sim_conn *conn;

	if (fate == TURNED_AWAY_UNSEEN) {
		count_unseen(sim);
		return;
	}
	if (fate == REFUSED) {
		fail_one(sim);
		return;
	}
	conn = sim_open(sim);
	if (fate == TURNED_AWAY || (fate == MIXED && sim->last_id % 3 == 0)) {
		conn->received = 0;
		conn->is_dirty = false;
		sim_fin(sim, conn);
	} else {
		sim_advance(sim, sim->now + 0.1);
	}
	sim_close(sim, conn, CLOSE_LOCAL);
}

static void run_phases(struct sim *sim, const struct phase *phases, size_t count)
{
	for (size_t i = 0; i < count && phases[i].until_s > 0; i++)
		while (sim->now < phases[i].until_s) {
			sim_advance(sim, sim->now + phases[i].wait_s);
			connect_one(sim, phases[i].fate);
		}
	sim_end(sim);
}

static void refusal_is_a_storm_where_most_connects_of_a_minute_are_turned_away(void **state)
{
	static const struct {
		const char *name;
		struct phase phases[4];
		double met_s; /* when it begins to be refused; 0 = nothing is to be said */
	} rows[] = {
		{"the server is full",
		 {{HALF_HOUR, 3, SERVED}, {HALF_HOUR + 300, 3, TURNED_AWAY}},
		 HALF_HOUR},
		{"full, and too short to be seen",
		 {{HALF_HOUR, 3, SERVED}, {HALF_HOUR + 300, 3, TURNED_AWAY_UNSEEN}},
		 HALF_HOUR},
		{"it restarts",
		 {{HALF_HOUR, 3, SERVED},
		  {HALF_HOUR + 45, 1, TURNED_AWAY},
		  {HALF_HOUR + 600, 3, SERVED}},
		 0},
		{"one in three", {{HALF_HOUR, 3, SERVED}, {HALF_HOUR + 600, 3, MIXED}}, 0},
		{"nobody is there", {{HALF_HOUR, 3, SERVED}, {HALF_HOUR + 600, 3, REFUSED}}, 0},
		{"once in a minute",
		 {{HALF_HOUR, 3, SERVED}, {HALF_HOUR + 1200, 61, TURNED_AWAY}},
		 0},
		{"as ever", {{2 * HALF_HOUR, 3, TURNED_AWAY}}, 0},
		{"as ever for one in three, and then for all",
		 {{HALF_HOUR, 3, MIXED}, {HALF_HOUR + 600, 3, TURNED_AWAY}},
		 0},
		{"hardly anything was seen before", {{50, 3, SERVED}, {600, 3, TURNED_AWAY}}, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sim *sim = sim_new(1);
		const struct sim_line *line;

		run_phases(sim, rows[i].phases, COUNT(rows[i].phases));
		line = sim_first_by(sim, VERDICT_STORM, VERDICT_RAISED, "turned_away");
		if ((rows[i].met_s > 0) != (line != NULL) ||
		    (line && (line->t < rows[i].met_s + 60 || line->t > rows[i].met_s + 75))) {
			sim_print(sim, rows[i].name, 1);
			fail_msg("%s: at %.0f s", rows[i].name, line ? line->t : NAN);
		}
		sim_free(sim);
	}
}

static void refusal_needs_no_past_where_the_limit_is_reached(void **state)
{
	static const struct phase phases[] = {{200, 3, TURNED_AWAY}};

	(void)state;
	for (unsigned int limit = 3; limit <= 4; limit++) {
		struct sim *sim = sim_new(1);
		char rule[64], error[128];

		(void)snprintf(rule, sizeof(rule), "main=10.0.3.7:5432,limit=%u", limit);
		assert_int_equal(dbkind_add_endpoint(sim->databases, rule, error, sizeof(error)),
				 0);
		for (int i = 0; i < 3; i++)
			(void)sim_open(sim);
		run_phases(sim, phases, COUNT(phases));
		assert_int_equal(sim->line_count, limit == 3);
		if (limit == 3)
			assert_non_null(strstr(sim->lines[0].summary,
					       "closed at once, 0 of 1 before. 3 here, 3 of 3 open "
					       "on this host."));
		sim_free(sim);
	}
}

static void refusal_is_cleared_when_the_server_takes_them_again(void **state)
{
	static const struct phase phases[] = {
		{HALF_HOUR, 3, SERVED},
		{HALF_HOUR + 200, 3, TURNED_AWAY},
		{2 * HALF_HOUR, 3, SERVED},
		{2 * HALF_HOUR + 200, 3, TURNED_AWAY},
	};
	struct sim *sim = sim_new(1);

	(void)state;
	run_phases(sim, phases, COUNT(phases));
	assert_int_equal(sim->line_count, 3);
	assert_int_equal(sim->lines[0].severity, SEVERITY_CRITICAL);
	assert_int_equal(sim->lines[1].state, VERDICT_CLEARED);
	assert_non_null(strstr(sim->lines[1].summary, "the server takes connections again."));
	assert_true(sim->lines[1].t <= HALF_HOUR + 200 + 70);
	/* What was told before is not how it was before. */
	assert_int_equal(sim->lines[2].state, VERDICT_RAISED);
	assert_non_null(strstr(sim->lines[2].summary, "closed at once, 0 of "));
	sim_free(sim);
}

/* Nobody has tried, or nobody was there, so nobody knows. */
static void refusal_is_cleared_when_nobody_asks_any_more(void **state)
{
	static const struct phase phases[][3] = {
		{{HALF_HOUR, 3, SERVED}, {HALF_HOUR + 200, 3, TURNED_AWAY}},
		{{HALF_HOUR, 3, SERVED},
		 {HALF_HOUR + 200, 3, TURNED_AWAY},
		 {HALF_HOUR + 500, 3, REFUSED}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(phases); i++) {
		struct sim *sim = sim_new(1);

		run_phases(sim, phases[i], COUNT(phases[i]));
		sim_advance(sim, sim->now + 100);
		sim_end(sim);
		assert_int_equal(sim->line_count, 2);
		assert_int_equal(sim->lines[1].state, VERDICT_CLEARED);
		assert_non_null(strstr(sim->lines[1].summary,
				       "no connect was closed at once for a minute."));
		sim_free(sim);
	}
}

static void open_for(struct sim *sim, uint32_t pid, uint32_t count)
{
	uint32_t own = sim->pid;

	sim->pid = pid;
	for (uint32_t i = 0; i < count; i++)
		(void)sim_open(sim);
	sim->pid = own;
}

/* Three processes are turned away, and a fourth has the connections. */
static void refusal_is_told_once_a_server_and_says_who_holds_it(void **state)
{
	struct sim *sim = sim_new(1);
	double full_s = HALF_HOUR;

	(void)state;
	open_for(sim, 77, 40);
	while (sim->now < full_s + 200) {
		sim_advance(sim, sim->now + 1);
		sim->pid = 100 + (uint32_t)sim->now % 3;
		connect_one(sim, sim->now < full_s ? SERVED : TURNED_AWAY);
	}
	sim_end(sim);
	assert_int_equal(sim->line_count, 1);
	assert_non_null(strstr(sim->lines[0].summary,
			       "; so are those of 2 more processes of this host. 0 here, 40 open "
			       "on this host, most by orders-api[77] (40)."));
	sim_free(sim);
}

static uint32_t pid_of(const struct sim_line *line)
{
	const char *at = strstr(line->summary, "orders-api[");

	assert_non_null(at);
	return (uint32_t)strtoul(at + strlen("orders-api["), NULL, 10);
}

static void connect_in_turns(struct sim *sim, uint32_t a, uint32_t b, double span_s, enum fate fate)
{
	double until_s = sim->now + span_s;

	for (bool is_a = true; sim->now < until_s; is_a = !is_a) {
		sim_advance(sim, sim->now + 1);
		sim->pid = is_a ? a : b;
		connect_one(sim, fate);
	}
}

static void assert_told(const struct sim *sim, uint32_t line_count, uint32_t pid)
{
	static const char words[] = " were closed at once, ";
	const char *before = strstr(sim_last(sim)->summary, words);

	assert_int_equal(sim->line_count, line_count);
	assert_int_equal(sim_last(sim)->state, VERDICT_RAISED);
	assert_int_equal(pid_of(sim_last(sim)), pid);
	assert_non_null(before);
	/* One or two may lie in seconds when most were served. */
	assert_in_range(strtoul(before + strlen(words), NULL, 10), 0, 3);
}

/* One tells, one is turned away later than that, and one is not any more when it ends. */
static void tell_and_end(uint32_t teller, uint32_t late, uint32_t early)
{
	struct sim *sim = sim_new(1);

	connect_in_turns(sim, 100, 101, HALF_HOUR, SERVED);
	connect_in_turns(sim, 102, 102, HALF_HOUR, SERVED);
	connect_in_turns(sim, early, teller, 20, TURNED_AWAY);
	connect_in_turns(sim, teller, teller, 60, TURNED_AWAY);
	connect_in_turns(sim, late, teller, 100, TURNED_AWAY);
	assert_told(sim, 1, teller);
	for (int i = 0; i < 130; i++) {
		connect_in_turns(sim, late, late, i % 10 == 0 && i < 75, TURNED_AWAY);
		connect_in_turns(sim, teller, teller, 1, SERVED);
	}
	connect_in_turns(sim, teller, teller, 30, SERVED);
	assert_int_equal(sim->line_count, 2);
	assert_int_equal(sim->lines[1].state, VERDICT_CLEARED);
	connect_in_turns(sim, early, late, 60, SERVED);
	connect_in_turns(sim, late, late, 100, TURNED_AWAY);
	assert_told(sim, 3, late);
	connect_in_turns(sim, early, late, 120, SERVED);
	connect_in_turns(sim, early, early, 100, TURNED_AWAY);
	assert_told(sim, 5, early);
	sim_free(sim);
}

/*
 * Who told of it is served first, and ends it; what the others remember is not told as if it went
 * on, nor taken for how it was before when they are turned away another time.
 */
static void refusal_that_is_over_is_not_told_again_by_another(void **state)
{
	(void)state;
	tell_and_end(102, 100, 101);
	tell_and_end(100, 102, 101);
}

/* Who told of it may have luck, and a health check is closed at once in any weather. */
static void refusal_stands_while_others_are_turned_away(void **state)
{
	struct sim *sim = sim_new(1);
	uint32_t teller;

	(void)state;
	connect_in_turns(sim, 100, 101, HALF_HOUR, SERVED);
	connect_in_turns(sim, 102, 102, HALF_HOUR, TURNED_AWAY);
	connect_in_turns(sim, 103, 103, HALF_HOUR, SERVED);
	connect_in_turns(sim, 100, 101, 100, TURNED_AWAY);
	assert_int_equal(sim->line_count, 1);
	teller = pid_of(sim_last(sim));
	for (int i = 0; i < 200; i++) {
		connect_in_turns(sim, teller, teller, 1, SERVED);
		connect_in_turns(sim, 201 - teller, 201 - teller, i % 3 == 0, TURNED_AWAY);
	}
	assert_int_equal(sim->line_count, 1);
	for (int i = 0; i < 40; i++) {
		connect_in_turns(sim, 100, 101, 5, SERVED);
		connect_in_turns(sim, 100, 100, i % 4 == 0, TURNED_AWAY); /* one of twenty */
		connect_in_turns(sim, 102, 102, 1, TURNED_AWAY);
		connect_in_turns(sim, 103, 103, 4, MIXED);
	}
	assert_int_equal(sim->line_count, 2);
	assert_int_equal(sim->lines[1].state, VERDICT_CLEARED);
	sim_free(sim);
}

static void leak_beside(struct sim *sim, double until_s, enum fate fate)
{
	while (sim->now < until_s) {
		sim->pid = 100;
		connect_one(sim, fate);
		sim_advance(sim, sim->now + 3);
		sim->pid = 77;
		sim_open(sim)->state = SIM_LEAKED;
		sim_advance(sim, sim->now + 7);
	}
}

static const struct sim_line *last_leak(const struct sim *sim)
{
	uint32_t i = sim->line_count;

	while (i > 0 && sim->lines[i - 1].kind != VERDICT_LEAK)
		i--;
	assert_true(i > 0);
	return &sim->lines[i - 1];
}

/* Whatever the sum of this host says: others may use the server too. */
static void refusal_leaves_no_time_to_what_leaks(void **state)
{
	struct sim *sim = sim_new(1);
	char error[128];

	(void)state;
	assert_int_equal(dbkind_add_endpoint(sim->databases, "main=10.0.3.7:5432,limit=900", error,
					     sizeof(error)),
			 0);
	while (sim->now < 600) {
		sim->pid = 100;
		connect_one(sim, SERVED);
		sim_advance(sim, sim->now + 3);
	}
	leak_beside(sim, 900, SERVED);
	assert_true(last_leak(sim)->exhausts_in_s > 0);
	leak_beside(sim, 1200, TURNED_AWAY);
	assert_true(last_leak(sim)->exhausts_in_s == 0);
	assert_int_equal(last_leak(sim)->severity, SEVERITY_CRITICAL);
	assert_non_null(
		strstr(last_leak(sim)->summary, "/min, and the server turns connections away."));
	leak_beside(sim, 1500, SERVED);
	assert_true(last_leak(sim)->exhausts_in_s > 0);
	sim_free(sim);
}

/* It has filled the server itself, and that is what it is told of. */
static void refusal_is_not_told_of_a_process_that_leaks(void **state)
{
	static const struct phase served[] = {{HALF_HOUR, 3, SERVED}};
	struct sim *sim = sim_new_quick();

	(void)state;
	run_phases(sim, served, COUNT(served));
	for (int i = 0; i < 20; i++) {
		struct sim_conn *conn = sim_open(sim);

		sim_advance(sim, sim->now + 5);
		sim_use(sim, conn);
		conn->state = SIM_LEAKED;
		sim_advance(sim, sim->now + 5);
	}
	assert_non_null(sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "silent_stock_at_opens"));
	for (int i = 0; i < 60; i++) {
		connect_one(sim, TURNED_AWAY);
		sim_advance(sim, sim->now + 3);
	}
	assert_null(sim_first_by(sim, VERDICT_STORM, VERDICT_RAISED, "turned_away"));
	/* It gives back all: there was room by then, and it has not tried since. */
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state == SIM_LEAKED)
			sim_close(sim, &sim->conns[i], CLOSE_LOCAL);
	assert_non_null(sim_first(sim, VERDICT_CLEARED));
	sim_advance(sim, sim->now + 60);
	sim_end(sim);
	assert_null(sim_first_by(sim, VERDICT_STORM, VERDICT_RAISED, "turned_away"));
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			refusal_is_a_storm_where_most_connects_of_a_minute_are_turned_away),
		cmocka_unit_test(refusal_needs_no_past_where_the_limit_is_reached),
		cmocka_unit_test(refusal_is_cleared_when_the_server_takes_them_again),
		cmocka_unit_test(refusal_is_cleared_when_nobody_asks_any_more),
		cmocka_unit_test(refusal_is_told_once_a_server_and_says_who_holds_it),
		cmocka_unit_test(refusal_is_not_told_of_a_process_that_leaks),
		cmocka_unit_test(refusal_that_is_over_is_not_told_again_by_another),
		cmocka_unit_test(refusal_stands_while_others_are_turned_away),
		cmocka_unit_test(refusal_leaves_no_time_to_what_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
