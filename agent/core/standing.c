// SPDX-License-Identifier: Apache-2.0
/*
 * Exhausted, saturated, storm and oversized are found in different ways and live in the same way;
 * what they share is here, so that none can forget to count itself or to let go of its id.
 *
 * Invariant: a verdict counts in bench->standing_count exactly while standing->verdict is set, and
 * has one id from raised to cleared.
 * Does not decide anything and does not compose what a verdict says.
 */
#include "standing.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "figures.h"
#include "judgement.h"
#include "report.h"

bool standing_lasts(uint64_t *since_ns, bool is_met, uint64_t t_ns, uint64_t span_ns)
{
	if (!is_met) {
		*since_ns = 0;
		return false;
	}
	if (*since_ns == 0)
		*since_ns = t_ns ? t_ns : 1;
	return t_ns - *since_ns >= span_ns;
}

void standing_draft(const struct bench *bench, const struct judgement *judgement,
		    enum verdict_kind kind, uint64_t t_ns, struct verdict *ret_draft)
{
	const struct pool *pool = judgement->pool;
	struct stock_limits limits = opens_limits(&judgement->opens, bench->settings);

	*ret_draft = (struct verdict){.t_ns = t_ns, .kind = kind, .since_ns = t_ns};
	report_subject(bench, pool, ret_draft);
	limits.known_ns = moment_of(bench->settings, bench->table, &bench->losses, t_ns).known_ns;
	ret_draft->open_count = pool->conn_count;
	ret_draft->stale_count = stock_count(pool, &limits, &bench->losses);
	ret_draft->limit = figures_limit(bench, pool);
	if (ret_draft->limit == 0)
		ret_draft->limit = plateau_ceiling(&judgement->plateau);
	ret_draft->growth_per_hour = NAN;
	ret_draft->exhausts_in_s = NAN;
	ret_draft->exhausts_in_low_s = NAN;
	ret_draft->exhausts_in_high_s = NAN;
}

static int raise_it(struct bench *bench, struct standing *standing, struct verdict *draft)
{
	standing->verdict = malloc(sizeof(*standing->verdict));
	if (!standing->verdict) {
		verdict_clear(draft);
		return -ENOMEM;
	}
	draft->id = ++bench->last_id;
	draft->state = VERDICT_RAISED;
	*standing->verdict = *draft;
	standing->since_ns = 0;
	bench->standing_count[draft->kind]++;
	return verdict_queue_push(&bench->queue, standing->verdict);
}

int standing_tell(struct bench *bench, struct standing *standing, struct verdict *draft)
{
	struct verdict *verdict = standing->verdict;
	bool is_news;

	if (!verdict)
		return raise_it(bench, standing, draft);
	is_news = draft->severity != verdict->severity;
	draft->id = verdict->id;
	draft->state = is_news ? VERDICT_UPDATED : verdict->state;
	verdict_clear(verdict);
	*verdict = *draft;
	return is_news ? verdict_queue_push(&bench->queue, verdict) : 0;
}

int standing_clear(struct bench *bench, struct standing *standing, uint64_t t_ns,
		   const char *reason, ...)
{
	struct verdict *verdict = standing->verdict;
	char text[200];
	va_list args;
	int error;

	if (!verdict)
		return 0;
	va_start(args, reason);
	(void)vsnprintf(text, sizeof(text), reason, args);
	va_end(args);
	verdict->t_ns = t_ns;
	verdict->state = VERDICT_CLEARED;
	report_begin(verdict, "CLEARED");
	report_append(verdict, "%s", text);
	error = verdict_queue_push(&bench->queue, verdict);
	standing_destroy(bench, standing);
	return error;
}

void standing_destroy(struct bench *bench, struct standing *standing)
{
	standing->since_ns = 0;
	if (!standing->verdict)
		return;
	bench->standing_count[standing->verdict->kind]--;
	verdict_clear(standing->verdict);
	free(standing->verdict);
	standing->verdict = NULL;
}
