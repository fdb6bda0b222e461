// SPDX-License-Identifier: Apache-2.0
/*
 * The rules (rival.c) compare a pool with itself, before the evidence began and since, and with the
 * other endpoints of the host; this is where those figures come from.
 *
 * A leak (and what it ends in) that began with the process has no "before". Where a process of the
 * same workload came before, as at a deploy, what that did stands in for it. Otherwise, since it
 * goes on growing, the first half of the observation can stand in for it: traffic that does not
 * rise while the stock does is not the reason for it. Nothing of that sort holds for the kinds that
 * begin with a step.
 *
 * Invariant: O(connections of the pool), plus a bounded number of other pools where the path of
 * this one is bad. Changes nothing but the verdict.
 */
#include "differential.h"

#include <stdio.h>
#include <string.h>

#include "dbkind.h"
#include "moment.h"
#include "opens.h"

#define BEFORE_MIN_NS (60 * NS_PER_SEC)
/* An answer that takes this long is not one of a statement that a user waits for. */
#define OWED_MIN_NS (2 * NS_PER_SEC)
#define OWED_FACTOR 8.0
/* A minute of them, as for "saturated". */
#define BUSY_SAMPLES 12
/* Whether other endpoints suffer too is asked of so many pools at most, over the last two minutes.
 */
#define OTHERS_MAX 64
#define OTHERS_NS (120 * NS_PER_SEC)

/* An answer is owed up to the last look: what came after it is not known yet. */
static void measure_connections(const struct bench *bench, const struct pool *pool, uint64_t t_ns,
				struct rival_figures *figures)
{
	struct moment moment = moment_of(bench->settings, bench->table, &bench->losses, t_ns);
	uint64_t owed_ns = OWED_MIN_NS;
	int64_t start_ns = (int64_t)(pool->first_ns + RIVAL_START_NS);

	if (figures->before.exchange_count > 0 &&
	    OWED_FACTOR * 1000 * figures->before.exchange_us > (double)owed_ns)
		owed_ns = (uint64_t)(OWED_FACTOR * 1000 * figures->before.exchange_us);
	figures->saw_start = true;
	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
		if (conn->age_is_bound)
			figures->saw_start = false;
		else
			figures->start_count += conn->open_ns <= start_ns;
		figures->owed_count += conn->state == CONN_OPEN && conn_is_owed(conn) &&
				       moment.known_ns - conn->last_active_ns > (int64_t)owed_ns;
	}
}

static void measure_stock(const struct bench *bench, const struct judgement *judgement,
			  uint64_t t_ns, struct rival_figures *figures)
{
	struct stock_limits limits = opens_limits(&judgement->opens, bench->settings);
	const struct pool *pool = judgement->pool;
	int64_t start_ns = (int64_t)(pool->first_ns + RIVAL_START_NS);
	struct stock_walk walk;
	const struct conn *conn;

	limits.known_ns = (int64_t)t_ns;
	figures->stale_limit_ns = limits.idle_ns;
	figures->open_count = pool->conn_count;
	stock_begin(&walk, pool, &limits, &bench->losses);
	while ((conn = stock_next(&walk))) {
		figures->stale_count++;
		figures->late_stale_count += !conn->age_is_bound && conn->open_ns > start_ns;
		figures->worked_late_count += conn->last_active_ns > start_ns;
	}
}

static bool is_same_endpoint(const struct netaddr *a, const struct netaddr *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static void measure_others(const struct bench *bench, const struct pool *pool, uint64_t t_ns,
			   struct rival_figures *figures)
{
	uint64_t from_ns = t_ns > OTHERS_NS ? t_ns - OTHERS_NS : 0;
	const struct pool *at = table_first_pool(bench->table);

	for (; at && figures->other_count < OTHERS_MAX; at = at->next) {
		struct meter_figures other;
		struct judgement room;

		if (!at->dossier || is_same_endpoint(&at->remote, &pool->remote))
			continue;
		meter_sum(&dossier_look(at->dossier, &room)->meter, from_ns, t_ns, &other);
		if (other.connect_count + other.failed_count + other.operation_count == 0)
			continue;
		figures->other_count++;
		figures->other_bad_count += rival_path_is_bad(&other);
	}
}

static void measure_time(const struct judgement *judgement, enum verdict_kind kind,
			 uint64_t began_ns, uint64_t t_ns, struct rival_figures *figures)
{
	const struct fleet *fleet = judgement->dossier->membership.fleet;
	const struct meter *meter = &judgement->meter;
	uint64_t first_ns = meter->first_ns;

	figures->history_ns = began_ns > first_ns ? began_ns - first_ns : 0;
	figures->observed_ns = t_ns > first_ns ? t_ns - first_ns : 0;
	meter_sum(meter, first_ns, began_ns, &figures->before);
	meter_sum(meter, began_ns, t_ns, &figures->since);
	if ((kind != VERDICT_LEAK && kind != VERDICT_EXHAUSTED) ||
	    figures->before.observed_ns >= BEFORE_MIN_NS)
		return;
	if (fleet && fleet->former) {
		figures->is_former = true;
		figures->before = *fleet->former;
		return;
	}
	if (figures->observed_ns < 2 * BEFORE_MIN_NS)
		return;
	figures->is_halves = true;
	began_ns = first_ns + figures->observed_ns / 2;
	meter_sum(meter, first_ns, began_ns, &figures->before);
	meter_sum(meter, began_ns, t_ns, &figures->since);
}

void differential_measure(const struct bench *bench, const struct judgement *judgement,
			  enum verdict_kind kind, uint64_t began_ns, uint64_t t_ns,
			  struct rival_figures *ret_figures)
{
	struct rival_figures figures = {.settings = bench->settings};

	measure_time(judgement, kind, began_ns, t_ns, &figures);
	measure_connections(bench, judgement->pool, t_ns, &figures);
	measure_stock(bench, judgement, t_ns, &figures);
	figures.busy = meter_busy(&judgement->meter, BUSY_SAMPLES);
	figures.clock_is_coarse = meter_clock_is_coarse(&judgement->meter);
	figures.is_one_way = bench->databases &&
			     dbkind_is_one_way(bench->databases, judgement->pool->remote.port);
	figures.suspect_count = judgement->leak.suspect_count;
	figures.is_leak = judgement->leak.stage == LEAK_RAISED;
	if (bench->losses.last_ns >= (int64_t)began_ns)
		figures.lost_count = bench->losses.count;
	/* Only a bad path asks for a comparison, and the comparison costs. */
	if (rival_network_is_bad(&figures))
		measure_others(bench, judgement->pool, t_ns, &figures);
	*ret_figures = figures;
}

/* What a verdict claims itself is no rival to it. */
static bool is_own(enum verdict_kind kind, enum rival rival)
{
	switch (rival) {
	case RIVAL_LEAK:
		return kind == VERDICT_LEAK || kind == VERDICT_EXHAUSTED; /* what a leak ends in */
	case RIVAL_STORM:
		return kind == VERDICT_STORM;
	case RIVAL_OVERSIZED:
		return kind == VERDICT_OVERSIZED;
	default:
		return false;
	}
}

/* A pool can be at its maximum for a day before the load comes that saturates it. */
static uint64_t onset_ns(const struct bench *bench, const struct meter *meter,
			 enum verdict_kind kind, uint64_t began_ns)
{
	uint64_t busy_ns;

	if (kind != VERDICT_SATURATED)
		return began_ns;
	busy_ns = meter_busy_since_ns(meter, bench->settings->busy_clear);
	return busy_ns > began_ns && busy_ns < meter->last_ns ? busy_ns : began_ns;
}

void differential_fill(const struct bench *bench, const struct judgement *judgement,
		       uint64_t began_ns, struct verdict *verdict)
{
	struct rival_figures figures;

	began_ns = onset_ns(bench, &judgement->meter, verdict->kind, began_ns);
	differential_measure(bench, judgement, verdict->kind, began_ns, verdict->t_ns, &figures);
	verdict->rival_count = 0;
	for (unsigned int rival = 0; rival < RIVAL_COUNT; rival++)
		if (!is_own(verdict->kind, (enum rival)rival))
			rival_rule(&figures, (enum rival)rival,
				   &verdict->rivals[verdict->rival_count++]);
}

const char *differential_tail(const struct verdict *verdict, char *buffer, size_t size)
{
	static const char *const words[RIVAL_COUNT] = {
		[RIVAL_TRAFFIC_SPIKE] = "Not traffic",
		[RIVAL_NETWORK] = "Not the network",
		[RIVAL_SLOW_DATABASE] = "Not the database",
	};
	size_t used = 0;

	buffer[0] = '\0';
	for (uint32_t i = 0; i < verdict->rival_count; i++) {
		const struct rival_ruling *ruling = &verdict->rivals[i];
		int length;

		if (!words[ruling->rival] || ruling->ruling != RULING_RULED_OUT)
			continue;
		length = snprintf(buffer + used, size - used, "%s: %s. ", words[ruling->rival],
				  ruling->brief);
		if (length < 0 || (size_t)length >= size - used) {
			buffer[used] = '\0'; /* whole sentences or none */
			break;
		}
		used += (size_t)length;
	}
	return buffer;
}
