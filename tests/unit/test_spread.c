/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a workload together: a leak that is spread over prefork workers is found, and
 * named in the worker that has most; workers that keep a connection each are not.
 */
#include "activity_order.h"
#include "core/judgement.h"
#include "core/spread.h"
#include "pool_sim.h"

#define WORKERS 16
#define STEP_S 0.5

/* A worker has one connection for its requests and opens another one now and then. */
struct worker {
	uint32_t pid;
	struct sim_conn *own, *listener;
	double rate;
	uint32_t leaked_count;
};

struct crew {
	struct sim *sim;
	struct worker workers[WORKERS];
	double extra_rate; /* a second connection for a moment, a second and worker */
	double leak_rate; /* of these, all workers together */
	double listener_from_s; /* each opens one that it keeps, one after the other; 0 = none */
	double recycle_s; /* a worker is replaced this often; 0 = never */
	double next_recycle;
	uint32_t last_pid, recycled;
};

static struct sim_conn *open_of(struct crew *crew, const struct worker *worker)
{
	struct sim_conn *conn;

	crew->sim->pid = worker->pid;
	conn = sim_open(crew->sim);
	conn->state = SIM_BUSY;
	return conn;
}

static void begin_worker(struct crew *crew, struct worker *worker)
{
	*worker = (struct worker){.pid = ++crew->last_pid,
				  .rate = 0.05 * pow(40, sim_random(crew->sim))};
	worker->own = open_of(crew, worker);
}

static void end_worker(struct crew *crew, const struct worker *worker)
{
	struct sim *sim = crew->sim;
	struct event event = {.type = EVENT_EXIT};

	sim->pid = worker->pid;
	event.client = sim_client(sim);
	sim_event(sim, &event);
	sim_close(sim, worker->own, CLOSE_EXIT);
	if (worker->listener)
		sim_close(sim, worker->listener, CLOSE_EXIT);
}

static bool happens(struct sim *sim, double rate)
{
	return sim_random(sim) < rate * STEP_S;
}

static void step_worker(struct crew *crew, struct worker *worker)
{
	struct sim *sim = crew->sim;
	uint32_t index = (uint32_t)(worker - crew->workers);

	if (happens(sim, worker->rate))
		sim_use(sim, worker->own);
	if (happens(sim, crew->leak_rate / WORKERS)) {
		open_of(crew, worker)->state = SIM_LEAKED;
		sim->leaked_count++;
		worker->leaked_count++;
	}
	if (happens(sim, crew->extra_rate)) {
		struct sim_conn *conn = open_of(crew, worker);

		sim_close(sim, conn, CLOSE_LOCAL);
	}
	if (crew->listener_from_s > 0 && !worker->listener &&
	    sim->now > crew->listener_from_s + 120 * index)
		worker->listener = open_of(crew, worker);
}

static void step_crew(struct crew *crew)
{
	struct sim *sim = crew->sim;

	sim_advance(sim, sim->now + STEP_S);
	for (int i = 0; i < WORKERS; i++)
		step_worker(crew, &crew->workers[i]);
	if (crew->recycle_s > 0 && sim->now >= crew->next_recycle) {
		struct worker *worker = &crew->workers[crew->recycled++ % WORKERS];

		end_worker(crew, worker);
		begin_worker(crew, worker);
		crew->next_recycle = sim->now + crew->recycle_s;
	}
}

static void begin_crew(struct crew *crew, uint64_t seed)
{
	crew->sim = sim_new(seed);
	crew->sim->exe = "/usr/bin/python3.11";
	crew->last_pid = 5000;
	crew->next_recycle = 600;
	for (int i = 0; i < WORKERS; i++) {
		begin_worker(crew, &crew->workers[i]);
		sim_advance(crew->sim, crew->sim->now + 5);
	}
}

static uint32_t most_leaked(const struct crew *crew)
{
	uint32_t most = 0;

	for (int i = 0; i < WORKERS; i++)
		if (crew->workers[i].leaked_count > most)
			most = crew->workers[i].leaked_count;
	return most;
}

static void spread_leak_of_one_connection_a_worker_is_found(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct crew crew = {.extra_rate = 0.005, .leak_rate = 1.0 / 120};
		const struct sim_line *line = NULL;

		begin_crew(&crew, seed);
		while (crew.sim->now < 4 * 3600 && !line) {
			step_crew(&crew);
			line = sim_first(crew.sim, VERDICT_RAISED);
		}
		if (!line) {
			sim_print(crew.sim, "prefork", seed);
			fail_msg("seed %u: %u leaked, not found", (unsigned int)seed,
				 crew.sim->leaked_count);
		}
		assert_string_equal(line->evidence, "silent_stock_of_workload");
		assert_in_range(line->leaked_count, 10, 60);
		assert_int_equal(line->right_count, line->suspect_count);
		assert_true(line->suspect_count >= 2 && line->suspect_count <= most_leaked(&crew));
		assert_int_equal(detector_standing_count(crew.sim->detector, VERDICT_LEAK), 1);
		sim_free(crew.sim);
	}
}

static uint32_t count_raised(const struct sim *sim)
{
	return detector_standing_count(sim->detector, VERDICT_LEAK);
}

/* Each shows it by itself, yet so few that nobody has used could be sessions of any process. */
static void spread_leak_of_many_is_named_in_each_worker(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct crew crew = {.extra_rate = 0.005, .leak_rate = 1.0 / 5};
		const struct sim_line *line;

		begin_crew(&crew, seed);
		while (crew.sim->leaked_count < 12 * WORKERS &&
		       count_raised(crew.sim) < WORKERS / 2)
			step_crew(&crew);
		if (count_raised(crew.sim) < WORKERS / 2) {
			sim_print(crew.sim, "prefork", seed);
			fail_msg("seed %u: %u of %u raised", (unsigned int)seed,
				 count_raised(crew.sim), WORKERS);
		}
		line = sim_first(crew.sim, VERDICT_RAISED);
		assert_int_equal(line->right_count, line->suspect_count);
		/* By name: of two programs of one interpreter a reader sees what was added up. */
		assert_non_null(strstr(sim_last(crew.sim)->summary, " of python3.11. "));
		sim_free(crew.sim);
	}
}

#define PAIR_MAX 50

/* Two processes of a workload, each with suspects that have been silent since t = 0. */
struct pair {
	struct fleet fleet;
	struct dossier dossiers[2];
	struct judgement judgements[2];
	struct pool pools[2];
	struct conn *conns[2 * PAIR_MAX];
};

static void prepare_pair(struct pair *pair, uint32_t suspects, bool has_grown)
{
	memset(pair, 0, sizeof(*pair));
	make_by_hand(pair->conns, 2 * PAIR_MAX);
	pair->fleet.first = &pair->dossiers[0];
	pair->fleet.member_count = 2;
	pair->dossiers[0].membership.next = &pair->dossiers[1];
	for (int i = 0; i < 2; i++) {
		pair->dossiers[i].membership.fleet = &pair->fleet;
		pair->dossiers[i].judgement = &pair->judgements[i];
		pair->dossiers[i].pool = pair->judgements[i].pool = &pair->pools[i];
		pair->judgements[i].dossier = &pair->dossiers[i];
		pair->judgements[i].leak.stage = LEAK_SUSPECT;
		pair->judgements[i].leak.suspect_count = suspects;
		for (uint32_t k = 0; k < suspects; k++)
			pair->conns[i * PAIR_MAX + (int)k]->is_suspect = true;
		order_as_they_come(&pair->pools[i], &pair->conns[i * PAIR_MAX], PAIR_MAX);
	}
	for (uint32_t x = 0; x < 30; x++)
		for (unsigned int i = 0; i < FLEET_SCALES; i++)
			eprocess_test(&pair->fleet.scales[i], 4, 0.01, has_grown ? x : 0, x);
}

static void spread_suspects_outlast_sessions_together(void **state)
{
	static const struct {
		uint32_t suspects; /* of each */
		uint64_t silence_s, benign_s; /* of the other */
		bool has_grown, outlasts;
	} rows[] = {
		{14, 1000, 0, true, false},    {15, 1000, 0, true, true},
		{15, 100, 0, true, false},     {25, 1, 0, true, true},
		{15, 1000, 0, false, false}, /* it may have been so from the beginning */
		{15, 1000, 1000, true, false}, /* the other one's are used after as long */
	};
	struct settings settings;

	(void)state;
	settings_init(&settings);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair pair;

		prepare_pair(&pair, rows[i].suspects, rows[i].has_grown);
		pair.judgements[1].opens.benign.longest_ns = rows[i].benign_s * NS_PER_SEC;
		if (spread_outlasts(&pair.judgements[0], &settings, 0,
				    rows[i].silence_s * NS_PER_SEC) != rows[i].outlasts)
			fail_msg("row %u", (unsigned int)i);
		for (unsigned int k = 0; k < FLEET_SCALES; k++)
			eprocess_clear(&pair.fleet.scales[k]);
	}
}

/* Two of so many processes; the odds that one of all holds as many without an end. */
static void spread_is_apart_where_those_of_others_end(void **state)
{
	static const struct {
		uint32_t process_count, suspects, others, ended;
		bool is_apart;
	} rows[] = {
		{2, 20, 20, 0, false}, /* the other one does the same, and nothing ever ends */
		{2, 20, 19, 0, true}, /* it has fewer */
		{2, 20, 20, 5, false}, /* 0.8 to the 20th, twice: 2.3% */
		{2, 20, 20, 8, true}, /* 0.24% */
		{12, 20, 20, 8, false}, /* twelve times: 1.4% */
		{12, 25, 25, 11, true}, {1, 20, 20, 0, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair pair;

		prepare_pair(&pair, rows[i].suspects, true);
		pair.fleet.member_count = rows[i].process_count;
		pair.judgements[0].returned_count = 1000; /* its own are not asked */
		pair.judgements[1].returned_count = rows[i].ended;
		pair.pools[1].conn_count = rows[i].others;
		if (spread_is_apart(&pair.judgements[0]) != rows[i].is_apart)
			fail_msg("row %u", (unsigned int)i);
		for (unsigned int k = 0; k < FLEET_SCALES; k++)
			eprocess_clear(&pair.fleet.scales[k]);
	}
}

#define VISITORS_MAX 400

/* A connection for each visitor of a worker, silent for as long as he stays. */
struct visit {
	struct sim_conn *conn;
	uint32_t pid;
	double end;
};

/* They come each three minutes to each worker and stay for hours, and some leave at once. */
static struct sim *receive_visitors(uint64_t seed, double until)
{
	struct visit visits[VISITORS_MAX];
	struct sim *sim = sim_new(seed);
	uint32_t count = 0;

	while (sim->now < until) {
		sim_advance(sim, sim->now + sim_exp(sim, 180.0 / WORKERS));
		for (uint32_t i = 0; i < count; i++) {
			if (visits[i].end > sim->now)
				continue;
			sim->pid = visits[i].pid;
			sim_close(sim, visits[i].conn, CLOSE_LOCAL);
			visits[i--] = visits[--count];
		}
		assert_true(count < VISITORS_MAX);
		sim->pid = 5000 + (uint32_t)(sim_random(sim) * WORKERS);
		visits[count].pid = sim->pid;
		visits[count].conn = sim_open(sim);
		visits[count++].end = sim->now + sim_exp(sim, 2 * 3600);
	}
	return sim;
}

/* One of them may have so many as would be a leak if nobody knew of the others. */
static void spread_sessions_are_alike_in_all_processes(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct sim *sim = receive_visitors(seed, 3000);

		const struct sim_line *line = sim_first(sim, VERDICT_RAISED);

		if (line && strcmp(line->evidence, "silent_stock_at_opens") == 0) {
			sim_print(sim, "visitors", seed);
			fail_msg("seed %u: one process was accused of its visitors",
				 (unsigned int)seed);
		}
		sim_free(sim);
	}
}

static void expect_silence(struct crew *crew, const char *name, uint64_t seed, double hours,
			   bool may_be_suspect)
{
	begin_crew(crew, seed);
	while (crew->sim->now < hours * 3600)
		step_crew(crew);
	sim_end(crew->sim);
	if (may_be_suspect ? sim_first(crew->sim, VERDICT_RAISED) != NULL
			   : crew->sim->line_count > 0) {
		sim_print(crew->sim, name, seed);
		fail_msg("%s: healthy processes were accused", name);
	}
	sim_free(crew->sim);
}

static void spread_healthy_workers_stay_silent(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct crew plain = {.extra_rate = 0.005};
		struct crew from_start = {.extra_rate = 0.005, .listener_from_s = 60};
		struct crew late = {.extra_rate = 0.005, .listener_from_s = 3600};
		struct crew recycled = {
			.extra_rate = 0.005, .listener_from_s = 60, .recycle_s = 97};

		expect_silence(&plain, "plain", seed, 4, false);
		expect_silence(&from_start, "a listener each", seed, 4, true);
		expect_silence(&late, "a listener each, later", seed, 4, true);
		expect_silence(&recycled, "recycled", seed, 4, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spread_leak_of_one_connection_a_worker_is_found),
		cmocka_unit_test(spread_leak_of_many_is_named_in_each_worker),
		cmocka_unit_test(spread_suspects_outlast_sessions_together),
		cmocka_unit_test(spread_is_apart_where_those_of_others_end),
		cmocka_unit_test(spread_sessions_are_alike_in_all_processes),
		cmocka_unit_test(spread_healthy_workers_stay_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
