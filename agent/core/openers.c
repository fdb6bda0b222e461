// SPDX-License-Identifier: Apache-2.0
/*
 * A pool opens from one or two threads of its own; a program with a connection a thread opens each
 * from another one. Where each suspect was opened by a thread that opened nothing else in this
 * pool, the threads are the place to look: they end, and leave their connections behind.
 *
 * Where nobody has looked whether a thread has ended, one that is alive would do as well as a dead
 * one for what is counted, so these are figures for people and no test; that is deserted.c.
 *
 * Invariant: a thread id counts once. What has ended stays so; of a connection that another process
 * holds now the opener is not that process's. Does not see ids that the kernel has given out anew:
 * who looks for threads does.
 */
#include "openers.h"

#include <stdlib.h>

#define TIDS_MAX 256

bool openers_note(struct conn *conn, const struct event *event)
{
	if (event->opener == OPENER_UNKNOWN || conn->opener == OPENER_ENDED ||
	    conn->opener == OPENER_FOREIGN)
		return false;
	conn->opener = event->opener & OPENER_FOREIGN;
	return conn->opener == OPENER_ENDED;
}

static int compare(const void *a, const void *b)
{
	uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;

	return first < second ? -1 : first > second;
}

static uint32_t drop_equal(uint32_t *tids, uint32_t count)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++)
		if (kept == 0 || tids[i] != tids[kept - 1])
			tids[kept++] = tids[i];
	return kept;
}

void openers_count(const struct pool *pool, struct openers *ret_openers)
{
	bool has_another[TIDS_MAX] = {false};
	uint32_t tids[TIDS_MAX], count = 0;
	struct openers openers = {0};

	for (const struct conn *conn = pool->oldest; conn && count < TIDS_MAX;
	     conn = conn_newer(conn)) {
		if (!conn->is_suspect || conn->tid == 0)
			continue;
		tids[count++] = conn->tid;
		openers.ended_count += conn->opener == OPENER_ENDED;
	}
	openers.suspect_count = count;
	qsort(tids, count, sizeof(tids[0]), compare);
	count = drop_equal(tids, count);
	openers.thread_count = count;
	for (const struct conn *conn = pool->oldest; conn && count > 0; conn = conn_newer(conn)) {
		const uint32_t *found = NULL;
		uint32_t tid = conn->tid;

		if (!conn->is_suspect)
			found = bsearch(&tid, tids, count, sizeof(tids[0]), compare);
		if (found)
			has_another[found - tids] = true;
	}
	for (uint32_t i = 0; i < count; i++)
		openers.still_count += has_another[i];
	*ret_openers = openers;
}

bool openers_are_gone(const struct openers *openers)
{
	return openers->suspect_count >= 2 && openers->thread_count == openers->suspect_count &&
	       openers->still_count == 0;
}
