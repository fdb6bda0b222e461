// SPDX-License-Identifier: Apache-2.0
/*
 * A child gets a copy of all that its parent has open. When the parent closes its own, the
 * connection stays, in a process that does not know of it; the source finds it there and hands it
 * over. So this test counts, for the pool that a connection was opened in, what others hold of it
 * and have never used, and each further hand-over is a test event.
 *
 * Connections are handed on in purpose as well, to a process for each session, say. Those are used,
 * or closed when the session ends: one that was takes the evidence back, and where most were, the
 * others are no leak. And they are new when they are handed on. Where most of them had not been
 * used twice before, they must outlast sessions before anything is raised, in number and in time,
 * as habits.c has it.
 *
 * Invariant: handed[] is in the order of hand-over, so what counts are the first stock entries.
 * Does not see what a child holds beside its parent: as long as the parent has it open, too, it may
 * be in use.
 */
#include "inherited.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "format.h"
#include "habits.h"

/* A child that is meant to have it uses it soon. */
#define UNUSED_NS (60 * NS_PER_SEC)
#define GAP_NS (20 * NS_PER_SEC)
#define COMEBACK_FACTOR 0.1
/* Later ones tell nothing new, and are not kept. */
#define HANDED_MAX 4096
#define SIZE_MIN 8

static uint64_t unused_ns(const struct settings *settings)
{
	return settings->t0_ns > UNUSED_NS ? settings->t0_ns : UNUSED_NS;
}

static bool is_unused(const struct handed *handed, const struct pool *pool,
		      const struct table *table)
{
	const struct conn *conn = table_find_conn(table, handed->conn);

	return conn && conn->last_active_ns <= handed->moved_ns &&
	       conn->pool->client != pool->client;
}

/* One that counted and was used or closed: so may the others be. */
static void drop(struct inherited *inherited, uint32_t index)
{
	inherited->ended_count += inherited->ended_count < UINT32_MAX;
	if (index < inherited->stock)
		eprocess_discount(&inherited->process, COMEBACK_FACTOR);
}

static void recount(struct inherited *inherited, const struct settings *settings)
{
	int64_t limit_ns = inherited->known_ns - (int64_t)unused_ns(settings);

	inherited->stock = inherited->reused_count = 0;
	while (inherited->stock < inherited->count &&
	       inherited->handed[inherited->stock].moved_ns <= limit_ns)
		inherited->reused_count += inherited->handed[inherited->stock++].was_reused;
}

void inherited_advance(struct inherited *inherited, const struct moment *moment,
		       const struct pool *pool, const struct table *table)
{
	uint32_t kept = 0;

	if (!inherited)
		return;
	for (uint32_t i = 0; i < inherited->count; i++) {
		if (is_unused(&inherited->handed[i], pool, table))
			inherited->handed[kept++] = inherited->handed[i];
		else
			drop(inherited, i);
	}
	inherited->count = kept;
	inherited->known_ns = moment->known_ns;
	recount(inherited, moment->settings);
}

static int append(struct inherited *inherited, const struct moment *moment, const struct conn *conn)
{
	uint32_t size = inherited->size ? 2 * inherited->size : SIZE_MIN;
	struct handed *handed;

	if (inherited->count == HANDED_MAX)
		return 0;
	if (inherited->count == inherited->size) {
		handed = realloc(inherited->handed, size * sizeof(*handed));
		if (!handed)
			return -ENOMEM;
		inherited->handed = handed;
		inherited->size = size;
	}
	inherited->handed[inherited->count++] = (struct handed){
		.conn = conn->id,
		.moved_ns = (int64_t)moment->t_ns,
		.was_reused = conn->has_returned,
	};
	return 0;
}

int inherited_observe(struct inherited **inherited, const struct moment *moment,
		      const struct change *change, const struct table *table)
{
	const struct settings *settings = moment->settings;
	bool is_due;

	if (!*inherited)
		*inherited = calloc(1, sizeof(**inherited));
	if (!*inherited)
		return -ENOMEM;
	inherited_advance(*inherited, moment, change->pool_before, table);
	is_due = eprocess_is_due(&(*inherited)->process, moment->t_ns, GAP_NS);
	if (is_due)
		eprocess_test(&(*inherited)->process, settings->i0, settings->p_min,
			      (*inherited)->stock, moment->t_ns);
	if (append(*inherited, moment, change->conn) < 0)
		return -ENOMEM;
	return is_due;
}

double inherited_value(const struct inherited *inherited)
{
	/* Where most of what is handed on is used or closed, it is handed on in purpose. */
	if (!inherited || inherited->ended_count > inherited->stock)
		return 1;
	return eprocess_value(&inherited->process);
}

const struct conn *inherited_conn(const struct inherited *inherited, const struct table *table,
				  uint32_t i)
{
	return table_find_conn(table, inherited->handed[i].conn);
}

void inherited_free(struct inherited *inherited)
{
	if (!inherited)
		return;
	eprocess_clear(&inherited->process);
	free(inherited->handed);
	free(inherited);
}

/* --- what it found ---------------------------------------------------------------------------- */

static void explain(const struct finding *finding, char *text, size_t size)
{
	char unused[32];

	(void)snprintf(text, size,
		       "%u connections that this process opened and closed are still held by other "
		       "processes, which have not used them for longer than %s, %u when it began; "
		       "%u were used or closed there (e-value %.3g)",
		       finding->stock,
		       format_duration(finding->limits.idle_ns, unused, sizeof(unused)),
		       finding->base, finding->inherited->ended_count, finding->value);
}

static bool counts_none(const struct finding *finding, const struct conn *conn)
{
	(void)finding;
	(void)conn;
	return false;
}

/* That they were handed over as late as this is known, so nobody has to look at each. */
static uint64_t sum_unused_ns(const struct inherited *inherited)
{
	uint64_t sum_ns = 0;

	for (uint32_t i = 0; i < inherited->stock; i++)
		sum_ns += (uint64_t)(inherited->known_ns - inherited->handed[i].moved_ns);
	return sum_ns;
}

void inherited_find(const struct inherited *inherited, const struct moment *moment,
		    struct finding *ret_finding)
{
	ret_finding->test = "inherited";
	ret_finding->value = inherited_value(inherited);
	ret_finding->base = eprocess_base(&inherited->process);
	ret_finding->began_ns = eprocess_began_ns(&inherited->process);
	ret_finding->limits = (struct stock_limits){
		.kind = STOCK_IDLE,
		.known_ns = inherited->known_ns,
		.idle_ns = unused_ns(moment->settings),
	};
	ret_finding->counts = counts_none;
	ret_finding->stock = inherited->stock;
	ret_finding->elsewhere = finding_excess(inherited->stock, ret_finding->base);
	ret_finding->inherited = inherited;
	ret_finding->is_hint = 2 * inherited->reused_count < inherited->stock &&
			       !habits_outlast(moment->settings->exposure_ns, inherited->stock,
					       inherited->ended_count, sum_unused_ns(inherited));
	ret_finding->evidence = "inherited";
	ret_finding->explain = explain;
}
