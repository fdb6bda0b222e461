// SPDX-License-Identifier: Apache-2.0
/*
 * A test counts, a person wants names. The finding says how many connections are leaked and what
 * they have in common, and as many of that kind are marked. Where it is certain that connections
 * leak, more is known than was counted: evidence begins later than the leak, and the limit of a
 * test leaves room for silences that no leaked connection needs.
 *
 * Invariant: conn->is_suspect is set on exactly leak.suspect_count connections of the pool. A mark
 * stays until the connection is used or gone.
 * Does not decide whether it is a leak.
 */
#include "marks.h"

#include <stdlib.h>

#include "apart.h"
#include "deserted.h"
#include "habits.h"

/* Above the longest silence that ended. */
#define BEYOND_FACTOR 1.5
/* Of the names that are given this share may be wrong. */
#define WRONG_SHARE 0.02
/* What a pool opens when it begins may wait for its first use for long. */
#define FILL_NS (30 * NS_PER_SEC)
/* Beside so many that nobody has used, one that was shows that others may be. */
#define UNUSED_RATIO 10
/* Between two leaks, of the mean: one of 3,000 gaps of a steady rate is longer. */
#define TRICKLE_FACTOR 8
#define TRICKLE_MIN 2 /* one has no gaps */
/* c3p0 opens three at a time (acquireIncrement), each in a thread of its own. */
#define AT_ONCE_NS ((int64_t)(20 * NS_PER_MS))
#define SPARES_ASKED_MAX 64

static void mark(struct judgement *judgement, struct conn *conn)
{
	if (conn->is_suspect)
		return;
	conn->is_suspect = true;
	judgement->leak.suspect_count++;
	/* One that was handed over has come back elsewhere. */
	judgement->leak.came_back_count -= conn->came_back && judgement->leak.came_back_count > 0;
	conn->came_back = false;
	told_observe(&judgement->leak.told, conn);
}

void marks_remove(struct leak *leak, struct conn *conn)
{
	if (!conn->is_suspect)
		return;
	conn->is_suspect = false;
	leak->suspect_count--;
	told_observe(&leak->told, conn);
}

void marks_note_return(struct leak *leak, struct conn *conn)
{
	leak->came_back_count += !conn->came_back;
	conn->came_back = true;
}

void marks_clear(struct judgement *judgement)
{
	struct leak *leak = &judgement->leak;
	struct conn *conn = judgement->pool->oldest;

	for (; conn && (leak->suspect_count > 0 || leak->came_back_count > 0);
	     conn = conn_newer(conn)) {
		marks_remove(leak, conn);
		conn->came_back = false;
	}
	leak->came_back_count = 0;
}

static uint32_t count_beating(const struct judgement *judgement)
{
	const struct conn *conn = judgement->pool->newest;
	uint32_t count = 0;

	for (; conn; conn = conn_older(conn))
		count += conn->is_suspect && heartbeat_is_beating(conn);
	return count;
}

/* A verdict of the run before has named it, and nobody has used it since. */
static bool is_kept(const struct conn *conn)
{
	return conn->was_named && conn->silent_since_seen;
}

/* Those marked that the evidence does not count, for they lay there when it began. */
static uint32_t count_kept(const struct judgement *judgement, const struct finding *finding)
{
	const struct conn *conn = judgement->pool->newest;
	uint32_t count = 0;

	for (; conn && finding->base > 0; conn = conn_older(conn))
		count += conn->is_suspect && is_kept(conn);
	return count < finding->base ? count : finding->base;
}

void marks_add_kept(struct judgement *judgement)
{
	struct conn *conn = judgement->pool->oldest;

	for (; conn; conn = conn_newer(conn))
		if (is_kept(conn))
			mark(judgement, conn);
}

/* What rests together, in a second pool perhaps, is not part of what falls silent one by one. */
static void find_apart(struct apart *apart, struct judgement *judgement,
		       const struct finding *finding, const struct losses *losses)
{
	uint32_t left = judgement->leak.suspect_count;
	struct conn *conn = judgement->pool->oldest;

	*apart = (struct apart){0};
	if (!apart_is_asked(finding))
		return;
	apart_find(apart, judgement->pool, &finding->limits, losses);
	for (; conn && left > 0; conn = conn_newer(conn)) {
		left -= conn->is_suspect;
		if (apart_has(apart, conn))
			marks_remove(&judgement->leak, conn);
	}
}

/*
 * Where part of the stock was there before the evidence began, only what fell silent since can
 * belong to the growth; the longest silent first, for the benign ones come back.
 */
void marks_add(struct judgement *judgement, const struct finding *finding,
	       const struct losses *losses)
{
	int64_t limit_ns = (int64_t)finding->limits.idle_ns;
	struct leak *leak = &judgement->leak;
	uint32_t most = finding->excess;
	struct stock_walk walk;
	struct apart apart;
	struct conn *conn;

	find_apart(&apart, judgement, finding, losses);
	most += count_kept(judgement, finding);
	if (leak->suspect_count >= most && !finding->is_hint)
		most += count_beating(judgement);
	stock_begin(&walk, judgement->pool, &finding->limits, losses);
	while (leak->suspect_count < most && (conn = stock_next(&walk))) {
		if (conn->is_suspect || apart_has(&apart, conn) ||
		    (finding->counts && !finding->counts(finding, conn)))
			continue;
		if (finding->base > 0 &&
		    conn->last_active_ns <= (int64_t)finding->began_ns - limit_ns)
			continue;
		mark(judgement, conn);
	}
}

/*
 * Once it is certain that connections are leaked, those that were in use before the evidence began
 * and have been silent for as long are leaked as well: the evidence had to begin somewhere. But
 * the deepest of a stack rest for as long as little is asked for, whatever they did before.
 */
static void mark_earlier(struct judgement *judgement, const struct finding *finding,
			 const struct losses *losses)
{
	bool (*names)(const struct finding *finding, const struct conn *conn) =
		finding->names ? finding->names : finding->counts;
	uint32_t deep_count = finding->has_depths ? finding->base : 0;
	struct stock_walk walk;
	struct apart apart;
	struct conn *conn;

	find_apart(&apart, judgement, finding, losses);
	stock_begin(&walk, judgement->pool, &finding->limits, losses);
	while ((conn = stock_next(&walk))) {
		if (deep_count > 0) {
			deep_count--;
			continue;
		}
		if (conn->is_suspect || !conn->has_returned || apart_has(&apart, conn) ||
		    (names && !names(finding, conn)))
			continue;
		mark(judgement, conn);
	}
}

/*
 * The limit of the test leaves room for silences that the pool has not shown yet. Once it is
 * certain that connections are leaked, what has been silent for longer than any that ever came back
 * is named with them, as far as so many have come back that hardly any other will be among them.
 */
static void mark_beyond(struct judgement *judgement, const struct finding *finding,
			const struct moment *moment)
{
	/* What was part of the stock by then may be somebody's who holds it from the start. */
	int64_t stock_ns = (int64_t)finding->began_ns - (int64_t)finding->limits.idle_ns;
	const struct silences *benign = &judgement->opens.benign;
	struct stock_limits limits = finding->limits;
	struct stock_walk walk;
	struct apart apart;
	struct conn *conn;
	double in_use;

	limits.known_ns = moment->known_ns;
	limits.idle_ns = (uint64_t)(BEYOND_FACTOR * (double)benign->longest_ns);
	if (limits.idle_ns < moment->settings->t0_ns)
		limits.idle_ns = moment->settings->t0_ns;
	/* The odds that the next one is the longest of all, for each that is in use. */
	in_use = judgement->pool->conn_count - judgement->leak.suspect_count;
	if (in_use > WRONG_SHARE * judgement->leak.suspect_count * (benign->total + 1) ||
	    limits.idle_ns >= finding->limits.idle_ns)
		return;
	find_apart(&apart, judgement, finding, &moment->losses);
	stock_begin(&walk, judgement->pool, &limits, &moment->losses);
	while ((conn = stock_next(&walk))) {
		if (conn->is_suspect || apart_has(&apart, conn) ||
		    (!conn->has_returned && conn->last_active_ns <= stock_ns))
			continue;
		mark(judgement, conn);
	}
}

static void mark_beating_like(struct judgement *judgement, const struct finding *beating,
			      const struct losses *losses, bool asks)
{
	uint32_t left = beating->excess;
	struct stock_walk walk;
	struct conn *conn;

	stock_begin(&walk, judgement->pool, &beating->limits, losses);
	while (left > 0 && (conn = stock_next(&walk))) {
		if (!heartbeat_is_beating(conn) ||
		    heartbeat_worked_ns(conn) < (int64_t)beating->began_ns ||
		    (conn->beat.sent > 0) != asks)
			continue;
		left--;
		mark(judgement, conn);
	}
}

/*
 * What else the clients that nobody closes have opened, and those of them that began before the
 * evidence did.
 */
static void mark_companions(struct judgement *judgement, const struct finding *finding,
			    const struct moment *moment)
{
	struct stock_limits limits = {
		.kind = STOCK_IDLE,
		.known_ns = moment->known_ns,
		.idle_ns = moment->settings->t0_ns,
		.owed_ns = finding->limits.owed_ns,
	};
	struct heartbeat_parties parties;
	struct stock_walk walk;
	struct conn *conn;

	heartbeat_find_parties(&parties, judgement->pool, moment);
	stock_begin(&walk, judgement->pool, &limits, &moment->losses);
	while ((conn = stock_next(&walk)))
		if (heartbeat_is_companion(conn, finding->began_ns))
			mark(judgement, conn);
	stock_begin(&walk, judgement->pool, &finding->limits, &moment->losses);
	while ((conn = stock_next(&walk)))
		if (heartbeat_is_left(&parties, conn))
			mark(judgement, conn);
}

/*
 * A client that nobody closes is leaked with its heartbeats, which no test on silence sees. For
 * each connection on which it asks it may have another on which it is only told (MongoDB).
 */
static void mark_beating(struct judgement *judgement, const struct moment *moment)
{
	struct finding beating = {0};

	if (heartbeat_value(&judgement->heartbeat) < moment->settings->suspect)
		return;
	heartbeat_find(&judgement->heartbeat, moment, judgement->pool, &beating);
	mark_beating_like(judgement, &beating, &moment->losses, true);
	mark_beating_like(judgement, &beating, &moment->losses, false);
	if (!beating.is_hint && beating.value >= moment->settings->alarm)
		mark_companions(judgement, &beating, moment);
}

/* Whichever test leads: what threads have left behind is leaked as soon as they have ended. */
static void mark_deserted(struct judgement *judgement, const struct moment *moment)
{
	struct stock_limits limits;
	struct stock_walk walk;
	struct conn *conn;

	if (deserted_value(judgement->deserted) < moment->settings->suspect)
		return;
	limits = deserted_limits(judgement->deserted, moment);
	stock_begin(&walk, judgement->pool, &limits, &moment->losses);
	while ((conn = stock_next(&walk))) {
		if (conn->is_suspect || !deserted_counts(conn))
			continue;
		mark(judgement, conn);
	}
}

/*
 * Where nothing ever comes back there is no surplus of idle connections to be told from the
 * leaked ones, so those that fell silent since the last test belong to them as well.
 */
static void mark_used_once(struct judgement *judgement, const struct finding *finding,
			   const struct moment *moment)
{
	struct stock_limits limits = finding->limits;
	struct stock_walk walk;
	struct conn *conn;

	limits.known_ns = moment->known_ns;
	stock_begin(&walk, judgement->pool, &limits, &moment->losses);
	while ((conn = stock_next(&walk))) {
		if (conn->is_suspect || conn->has_returned ||
		    conn->last_active_ns < (int64_t)finding->began_ns)
			continue;
		mark(judgement, conn);
	}
}

/* --- what nobody has used --------------------------------------------------------------------- */

static bool is_unused(const struct conn *conn)
{
	return !conn->has_returned && !conn->is_replacement &&
	       conn->open_ns > (int64_t)(conn->pool->first_ns + FILL_NS);
}

struct trickle {
	uint32_t count; /* of suspects that nobody has used */
	int64_t first_ns, last_ns; /* when these fell silent */
};

/* Returns false where others that came at the same time were used. */
static bool find_trickle(struct trickle *trickle, const struct judgement *judgement,
			 const struct settings *settings)
{
	uint32_t suspect_count = judgement->leak.suspect_count, used_count = 0;

	*trickle = (struct trickle){0};
	for (const struct conn *conn = judgement->pool->oldest; conn; conn = conn_newer(conn)) {
		if (conn->is_suspect && is_unused(conn)) {
			if (trickle->count++ == 0)
				trickle->first_ns = conn->last_active_ns;
			trickle->last_ns = conn->last_active_ns;
		} else if (trickle->count > 0 && conn->has_returned && !conn->is_replacement &&
			   conn->open_ns >= trickle->first_ns) {
			used_count++;
		}
	}
	return trickle->count >= TRICKLE_MIN && trickle->count >= settings->leak_min &&
	       2 * trickle->count > suspect_count && UNUSED_RATIO * used_count <= trickle->count;
}

/* Back to a gap that is too long for it. */
static int64_t find_source_ns(const struct trickle *trickle, struct stock_walk walk)
{
	int64_t most_ns = TRICKLE_FACTOR * (trickle->last_ns - trickle->first_ns) /
			  (int64_t)(trickle->count - 1);
	int64_t source_ns = trickle->first_ns, before_ns = INT64_MIN / 2;
	const struct conn *conn;

	while ((conn = stock_next(&walk)) && conn->last_active_ns < trickle->first_ns) {
		if (!is_unused(conn))
			continue;
		if (conn->last_active_ns - before_ns > most_ns)
			source_ns = conn->last_active_ns;
		before_ns = conn->last_active_ns;
	}
	return trickle->first_ns - before_ns > most_ns ? trickle->first_ns : source_ns;
}

/* Those of its own that a pool has not used yet are silent as well, and are none of them. */
static void unmark_others(struct judgement *judgement)
{
	for (struct conn *conn = judgement->pool->oldest; conn; conn = conn_newer(conn))
		if (!conn->has_returned && !is_unused(conn))
			marks_remove(&judgement->leak, conn);
}

/*
 * What a pool opens beyond those that it closed is used at once. Where the suspects are such as
 * nobody has used, and there are hardly any others, all of these are leaked, back to where they
 * began to come: a fixed pool replaces its own and leaves them unused for half an hour, so its
 * limit is as long.
 */
static void mark_unused(struct judgement *judgement, const struct finding *finding,
			const struct moment *moment)
{
	struct stock_limits limits = {
		.kind = STOCK_IDLE,
		.known_ns = moment->known_ns,
		.idle_ns = moment->settings->t0_ns,
		.owed_ns = finding->limits.owed_ns,
	};
	struct trickle trickle;
	struct stock_walk walk;
	struct conn *conn;
	int64_t source_ns;

	if (!find_trickle(&trickle, judgement, moment->settings))
		return;
	stock_begin(&walk, judgement->pool, &limits, &moment->losses);
	source_ns = find_source_ns(&trickle, walk);
	while ((conn = stock_next(&walk)))
		if (is_unused(conn) && conn->last_active_ns >= source_ns)
			mark(judgement, conn);
	unmark_others(judgement);
}

static bool is_spare(const struct conn *conn)
{
	const struct conn *other = conn->pool->newest;

	if (conn->has_returned || conn->age_is_bound)
		return false;
	for (; other; other = conn_older(other))
		if (other->has_returned && !heartbeat_may_be(other) &&
		    llabs(other->open_ns - conn->open_ns) <= AT_ONCE_NS)
			return true;
	return false;
}

/*
 * Many small pools in one process, opened one by one, leave their spares behind: a stock that grows
 * with each of them, though no request ever had any of it. O(connections) for each mark, so it asks
 * for no more than it takes to know.
 */
bool marks_are_spares(const struct judgement *judgement)
{
	const struct conn *conn = judgement->pool->oldest;
	uint32_t asked_count = 0, spare_count = 0;

	for (; conn && asked_count < SPARES_ASKED_MAX; conn = conn_newer(conn)) {
		asked_count += conn->is_suspect;
		spare_count += conn->is_suspect && is_spare(conn);
	}
	return spare_count > 0 && 2 * spare_count >= asked_count;
}

/* --- how sure it is --------------------------------------------------------------------------- */

/* Where some that the server closed are forgotten for sure, the others are that lie there as well.
 */
static void mark_forgotten(struct judgement *judgement, const struct finding *finding,
			   const struct losses *losses)
{
	struct stock_walk walk;
	struct conn *conn;

	stock_begin(&walk, judgement->pool, &finding->limits, losses);
	while ((conn = stock_next(&walk)))
		mark(judgement, conn);
}

void marks_add_proven(struct judgement *judgement, const struct finding *finding,
		      const struct moment *moment)
{
	bool is_silence = finding->limits.kind == STOCK_IDLE && !finding->counts;

	if (finding->value < moment->settings->alarm)
		return;
	if (is_silence && !habits_vouch(judgement, finding))
		mark_used_once(judgement, finding, moment);
	if (finding->is_hint)
		return;
	if (finding->limits.kind == STOCK_PEER_CLOSED && finding->counts)
		mark_forgotten(judgement, finding, &moment->losses);
	if (((is_silence || finding->base_is_leaked) && finding->base > 0) || finding->names)
		mark_earlier(judgement, finding, &moment->losses);
	mark_deserted(judgement, moment);
	mark_beating(judgement, moment);
}

void marks_add_raised(struct judgement *judgement, const struct finding *finding,
		      const struct moment *moment)
{
	if (finding->is_hint || finding->limits.kind != STOCK_IDLE ||
	    finding->value < moment->settings->alarm)
		return;
	if (!finding->counts)
		mark_beyond(judgement, finding, moment);
	mark_unused(judgement, finding, moment);
}

void marks_add_exhausted(struct judgement *judgement, const struct table *table)
{
	const struct verdict *verdict = judgement->exhausted.standing.verdict;

	for (uint32_t i = 0; verdict && i < verdict->suspect_count; i++) {
		struct conn *conn = table_find_conn(table, verdict->suspects[i]);

		if (conn && conn->pool == judgement->pool)
			mark(judgement, conn);
	}
}
