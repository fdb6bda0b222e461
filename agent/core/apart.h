/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the silent connections rest together, apart from a leak that goes on one by one.
 */
#ifndef CONNLEAK_CORE_APART_H
#define CONNLEAK_CORE_APART_H

#include "finding.h"

/* Zeroed: nothing rests. */
struct apart {
	bool is_known; /* what was opened in place of another and never used rests as well */
	int64_t until_ns; /* the last of them had fallen silent by then; INT64_MIN = there are none
			   */
	int64_t gap_ns; /* from there to the first of the others */
};

/* Looks among the silent connections under limits; O(these). */
void apart_find(struct apart *ret_apart, const struct pool *pool, const struct stock_limits *limits,
		const struct losses *losses);

/* Where a test picks its connections itself, or all of them are left, it knows better. */
static inline bool apart_is_asked(const struct finding *finding)
{
	return finding->limits.kind == STOCK_IDLE && !finding->counts && !finding->is_one_time;
}

/* Opened in place of one that was retired, and never used since: nobody has had it in hand. */
static inline bool apart_is_spare(const struct conn *conn)
{
	return conn->is_replacement && !conn->has_returned;
}

/* What the server has closed does not rest: the process has forgotten it. */
static inline bool apart_has(const struct apart *apart, const struct conn *conn)
{
	return apart->is_known && conn->state == CONN_OPEN &&
	       (apart_is_spare(conn) || conn->last_active_ns <= apart->until_ns);
}

#endif
