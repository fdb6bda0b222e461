// SPDX-License-Identifier: Apache-2.0
/*
 * Some programs keep a connection a thread. When such a thread ends and its connection stays, there
 * is nobody left to use it or to close it. That the thread which opened one has ended says nothing
 * by itself: pools open from helpers that last for seconds, request threads come and go, and the
 * connections serve everybody. What tells the two apart is who else uses them:
 *
 *			thread runs	thread has ended
 *	in use		working		shared		<- in a pool that is shared, as many
 *	silent		resting		deserted		as chance has it
 *
 * While a connection belongs to the pool and not to its opener, whether the opener still runs does
 * not depend on whether the connection is in use, and the odds of so many or more deserted ones
 * among all that are silent are those of drawing them blindly (Fisher's exact test). What counts
 * is threads, not connections: a thread that opened ten at the start and ended is one case.
 * A connection that was ever used after its thread had ended takes evidence back besides, for good:
 * who opened recently is more often still there, and so is what he opened.
 * The odds p become an e-value by the mean of all bets k * p^(k-1), which is one.
 *
 *	12 deserted ones beside 12 threads that work: 1 to 2,704,156, e-value 12,000
 *
 * Runtimes clean up behind threads, some of them late: the limit of silence is four times the
 * longest that such a close has taken, and a minute (6 x T0).
 *
 * Invariant: what is counted is named (deserted_counts()). Does not look for threads: a connection
 * of whose opener nothing is known does not count.
 */
#include "deserted.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "format.h"
#include "judgement.h"

/* Times T0, for what has been silent for that long may still be used by its thread. */
#define SILENT_FACTOR 6
/*
 * Payload is told after it has moved: what comes first after the end may have been the thread's
 * own, unless the connection had been silent for long.
 */
#define OUTLIVED 2
#define LATE_NS (10 * NS_PER_SEC)
#define OWED_NS (300 * NS_PER_SEC)
#define CLOSED_FACTOR 4
#define CLOSED_MAX_NS (24 * 3600 * NS_PER_SEC)
/* Times HOLD: what is in use now may rest in a moment, and with it the evidence. */
#define HOLD_FACTOR 6
#define CONNS_MAX 512 /* from either end of the order; more tell nothing new */
#define THREADS_MIN 3
/* What evidence is worth after one of the connections turned out to be shared. */
#define COMEBACK_FACTOR 0.1
#define VALUE_MAX 1e13

enum use { USE_DESERTED, USE_RESTING, USE_WORKING, USE_SHARED };

struct case_of {
	uint32_t thread; /* id and whether it has ended */
	uint32_t use;
};

void deserted_observe(struct deserted **deserted, const struct change *change)
{
	struct conn *conn = change->conn;

	if (change->type == CHANGE_OPENER_ENDED && !*deserted)
		*deserted = calloc(1, sizeof(**deserted));
	if (!*deserted || !conn || conn->opener != OPENER_ENDED)
		return;
	if (change->type == CHANGE_ACTIVE && conn->outlived < OUTLIVED) {
		conn->outlived += change->silence_ns < LATE_NS ? 1 : OUTLIVED - conn->outlived;
		(*deserted)->reused_count += conn->outlived == OUTLIVED;
	} else if (change_is_own_close(change)) {
		(*deserted)->closed_count += (*deserted)->closed_count < UINT32_MAX;
		if (change->silence_ns > (*deserted)->longest_ns)
			(*deserted)->longest_ns = change->silence_ns;
	}
}

bool deserted_counts(const struct conn *conn)
{
	return conn->opener == OPENER_ENDED && conn->outlived < OUTLIVED && conn->tid != 0;
}

struct stock_limits deserted_limits(const struct deserted *deserted, const struct moment *moment)
{
	uint64_t longest_ns = deserted->longest_ns;
	struct stock_limits limits = {.kind = STOCK_IDLE, .known_ns = moment->known_ns};

	if (longest_ns > CLOSED_MAX_NS)
		longest_ns = CLOSED_MAX_NS;
	limits.idle_ns = CLOSED_FACTOR * longest_ns;
	if (limits.idle_ns < SILENT_FACTOR * moment->settings->t0_ns)
		limits.idle_ns = SILENT_FACTOR * moment->settings->t0_ns;
	limits.owed_ns = limits.idle_ns > OWED_NS ? limits.idle_ns : OWED_NS;
	return limits;
}

/* --- the table -------------------------------------------------------------------------------- */

static bool add_case(const struct conn *conn, int64_t silent_before_ns, struct case_of *ret_case)
{
	bool is_silent = conn->last_active_ns < silent_before_ns;

	if (conn->tid == 0 || (conn->opener != OPENER_RUNNING && conn->opener != OPENER_ENDED))
		return false;
	ret_case->thread = (uint32_t)conn->tid << 1 | (conn->opener == OPENER_ENDED);
	if (conn->opener == OPENER_RUNNING)
		ret_case->use = is_silent ? USE_RESTING : USE_WORKING;
	else if (conn->outlived == OUTLIVED)
		ret_case->use = USE_SHARED;
	else if (is_silent)
		ret_case->use = USE_DESERTED;
	else
		return false; /* it has just ended: too early to tell */
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct case_of *first = a, *second = b;

	if (first->thread != second->thread)
		return first->thread < second->thread ? -1 : 1;
	return first->use < second->use ? -1 : first->use > second->use;
}

static uint32_t collect(const struct pool *pool, int64_t silent_before_ns, struct case_of *cases)
{
	const struct conn *conn = pool->oldest, *end = NULL;
	uint32_t count = 0, walked;

	for (walked = 0; conn && walked < CONNS_MAX; walked++, conn = conn_newer(conn))
		count += add_case(conn, silent_before_ns, &cases[count]);
	if (!conn)
		return count;
	end = conn_older(conn);
	conn = pool->newest;
	for (walked = 0; conn && conn != end && walked < CONNS_MAX;
	     walked++, conn = conn_older(conn))
		count += add_case(conn, silent_before_ns, &cases[count]);
	return count;
}

/* One a thread, the best that can be said of it. */
static void count_threads(struct case_of *cases, uint32_t count, uint32_t uses[4])
{
	qsort(cases, count, sizeof(cases[0]), compare);
	for (uint32_t i = 0; i < count; i++)
		if (i + 1 == count || cases[i + 1].thread != cases[i].thread)
			uses[cases[i].use]++;
}

static double log_choose(uint32_t n, uint32_t k)
{
	double sum = 0;

	for (uint32_t i = 1; i <= k; i++)
		sum += log((double)(n - k + i) / i);
	return sum;
}

/* Of all, so many have ended and so many are silent: the odds that as many or more are both. */
static double odds_of(const uint32_t uses[4])
{
	uint32_t ended = uses[USE_DESERTED] + uses[USE_SHARED];
	uint32_t silent = uses[USE_DESERTED] + uses[USE_RESTING];
	uint32_t all = ended + uses[USE_WORKING] + uses[USE_RESTING];
	double every = log_choose(all, silent), odds = 0;

	for (uint32_t both = uses[USE_DESERTED]; both <= ended && both <= silent; both++)
		odds += exp(log_choose(ended, both) + log_choose(all - ended, silent - both) -
			    every);
	return odds;
}

/* (1 - p + p ln p) / (p ln^2 p) */
static double value_of(double odds)
{
	double logarithm = log(odds), value;

	if (odds >= 0.3)
		return 1;
	value = (1 - odds + odds * logarithm) / (odds * logarithm * logarithm);
	return value < 1 ? 1 : value < VALUE_MAX ? value : VALUE_MAX;
}

static uint32_t count_stock(struct deserted *deserted, const struct moment *moment,
			    const struct pool *pool)
{
	struct stock_limits limits = deserted_limits(deserted, moment);
	struct stock_walk walk;
	struct conn *conn;
	uint32_t count = 0;

	stock_begin(&walk, pool, &limits, &moment->losses);
	while ((conn = stock_next(&walk))) {
		if (!deserted_counts(conn))
			continue;
		if (count++ == 0)
			deserted->began_ns =
				conn->last_active_ns > 0 ? (uint64_t)conn->last_active_ns : 0;
	}
	return count;
}

void deserted_advance(struct judgement *judgement, const struct moment *moment)
{
	struct deserted *deserted = judgement->deserted;
	struct case_of cases[2 * CONNS_MAX];
	uint32_t uses[4] = {0}, count;
	int64_t silent_before_ns;

	if (!deserted)
		return;
	deserted->value = 1;
	deserted->stock = count_stock(deserted, moment, judgement->pool);
	if (deserted->stock < THREADS_MIN)
		return;
	silent_before_ns = moment->known_ns - (int64_t)deserted_limits(deserted, moment).idle_ns;
	count = collect(judgement->pool, silent_before_ns, cases);
	count_threads(cases, count, uses);
	deserted->thread_count = uses[USE_DESERTED];
	deserted->working_count = uses[USE_WORKING];
	deserted->resting_count = uses[USE_RESTING];
	if (uses[USE_DESERTED] >= THREADS_MIN && uses[USE_WORKING] > 0)
		deserted->value =
			value_of(odds_of(uses)) * pow(COMEBACK_FACTOR, deserted->reused_count);
}

double deserted_value(const struct deserted *deserted)
{
	return deserted && deserted->value > 1 ? deserted->value : 1;
}

/* --- what it found ---------------------------------------------------------------------------- */

static bool counts(const struct finding *finding, const struct conn *conn)
{
	(void)finding;
	return deserted_counts(conn);
}

static void explain(const struct finding *finding, char *text, size_t size)
{
	const struct deserted *deserted = finding->state;
	char silent[32];

	(void)snprintf(text, size,
		       "%u connections have been silent for longer than %s since %u threads that "
		       "opened them ended, %u were ever used by others; %u of %u threads that run "
		       "use theirs (e-value %.3g)",
		       finding->stock,
		       format_duration(finding->limits.idle_ns, silent, sizeof(silent)),
		       deserted->thread_count, deserted->reused_count, deserted->working_count,
		       deserted->working_count + deserted->resting_count, finding->value);
}

void deserted_find(const struct judgement *judgement, const struct moment *moment,
		   struct finding *ret_finding)
{
	const struct deserted *deserted = judgement->deserted;

	ret_finding->test = "deserted";
	ret_finding->value = deserted_value(deserted);
	ret_finding->hold_ns = HOLD_FACTOR * moment->settings->hold_ns;
	ret_finding->counts = counts;
	ret_finding->evidence = "threads_ended";
	ret_finding->explain = explain;
	if (!deserted)
		return;
	ret_finding->limits = deserted_limits(deserted, moment);
	ret_finding->stock = finding_count(ret_finding, judgement->pool, &moment->losses);
	ret_finding->excess = ret_finding->stock;
	ret_finding->began_ns = deserted->began_ns;
	ret_finding->state = deserted;
}
