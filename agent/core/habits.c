// SPDX-License-Identifier: Apache-2.0
/*
 * Connections that are used once and then silent look the same whether each belongs to somebody (a
 * listener per websocket) or to nobody (a connection per request, forgotten). What the pool's other
 * connections did tells them apart only when it is old enough for those of the same kind to be
 * among them; else time does, for sessions end.
 *
 * With sessions of the mean length m, silence of E in sum and no end has the odds exp(-E/m) in
 * health, so the suspects' silence, summed up, must reach EXPOSURE. Nobody knows m in advance, but
 * a process holds only so many sessions at a time: where they come at a steady rate and level off
 * at N, the odds that n of them are open and none has ended are exp(-n * n / 2N). For odds of 1
 * to 200, 12 suspects are enough for N = 14, 20 for N = 38, 35 for N = 116, whatever their length.
 * Where the endpoint takes no more than so many, N is no more than that either. Several processes
 * of a workload hold so many times as many sessions together, so n grows with the root of that.
 * Those that the server has closed count as if as many had ended: a listener would have woken up.
 *
 * Invariant: looks at connections marked is_suspect only. Does not mark and does not decide.
 */
#include "habits.h"

#include <math.h>

#define COUNT_ENDING 12 /* where as many others have come back or been closed */
#define COUNT_ENDLESS 20 /* where hardly anything ever ends, so nothing says that they would */
#define LOG_ODDS 5.3 /* ln 200 */

static uint32_t count_used_once(const struct judgement *judgement)
{
	uint32_t left = judgement->leak.suspect_count, once_count = 0;

	for (const struct conn *conn = judgement->pool->oldest; conn && left > 0;
	     conn = conn_newer(conn)) {
		if (!conn->is_suspect)
			continue;
		left--;
		once_count += !conn->has_returned;
	}
	return once_count;
}

bool habits_vouch(const struct judgement *judgement, const struct finding *finding)
{
	uint32_t once_count = count_used_once(judgement);

	if (2 * once_count < judgement->leak.suspect_count)
		return true;
	return once_count <= judgement->returned_count &&
	       finding->began_ns - judgement->pool->first_ns >= HABITS_COLD_NS;
}

static uint64_t sum_silence_ns(const struct judgement *judgement, uint64_t t_ns)
{
	uint32_t left = judgement->leak.suspect_count;
	uint64_t sum_ns = 0;

	for (const struct conn *conn = judgement->pool->oldest; conn && left > 0;
	     conn = conn_newer(conn)) {
		if (!conn->is_suspect)
			continue;
		left--;
		if (__builtin_add_overflow(sum_ns, conn_silence_ns(conn, t_ns), &sum_ns))
			return UINT64_MAX;
	}
	return sum_ns;
}

static uint32_t count_peer_closed(const struct judgement *judgement)
{
	uint32_t left = judgement->leak.suspect_count, closed_count = 0;

	for (const struct conn *conn = judgement->pool->oldest; conn && left > 0;
	     conn = conn_newer(conn)) {
		if (!conn->is_suspect)
			continue;
		left--;
		closed_count += conn->state == CONN_PEER_CLOSED;
	}
	return closed_count;
}

bool habits_outlast(uint64_t exposure_ns, uint32_t count, uint64_t ended_count, uint64_t silence_ns)
{
	if (exposure_ns == 0 || count >= HABITS_CERTAIN)
		return true;
	return count >= (ended_count >= count ? COUNT_ENDING : COUNT_ENDLESS) &&
	       silence_ns >= exposure_ns;
}

/* So many without an end are more than chance leaves open of as many sessions as there can be. */
static uint32_t certain_count(uint64_t limit, uint32_t process_count)
{
	double count = HABITS_CERTAIN * sqrt(process_count);

	if (limit > 0)
		count = fmin(count, sqrt(2 * LOG_ODDS * (double)limit));
	return count < COUNT_ENDLESS ? COUNT_ENDLESS : (uint32_t)ceil(count);
}

bool habits_outlast_together(uint64_t exposure_ns, uint32_t process_count, uint64_t limit,
			     uint32_t count, uint64_t silence_ns)
{
	if (count >= certain_count(limit, process_count))
		return true;
	return count >= COUNT_ENDLESS * sqrt(process_count) && silence_ns >= exposure_ns;
}

uint64_t habits_ended_count(const struct judgement *judgement)
{
	return judgement->returned_count +
	       totals_count_of(judgement->pool, COUNT_CLOSED + CLOSE_LOCAL) +
	       totals_count_of(judgement->pool, COUNT_CLOSED + CLOSE_PEER);
}

bool habits_are_outlasted(const struct judgement *judgement, const struct finding *finding,
			  uint64_t limit, uint64_t exposure_ns, uint64_t t_ns)
{
	uint64_t ended_count = habits_ended_count(judgement);
	uint32_t count = judgement->leak.suspect_count + finding->elsewhere;

	if (count >= certain_count(limit, 1))
		return true;
	ended_count += count_peer_closed(judgement);
	return habits_outlast(exposure_ns, count, ended_count, sum_silence_ns(judgement, t_ns));
}
