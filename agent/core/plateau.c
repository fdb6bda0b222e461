// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a pool is small or full cannot be read off its size. It is full when it would have had
 * every reason to grow and did not, and that takes two looks: here at the count, and at the demand
 * by those who call plateau_push().
 *
 *	open ^        ____ highest ___            flat: no open that no close paid for,
 *	     |   ____/                \__ _       and as many open as ever, but for those
 *	     |__/                                 that are being replaced
 *
 * Opens that the server refuses (a failed connect, a close within a second) are no growth: a pool
 * in front of a full server tries all the time.
 *
 * Invariant: ceiling is 0 or at least as high as what was open at any tick since it was learned.
 * Does not judge and does not know whether connections are busy.
 */
#include "plateau.h"

#include "figures.h"
#include "format.h"
#include "judgement.h"
#include "totals.h"

/* What was open hours ago, in another mode of the load, is no measure of the maximum of now. */
#define EPOCH_NS (1800 * NS_PER_SEC)
/* Pushes further apart than this are two occasions. */
#define OCCASION_NS (300 * NS_PER_SEC)
#define REFUSED_SLOT_NS (10 * NS_PER_SEC)
/* Those who are refused try again at once or wait for seconds; after so many slots it is over. */
#define REFUSED_NOW_SLOTS 2
#define CLOCK_SIZE 48

void plateau_clear(struct plateau *plateau)
{
	credit_clear(&plateau->credit);
}

/* What was too short to be seen one by one counts as if it had been. */
static void take_churn(struct plateau *plateau, const struct churn *churn)
{
	plateau->grown_count += (uint32_t)churn->established_count;
	plateau->refused_count += (uint32_t)churn->early_peer_close_count;
	for (int reason = 0; reason < FAIL_REASON_COUNT; reason++)
		plateau->failed_count += (uint32_t)churn->failed_count[reason];
}

void plateau_observe(struct plateau *plateau, const struct settings *settings,
		     const struct change *change)
{
	const struct conn *conn = change->conn;

	switch (change->type) {
	case CHANGE_ESTABLISHED:
		if (!credit_take(&plateau->credit, change->t_ns, settings->credit_ns))
			plateau->grown_count++;
		break;
	case CHANGE_PEER_CLOSED:
		/* The server took it, so the pool will need another. */
		if (!totals_is_early(conn, change->t_ns))
			credit_add(&plateau->credit, change->t_ns, settings->credit_ns);
		break;
	case CHANGE_CLOSED:
		plateau->refused_count += change->is_turned_away;
		if (conn_peer_closed_ns(conn) != 0 || change->is_turned_away)
			break;
		if (conn->age_is_bound ||
		    (int64_t)change->t_ns - conn->open_ns >= (int64_t)settings->credit_ns)
			credit_add(&plateau->credit, change->t_ns, settings->credit_ns);
		break;
	case CHANGE_FAILED:
		plateau->failed_count++;
		break;
	case CHANGE_CHURNED:
		take_churn(plateau, change->churn);
		break;
	default:
		break;
	}
}

/* A minute has an end: a mean that fades speaks of a storm for minutes after it. */
static void sum_refused(struct plateau *plateau, uint64_t now_ns)
{
	uint32_t news = plateau->refused_count + plateau->failed_count;
	uint64_t slot = now_ns / REFUSED_SLOT_NS, passed = slot - plateau->refused_slot;
	uint16_t *slots = plateau->refused_slots;
	uint32_t lately = 0;

	for (uint64_t i = 0; i < passed && i < PLATEAU_REFUSED_SLOTS; i++)
		slots[(slot - i) % PLATEAU_REFUSED_SLOTS] = 0;
	plateau->refused_slot = slot;
	if (news > UINT16_MAX - (uint32_t)slots[slot % PLATEAU_REFUSED_SLOTS])
		news = UINT16_MAX - (uint32_t)slots[slot % PLATEAU_REFUSED_SLOTS];
	slots[slot % PLATEAU_REFUSED_SLOTS] += (uint16_t)news;
	plateau->refused = 0;
	for (uint64_t i = 0; i < PLATEAU_REFUSED_SLOTS; i++) {
		plateau->refused +=
			slots[(slot + PLATEAU_REFUSED_SLOTS - i) % PLATEAU_REFUSED_SLOTS];
		if (i + 1 == REFUSED_NOW_SLOTS)
			lately = plateau->refused;
	}
	plateau->is_refused = lately > 0;
}

static void note_highest(struct plateau *plateau, uint64_t now_ns)
{
	if (now_ns - plateau->epoch_ns >= EPOCH_NS) {
		plateau->highest_before =
			now_ns - plateau->epoch_ns < 2 * EPOCH_NS ? plateau->highest : 0;
		plateau->highest = plateau->open;
		plateau->epoch_ns = now_ns;
	}
	if (plateau->open > plateau->highest)
		plateau->highest = plateau->open;
	if (plateau->open > plateau->ceiling) {
		plateau->ceiling = 0;
		plateau->push_count = 0;
	}
}

/* Those that the server may still close at once. No operation is older than its connection. */
static uint32_t count_young(const struct pool *pool, uint64_t now_ns)
{
	const struct conn *conn = pool->newest;
	int64_t from_ns = (int64_t)now_ns - (int64_t)TOTALS_EARLY_NS;
	uint32_t count = 0;

	for (; conn && conn->last_active_ns > from_ns; conn = conn_older(conn))
		count += conn->state == CONN_OPEN && !conn->age_is_bound && conn->open_ns > from_ns;
	return count;
}

void plateau_sample(struct plateau *plateau, const struct settings *settings,
		    const struct pool *pool, uint64_t now_ns)
{
	uint32_t present = pool_held_count(pool);
	uint32_t young = count_young(pool, now_ns), before = plateau->open, highest;
	uint32_t pending = young < plateau->grown_count ? young : plateau->grown_count;
	uint32_t grown = plateau->grown_count - pending;
	/* Purses are emptied when they are used; this one may be full of old coins. */
	uint32_t credit = credit_count(&plateau->credit, now_ns, settings->credit_ns);
	bool has_grown = plateau->pending_count + grown > plateau->refused_count;

	plateau->open = present - young;
	plateau->pending_count = pending;
	sum_refused(plateau, now_ns);
	plateau->grown_count = 0;
	plateau->failed_count = 0;
	plateau->refused_count = 0;
	note_highest(plateau, now_ns);
	highest = plateau->highest > plateau->highest_before ? plateau->highest
							     : plateau->highest_before;
	if (present < highest && credit > 0 && present + credit >= highest)
		highest = present;
	/* What was pending had been opened by the tick before. */
	if (plateau->open == 0 || present < highest || (has_grown && grown > 0))
		plateau->flat_ns = 0;
	else if (plateau->flat_ns == 0 || has_grown)
		plateau->flat_ns =
			(has_grown || before == plateau->open) && now_ns > settings->tick_ns
				? now_ns - settings->tick_ns
				: now_ns;
}

bool plateau_stands(const struct plateau *plateau, const struct settings *settings, uint64_t now_ns)
{
	return plateau->flat_ns != 0 && now_ns - plateau->flat_ns >= settings->plateau_ns;
}

void plateau_push(struct plateau *plateau, uint64_t now_ns)
{
	if (plateau->ceiling == 0 || plateau->open > plateau->ceiling)
		plateau->ceiling = plateau->open;
	if (plateau->push_count == 0 || now_ns - plateau->pushed_ns > OCCASION_NS)
		plateau->push_count++;
	plateau->pushed_ns = now_ns;
}

uint32_t plateau_ceiling(const struct plateau *plateau)
{
	return plateau->ceiling;
}

void plateau_add_evidence(const struct bench *bench, const struct judgement *judgement,
			  struct verdict *verdict)
{
	const struct plateau *plateau = &judgement->plateau;
	char last[CLOCK_SIZE];

	if (plateau->ceiling == 0 || verdict->limit != plateau->ceiling)
		return;
	(void)format_clock(plateau->pushed_ns, bench->realtime_at_zero_ns, last, sizeof(last));
	verdict_add_evidence(
		verdict, "learned_ceiling",
		"%slearned: the pool stopped at %u connections while more were "
		"needed, %u time%s, last at %s",
		figures_limit(bench, judgement->pool) == 0 ? "no limit is configured; " : "",
		plateau->ceiling, plateau->push_count, plateau->push_count == 1 ? "" : "s", last);
}
