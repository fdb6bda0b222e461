/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all pools are at one moment: flat rows that no longer refer to table or detector, for
 * whoever draws, sends or keeps them.
 *
 * Every string of a sample is safe for a terminal and valid UTF-8; NULL = unknown. A sample owns
 * all that its rows point to.
 */
#ifndef CONNLEAK_SCREEN_SAMPLE_H
#define CONNLEAK_SCREEN_SAMPLE_H

#include "core/meter.h"
#include "core/table.h"
#include "core/verdict.h"

/* The course of OPEN: as many spans, as long as the meter's fine ones. */
#define SAMPLE_HISTORY_COUNT METER_FINE_COUNT
#define SAMPLE_HISTORY_NS METER_FINE_NS
#define SAMPLE_UNKNOWN UINT32_MAX /* of a span in which nothing was measured */

#define SAMPLE_SITES_MAX 8 /* a pool; what other sites opened is one nameless site more */

/* How a pool's limit is known. */
enum sample_limit { SAMPLE_LIMIT_NONE, SAMPLE_LIMIT_CONFIGURED, SAMPLE_LIMIT_LEARNED };

struct sample_site {
	const char *site; /* NULL = unknown, or one of too many */
	uint32_t open_count, stale_count;
};

/* The worst that is held against a pool. */
struct sample_verdict {
	uint64_t id; /* 0 = nothing is held against it; the rest is zero then */
	enum verdict_kind kind;
	enum verdict_state state; /* never VERDICT_CLEARED */
	enum severity severity;
	uint64_t since_ns;
	uint32_t suspect_count;
	double growth_per_hour; /* NAN = unknown, as the next three */
	double exhausts_in_s, exhausts_in_low_s, exhausts_in_high_s;
	const char *summary;
};

/* Each open connection is in exactly one of the five counts behind open_count. */
struct sample_row {
	struct client_id client;
	struct netaddr remote;
	uint32_t netns; /* 0 = unknown */
	const char *comm;
	const char *workload; /* one word for people: pod, container, unit or executable */
	const char *namespace, *pod, *container; /* Kubernetes */
	const char *unit; /* systemd */
	const char *exe; /* path */
	const char *endpoint; /* configured name */
	const char *database;
	uint32_t open_count;
	uint32_t connecting_count;
	uint32_t busy_count; /* an answer is owed to them */
	uint32_t idle_count;
	uint32_t stale_count; /* silent for longer than is benign in this pool */
	uint32_t peer_closed_count; /* closed by the server, not by the process */
	uint64_t limit; /* 0 = unknown; a configured one is that of the server, for all its clients
			 */
	enum sample_limit limit_kind;
	uint64_t first_ns; /* when the pool was first seen */
	struct pool_totals totals;
	double opens_per_s, closes_per_s, fails_per_s; /* of the last seconds; NAN = unknown */
	uint32_t history[SAMPLE_HISTORY_COUNT]; /* most open in each span; the last one is now's */
	struct sample_verdict verdict;
	const struct sample_site *sites; /* most open ones first */
	uint32_t site_count;
	bool exited; /* its process, or the pool, is gone: what it last was */
	uint64_t exited_ns; /* when that was noticed; 0 = it is there */
};

/* Records lost, by reason. */
struct sample_loss {
	const char *reason;
	uint64_t count;
};

struct sample {
	uint64_t now_ns;
	uint64_t since_ns; /* watching since */
	int64_t realtime_at_zero_ns; /* local wall clock at t = 0; 0 = unknown */
	uint64_t conn_count; /* open ones, in all rows */
	uint64_t lost_count;
	struct sample_loss *losses;
	uint32_t loss_count;
	struct sample_row *rows; /* in the order of the pools' creation, gone ones behind */
	uint32_t row_count, row_capacity;
	struct sample_arena *arena; /* what the pointers in here point to */
};

/* Accepts NULL. */
void sample_free(struct sample *sample);

/* Adds a reason for losses. Returns 0 or -ENOMEM. */
int sample_add_loss(struct sample *sample, const char *reason, uint64_t count);

/* For whoever builds one: an empty sample, zeroed rows that are added to it, and copies in it. */
struct sample *sample_new(void);
int sample_reserve(struct sample *sample, uint32_t row_count);
struct sample_row *sample_add_row(struct sample *sample); /* NULL: more than reserved */

/* Room that lives as long as the sample, zeroed; NULL when out of memory. */
void *sample_alloc(struct sample *sample, size_t bytes);

/*
 * A copy of text as the sample's strings have to be (format_safe()); NULL stays NULL. Returns 0 or
 * -ENOMEM.
 */
int sample_copy_text(struct sample *sample, const char *text, const char **ret_copy);

/* The same of a text that is safe already: escapes are not escaped once more. */
int sample_copy_safe(struct sample *sample, const char *text, const char **ret_copy);

/* The same pool, in two samples. */
bool sample_row_equal(const struct sample_row *a, const struct sample_row *b);
uint64_t sample_row_hash(const struct sample_row *row);

/* Since the observation began, all reasons together. */
uint64_t sample_failed_count(const struct sample_row *row);
uint64_t sample_closed_count(const struct sample_row *row);

/* "leak", "suspect" ...; NULL = nothing is held against it. */
const char *sample_verdict_word(const struct sample_verdict *verdict);

const char *sample_limit_name(enum sample_limit kind); /* "configured" */

#endif
