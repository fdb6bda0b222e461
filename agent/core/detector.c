// SPDX-License-Identifier: Apache-2.0
/*
 * Where changes of the table meet the tests: each pool has a judgement, each test in it sees the
 * changes that it asks for, and a review turns what they found into verdict lines. A further kind
 * of verdict is a file beside leak.c with a state in struct judgement and a call in
 * states_review().
 *
 * Invariant: pool->dossier and the list agree; the order of changes and ticks alone decides.
 * Does not apply events, free pools or ask the clock.
 */
#include "detector.h"

#include <errno.h>
#include <stdlib.h>

#include "deserted.h"
#include "inherited.h"
#include "judgement.h"
#include "leak.h"
#include "states.h"

/* Some pools close all that they have in a pause, and go on as what they were. */
#define REST_NS (3600 * NS_PER_SEC)
/* After this long without events there is nothing that the next tick could find but timers. */
#define QUIET_NS (3600 * NS_PER_SEC)
/* Activity in the first second of a connection is its first use, not a return. */
#define FIRST_USE_NS NS_PER_SEC

/* A judgement as those see it who only look. */
struct look {
	const struct pool *pool; /* NULL = of none, or no longer */
	struct judgement room;
};

struct detector {
	struct bench bench;
	struct dossiers dossiers;
	struct look *look; /* owned */
	uint64_t due_ns;
	uint64_t last_event_ns;
};

struct detector *detector_new(const struct settings *settings, const struct dbkind *databases,
			      struct table *table)
{
	struct detector *detector = calloc(1, sizeof(*detector));

	if (!detector)
		return NULL;
	detector->bench.settings = settings;
	detector->bench.databases = databases;
	detector->bench.table = table;
	detector->bench.fleets = fleets_new();
	detector->look = calloc(1, sizeof(*detector->look));
	if (!detector->bench.fleets || !detector->look) {
		detector_free(detector);
		return NULL;
	}
	detector->bench.losses.last_ns = INT64_MIN;
	detector->due_ns = UINT64_MAX;
	return detector;
}

void detector_set_realtime(struct detector *detector, int64_t realtime_at_zero_ns)
{
	detector->bench.realtime_at_zero_ns = realtime_at_zero_ns;
}

void detector_keep_open(struct detector *detector)
{
	detector->dossiers.keeps_open = true;
}

void detector_set_databases(struct detector *detector, const struct dbkind *databases)
{
	detector->bench.databases = databases;
	for (const struct dossier *dossier = detector->dossiers.first; dossier;
	     dossier = dossier->next)
		fleet_take_limit(&detector->bench, dossier);
}

/* --- judgements ------------------------------------------------------------------------------- */

static struct judgement *take_judgement(struct detector *detector, struct pool *pool, uint64_t t_ns)
{
	struct dossier *dossier = pool->dossier;

	if (!dossier) {
		dossier = dossier_new(&detector->dossiers, pool);
		if (!dossier)
			return NULL;
		if (fleet_join(&detector->bench, dossier, t_ns) < 0) {
			dossier_free(&detector->dossiers, dossier);
			return NULL;
		}
		states_begin(dossier->judgement, t_ns);
	}
	return dossier_open(&detector->dossiers, dossier);
}

static void drop_dossier(struct detector *detector, struct dossier *dossier)
{
	struct judgement room, *judgement = dossier_look(dossier, &room);

	leak_destroy(judgement);
	states_destroy(&detector->bench, judgement);
	fleet_leave(&detector->bench, dossier, judgement, detector->last_event_ns);
	dossier_free(&detector->dossiers, dossier);
}

void detector_free(struct detector *detector)
{
	if (!detector)
		return;
	while (detector->dossiers.first)
		drop_dossier(detector, detector->dossiers.first);
	dossiers_clear(&detector->dossiers);
	fleets_free(detector->bench.fleets);
	verdict_queue_destroy(&detector->bench.queue);
	free(detector->look);
	free(detector);
}

/* --- changes ---------------------------------------------------------------------------------- */

/*
 * What vouches for silent connections: that others came back, or were closed after a life that was
 * long enough to be taken for silence. Those of a pool that closes at once say nothing about them.
 */
static void count_return(const struct settings *settings, struct judgement *judgement,
			 const struct change *change)
{
	struct conn *conn = change->conn;

	if (change->type == CHANGE_ACTIVE) {
		if (conn->last_active_ns - conn->open_ns < (int64_t)FIRST_USE_NS)
			return;
	} else if (!change_is_own_close(change) ||
		   (int64_t)change->t_ns - conn->open_ns < (int64_t)settings->t0_ns) {
		return;
	}
	if (conn->has_returned || judgement->returned_count == UINT32_MAX)
		return;
	conn->has_returned = true;
	judgement->returned_count++;
}

static int judge(struct detector *detector, struct judgement *judgement,
		 const struct change *change)
{
	struct dossier *dossier = change->pool->dossier;
	struct bench *bench = &detector->bench;
	struct moment moment =
		moment_of(bench->settings, bench->table, &bench->losses, change->t_ns);
	bool has_tested;
	int error;

	count_return(bench->settings, judgement, change);
	credit_observe(&judgement->credit, change, bench->settings->credit_ns);
	heartbeat_observe(&judgement->heartbeat, change);
	meter_observe(&judgement->meter, change);
	states_observe(bench, judgement, change);
	failover_observe(&judgement->failover, change);
	deserted_observe(&judgement->deserted, change);
	coverage_observe(&judgement->coverage, &moment, change);
	keepalive_observe(&judgement->keepalive, &moment, change);
	retirement_observe(&judgement->retirement, &moment, change);
	has_tested = opens_observe(&judgement->opens, &moment, &judgement->heartbeat, change);
	dossier->has_tested |= has_tested;
	has_tested |= passed_observe(&judgement->passed, &moment, change);
	has_tested |= evictions_observe(&judgement->evictions, &moment, change);
	overdue_observe(&judgement->overdue, &judgement->evictions, bench->settings, change);
	has_tested |= closewait_observe(&judgement->closewait, &moment, change);
	error = leak_observe(bench, judgement, change);
	/* A verdict that stands can wait for the tick, and so can whatever only time decides. */
	if (error < 0 || !has_tested || judgement->leak.stage == LEAK_RAISED)
		return error;
	return leak_review(bench, judgement, change->t_ns);
}

static int observe_move(struct detector *detector, const struct change *change)
{
	struct dossier *dossier = change->pool_before->dossier;
	struct bench *bench = &detector->bench;
	struct judgement *before;
	struct moment moment;
	int r;

	if (!dossier)
		return 0;
	before = dossier_open(&detector->dossiers, dossier);
	if (!before)
		return -ENOMEM;
	moment = moment_of(bench->settings, bench->table, &bench->losses, change->t_ns);
	heartbeat_forget(&before->heartbeat, change->conn);
	r = leak_observe(bench, before, change);
	if (r == 0)
		r = inherited_observe(&before->inherited, &moment, change, bench->table);
	if (r <= 0 || before->leak.stage == LEAK_RAISED)
		return r < 0 ? r : 0;
	return leak_review(bench, before, change->t_ns);
}

static int observe_exit(struct detector *detector, const struct change *change)
{
	for (struct pool *pool = change->client->pools; pool; pool = pool->next_of_client) {
		struct judgement *judgement = pool->dossier ? pool->dossier->judgement : NULL;
		int error;

		if (!judgement) /* what is packed has no verdict */
			continue;
		error = leak_client_exited(&detector->bench, judgement, change->t_ns);
		if (error == 0)
			error = states_client_exited(&detector->bench, judgement, change->t_ns);
		if (error < 0)
			return error;
	}
	return 0;
}

static void observe_loss(struct losses *losses, const struct change *change)
{
	losses->last_ns = (int64_t)change->t_ns;
	if (__builtin_add_overflow(losses->count, change->lost_count, &losses->count))
		losses->count = UINT64_MAX;
}

static void note_time(struct detector *detector, uint64_t t_ns)
{
	uint64_t tick_ns = detector->bench.settings->tick_ns;

	detector->last_event_ns = t_ns;
	if (detector->due_ns <= t_ns || detector->due_ns - t_ns > tick_ns)
		detector->due_ns = (t_ns / tick_ns + 1) * tick_ns;
}

int detector_observe(struct detector *detector, const struct change *change)
{
	struct judgement *judgement;

	note_time(detector, change->t_ns);
	detector->look->pool = NULL;
	switch (change->type) {
	case CHANGE_NONE:
	case CHANGE_PAST:
		return 0;
	case CHANGE_LOST:
		observe_loss(&detector->bench.losses, change);
		return 0;
	case CHANGE_EXITED:
		return observe_exit(detector, change);
	case CHANGE_MOVED:
		return observe_move(detector, change);
	default:
		break;
	}
	judgement = take_judgement(detector, change->pool, change->t_ns);
	return judgement ? judge(detector, judgement, change) : -ENOMEM;
}

/* --- time ------------------------------------------------------------------------------------- */

uint64_t detector_due_ns(const struct detector *detector)
{
	return detector->due_ns;
}

static bool is_over(const struct judgement *judgement, uint64_t now_ns)
{
	const struct pool *pool = judgement->pool;

	if (pool->conn_count > 0)
		return false;
	if (pool->client->exited)
		return true;
	return judgement->leak.stage == LEAK_NONE && !states_stand(judgement) &&
	       now_ns > pool->changed_ns && now_ns - pool->changed_ns >= REST_NS;
}

static void sample_meter(const struct detector *detector, struct judgement *judgement,
			 uint64_t now_ns)
{
	const struct bench *bench = &detector->bench;
	struct stock_limits limits = opens_limits(&judgement->opens, bench->settings);

	limits.known_ns = (int64_t)now_ns;
	limits.with_found = true; /* after a restart all are, and the course is there to be seen */
	meter_sample(&judgement->meter, judgement->pool,
		     stock_count(judgement->pool, &limits, &bench->losses), now_ns);
}

static int review(struct detector *detector, struct judgement *judgement,
		  const struct moment *moment)
{
	struct bench *bench = &detector->bench;
	struct pool *pool = judgement->pool;
	uint64_t now_ns = moment->t_ns;
	int error;

	fleet_follow(judgement, bench->settings, now_ns);
	(void)credit_count(&judgement->credit, now_ns,
			   bench->settings->credit_ns); /* drops the past */
	pool->dossier->has_tested |=
		opens_advance(&judgement->opens, moment, pool); /* reviewed anyway */
	opens_witness(&judgement->opens, moment, pool);
	failover_advance(judgement, moment);
	deserted_advance(judgement, moment);
	coverage_advance(&judgement->coverage, moment, pool);
	keepalive_advance(&judgement->keepalive, moment, pool);
	heartbeat_advance(&judgement->heartbeat, moment, pool);
	inherited_advance(judgement->inherited, moment, pool, bench->table);
	sample_meter(detector, judgement, now_ns);
	error = leak_review(bench, judgement, now_ns);
	return error < 0 ? error : states_review(bench, judgement, now_ns);
}

int detector_tick(struct detector *detector, uint64_t now_ns)
{
	struct bench *bench = &detector->bench;
	uint64_t tick_ns = bench->settings->tick_ns;
	uint64_t step_ns = tick_ns;
	unsigned int expected = 0;
	struct dossier *next;
	struct moment moment;

	if (now_ns > detector->last_event_ns && now_ns - detector->last_event_ns > QUIET_NS)
		step_ns = (QUIET_NS / tick_ns + 1) * tick_ns;
	detector->due_ns = (now_ns / tick_ns) * tick_ns + step_ns;
	detector->look->pool = NULL;
	moment = moment_of(bench->settings, bench->table, &bench->losses, now_ns);
	fleets_advance(bench, &moment);
	for (struct dossier *dossier = detector->dossiers.first; dossier; dossier = next) {
		struct judgement *judgement;
		int error;

		if (expected == 0)
			expected = dossier_expect(dossier);
		expected--;
		next = dossier->next;
		judgement = dossier_visit(&detector->dossiers, dossier);
		error = judgement ? review(detector, judgement, &moment) : -ENOMEM;
		if (error < 0)
			return error;
		if (is_over(judgement, now_ns))
			drop_dossier(detector, dossier);
		else
			dossier_leave(&detector->dossiers, dossier);
	}
	return 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

const struct verdict *detector_next(struct detector *detector)
{
	return verdict_queue_next(&detector->bench.queue);
}

uint32_t detector_standing_count(const struct detector *detector, enum verdict_kind kind)
{
	return (unsigned int)kind < VERDICT_KIND_COUNT ? detector->bench.standing_count[kind] : 0;
}

/* As of the last change; NULL where it is not judged. Valid until another pool is looked at. */
static const struct judgement *look_at(const struct detector *detector, const struct pool *pool)
{
	struct look *look = detector->look;

	if (!pool->dossier)
		return NULL;
	if (pool->dossier->judgement)
		return pool->dossier->judgement;
	if (look->pool != pool)
		(void)dossier_look(pool->dossier, &look->room); /* which is &look->room */
	look->pool = pool;
	return &look->room;
}

bool detector_conn_is_stale(const struct detector *detector, const struct conn *conn,
			    uint64_t now_ns)
{
	const struct settings *settings = detector->bench.settings;
	const struct judgement *judgement = look_at(detector, conn->pool);
	struct stock_limits limits;
	uint64_t silence_ns = conn_silence_ns(conn, now_ns);

	if (conn->state == CONN_CONNECTING || conn->state == CONN_CLOSED)
		return false;
	if (!judgement)
		return silence_ns > settings->t0_ns;
	limits = opens_limits(&judgement->opens, settings);
	if (conn_is_owed(conn))
		return silence_ns > limits.owed_ns;
	return silence_ns > limits.idle_ns;
}

const struct meter *detector_pool_meter(const struct detector *detector, const struct pool *pool)
{
	const struct judgement *judgement = look_at(detector, pool);

	return judgement ? &judgement->meter : NULL;
}

uint32_t detector_pool_ceiling(const struct detector *detector, const struct pool *pool)
{
	const struct judgement *judgement = look_at(detector, pool);

	return judgement ? plateau_ceiling(&judgement->plateau) : 0;
}

/* What is packed has none. */
static const struct judgement *find_open(const struct pool *pool)
{
	return pool->dossier ? pool->dossier->judgement : NULL;
}

const struct verdict *detector_pool_verdict(const struct detector *detector,
					    const struct pool *pool)
{
	const struct judgement *judgement = find_open(pool);

	(void)detector; /* a pool's judgement belongs to the one detector of its table */
	return judgement ? states_worst(judgement) : NULL;
}

const struct verdict *detector_pool_verdict_of(const struct detector *detector,
					       const struct pool *pool, enum verdict_kind kind)
{
	const struct judgement *judgement = find_open(pool);

	(void)detector; /* as above */
	return judgement ? states_verdict(judgement, kind) : NULL;
}

struct fleets *detector_fleets(const struct detector *detector)
{
	return detector->bench.fleets;
}
