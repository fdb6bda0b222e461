// SPDX-License-Identifier: Apache-2.0
/*
 * The test on opens (opens.c) asks for a silence that is longer than nearly all that ever ended in
 * use. Where a process has two pools for one endpoint, and one of them rests for half an hour at a
 * time, that is hours, and a leak in the other one is not seen before it is over. Yet the count of
 * silent connections is exchangeable in health whatever silence is asked for. So there are three
 * steps below that limit, 10 s, 1 min and 5 min, each with a record of its own, and the mean of
 * their e-values is one:
 *
 *	silent at opens for longer than		10 s	1 min	5 min	the limit (2 h)
 *	before the leak, at most		  10	    9	    9	 0
 *	a leak every 10 s, after 8 min		  54	   50	   26	 0
 *
 * The stock of the pool that rests is in the record of each. But what is held for longer than a
 * step on purpose (sessions, long requests) comes and goes in waves, and each first wave makes
 * records as well. So records are not enough:
 * - Every half minute what is silent becomes the record without a bet, as on the ceiling of
 *   opens.c: what grows must outgrow all that was ever idle.
 * - Only the growth counts and is named: what was opened since, beyond what had been closed.
 * - Sessions end. Of the growth hardly any may have been used again or closed after a silence of
 *   the step, and it must be so large that sessions of any usual length would have ended by then
 *   (habits.h).
 *
 * Invariant: a step that is not below the limit is not tested. Does not learn a limit.
 */
#include "ladder.h"

#include <stdio.h>
#include <stdlib.h>

#include "format.h"
#include "habits.h"
#include "held.h"
#include "judgement.h"

/* Of the growth so many, and half, must have been given back once: to a session it never is. */
#define RETURNED_MIN 8
#define RETURNED_SHARE 0.5
/* A leak takes what was at work, and a fast one takes most before they have a habit. */
#define WORKED_SHARE 0.25
/* Times the longest rest between two uses of the same connection. */
#define REST_FACTOR 4
/* For each one that came back so many must lie there. */
#define BACK_RATIO 8
#define BACK_FACTOR 0.1
#define GAP_NS (4 * NS_PER_SEC)
#define DURATION_SIZE 32

static const uint64_t steps_ns[LADDER_STEPS] = {10 * NS_PER_SEC, 60 * NS_PER_SEC, 300 * NS_PER_SEC};

void ladder_free(struct ladder *ladder)
{
	for (unsigned int i = 0; ladder && i < LADDER_STEPS; i++)
		eprocess_clear(&ladder->steps[i].process);
	free(ladder);
}

static struct stock_limits limits_of(const struct stock_limits *limits, unsigned int step)
{
	struct stock_limits below = *limits;

	below.idle_ns = steps_ns[step];
	return below;
}

void ladder_test(struct ladder **ladder, const struct moment *moment, const struct pool *pool,
		 const struct stock_limits *limits, uint64_t open_ns)
{
	const struct settings *settings = moment->settings;

	if (!*ladder && limits->idle_ns > steps_ns[0])
		*ladder = calloc(1, sizeof(**ladder));
	if (!*ladder)
		return;
	(*ladder)->limits = *limits;
	for (unsigned int i = 0; i < LADDER_STEPS && steps_ns[i] < limits->idle_ns; i++) {
		struct ladder_step *step = &(*ladder)->steps[i];
		struct stock_limits below = limits_of(limits, i);

		if (!eprocess_is_due(&step->process, open_ns, GAP_NS))
			continue;
		if (eprocess_value(&step->process) <= 1)
			step->back_count = 0;
		eprocess_test(&step->process, settings->i0, settings->p_min,
			      stock_count(pool, &below, &moment->losses), open_ns);
	}
}

void ladder_remember(struct ladder *ladder, const struct moment *moment, const struct pool *pool,
		     const struct stock_limits *limits)
{
	for (unsigned int i = 0; ladder && i < LADDER_STEPS; i++) {
		struct stock_limits below = limits_of(limits, i);

		if (eprocess_value(&ladder->steps[i].process) <= 1)
			eprocess_remember(&ladder->steps[i].process, moment->settings->i0,
					  stock_count(pool, &below, &moment->losses), moment->t_ns);
	}
}

static bool is_of_growth(const struct conn *conn, int64_t since_ns)
{
	return !conn->age_is_bound && !conn->is_replacement && conn->open_ns >= since_ns;
}

void ladder_take_back(struct ladder *ladder, const struct conn *conn, uint64_t silence_ns)
{
	for (unsigned int i = 0; ladder && i < LADDER_STEPS; i++) {
		struct ladder_step *step = &ladder->steps[i];
		int64_t began_ns = (int64_t)eprocess_began_ns(&step->process);

		if (silence_ns <= steps_ns[i] || eprocess_value(&step->process) <= 1 ||
		    !is_of_growth(conn, began_ns - (int64_t)steps_ns[i]))
			continue;
		step->back_count++;
		eprocess_discount(&step->process, BACK_FACTOR);
	}
}

static double value_of(const struct ladder *ladder)
{
	double sum = 0;

	for (unsigned int i = 0; i < LADDER_STEPS; i++)
		sum += eprocess_value(&ladder->steps[i].process);
	return sum / LADDER_STEPS;
}

static uint64_t known_silence_ns(const struct finding *finding, const struct conn *conn)
{
	int64_t silence_ns = finding->limits.known_ns - conn->last_active_ns;

	return silence_ns > 0 ? (uint64_t)silence_ns : 0;
}

/* What only rests as it did before is left out; what was hardly ever used has no rest to go by. */
static bool counts(const struct finding *finding, const struct conn *conn)
{
	return is_of_growth(conn, (int64_t)finding->began_ns - (int64_t)finding->limits.idle_ns) &&
	       (!held_has_habit(conn) ||
		held_outlasts(conn, known_silence_ns(finding, conn), REST_FACTOR));
}

/* What was leaked before it could be told from what rests, for it has rested since. */
static bool names(const struct finding *finding, const struct conn *conn)
{
	return held_outlasts(conn, known_silence_ns(finding, conn), REST_FACTOR);
}

static void explain(const struct finding *finding, char *text, size_t size)
{
	char limit[DURATION_SIZE];

	(void)snprintf(text, size,
		       "%u connections were silent for longer than %s when the process last needed "
		       "a new one, %u before; %u of them it opened since, %u more came back "
		       "(e-value %.3g; others of this pool rest for longer)",
		       finding->stock,
		       format_duration(finding->limits.idle_ns, limit, sizeof(limit)),
		       finding->base, finding->excess, finding->threshold, finding->value);
}

static void fill(const struct ladder *ladder, unsigned int i, const struct moment *moment,
		 const struct pool *pool, struct finding *finding)
{
	const struct ladder_step *step = &ladder->steps[i];

	finding->base = eprocess_base(&step->process);
	finding->began_ns = eprocess_began_ns(&step->process);
	(void)eprocess_find_earliest(&step->process, moment->settings->alarm, &finding->base,
				     &finding->began_ns); /* or else that */
	finding->limits = limits_of(&ladder->limits, i);
	finding->threshold = step->back_count;
	finding->stock = stock_count(pool, &finding->limits, &moment->losses);
	finding->excess = finding_count(finding, pool, &moment->losses);
}

/*
 * The growth is large enough, and hardly any of it came back. It had been at work, or nothing of it
 * ever came back and there are so many, one by one, that any sessions would have ended by now
 * (habits.h); what comes in company are a pool's spares.
 */
static bool is_enough(const struct finding *finding, const struct pool *pool,
		      const struct losses *losses)
{
	uint32_t worked_count = 0, returned_count = 0, alone_count = 0;
	struct stock_walk walk;
	struct conn *conn;

	if (BACK_RATIO * finding->threshold > finding->excess)
		return false;
	stock_begin(&walk, pool, &finding->limits, losses);
	while ((conn = stock_next(&walk))) {
		if (!counts(finding, conn))
			continue;
		worked_count += held_has_habit(conn);
		returned_count += conn->has_returned;
		alone_count += !conn->came_along;
	}
	if (finding->threshold == 0 && alone_count >= HABITS_CERTAIN &&
	    finding->began_ns - pool->first_ns >= HABITS_COLD_NS)
		return true;
	return returned_count >= RETURNED_MIN &&
	       returned_count >= RETURNED_SHARE * finding->excess &&
	       worked_count >= WORKED_SHARE * finding->excess;
}

/* Of the steps that would do by themselves the shortest, for it knows most; or the strongest. */
void ladder_find(const struct judgement *judgement, const struct moment *moment,
		 struct finding *ret_finding)
{
	const struct ladder *ladder = judgement->opens.ladder;
	const struct pool *pool = judgement->pool;
	unsigned int best = 0;

	ret_finding->test = "ladder";
	ret_finding->value = 1;
	if (!ladder)
		return;
	ret_finding->counts = counts;
	ret_finding->names = names;
	ret_finding->has_depths = passed_is_stack(&judgement->passed);
	ret_finding->evidence = "silent_growth_at_opens";
	ret_finding->explain = explain;
	for (unsigned int i = 0; i < LADDER_STEPS; i++) {
		double value = eprocess_value(&ladder->steps[i].process);

		if (value > eprocess_value(&ladder->steps[best].process))
			best = i;
		if (value < LADDER_STEPS * moment->settings->alarm)
			continue;
		fill(ladder, i, moment, pool, ret_finding);
		ret_finding->value = value_of(ladder);
		if (is_enough(ret_finding, pool, &moment->losses))
			return;
	}
	fill(ladder, best, moment, pool, ret_finding);
	ret_finding->value = is_enough(ret_finding, pool, &moment->losses) ? value_of(ladder) : 1;
}

double ladder_value(const struct judgement *judgement, const struct moment *moment)
{
	const struct ladder *ladder = judgement->opens.ladder;
	struct finding finding = {0};

	if (!ladder || value_of(ladder) < moment->settings->suspect)
		return 1;
	ladder_find(judgement, moment, &finding);
	return finding.value;
}
