// SPDX-License-Identifier: Apache-2.0
/*
 * A pool is tested in several ways at once, and its verdict follows one of them at a time. Tests
 * that an action of the pool itself triggers come first: opens, evictions, FINs. Those that only
 * time triggers speak where these have nothing to say, then that on the processes of a workload
 * together, and a mere hint where nothing else does.
 *
 * Invariant: findings_best() gives the test with the highest value of the first group that has one
 * which would raise a leak by itself, or else the highest of all.
 * Does not add values up: they come from the same connections, and are not independent.
 */
#include "findings.h"

#include "deserted.h"
#include "failover.h"
#include "habits.h"
#include "inherited.h"
#include "spread.h"

/* Connections that are opened within so long of each other are one growth. */
#define GROWTH_NS (30 * NS_PER_SEC)

enum group { BY_ACTION, BY_STEPS, BY_TIME, OF_FLEET, HINT };

static double value_opens(const struct judgement *judgement, const struct moment *moment)
{
	(void)moment;
	return opens_value(&judgement->opens);
}

static void find_opens(const struct judgement *judgement, const struct moment *moment,
		       struct finding *ret_finding)
{
	opens_find(&judgement->opens, moment, judgement->pool, ret_finding);
}

static double value_evictions(const struct judgement *judgement, const struct moment *moment)
{
	(void)moment;
	return evictions_value(&judgement->evictions);
}

static void find_evictions(const struct judgement *judgement, const struct moment *moment,
			   struct finding *ret_finding)
{
	evictions_find(&judgement->evictions, moment, judgement->pool, ret_finding);
}

static double value_closewait(const struct judgement *judgement, const struct moment *moment)
{
	(void)moment;
	return closewait_value(&judgement->closewait);
}

static void find_closewait(const struct judgement *judgement, const struct moment *moment,
			   struct finding *ret_finding)
{
	closewait_find(&judgement->closewait, moment, judgement->pool, ret_finding);
}

static double value_replaced(const struct judgement *judgement, const struct moment *moment)
{
	if (!judgement->closewait.has_begun)
		return 1;
	return replaced_value(&judgement->closewait.replaced, moment, judgement->pool);
}

static void find_replaced(const struct judgement *judgement, const struct moment *moment,
			  struct finding *ret_finding)
{
	replaced_find(&judgement->closewait.replaced, moment, judgement->pool, ret_finding);
}

static double value_passed(const struct judgement *judgement, const struct moment *moment)
{
	(void)moment;
	return passed_value(&judgement->passed);
}

static void find_passed(const struct judgement *judgement, const struct moment *moment,
			struct finding *ret_finding)
{
	passed_find(&judgement->passed, moment, judgement->pool, ret_finding);
}

static double value_inherited(const struct judgement *judgement, const struct moment *moment)
{
	(void)moment;
	return inherited_value(judgement->inherited);
}

static void find_inherited(const struct judgement *judgement, const struct moment *moment,
			   struct finding *ret_finding)
{
	inherited_find(judgement->inherited, moment, ret_finding);
}

static double value_deserted(const struct judgement *judgement, const struct moment *moment)
{
	(void)moment;
	return deserted_value(judgement->deserted);
}

static double value_failover(const struct judgement *judgement, const struct moment *moment)
{
	(void)moment;
	return failover_value(&judgement->failover);
}

static double value_retirement(const struct judgement *judgement, const struct moment *moment)
{
	(void)moment;
	return retirement_value(&judgement->retirement);
}

/*
 * What was opened and never used. A second pool that retires nothing has such connections as well,
 * beyond its need, but all of its last growth: before it grows again it uses them. Those that came
 * one by one came while the others lay there.
 */
static bool are_orphans(const struct finding *finding, const struct pool *pool,
			const struct moment *moment)
{
	uint32_t unused_count = 0, growth_count = 0;
	int64_t opened_ns = INT64_MIN;
	uint64_t silence_ns = 0;
	struct stock_walk walk;
	struct conn *conn;

	stock_begin(&walk, pool, &finding->limits, &moment->losses);
	while ((conn = stock_next(&walk))) {
		if (conn->has_returned || !finding->counts(finding, conn))
			continue;
		unused_count++;
		if (opened_ns > conn->open_ns - (int64_t)GROWTH_NS)
			continue;
		opened_ns = conn->open_ns;
		growth_count++;
		silence_ns += conn_silence_ns(conn, moment->t_ns);
	}
	return 2 * unused_count >= finding->stock &&
	       habits_outlast(moment->settings->exposure_ns, growth_count, 0, silence_ns);
}

static void find_retirement(const struct judgement *judgement, const struct moment *moment,
			    struct finding *ret_finding)
{
	retirement_find(&judgement->retirement, moment, judgement->pool, ret_finding);
	/* A pool that grows may be two, one of which retires nothing. */
	ret_finding->is_hint = judgement->plateau.flat_ns == 0 ||
			       judgement->plateau.flat_ns > ret_finding->began_ns;
	if (ret_finding->is_hint && are_orphans(ret_finding, judgement->pool, moment))
		ret_finding->is_hint = false;
}

static double value_keepalive(const struct judgement *judgement, const struct moment *moment)
{
	(void)moment;
	return keepalive_value(&judgement->keepalive);
}

static void find_keepalive(const struct judgement *judgement, const struct moment *moment,
			   struct finding *ret_finding)
{
	keepalive_find(&judgement->keepalive, moment, judgement->pool, ret_finding);
}

static double value_coverage(const struct judgement *judgement, const struct moment *moment)
{
	return coverage_value(&judgement->coverage, moment, judgement->pool);
}

static void find_coverage(const struct judgement *judgement, const struct moment *moment,
			  struct finding *ret_finding)
{
	coverage_find(&judgement->coverage, moment, judgement->pool, ret_finding);
}

static double value_spread(const struct judgement *judgement, const struct moment *moment)
{
	(void)moment;
	return spread_value(judgement);
}

static double value_heartbeat(const struct judgement *judgement, const struct moment *moment)
{
	(void)moment;
	return heartbeat_value(&judgement->heartbeat);
}

static void find_heartbeat(const struct judgement *judgement, const struct moment *moment,
			   struct finding *ret_finding)
{
	heartbeat_find(&judgement->heartbeat, moment, judgement->pool, ret_finding);
	/* Workers that poll leave nothing silent behind; clients that nobody closes do. */
	if (opens_value(&judgement->opens) >= moment->settings->suspect)
		ret_finding->is_hint = false;
}

static const struct test {
	enum group group;
	double (*value)(const struct judgement *judgement, const struct moment *moment);
	void (*find)(const struct judgement *judgement, const struct moment *moment,
		     struct finding *ret_finding);
} tests[] = {
	{BY_ACTION, value_opens, find_opens},	      {BY_ACTION, value_evictions, find_evictions},
	{BY_ACTION, value_closewait, find_closewait}, {BY_ACTION, value_replaced, find_replaced},
	{BY_ACTION, value_passed, find_passed},	      {BY_ACTION, value_inherited, find_inherited},
	{BY_STEPS, ladder_value, ladder_find},	      {BY_TIME, value_deserted, deserted_find},
	{BY_TIME, value_failover, failover_find},     {BY_TIME, value_retirement, find_retirement},
	{BY_TIME, value_keepalive, find_keepalive},   {BY_TIME, value_coverage, find_coverage},
	{OF_FLEET, value_spread, spread_find},	      {HINT, value_heartbeat, find_heartbeat},
};

#define TEST_COUNT (sizeof(tests) / sizeof(tests[0]))

double findings_value(const struct judgement *judgement, const struct moment *moment)
{
	double highest = 1;

	for (size_t i = 0; i < TEST_COUNT; i++) {
		double value = tests[i].value(judgement, moment);

		highest = value > highest ? value : highest;
	}
	return highest;
}

static void find(const struct test *test, const struct judgement *judgement,
		 const struct moment *moment, struct finding *ret_finding)
{
	*ret_finding = (struct finding){0};
	test->find(judgement, moment, ret_finding);
}

/* Enough to raise a leak by itself. */
static bool is_conclusive(const struct finding *finding, const struct settings *settings)
{
	return finding->value >= settings->alarm && !finding->is_hint &&
	       finding->excess + finding->elsewhere >= finding_least_excess(finding, settings);
}

void findings_best(const struct judgement *judgement, const struct moment *moment,
		   struct finding *ret_finding)
{
	const struct test *highest = &tests[0], *best = NULL;
	double highest_value = 0, best_value = 0;

	for (size_t i = 0; i < TEST_COUNT; i++) {
		double value = tests[i].value(judgement, moment);
		struct finding finding;

		if (best && tests[i].group != best->group)
			break;
		if (value > highest_value) {
			highest = &tests[i];
			highest_value = value;
		}
		if (value < moment->settings->alarm || value <= best_value)
			continue;
		find(&tests[i], judgement, moment, &finding);
		if (is_conclusive(&finding, moment->settings)) {
			best = &tests[i];
			best_value = value;
		}
	}
	find(best ? best : highest, judgement, moment, ret_finding);
}
