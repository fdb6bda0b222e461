/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heartbeats: what is one, that a healthy client's are no evidence, that clients which nobody
 * closes are raised, and named whole where silence raises the leak.
 */
#include "core/heartbeat.h"
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SEEDS 3
#define STEP_S 0.5

/* --- what a beat is --------------------------------------------------------------------------- */

struct step {
	double gap_s;
	uint64_t sent, received;
};

static bool beats_after(const struct step *steps, size_t count)
{
	struct heartbeat heartbeat = {0};
	struct conn conn = {.last_active_ns = 0};
	struct pool pool = {0};

	for (size_t i = 0; i < count; i++) {
		struct change change = {.type = CHANGE_ACTIVE,
					.pool = &pool,
					.conn = &conn,
					.silence_ns = sim_ns(steps[i].gap_s),
					.silent_since_ns = conn.last_active_ns,
					.sent_bytes = steps[i].sent,
					.received_bytes = steps[i].received};

		conn.last_active_ns += (int64_t)change.silence_ns;
		heartbeat_observe(&heartbeat, &change);
	}
	return heartbeat_is_beating(&conn);
}

static void heartbeat_observe_knows_a_beat_by_bytes_and_gap(void **state)
{
	static const struct {
		const char *name;
		struct step steps[5];
		bool beats;
	} rows[] = {
		{"three alike",
		 {{1, 310, 420}, {1, 5, 7}, {10, 65, 314}, {10, 65, 314}, {10, 65, 314}},
		 true},
		{"two alike",
		 {{1, 310, 420}, {1, 5, 7}, {1, 9, 9}, {10, 65, 314}, {10, 65, 314}},
		 false},
		{"other bytes",
		 {{10, 65, 314}, {10, 65, 314}, {10, 65, 315}, {10, 65, 314}, {10, 65, 314}},
		 false},
		{"too often",
		 {{4, 65, 314}, {4, 65, 314}, {4, 65, 314}, {4, 65, 314}, {4, 65, 314}},
		 false},
		{"not steady",
		 {{10, 65, 314}, {20, 65, 314}, {10, 65, 314}, {30, 65, 314}, {10, 65, 314}},
		 false},
		{"a late timer",
		 {{120, 6, 11}, {135, 6, 11}, {120, 6, 11}, {125, 6, 11}, {131, 6, 11}},
		 true},
		{"work in between",
		 {{10, 6, 11}, {10, 6, 11}, {10, 6, 11}, {10, 6, 11}, {3, 600, 9}},
		 false},
		{"a look between question and answer",
		 {{10, 65, 314}, {10, 65, 314}, {10, 65, 314}, {10, 65, 0}, {0.001, 0, 314}},
		 true},
		{"another question, and the answer",
		 {{10, 65, 314}, {10, 65, 314}, {10, 65, 314}, {10, 64, 0}, {0.001, 0, 314}},
		 false},
		{"another answer",
		 {{10, 65, 314}, {10, 65, 314}, {10, 65, 314}, {10, 65, 0}, {0.001, 0, 315}},
		 false},
		{"two in one look",
		 {{10, 65, 314}, {10, 65, 314}, {10, 65, 314}, {20, 130, 628}, {10, 65, 314}},
		 true},
		{"as many bytes as two in the time of one",
		 {{10, 65, 314}, {10, 65, 314}, {10, 65, 314}, {10, 130, 628}, {10, 65, 314}},
		 false},
		{"told, not asked",
		 {{10, 0, 50}, {10, 0, 50}, {10, 0, 50}, {10, 0, 50}, {10, 0, 50}},
		 true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (beats_after(rows[i].steps, 5) != rows[i].beats)
			fail_msg("%s", rows[i].name);
}

static void heartbeat_length_is_that_of_the_stretch(void **state)
{
	struct conn conn = {.last_active_ns = 100 * (int64_t)NS_PER_SEC,
			    .beat = {.gap = 100},
			    .beat_count = 6,
			    .beat_since_s = 40};

	(void)state;
	assert_int_equal(heartbeat_length_ns(&conn), 60 * NS_PER_SEC);
	assert_int_equal(heartbeat_worked_ns(&conn), 40 * NS_PER_SEC);
	conn.beat_count = HEARTBEAT_MIN - 1;
	assert_int_equal(heartbeat_length_ns(&conn), 0);
}

/* --- processes -------------------------------------------------------------------------------- */

/* The sockets of one MongoClient: two monitors, and one that does the work if there is any. */
struct mongo {
	struct sim_conn *monitors[2], *working;
	double rate; /* of work */
	double late; /* when the second monitor comes */
	bool is_leaked;
};

/* As the driver of node does: the second monitor comes when the first one was told once. */
static void mongo_open_in_turn(struct sim *sim, struct mongo *client, double rate, bool leaked)
{
	client->monitors[0] = sim_open(sim);
	client->monitors[1] = NULL;
	client->working = sim_open(sim);
	client->rate = rate;
	client->late = sim->now + 10.5;
	client->is_leaked = leaked;
	if (leaked) {
		client->monitors[0]->state = SIM_LEAKED;
		client->working->state = SIM_LEAKED;
		sim->leaked_count += 2;
	}
}

static void open_late(struct sim *sim, struct mongo *client)
{
	if (client->monitors[1] || sim->now < client->late)
		return;
	client->monitors[1] = sim_open(sim);
	if (client->is_leaked) {
		client->monitors[1]->state = SIM_LEAKED;
		sim->leaked_count++;
	}
}

static void mongo_open(struct sim *sim, struct mongo *client, double rate, bool leaked)
{
	client->monitors[0] = sim_open(sim);
	client->monitors[1] = sim_open(sim);
	client->working = rate > 0 || leaked ? sim_open(sim) : NULL;
	client->rate = rate;
	client->is_leaked = leaked;
}

static void mongo_leak(struct sim *sim, struct mongo *client)
{
	client->monitors[0]->state = SIM_LEAKED;
	client->monitors[1]->state = SIM_LEAKED;
	client->working->state = SIM_LEAKED;
	sim->leaked_count += 3;
}

/* The first monitor is told, the second one asks. */
static void beat(struct sim *sim, struct mongo *client)
{
	for (int i = 0; i < 2; i++) {
		struct sim_conn *conn = client->monitors[i];

		if (!conn || sim->now - conn->last_recv < 10)
			continue;
		conn->last_recv = sim->now;
		conn->received += i == 0 ? 480 : 314;
		conn->is_dirty = true;
		if (i == 0)
			continue;
		conn->last_send = sim->now - 0.001;
		conn->sent += 65;
	}
}

static void work(struct sim *sim, struct mongo *client)
{
	if (!client->working || sim_random(sim) >= client->rate * STEP_S)
		return;
	sim_use(sim, client->working);
	client->working->sent += (uint64_t)(sim_random(sim) * 300);
	client->working->received += (uint64_t)(sim_random(sim) * 3000);
}

static void run_clients(struct sim *sim, struct mongo *clients, uint32_t count, double until)
{
	while (sim->now < until) {
		sim_advance(sim, sim->now + STEP_S);
		for (uint32_t i = 0; i < count; i++) {
			open_late(sim, &clients[i]);
			beat(sim, &clients[i]);
			work(sim, &clients[i]);
		}
	}
}

static void heartbeat_of_a_healthy_client_is_no_evidence(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);
		struct mongo clients[2];

		mongo_open(sim, &clients[0], 2, false);
		mongo_open(sim, &clients[1], 0.01, false);
		run_clients(sim, clients, 2, 6 * 3600);
		sim_end(sim);
		sim_expect_no_leak(sim, "two clients", seed, false);
		sim_free(sim);
	}
}

static void run_tenants(void (*open)(struct sim *sim, struct mongo *client, double rate,
				     bool leaked))
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);
		struct mongo clients[40];

		for (uint32_t i = 0; i < 40; i++) {
			open(sim, &clients[i], 0.002 * pow(500, sim_random(sim)), false);
			run_clients(sim, clients, i + 1, sim->now + 200 * sim_random(sim));
		}
		run_clients(sim, clients, 40, 4 * 3600);
		sim_end(sim);
		sim_expect_no_leak(sim, "tenants", seed, true);
		sim_free(sim);
	}
}

static void heartbeat_of_a_client_for_each_tenant_is_no_leak(void **state)
{
	(void)state;
	run_tenants(mongo_open);
	run_tenants(mongo_open_in_turn);
}

/* Each worker polls an empty queue by itself: alike, steady, and somebody's. */
static void heartbeat_of_workers_that_poll_is_no_leak(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *sim = sim_new(seed);
		struct sim_conn *workers[30];
		uint32_t count = 0;

		while (sim->now < 4 * 3600) {
			if (count < 30 && sim->now > 120 * count)
				workers[count++] = sim_open(sim);
			sim_advance(sim, sim->now + STEP_S);
			for (uint32_t i = 0; i < count; i++)
				if (sim->now - workers[i]->last_send >= 5)
					sim_use(sim, workers[i]);
		}
		sim_end(sim);
		sim_expect_no_leak(sim, "workers that poll", seed, true);
		sim_free(sim);
	}
}

/* A MongoClient that nobody closes, every two minutes. */
static void run_leaky_clients(struct sim *sim, struct mongo *clients, bool works_first)
{
	mongo_open(sim, &clients[0], 2, false);
	run_clients(sim, clients, 1, 3600);
	for (uint32_t i = 1; i < 20 && !sim_first(sim, VERDICT_RAISED); i++) {
		mongo_open(sim, &clients[i], 0, works_first);
		if (works_first) {
			mongo_leak(sim, &clients[i]);
		} else {
			clients[i].monitors[0]->state = SIM_LEAKED;
			clients[i].monitors[1]->state = SIM_LEAKED;
			sim->leaked_count += 2;
		}
		run_clients(sim, clients, i + 1, sim->now + 120);
	}
}

/* Nothing is silent: the monitors alone tell. */
static void heartbeat_clients_that_nobody_closes_are_raised(void **state)
{
	struct sim *sim = sim_new(1);
	struct mongo clients[20];
	const struct sim_line *line;

	(void)state;
	run_leaky_clients(sim, clients, false);
	line = sim_first_by(sim, VERDICT_LEAK, VERDICT_SUSPECT, "heartbeats_only");
	assert_non_null(line);
	assert_in_range(line->leaked_count, 6, 20);
	assert_int_equal(line->right_count, line->suspect_count);
	assert_non_null(strstr(line->summary, " carried nothing but heartbeats since "));
	assert_null(strstr(line->summary, "silent"));
	line = sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "heartbeats_only");
	assert_non_null(line);
	assert_in_range(line->leaked_count, 12, 36);
	assert_int_equal(line->right_count, line->suspect_count);
	sim_free(sim);
}

static void heartbeat_of_leaked_clients_is_named_with_what_is_silent(void **state)
{
	struct sim *sim = sim_new(1);
	struct mongo clients[20];
	const struct sim_line *line;
	const struct verdict *verdict;

	(void)state;
	run_leaky_clients(sim, clients, true);
	line = sim_first(sim, VERDICT_RAISED);
	assert_non_null(line);
	assert_int_equal(line->right_count, line->suspect_count);
	assert_non_null(strstr(line->summary, " and never came back, "));
	assert_non_null(strstr(line->summary, " of them but for heartbeats, while "));
	run_clients(sim, clients, sim->leaked_count / 3 + 1, sim->now + 60);
	verdict = detector_pool_verdict(sim->detector, table_first_pool(sim->table));
	assert_non_null(verdict);
	assert_true(verdict->suspect_count >= sim->leaked_count - 6);
	assert_true(verdict->growth_per_hour > 45 && verdict->growth_per_hour < 180);
	sim_free(sim);
}

/*
 * Where enough of them prove what they are: from the first on, but for the monitors of that one,
 * which could be those of a client that works; and none that works.
 */
static void heartbeat_of_many_leaked_clients_is_named_whole(void **state)
{
	struct sim *sim = sim_new(1);
	struct mongo clients[20];
	const struct verdict *verdict;

	(void)state;
	mongo_open(sim, &clients[0], 2, false);
	run_clients(sim, clients, 1, 3600);
	for (uint32_t i = 1; i < 20; i++) {
		mongo_open(sim, &clients[i], 0, true);
		mongo_leak(sim, &clients[i]);
		run_clients(sim, clients, i + 1, sim->now + 120);
	}
	verdict = detector_pool_verdict(sim->detector, table_first_pool(sim->table));
	assert_non_null(verdict);
	assert_in_range(verdict->suspect_count, sim->leaked_count - 2, sim->leaked_count);
	for (uint32_t i = 0; i < verdict->suspect_count; i++)
		assert_true(sim_is_leaked(sim, verdict->suspects[i]));
	sim_free(sim);
}

static void heartbeat_of_a_monitor_that_comes_late_is_of_its_client(void **state)
{
	struct sim *sim = sim_new(1);
	struct mongo clients[24];
	const struct verdict *verdict;

	(void)state;
	mongo_open_in_turn(sim, &clients[0], 2, false);
	run_clients(sim, clients, 1, 3600);
	for (uint32_t i = 1; i < 24; i++) {
		mongo_open_in_turn(sim, &clients[i], 0, true);
		run_clients(sim, clients, i + 1, sim->now + 40);
	}
	verdict = detector_pool_verdict(sim->detector, table_first_pool(sim->table));
	assert_non_null(verdict);
	assert_in_range(verdict->suspect_count, sim->leaked_count - 6, sim->leaked_count);
	for (uint32_t i = 0; i < verdict->suspect_count; i++)
		assert_true(sim_is_leaked(sim, verdict->suspects[i]));
	sim_free(sim);
}

/* A pool that rests for half an hour at a time says nothing of silence: the monitors tell alone. */
static void heartbeat_clients_whose_second_monitor_comes_late_are_raised(void **state)
{
	struct sim *sim = sim_new(1);
	struct mongo clients[20];
	const struct sim_line *line;

	(void)state;
	mongo_open_in_turn(sim, &clients[0], 0.001, false);
	run_clients(sim, clients, 1, 4 * 3600);
	for (uint32_t i = 1; i < 20 && !sim_first(sim, VERDICT_RAISED); i++) {
		mongo_open_in_turn(sim, &clients[i], 0, true);
		run_clients(sim, clients, i + 1, sim->now + 40);
	}
	line = sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "heartbeats_only");
	assert_non_null(line);
	assert_in_range(line->leaked_count, 18, 30);
	assert_int_equal(line->right_count, line->suspect_count);
	sim_free(sim);
}

static void heartbeat_observe_remembers_for_how_long_a_working_one_beat_first(void **state)
{
	struct heartbeat heartbeat = {.process = {.test_count = 1}, .known_ns = INT64_MAX};
	struct conn conn = {.last_active_ns = 0};
	struct pool pool = {0};

	(void)state;
	for (int i = 0; i < 7; i++) {
		struct change change = {.type = CHANGE_ACTIVE,
					.pool = &pool,
					.conn = &conn,
					.silence_ns = sim_ns(10),
					.silent_since_ns = conn.last_active_ns,
					.sent_bytes = i < 6 ? 65 : 700,
					.received_bytes = 314};

		assert_int_equal(heartbeat.monitor_s, 0);
		heartbeat_observe(&heartbeat, &change);
		conn.last_active_ns += (int64_t)change.silence_ns;
	}
	assert_int_equal(heartbeat.monitor_s, 60);
}

/* What a rare request leaves between two uses of one connection says nothing of monitors. */
static void heartbeat_of_a_connection_that_works_now_and_then_excuses_no_monitor(void **state)
{
	struct sim *sim = sim_new(1);
	struct mongo clients[20];
	const struct sim_line *line;
	struct sim_conn *rare;

	(void)state;
	mongo_open(sim, &clients[0], 2, false);
	rare = sim_open(sim);
	run_clients(sim, clients, 1, 5); /* it does not begin with a beat */
	sim_use(sim, rare);
	while (sim->now < 3600) {
		run_clients(sim, clients, 1, sim->now + 60);
		sim_use(sim, rare);
		rare->sent += fmod(sim->now, 900) < 60 ? 17 : 0;
	}
	for (uint32_t i = 1; i < 20 && !sim_first(sim, VERDICT_RAISED); i++) {
		mongo_open(sim, &clients[i], 0, false);
		clients[i].monitors[0]->state = SIM_LEAKED;
		clients[i].monitors[1]->state = SIM_LEAKED;
		sim->leaked_count += 2;
		run_clients(sim, clients, i + 1, sim->now + 120);
	}
	line = sim_first_by(sim, VERDICT_LEAK, VERDICT_RAISED, "heartbeats_only");
	assert_non_null(line);
	assert_in_range(line->leaked_count, 12, 36);
	assert_int_equal(line->right_count, line->suspect_count);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heartbeat_observe_knows_a_beat_by_bytes_and_gap),
		cmocka_unit_test(heartbeat_length_is_that_of_the_stretch),
		cmocka_unit_test(heartbeat_of_a_healthy_client_is_no_evidence),
		cmocka_unit_test(heartbeat_of_a_client_for_each_tenant_is_no_leak),
		cmocka_unit_test(heartbeat_of_workers_that_poll_is_no_leak),
		cmocka_unit_test(heartbeat_clients_that_nobody_closes_are_raised),
		cmocka_unit_test(heartbeat_of_leaked_clients_is_named_with_what_is_silent),
		cmocka_unit_test(heartbeat_of_many_leaked_clients_is_named_whole),
		cmocka_unit_test(heartbeat_of_a_monitor_that_comes_late_is_of_its_client),
		cmocka_unit_test(heartbeat_clients_whose_second_monitor_comes_late_are_raised),
		cmocka_unit_test(heartbeat_observe_remembers_for_how_long_a_working_one_beat_first),
		cmocka_unit_test(
			heartbeat_of_a_connection_that_works_now_and_then_excuses_no_monitor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
