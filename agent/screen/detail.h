/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything about one pool at one moment: the evidence against it, what else could be the matter,
 * its course and its connections, as flat as a sample and with strings as safe.
 */
#ifndef CONNLEAK_SCREEN_DETAIL_H
#define CONNLEAK_SCREEN_DETAIL_H

#include "sample_take.h"

struct detail_rival {
	const char *title; /* "traffic spike" */
	enum ruling ruling;
	const char *text;
};

struct detail_conn {
	uint64_t id;
	const char *state; /* "established", "connecting", "peer_closed" */
	const char *group; /* what it is held to be: "suspect", "stale", "busy", "idle" ... */
	const char *site; /* where it was opened; NULL = unknown */
	const char *last_site; /* who sent on it last; NULL = unknown */
	const char *local; /* NULL = unknown */
	uint32_t tid; /* 0 = unknown */
	double age_s, idle_s;
	bool age_is_bound, idle_is_bound; /* at least that */
	uint64_t sent_bytes, received_bytes;
};

/* One span of the course; NAN = not measured. */
struct detail_span {
	double open, stale, busy; /* connections; busy on average, the others at most */
	double opens, closes; /* in that span */
};

#define DETAIL_SPANS_MAX 60

struct detail {
	struct sample_row pool; /* only what identifies it */
	const char **evidence; /* sentences */
	uint32_t evidence_count;
	struct detail_rival *rivals;
	uint32_t rival_count;
	struct detail_span spans[DETAIL_SPANS_MAX]; /* the last one ends now */
	uint32_t span_count;
	uint64_t begin_ns, span_ns; /* of the first one; length of each */
	uint64_t step_ns, step_until_ns; /* as struct timeline */
	struct detail_conn *conns; /* by site, the one with most first; in it the most idle first */
	uint32_t conn_count;
	struct sample *store; /* what the pointers in here point to */
};

/*
 * Of the pool that a row of a sample identifies. Returns 0; -ENOENT where it is gone; or -ENOMEM.
 * Free with detail_free(), which accepts NULL.
 */
int detail_take(const struct sample_scene *scene, const struct sample_row *row,
		struct detail **ret_detail);
void detail_free(struct detail *detail);

/* An empty one, to be filled by a decoder with strings of its store. NULL when out of memory. */
struct detail *detail_new(void);

/* Puts the connections in their order; what fills them calls it last. */
void detail_order(struct detail *detail);

#endif
