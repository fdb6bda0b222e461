// SPDX-License-Identifier: Apache-2.0
/*
 * The rules on the size of the pool. One that is too small has all its connections busy; one that
 * is too large has had them from the start, and does not need them: what has come to rest since, or
 * a pool that nobody uses, is not that.
 *
 * Invariant: as in rival.c. Does not measure.
 */
#include "rival_rule.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "format.h"

/* A quarter of the pool: what so many connections do not do is not for want of connections. */
#define STALE_MANY 0.25
/* The start, and as long again to see that it was one. */
#define OVERSIZED_NS (300 * NS_PER_SEC)
#define START_SHARE 0.8

void rival_rule_too_small(const struct rival_figures *figures, struct rival_ruling *out)
{
	const struct meter_figures *since = &figures->since;
	const struct settings *settings = figures->settings;
	enum ruling ruling = RULING_CANNOT_TELL;
	double busy = rival_live_busy(figures);
	struct rival_ruling database = {.ruling = RULING_CANNOT_TELL};
	const char *but = "";
	char observed[RIVAL_DURATION_SIZE];

	if (rival_stale_share(figures) >= STALE_MANY) {
		rival_say(out, RULING_RULED_OUT,
			  "%u of %u connections are silent: there are enough of them",
			  figures->stale_count, figures->open_count);
		return;
	}
	if (figures->open_count == 0) {
		rival_say(out, ruling, "no connection is open");
		return;
	}
	if (isnan(busy)) {
		rival_say(out, ruling, "only %s of observation, a minute is needed",
			  format_duration(figures->observed_ns, observed, sizeof(observed)));
		return;
	}
	if (!rival_has_clock(figures, out))
		return;
	/* Any pool is too small for a database that does not answer. */
	rival_rule_database(figures, &database);
	if (busy < settings->busy_saturated && figures->is_one_way)
		but = "; but what is asked within a tick after an answer does not show here";
	else if (busy < settings->busy_clear)
		ruling = RULING_RULED_OUT;
	else if (busy >= settings->busy_saturated &&
		 rival_stale_share(figures) <= RIVAL_STALE_FEW &&
		 since->opened_count <= since->closed_count && database.ruling != RULING_RULED_IN)
		ruling = RULING_RULED_IN;
	rival_say(
		out, ruling,
		"an answer is owed on %.0f%% of the connections that are not silent (last minute); "
		"%" PRIu64 " opened, %" PRIu64 " closed%s",
		busy * 100, since->opened_count, since->closed_count,
		busy >= settings->busy_saturated && database.ruling == RULING_RULED_IN
			? "; but the database is slow"
			: but);
}

/* What rests tells a surplus from what was not given back. False where it tells nothing. */
static bool rule_by_what_rests(const struct rival_figures *figures, struct rival_ruling *out)
{
	bool is_stock = figures->stale_count >= RIVAL_EVENTS_MIN;

	if (is_stock && 2 * figures->late_stale_count >= figures->stale_count)
		rival_say(out, RULING_RULED_OUT,
			  "%u of the %u silent connections were opened later than 2 min after the "
			  "start: they are not the stock of a large pool",
			  figures->late_stale_count, figures->stale_count);
	else if (figures->stale_count >= figures->open_count)
		rival_say(out, RULING_CANNOT_TELL,
			  "none of the %u open connections is in use, so how many are needed does "
			  "not show",
			  figures->open_count);
	else if (is_stock && 2 * figures->worked_late_count >= figures->stale_count &&
		 !(rival_live_busy(figures) >= figures->settings->busy_clear))
		rival_say(out, RULING_CANNOT_TELL,
			  "%u of the %u silent connections were at work later than 2 min after the "
			  "start: what a large pool does not need rests from the start",
			  figures->worked_late_count, figures->stale_count);
	else
		return false;
	return true;
}

void rival_rule_oversized(const struct rival_figures *figures, struct rival_ruling *out)
{
	const struct settings *settings = figures->settings;
	enum ruling ruling = RULING_CANNOT_TELL;
	char observed[RIVAL_DURATION_SIZE], busy[16] = "unknown";

	if (figures->open_count < settings->oversized_more) {
		rival_say(out, RULING_RULED_OUT, "only %u connections are open",
			  figures->open_count);
		return;
	}
	if (rule_by_what_rests(figures, out))
		return;
	if (!isnan(rival_live_busy(figures)))
		(void)snprintf(busy, sizeof(busy), "%.0f%%", rival_live_busy(figures) * 100);
	if (figures->observed_ns < OVERSIZED_NS) {
		(void)format_duration(figures->observed_ns, observed, sizeof(observed));
		rival_say(out, ruling, "only %s of observation: 5 min show how a pool has begun",
			  observed);
		return;
	}
	if (rival_live_busy(figures) >= settings->busy_clear)
		ruling = RULING_RULED_OUT;
	else if (figures->saw_start && figures->busy < settings->oversized_busy &&
		 figures->start_count >= START_SHARE * figures->open_count)
		ruling = RULING_RULED_IN;
	rival_say(out, ruling,
		  "%u of %u open connections were opened within 2 min of the %s; busy %s",
		  figures->start_count, figures->open_count,
		  figures->saw_start ? "start" : "start of the observation", busy);
}
