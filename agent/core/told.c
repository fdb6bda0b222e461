// SPDX-License-Identifier: Apache-2.0
/*
 * A leak is raised when it is certain that there is one, and not when all of it is known: in the
 * minute after, those are found that fell silent last. Who reads the lines has to learn whom they
 * name, yet not of each connection by itself: a leak of one a minute out of a pool of 100 makes a
 * dozen lines.
 *
 * Invariant: conn->was_told is set on those of the pool that the last line named and that are still
 * open, and gone_count is what of them has no mark.
 * Does not mark and does not know what a change of severity is worth (leak.c).
 */
#include "told.h"

/* Beyond a handful one more is no news, however few there were. */
#define CHANGE_MIN 2
/* Nobody waits for what is years away. */
#define ENDS_MAX_S 1e9

void told_take(struct told *told, const struct pool *pool, uint32_t elsewhere_count, double ends_s,
	       uint64_t t_ns)
{
	told->count = elsewhere_count;
	told->elsewhere_count = elsewhere_count;
	told->gone_count = 0;
	told->t_ns = t_ns;
	told->ends_ns = ends_s > 0 && ends_s < ENDS_MAX_S
				? t_ns + (uint64_t)(ends_s * (double)NS_PER_SEC)
				: 0;
	for (struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
		conn->was_told = conn->is_suspect;
		told->count += conn->is_suspect;
	}
}

void told_observe(struct told *told, const struct conn *conn)
{
	if (!conn->was_told)
		return;
	if (!conn->is_suspect)
		told->gone_count++;
	else if (told->gone_count > 0)
		told->gone_count--;
}

bool told_is_news(const struct told *told, const struct settings *settings, uint32_t marked_count,
		  uint32_t elsewhere_count, uint64_t t_ns)
{
	uint32_t gone = told->gone_count, now = marked_count + elsewhere_count, added;
	bool has_followed = told->t_ns - told->raised_ns >= settings->update_ns;
	uint64_t since_ns = t_ns - (has_followed ? told->t_ns : told->raised_ns);
	double change = settings->update_share * told->count;

	if (elsewhere_count < told->elsewhere_count)
		gone += told->elsewhere_count - elsewhere_count;
	added = now + gone - told->count;
	if (since_ns < settings->update_ns)
		return false;
	if (told->ends_ns > 0 && t_ns > told->ends_ns)
		return true;
	if (added == 0 && gone == 0)
		return false;
	if (!has_followed || (gone > 0 && since_ns >= settings->update_rest_ns))
		return true;
	if (change < CHANGE_MIN)
		change = CHANGE_MIN;
	return added >= change || gone >= change;
}
