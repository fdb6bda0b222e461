/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world for detector tests: one process, one database, and connections that are opened,
 * used, leaked and closed by the driver of a test or by a simulated pool. It writes the events
 * that a source would write (opens and closes at once, activity at the next look) into a real
 * table and a real detector with the default settings, and keeps the verdict lines.
 *
 * Deterministic: the same seed gives the same events. Included by the tests, one binary each.
 */
#ifndef CONNLEAK_TESTS_POOL_SIM_H
#define CONNLEAK_TESTS_POOL_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/dbkind.h"
#include "core/detector.h"
#include "core/format.h"
#include "core/table.h"

#define SIM_CONNS_MAX 4096
#define SIM_LINES_MAX 64
#define SIM_STEP_S 0.05

enum sim_conn_state { SIM_FREE, SIM_IDLE, SIM_BUSY, SIM_LEAKED, SIM_GONE };

struct sim_conn {
	enum sim_conn_state state;
	uint64_t id;
	double opened, last_send, last_recv, done; /* seconds */
	double retire; /* when its lifetime is over */
	bool is_dirty; /* used since the last look */
	bool peer_closed;
	bool leaks; /* will not be returned */
	uint64_t sent, received;
};

struct sim_line {
	double t;
	enum verdict_kind kind;
	enum verdict_state state;
	const char *evidence, *second; /* names of the first two pieces; static */
	enum severity severity;
	uint64_t id;
	uint32_t open_count;
	uint32_t suspect_count;
	uint32_t right_count; /* suspects that really are leaked */
	uint32_t leaked_count; /* leaked by then */
	double exhausts_in_s, growth_per_hour;
	char summary[sizeof(((struct verdict *)0)->summary)];
};

struct sim {
	const char *exe; /* of each process; NULL = unknown */
	struct settings settings;
	struct dbkind *databases;
	struct table *table;
	struct detector *detector;
	uint64_t random;
	double now, next_look, look_s;
	double late; /* share of what a look should tell that the next one tells */
	uint64_t last_id;
	uint32_t pid;
	struct sim_conn conns[SIM_CONNS_MAX];
	uint32_t conn_count; /* slots in use, gone ones included until they are reused */
	uint32_t leaked_count;
	uint32_t fail_count; /* requests that got no connection */
	struct sim_line lines[SIM_LINES_MAX];
	uint32_t line_count;
};

static inline uint64_t sim_ns(double seconds)
{
	return seconds <= 0 ? 0 : (uint64_t)(seconds * 1e6) * NS_PER_US;
}

static inline struct sim *sim_new(uint64_t seed)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	assert_non_null(sim);
	settings_init(&sim->settings);
	sim->databases = dbkind_new();
	sim->table = table_new(NULL);
	sim->detector = detector_new(&sim->settings, sim->databases, sim->table);
	assert_non_null(sim->detector);
	sim->random = seed * 2654435761u + 12345;
	sim->look_s = 5;
	sim->pid = 4121;
	sim->now = 1;
	sim->next_look = 5;
	return sim;
}

static inline void sim_free(struct sim *sim)
{
	detector_free(sim->detector);
	table_free(sim->table);
	dbkind_free(sim->databases);
	free(sim);
}

/* Uniform in [0, 1). */
static inline double sim_random(struct sim *sim)
{
	sim->random = sim->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (double)(sim->random >> 11) / (double)(1ULL << 53);
}

static inline double sim_exp(struct sim *sim, double mean)
{
	return -mean * log(1 - sim_random(sim));
}

/* --- events ----------------------------------------------------------------------------------- */

static inline bool sim_is_leaked(const struct sim *sim, uint64_t id)
{
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].id == id)
			return sim->conns[i].state == SIM_LEAKED;
	return false;
}

static inline void sim_drain(struct sim *sim)
{
	const struct verdict *verdict;

	while ((verdict = detector_next(sim->detector))) {
		struct sim_line *line;

		assert_true(sim->line_count < SIM_LINES_MAX);
		line = &sim->lines[sim->line_count++];
		line->t = (double)verdict->t_ns / 1e9;
		line->kind = verdict->kind;
		line->state = verdict->state;
		line->evidence = verdict->evidence_count > 0 ? verdict->evidence[0].name : "";
		line->second = verdict->evidence_count > 1 ? verdict->evidence[1].name : "";
		line->severity = verdict->severity;
		line->id = verdict->id;
		line->open_count = verdict->open_count;
		line->suspect_count = verdict->suspect_count;
		line->leaked_count = sim->leaked_count;
		line->exhausts_in_s = verdict->exhausts_in_s;
		line->growth_per_hour = verdict->growth_per_hour;
		for (uint32_t i = 0; i < verdict->suspect_count; i++)
			line->right_count += sim_is_leaked(sim, verdict->suspects[i]);
		memcpy(line->summary, verdict->summary, sizeof(line->summary));
		if (getenv("SIM_VERBOSE"))
			printf("%8.1f leaked %3u %s\n", line->t, sim->leaked_count, line->summary);
	}
}

static inline void sim_event(struct sim *sim, struct event *event)
{
	struct change change;

	event->t_ns = sim_ns(sim->now);
	while (detector_due_ns(sim->detector) <= event->t_ns) {
		assert_int_equal(detector_tick(sim->detector, detector_due_ns(sim->detector)), 0);
		sim_drain(sim);
	}
	assert_int_equal(table_apply(sim->table, event, &change), 0);
	assert_int_equal(detector_observe(sim->detector, &change), 0);
	sim_drain(sim);
	table_settle(sim->table);
}

static inline struct client_id sim_client(const struct sim *sim)
{
	return (struct client_id){.pid = sim->pid, .start_ns = 1};
}

static inline void sim_fill_owner(const struct sim *sim, struct event *event)
{
	event->client = sim_client(sim);
	memcpy(event->comm, "orders-api", 11);
	event->exe = sim->exe;
	assert_int_equal(parse_netaddr("10.0.3.7:5432", &event->remote), 0);
}

static inline struct sim_conn *sim_slot(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state == SIM_GONE)
			return &sim->conns[i];
	assert_true(sim->conn_count < SIM_CONNS_MAX);
	return &sim->conns[sim->conn_count++];
}

static inline void sim_use(struct sim *sim, struct sim_conn *conn)
{
	conn->last_send = sim->now;
	conn->last_recv = sim->now + 0.001;
	conn->sent += 100;
	conn->received += 900;
	conn->is_dirty = true;
}

/* Opens a connection and does the handshake's exchange. */
static inline struct sim_conn *sim_open(struct sim *sim)
{
	struct event event = {.type = EVENT_OPEN};
	struct sim_conn *conn = sim_slot(sim);

	memset(conn, 0, sizeof(*conn));
	conn->id = ++sim->last_id;
	conn->state = SIM_IDLE;
	conn->opened = sim->now;
	conn->retire = INFINITY;
	event.conn = conn->id;
	sim_fill_owner(sim, &event);
	sim_event(sim, &event);
	event = (struct event){.type = EVENT_ESTABLISHED, .conn = conn->id};
	sim_event(sim, &event);
	sim_use(sim, conn);
	return conn;
}

static inline void sim_close(struct sim *sim, struct sim_conn *conn, enum close_by by)
{
	struct event event = {.type = EVENT_CLOSE, .conn = conn->id, .by = by};

	sim_event(sim, &event);
	conn->state = SIM_GONE;
}

static inline void sim_fin(struct sim *sim, struct sim_conn *conn)
{
	struct event event = {.type = EVENT_PEER_CLOSED, .conn = conn->id};

	if (conn->peer_closed)
		return;
	sim_event(sim, &event);
	conn->peer_closed = true;
}

static inline void sim_look(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->conn_count; i++) {
		struct sim_conn *conn = &sim->conns[i];
		struct event event = {.type = EVENT_IO, .conn = conn->id};

		if (conn->state == SIM_GONE || !conn->is_dirty)
			continue;
		if (sim->late > 0 && sim_random(sim) < sim->late)
			continue;
		event.sent_bytes = conn->sent;
		event.received_bytes = conn->received;
		event.last_send_ns = sim_ns(conn->last_send);
		event.last_recv_ns = sim_ns(conn->last_recv);
		sim_event(sim, &event);
		conn->is_dirty = conn->last_recv > sim->now || conn->last_send > sim->now;
	}
}

/* Lets time pass until t, with the source looking in between. */
static inline void sim_advance(struct sim *sim, double t)
{
	while (sim->next_look <= t) {
		if (sim->next_look > sim->now)
			sim->now = sim->next_look;
		sim_look(sim);
		sim->next_look += sim->look_s;
	}
	if (t > sim->now)
		sim->now = t;
}

static inline void sim_end(struct sim *sim)
{
	struct event event = {.type = EVENT_END};

	sim_event(sim, &event);
}

/* --- what came of it -------------------------------------------------------------------------- */

static inline const struct sim_line *sim_first(const struct sim *sim, enum verdict_state state)
{
	for (uint32_t i = 0; i < sim->line_count; i++)
		if (sim->lines[i].state == state)
			return &sim->lines[i];
	return NULL;
}

/* The first line of that kind and state whose first evidence is of that name. */
static inline const struct sim_line *sim_first_by(const struct sim *sim, enum verdict_kind kind,
						  enum verdict_state state, const char *evidence)
{
	for (uint32_t i = 0; i < sim->line_count; i++)
		if (sim->lines[i].kind == kind && sim->lines[i].state == state &&
		    strcmp(sim->lines[i].evidence, evidence) == 0)
			return &sim->lines[i];
	return NULL;
}

static inline void sim_print(const struct sim *sim, const char *name, uint64_t seed)
{
	for (uint32_t i = 0; i < sim->line_count; i++)
		printf("%s, seed %u, t=%.0f, %s: %s\n", name, (unsigned int)seed, sim->lines[i].t,
		       sim->lines[i].evidence, sim->lines[i].summary);
}

/* No verdict of a leak, or none that was raised; else the test fails and shows them all. */
static inline void sim_expect_no_leak(const struct sim *sim, const char *name, uint64_t seed,
				      bool may_be_suspect)
{
	for (uint32_t i = 0; i < sim->line_count; i++) {
		if (sim->lines[i].kind != VERDICT_LEAK ||
		    (may_be_suspect && sim->lines[i].state != VERDICT_RAISED))
			continue;
		sim_print(sim, name, seed);
		fail_msg("%s: a healthy process was accused", name);
	}
}

/* --- a process that leaks whole connections -------------------------------------------------- */

/* One that needs no exposure, so that a leak of whole connections is raised in half a minute. */
static inline struct sim *sim_new_quick(void)
{
	struct sim *sim = sim_new(1);

	sim->settings.exposure_ns = 0;
	return sim;
}

static inline void sim_leak_one(struct sim *sim, double gap_s)
{
	sim_open(sim)->state = SIM_LEAKED;
	sim->leaked_count++;
	sim_advance(sim, sim->now + gap_s);
}

static inline void sim_leak_until_raised(struct sim *sim, double gap_s)
{
	while (!sim_first(sim, VERDICT_RAISED) && sim->leaked_count < 100)
		sim_leak_one(sim, gap_s);
	assert_non_null(sim_first(sim, VERDICT_RAISED));
}

/* The first line of that kind; NULL = none. */
static inline const struct sim_line *sim_first_of(const struct sim *sim, enum verdict_kind kind)
{
	for (uint32_t i = 0; i < sim->line_count; i++)
		if (sim->lines[i].kind == kind)
			return &sim->lines[i];
	return NULL;
}

static inline const struct sim_line *sim_last(const struct sim *sim)
{
	assert_true(sim->line_count > 0);
	return &sim->lines[sim->line_count - 1];
}

/* --- a pool ----------------------------------------------------------------------------------- */

enum sim_order { SIM_LIFO, SIM_FIFO };

struct sim_pool {
	const char *name;
	enum sim_order order;
	uint32_t max; /* 0 = no limit */
	uint32_t min; /* opened at start, kept by refilling */
	uint32_t keep; /* more idle ones than this are closed on return; 0 = all are kept */
	double idle_close_s, sweep_s; /* idle ones are closed; 0 = never */
	double lifetime_s; /* less up to a quarter; 0 = for ever */
	double ping_s; /* idle ones are used this often; 0 = never */
	double rate; /* requests a second at mean load */
	double held_s; /* mean time that a request holds its connection */
	double slow_share, slow_s; /* some requests are this slow */
	double swing, period_s; /* load goes by 1 + swing * sin(t) */
	double burst_s, burst; /* every burst_s, this many requests at once */
	double on_s, off_s; /* no requests in the off time */
	double leak_rate; /* leaks a second, out of requests */
	double leak_from_s;
	double restart_s; /* the server restarts this often */
	double hours;
};

static inline double sim_load(const struct sim *sim, const struct sim_pool *pool)
{
	double t = sim->now;

	if (pool->on_s > 0 && fmod(t, pool->on_s + pool->off_s) >= pool->on_s)
		return 0;
	if (pool->period_s > 0)
		return pool->rate * fmax(0, 1 - pool->swing * cos(2 * M_PI * t / pool->period_s));
	return pool->rate;
}

static inline uint32_t sim_count(const struct sim *sim, enum sim_conn_state state)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < sim->conn_count; i++)
		count += sim->conns[i].state == state;
	return count;
}

static inline uint32_t sim_live_count(const struct sim *sim)
{
	return sim_count(sim, SIM_IDLE) + sim_count(sim, SIM_BUSY) + sim_count(sim, SIM_LEAKED);
}

/* The idle connection that the pool's discipline hands out next. */
static inline struct sim_conn *sim_pick(struct sim *sim, const struct sim_pool *pool)
{
	struct sim_conn *picked = NULL;

	for (uint32_t i = 0; i < sim->conn_count; i++) {
		struct sim_conn *conn = &sim->conns[i];

		if (conn->state != SIM_IDLE)
			continue;
		if (!picked || (pool->order == SIM_LIFO ? conn->done > picked->done
							: conn->done < picked->done))
			picked = conn;
	}
	return picked;
}

static inline struct sim_conn *sim_pool_open(struct sim *sim, const struct sim_pool *pool)
{
	struct sim_conn *conn = sim_open(sim);

	conn->done = sim->now;
	if (pool->lifetime_s > 0)
		conn->retire = sim->now + pool->lifetime_s * (1 - 0.25 * sim_random(sim));
	return conn;
}

static inline void sim_request(struct sim *sim, const struct sim_pool *pool, bool leaks)
{
	struct sim_conn *conn = sim_pick(sim, pool);

	while (conn && conn->peer_closed) { /* found dead at borrow */
		sim_close(sim, conn, CLOSE_LOCAL);
		conn = sim_pick(sim, pool);
	}
	if (!conn && (pool->max == 0 || sim_live_count(sim) < pool->max))
		conn = sim_pool_open(sim, pool);
	if (!conn) {
		sim->fail_count++;
		return;
	}
	sim_use(sim, conn);
	conn->state = SIM_BUSY;
	conn->leaks = leaks;
	conn->done = sim->now + sim_exp(sim, pool->held_s);
	if (sim_random(sim) < pool->slow_share) {
		/* One long statement: the answer is owed for all of the time. */
		conn->done = sim->now + pool->slow_s * (0.5 + sim_random(sim));
		conn->last_recv = sim->now - 0.001;
	}
}

static inline void sim_finish(struct sim *sim, const struct sim_pool *pool, struct sim_conn *conn)
{
	sim_use(sim, conn);
	conn->done = sim->now;
	conn->state = SIM_IDLE;
	if (conn->leaks) {
		conn->state = SIM_LEAKED;
		sim->leaked_count++;
		return;
	}
	if (pool->keep > 0 && sim_count(sim, SIM_IDLE) > pool->keep)
		sim_close(sim, conn, CLOSE_LOCAL);
}

static inline void sim_sweep(struct sim *sim, const struct sim_pool *pool)
{
	for (uint32_t i = 0; i < sim->conn_count; i++) {
		struct sim_conn *conn = &sim->conns[i];

		if (conn->state != SIM_IDLE)
			continue;
		if (sim->now >= conn->retire ||
		    (pool->idle_close_s > 0 && sim->now - conn->done >= pool->idle_close_s &&
		     sim_count(sim, SIM_IDLE) > pool->min))
			sim_close(sim, conn, CLOSE_LOCAL);
		else if (pool->ping_s > 0 && sim->now - conn->last_send >= pool->ping_s)
			sim_use(sim, conn);
	}
	while (sim_live_count(sim) < pool->min)
		sim_pool_open(sim, pool);
}

static inline void sim_restart_server(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state != SIM_GONE && sim->conns[i].state != SIM_FREE)
			sim_fin(sim, &sim->conns[i]);
}

static inline void sim_pool_step(struct sim *sim, const struct sim_pool *pool)
{
	double mean = sim_load(sim, pool) * SIM_STEP_S;
	double wait = sim_exp(sim, 1);
	bool leaks_now =
		sim->now >= pool->leak_from_s && sim_random(sim) < pool->leak_rate * SIM_STEP_S;

	for (uint32_t i = 0; i < sim->conn_count; i++)
		if (sim->conns[i].state == SIM_BUSY && sim->conns[i].done <= sim->now)
			sim_finish(sim, pool, &sim->conns[i]);
	if (leaks_now)
		sim_request(sim, pool, true);
	for (; wait < mean; wait += sim_exp(sim, 1))
		sim_request(sim, pool, false);
	if (pool->burst_s > 0 && fmod(sim->now, pool->burst_s) < SIM_STEP_S)
		for (int i = 0; i < pool->burst; i++)
			sim_request(sim, pool, false);
}

static inline bool sim_passes(const struct sim *sim, double period_s)
{
	return period_s > 0 && fmod(sim->now, period_s) < SIM_STEP_S;
}

/* Runs the pool; stops early when a leak is raised and stop_at_raise is set. */
static inline void sim_run(struct sim *sim, const struct sim_pool *pool, bool stop_at_raise)
{
	double end = sim->now + pool->hours * 3600;

	sim_sweep(sim, pool);
	while (sim->now < end) {
		sim_pool_step(sim, pool);
		if (sim_passes(sim, pool->sweep_s > 0 ? pool->sweep_s : 1))
			sim_sweep(sim, pool);
		if (sim->now > 2 && sim_passes(sim, pool->restart_s))
			sim_restart_server(sim);
		sim_advance(sim, sim->now + SIM_STEP_S);
		if (stop_at_raise && sim_first(sim, VERDICT_RAISED))
			return;
	}
	sim_end(sim);
}

/* Goes on with the pool until that time, in seconds. */
static inline void sim_run_until(struct sim *sim, const struct sim_pool *pool, double until)
{
	struct sim_pool part = *pool;

	part.hours = (until - sim->now) / 3600;
	if (part.hours > 0)
		sim_run(sim, &part, false);
}

#endif
