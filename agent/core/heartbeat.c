// SPDX-License-Identifier: Apache-2.0
/*
 * The plain tests take payload for work, so a leaked client hides behind its own heartbeats. A
 * heartbeat is known by its shape: the same bytes out and in, three times, at a steady gap of
 * GAP_MIN_NS or more.
 *
 * The test is that on opens with another stock: connections that have only beaten for a long
 * time, counted at opens that no close paid for. A healthy client keeps a constant number of
 * them (a MongoClient two a server), and constants set no records. What is long is learned, as
 * for silence, from beats that ended in work; pings keep an idle pool beating all night.
 *
 * Workers that poll an empty queue, each by itself, beat alike and belong to somebody. They come
 * one by one, though, with a connection each, while a client brings several at a time: its
 * monitors, a pool's minimum, the connection for the request. So it is a hint, unless nearly all
 * of the growth were opened within a second of another, and none that came along with them
 * was used again: a client for each tenant has its work, now and then. Where the leaked clients'
 * other connections are silent the test on opens may raise the leak, and this one names their
 * heartbeats.
 *
 * Invariant: beat_count says how many exchanges in a row were alike, the latest included, as far as
 * it goes.
 * Does not see what a look has lumped together before it knows the beat.
 */
#include "heartbeat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

/* A connection that is looked at every 5 s shows gaps that are short by the source's rounding. */
#define GAP_MIN_NS (5 * NS_PER_SEC - 50 * NS_PER_MS)
/* The unit of beat.gap; its 16 bits hold an hour and three quarters. */
#define GAP_UNIT_NS (NS_PER_SEC / 10)
#define TEST_GAP_NS (10 * NS_PER_SEC)
/* The monitors of the first client need as long to be known. */
#define WARM_UP_NS (120 * NS_PER_SEC)
#define LIMIT_FACTOR 4
#define LIMIT_QUANTILE 0.99
/* Beats that a look can have missed: half a minute of those of 10 s, and more of slower ones. */
#define LUMP_MAX 4
#define SAMPLE_MAX_NS (24 * 3600 * NS_PER_SEC)
#define COMEBACK_FACTOR 0.1
#define ALONG_NS NS_PER_SEC
/* So many of those that beat were left behind: chance makes two workers meet now and then. */
#define LEFT_SHARE 0.8
#define LEFT_MIN 12

int64_t heartbeat_worked_ns(const struct conn *conn)
{
	return heartbeat_is_beating(conn) ? (int64_t)(conn->beat_since_s * NS_PER_SEC)
					  : conn->last_active_ns;
}

uint64_t heartbeat_length_ns(const struct conn *conn)
{
	int64_t worked_ns = heartbeat_worked_ns(conn);

	return conn->last_active_ns > worked_ns ? (uint64_t)(conn->last_active_ns - worked_ns) : 0;
}

/*
 * How long it may beat: what did so before it ever worked is told from what rests between two
 * requests, for a pool of which one connection is used each minute says nothing of monitors.
 */
static uint64_t monitor_limit_ns(const struct heartbeat *heartbeat)
{
	return LIMIT_FACTOR * heartbeat->monitor_s * NS_PER_SEC;
}

static uint64_t other_limit_ns(const struct heartbeat *heartbeat)
{
	return LIMIT_FACTOR * silence_quantile_ns(&heartbeat->benign, LIMIT_QUANTILE);
}

static uint64_t limit_ns(const struct heartbeat *heartbeat, const struct conn *conn)
{
	return heartbeat_is_monitor(conn) ? monitor_limit_ns(heartbeat) : other_limit_ns(heartbeat);
}

_Static_assert(HEARTBEAT_MIN < CONN_BEAT_MAX, "opens.c asks whether it has just begun to beat");

/* --- beats ------------------------------------------------------------------------------------ */

/* A fifth: a timer that looks every eighth of its period is as late as that. */
static bool is_steady(uint16_t a, uint16_t b)
{
	return abs((int)a - (int)b) <= (a > b ? a : b) / 5 + 1;
}

static uint32_t seconds_of(int64_t t_ns)
{
	return t_ns > 0 ? (uint32_t)((uint64_t)t_ns / NS_PER_SEC) : 0;
}

/* Its beats have ended in work, or in a close of the process's own. */
static void learn_length(struct heartbeat *heartbeat, const struct conn *conn, int64_t until_ns)
{
	uint64_t length_ns = heartbeat_length_ns(conn);

	if (heartbeat->process.test_count == 0 ||
	    until_ns - (int64_t)length_ns >= heartbeat->known_ns)
		return;
	if (eprocess_value(&heartbeat->process) > 1 && length_ns > limit_ns(heartbeat, conn))
		eprocess_discount(&heartbeat->process, COMEBACK_FACTOR);
	if (length_ns > SAMPLE_MAX_NS)
		length_ns = SAMPLE_MAX_NS;
	if (heartbeat_is_monitor(conn) && heartbeat->monitor_s < seconds_of((int64_t)length_ns))
		heartbeat->monitor_s = seconds_of((int64_t)length_ns);
	silence_add(&heartbeat->benign, length_ns);
}

/*
 * A look that falls between question and answer shows half a beat and then the other half; one that
 * comes late shows several as one.
 */
static uint32_t count_beats(const struct beat *beat, const struct change *change)
{
	bool is_short = change->silence_ns < GAP_MIN_NS;
	uint64_t gap = change->silence_ns / GAP_UNIT_NS;

	if (is_short)
		return beat->sent > 0 && change->sent_bytes == 0 &&
		       change->received_bytes == beat->received;
	if (gap <= UINT16_MAX && is_steady((uint16_t)gap, beat->gap) &&
	    change->sent_bytes == beat->sent && change->received_bytes == 0)
		return 1;
	for (uint32_t n = 2; n <= LUMP_MAX; n++)
		if (change->sent_bytes == n * beat->sent &&
		    change->received_bytes == n * beat->received && gap / n <= UINT16_MAX &&
		    is_steady((uint16_t)(gap / n), beat->gap))
			return n;
	return 0;
}

/* It is only told, from its first moment on: the monitor that a client of MongoDB begins with. */
static bool is_listener(const struct conn *conn)
{
	return conn->came_along && conn->beat.sent == 0 && heartbeat_is_monitor(conn);
}

/*
 * A client of MongoDB measures the round trip on a connection of its own, which it opens when its
 * first monitor has been told for the first time: one beat later. It is of that one's party.
 */
static void join_late(struct conn *conn, const struct pool *pool)
{
	const struct conn *other = pool->newest;

	if (conn->came_along || conn->beat.sent == 0 || !heartbeat_is_monitor(conn))
		return;
	for (; other; other = conn_older(other)) {
		uint64_t later = (uint64_t)(conn->open_ns - other->open_ns) / GAP_UNIT_NS;

		if (conn->open_ns <= other->open_ns || later > UINT16_MAX || !is_listener(other) ||
		    !is_steady(conn->beat.gap, other->beat.gap) ||
		    !is_steady((uint16_t)later, other->beat.gap))
			continue;
		conn->came_along = true;
		conn->party = other->party;
		return;
	}
}

static void note_exchange(struct heartbeat *heartbeat, const struct change *change)
{
	struct conn *conn = change->conn;
	uint64_t gap = change->silence_ns / GAP_UNIT_NS;
	bool can_be = change->silence_ns >= GAP_MIN_NS && gap <= UINT16_MAX &&
		      change->sent_bytes <= UINT16_MAX && change->received_bytes <= UINT16_MAX;
	struct beat next = {0};

	if (can_be)
		next = (struct beat){.sent = (uint16_t)change->sent_bytes,
				     .received = (uint16_t)change->received_bytes,
				     .gap = (uint16_t)gap};
	if (can_be && conn->beat_count > 0 && next.sent == conn->beat.sent &&
	    next.received == conn->beat.received && is_steady(next.gap, conn->beat.gap)) {
		if (conn->beat_count < CONN_BEAT_MAX)
			conn->beat_count++;
		if (conn->beat_count == HEARTBEAT_MIN)
			join_late(conn, change->pool);
		return;
	}
	if (heartbeat_is_beating(conn) && count_beats(&conn->beat, change) > 0)
		return;
	if (heartbeat_is_beating(conn))
		learn_length(heartbeat, conn, change->silent_since_ns);
	else if (heartbeat_is_undecided(conn))
		heartbeat->refuted_ns = heartbeat_gap_ns(conn);
	conn->beat = next;
	conn->beat_count = can_be;
	conn->beat_since_s = can_be ? seconds_of(change->silent_since_ns) : 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void observe_close(struct heartbeat *heartbeat, const struct change *change)
{
	const struct conn *conn = change->conn;

	if (heartbeat_is_beating(conn) && change_is_own_close(change))
		learn_length(heartbeat, conn, conn->last_active_ns);
	else if (heartbeat_is_undecided(conn))
		heartbeat->refuted_ns = heartbeat_gap_ns(conn);
}

static void note_open(struct heartbeat *heartbeat, struct conn *conn)
{
	struct conn *last = heartbeat->last_opened;

	if (last && conn->open_ns - last->open_ns <= (int64_t)ALONG_NS)
		last->came_along = conn->came_along = true;
	else
		heartbeat->party_count++;
	conn->party = heartbeat->party_count;
	heartbeat->last_opened = conn;
}

void heartbeat_forget(struct heartbeat *heartbeat, const struct conn *conn)
{
	if (heartbeat->last_opened == conn)
		heartbeat->last_opened = NULL;
}

bool heartbeat_is_companion(const struct conn *conn, uint64_t began_ns)
{
	return conn->came_along && !conn->has_returned && conn->open_ns >= (int64_t)began_ns;
}

void heartbeat_observe(struct heartbeat *heartbeat, const struct change *change)
{
	heartbeat->refuted_ns = 0;
	if (change->type == CHANGE_OPENED)
		note_open(heartbeat, change->conn);
	else if (change->type == CHANGE_CLOSED || change->type == CHANGE_FAILED)
		heartbeat_forget(heartbeat, change->conn);
	if (change->type == CHANGE_ACTIVE)
		note_exchange(heartbeat, change);
	else if (change->type == CHANGE_CLOSED)
		observe_close(heartbeat, change);
	else if (change->type == CHANGE_OPENED && !change->conn->is_replacement)
		heartbeat->has_opened = true;
}

static bool counts(const struct finding *finding, const struct conn *conn)
{
	/* Listeners that are all told the same at the same time receive, and do not ask. */
	if (!heartbeat_is_beating(conn) || conn->beat.sent == 0 ||
	    heartbeat_length_ns(conn) <= limit_ns(finding->state, conn))
		return false;
	/* Those that were known to beat before the evidence began are not its growth. */
	return finding->base == 0 ||
	       heartbeat_worked_ns(conn) + HEARTBEAT_MIN * (int64_t)heartbeat_gap_ns(conn) >=
		       (int64_t)finding->began_ns;
}

/* Everything open is walked, for what beats is not silent. */
static void begin(struct finding *finding, const struct heartbeat *heartbeat, uint64_t t_ns)
{
	finding->state = heartbeat;
	finding->counts = counts;
	finding->limits = (struct stock_limits){.kind = STOCK_IDLE, .known_ns = (int64_t)t_ns};
}

/* --- those that came together ---------------------------------------------------------------- */

/* That two share a bit makes it a hint, and no alarm. */
static void set_bit(uint64_t *bits, const struct conn *conn)
{
	bits[conn->party / 64 % (HEARTBEAT_PARTIES / 64)] |= 1ULL << conn->party % 64;
}

static bool has_bit(const uint64_t *bits, const struct conn *conn)
{
	return bits[conn->party / 64 % (HEARTBEAT_PARTIES / 64)] >> conn->party % 64 & 1;
}

void heartbeat_find_parties(struct heartbeat_parties *ret_parties, const struct pool *pool,
			    const struct moment *moment)
{
	memset(ret_parties, 0, sizeof(*ret_parties));
	for (const struct conn *conn = pool->newest; conn; conn = conn_older(conn)) {
		if (heartbeat_is_beating(conn)) {
			set_bit(ret_parties->beating, conn);
			if (conn->beat.sent > 0)
				set_bit(ret_parties->asking, conn);
		} else if (conn->has_returned) {
			set_bit(ret_parties->working, conn);
		} else if (conn->came_along &&
			   moment->t_ns - conn->open_ns > moment->settings->t0_ns) {
			set_bit(ret_parties->unused, conn);
		}
	}
}

bool heartbeat_is_left(const struct heartbeat_parties *parties, const struct conn *conn)
{
	return conn->came_along && !heartbeat_is_beating(conn) &&
	       !has_bit(parties->working, conn) && has_bit(parties->beating, conn) &&
	       has_bit(parties->unused, conn);
}

/* Those that came along with others, none of which works. */
struct left_behind {
	uint32_t asking; /* as many of those that the finding counts */
	uint32_t all; /* and with them those of the same parties that are only told */
};

static void count_left_behind(struct left_behind *left, const struct finding *finding,
			      const struct pool *pool, const struct moment *moment)
{
	struct heartbeat_parties parties;
	struct stock_walk walk;
	struct conn *conn;

	*left = (struct left_behind){0};
	heartbeat_find_parties(&parties, pool, moment);
	stock_begin(&walk, pool, &finding->limits, &moment->losses);
	while ((conn = stock_next(&walk))) {
		if (!conn->came_along || has_bit(parties.working, conn))
			continue;
		left->asking += counts(finding, conn);
		left->all += counts(finding, conn) ||
			     (is_listener(conn) && has_bit(parties.asking, conn));
	}
}

void heartbeat_advance(struct heartbeat *heartbeat, const struct moment *moment,
		       const struct pool *pool)
{
	struct finding finding = {0};

	if (!heartbeat->has_opened || moment->t_ns - pool->first_ns < WARM_UP_NS ||
	    !eprocess_is_due(&heartbeat->process, moment->t_ns, TEST_GAP_NS))
		return;
	heartbeat->has_opened = false;
	heartbeat->known_ns = (int64_t)moment->t_ns;
	begin(&finding, heartbeat, moment->t_ns);
	eprocess_test(&heartbeat->process, moment->settings->i0, moment->settings->p_min,
		      finding_count(&finding, pool, &moment->losses), moment->t_ns);
}

double heartbeat_value(const struct heartbeat *heartbeat)
{
	return eprocess_value(&heartbeat->process);
}

/* --- what it found ---------------------------------------------------------------------------- */

static void explain(const struct finding *finding, char *text, size_t size)
{
	const struct heartbeat *heartbeat = finding->state;
	uint64_t monitor_ns = monitor_limit_ns(heartbeat), other_ns = other_limit_ns(heartbeat);
	char limit[32];

	if (monitor_ns == 0)
		(void)snprintf(text, size,
			       "%u connections do nothing but exchange the same few bytes at a "
			       "steady gap, %u when it began; none that did so %sever worked "
			       "%s(e-value %.3g)",
			       finding->stock, finding->base,
			       other_ns == 0 ? "" : "from its first moment on ",
			       other_ns == 0 ? "again " : "", finding->value);
	else
		(void)snprintf(
			text, size,
			"%u connections have for longer than %s done nothing but exchange "
			"the same few bytes at a steady gap, %u when it began (e-value %.3g)",
			finding->stock,
			format_duration(monitor_ns < other_ns ? monitor_ns : other_ns, limit,
					sizeof(limit)),
			finding->base, finding->value);
}

void heartbeat_find(const struct heartbeat *heartbeat, const struct moment *moment,
		    const struct pool *pool, struct finding *ret_finding)
{
	struct left_behind left;

	begin(ret_finding, heartbeat, moment->t_ns);
	ret_finding->stock = finding_count(ret_finding, pool, &moment->losses);
	ret_finding->test = "heartbeats";
	ret_finding->value = heartbeat_value(heartbeat);
	ret_finding->base = eprocess_base(&heartbeat->process);
	ret_finding->began_ns = eprocess_began_ns(&heartbeat->process);
	count_left_behind(&left, ret_finding, pool, moment);
	ret_finding->evidence = "heartbeats_only";
	ret_finding->explain = explain;
	ret_finding->excess = finding_excess(ret_finding->stock, ret_finding->base);
	ret_finding->is_hint =
		left.all < LEFT_MIN || left.asking < LEFT_SHARE * ret_finding->excess;
}
