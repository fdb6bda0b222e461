// SPDX-License-Identifier: Apache-2.0
/*
 * The test on opens, for a fleet: each process counts its silent connections at its own opens, for
 * an open says nothing of another process's pool, and the test is on the sum of the last counts.
 *
 * Each worker may keep a connection of its own on purpose (a listener, a lock), and forty workers
 * that start one by one are no leak. So a process only counts for what it has more than in its
 * first ten minutes; and where hardly anyone holds two, that is an order and no leak: a hint.
 *
 * One process speaks for the fleet, the one with most, as long as no other has a verdict of its
 * own. What the others hold counts, and is not named.
 *
 * A worker that has enough silent ones for a test of its own may still have too few to tell them
 * from sessions. There the fleet is asked as well: the suspects of all its processes are sessions
 * of one service, if they are any.
 *
 * And one that has enough by itself is asked whether the others do the same: of twelve processes
 * with as many sessions each, one has the most that have not ended.
 *
 * Invariant: fleet->stock is the sum of what its members hold; leader is a member or NULL.
 * Does not decide who is in a fleet (fleet.c), and says nothing of a fleet of one.
 */
#include "spread.h"

#include <math.h>
#include <stdio.h>

#include "habits.h"
#include "judgement.h"

#define WARM_UP_NS (600 * NS_PER_SEC)
#define HOLDING_MEAN 1.5
#define COMEBACK_FACTOR 0.1
#define APART_ODDS (1.0 / 200)

static const uint64_t gaps_ns[FLEET_SCALES] = {8 * NS_PER_SEC, 64 * NS_PER_SEC};

static double value_of(const struct fleet *fleet)
{
	double sum = 0;

	for (unsigned int i = 0; i < FLEET_SCALES; i++)
		sum += eprocess_value(&fleet->scales[i]);
	return sum / FLEET_SCALES;
}

/* --- counts ----------------------------------------------------------------------------------- */

static uint32_t held_by(const struct dossier *member)
{
	return finding_excess(member->membership.stock, member->membership.base);
}

/* Returns true when the member has tested an open since it was counted last. */
static bool recount(struct fleet *fleet, struct dossier *member, const struct moment *moment)
{
	struct membership *membership = &member->membership;
	bool has_tested = member->has_tested;
	uint32_t before = membership->stock;
	struct stock_limits limits;
	struct judgement room;

	if (!has_tested && before == 0)
		return false;
	limits = opens_limits(&dossier_look(member, &room)->opens, moment->settings);
	membership->stock = stock_count(member->pool, &limits, &moment->losses);
	member->has_tested = false;
	if (moment->t_ns - membership->joined_ns < WARM_UP_NS &&
	    membership->base < membership->stock)
		membership->base = membership->stock;
	/* One that counted was used or closed after all: so may the others be. */
	if (!has_tested && membership->stock < before && value_of(fleet) > 1)
		for (unsigned int i = 0; i < FLEET_SCALES; i++)
			eprocess_discount(&fleet->scales[i], COMEBACK_FACTOR);
	return has_tested;
}

static void choose_leader(struct fleet *fleet)
{
	struct dossier *most = NULL;

	for (struct dossier *member = fleet->first; member; member = member->membership.next) {
		if (dossier_is_suspected(member)) {
			most = member;
			break;
		}
		if (held_by(member) > 0 && (!most || held_by(member) > held_by(most)))
			most = member;
	}
	fleet->leader = most;
}

void spread_advance(struct fleet *fleet, const struct moment *moment)
{
	bool has_tested = false;

	if (fleet->member_count < 2)
		return;
	fleet->stock = 0;
	fleet->holder_count = 0;
	for (struct dossier *member = fleet->first; member; member = member->membership.next) {
		has_tested |= recount(fleet, member, moment);
		fleet->stock += held_by(member);
		fleet->holder_count += held_by(member) > 0;
	}
	choose_leader(fleet);
	for (unsigned int i = 0; has_tested && i < FLEET_SCALES; i++)
		if (eprocess_is_due(&fleet->scales[i], moment->t_ns, gaps_ns[i]))
			eprocess_test(&fleet->scales[i], moment->settings->i0,
				      moment->settings->p_min, fleet->stock, moment->t_ns);
}

/* --- what it found ---------------------------------------------------------------------------- */

double spread_value(const struct judgement *judgement)
{
	const struct fleet *fleet = judgement->dossier->membership.fleet;

	if (!fleet || fleet->member_count < 2 || fleet->leader != judgement->dossier)
		return 1;
	return value_of(fleet);
}

static void explain(const struct finding *finding, char *text, size_t size)
{
	const struct judgement *judgement = finding->state;
	const struct fleet *fleet = judgement->dossier->membership.fleet;

	(void)snprintf(
		text, size,
		"%u connections are silent in %u of %u processes of this workload, %u of them "
		"in this one; %u when it began (e-value %.3g)",
		fleet->stock, fleet->holder_count, fleet->member_count, held_by(judgement->dossier),
		finding->base, finding->value);
}

void spread_find(const struct judgement *judgement, const struct moment *moment,
		 struct finding *ret_finding)
{
	const struct fleet *fleet = judgement->dossier->membership.fleet;
	const struct eprocess *best = &fleet->scales[0];
	uint32_t growth;

	for (unsigned int i = 1; i < FLEET_SCALES; i++)
		if (eprocess_value(&fleet->scales[i]) > eprocess_value(best))
			best = &fleet->scales[i];
	ret_finding->test = "spread";
	ret_finding->value = value_of(fleet);
	ret_finding->base = eprocess_base(best);
	ret_finding->began_ns = eprocess_began_ns(best);
	ret_finding->limits = opens_limits(&judgement->opens, moment->settings);
	ret_finding->stock = judgement->dossier->membership.stock;
	growth = finding_excess(fleet->stock, ret_finding->base);
	ret_finding->excess =
		held_by(judgement->dossier) < growth ? held_by(judgement->dossier) : growth;
	ret_finding->elsewhere = growth - ret_finding->excess;
	ret_finding->is_hint = fleet->stock < HOLDING_MEAN * fleet->holder_count;
	ret_finding->hold_ns = moment->settings->coverage_hold_ns;
	ret_finding->state = judgement;
	ret_finding->evidence = "silent_stock_of_workload";
	ret_finding->explain = explain;
}

/* --- what the processes say of each other ----------------------------------------------------- */

uint32_t spread_suspects(const struct fleet *fleet, uint32_t *ret_process_count)
{
	uint32_t suspect_count = 0, process_count = 0;

	for (const struct dossier *member = fleet->first; member;
	     member = member->membership.next) {
		if (!dossier_is_suspected(member))
			continue;
		suspect_count += member->judgement->leak.suspect_count;
		process_count++;
	}
	if (ret_process_count)
		*ret_process_count = process_count;
	return suspect_count;
}

bool spread_is_apart(const struct judgement *judgement)
{
	const struct fleet *fleet = judgement->dossier->membership.fleet;
	uint32_t suspect_count = judgement->leak.suspect_count;
	double ended = 0, held = 0;
	struct judgement room;

	if (!fleet || fleet->member_count < 2)
		return true;
	for (const struct dossier *member = fleet->first; member;
	     member = member->membership.next) {
		if (member == judgement->dossier)
			continue;
		ended += (double)habits_ended_count(dossier_look(member, &room));
		held += member->pool->conn_count;
	}
	if (held < suspect_count)
		return true;
	return fleet->member_count * pow(held / (held + ended), suspect_count) <= APART_ODDS;
}

/* After which any process of the fleet has used or closed a connection. */
static uint64_t longest_benign_ns(const struct fleet *fleet)
{
	uint64_t longest_ns = 0;
	struct judgement room;

	for (const struct dossier *member = fleet->first; member;
	     member = member->membership.next) {
		const struct silences *benign = &dossier_look(member, &room)->opens.benign;

		if (benign->longest_ns > longest_ns)
			longest_ns = benign->longest_ns;
	}
	return longest_ns;
}

bool spread_outlasts(const struct judgement *judgement, const struct settings *settings,
		     uint64_t limit, uint64_t t_ns)
{
	const struct fleet *fleet = judgement->dossier->membership.fleet;
	uint64_t benign_ns, sum_ns = 0;
	uint32_t count = 0;

	if (!fleet || fleet->member_count < 2 || value_of(fleet) < settings->alarm)
		return false;
	/* Most have too few, and the rest takes time. */
	if (!habits_outlast_together(0, fleet->member_count, limit, spread_suspects(fleet, NULL),
				     0))
		return false;
	benign_ns = longest_benign_ns(fleet);
	for (const struct dossier *member = fleet->first; member;
	     member = member->membership.next) {
		const struct conn *conn =
			dossier_is_suspected(member) ? member->pool->oldest : NULL;

		for (; conn; conn = conn_newer(conn)) {
			uint64_t silence_ns = conn_silence_ns(conn, t_ns);

			if (!conn->is_suspect || silence_ns <= benign_ns)
				continue;
			count++;
			sum_ns += silence_ns;
		}
	}
	return habits_outlast_together(settings->exposure_ns, fleet->member_count, limit, count,
				       sum_ns);
}
