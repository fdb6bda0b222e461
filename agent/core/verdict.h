/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verdict: what is held against one pool, the evidence for it, and the sentence that says so.
 * It is complete in itself: a sink gets a const struct verdict and needs nothing else.
 */
#ifndef CONNLEAK_CORE_VERDICT_H
#define CONNLEAK_CORE_VERDICT_H

#include "kube.h"
#include "types.h"

enum verdict_kind {
	VERDICT_LEAK,
	VERDICT_EXHAUSTED,
	VERDICT_SATURATED,
	VERDICT_STORM,
	VERDICT_OVERSIZED,
	VERDICT_KIND_COUNT,
};

enum verdict_state { VERDICT_SUSPECT, VERDICT_RAISED, VERDICT_UPDATED, VERDICT_CLEARED };

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };

/* A figure that a person can check: a stable name for machines, a sentence for people. */
struct evidence {
	const char *name; /* static */
	char text[200];
};

/* What else could be the matter. */
enum rival {
	RIVAL_TRAFFIC_SPIKE,
	RIVAL_NETWORK,
	RIVAL_SLOW_DATABASE,
	RIVAL_POOL_TOO_SMALL,
	RIVAL_OVERSIZED,
	RIVAL_STORM,
	RIVAL_LEAK,
	RIVAL_COUNT,
};

enum ruling { RULING_CANNOT_TELL, RULING_RULED_OUT, RULING_RULED_IN };

/* One rival explanation, and the figures that decide about it. */
struct rival_ruling {
	enum rival rival;
	enum ruling ruling;
	char text[200];
	char brief[64]; /* a few words of it for the summary; "" = none */
};

#define VERDICT_EVIDENCE_MAX 12
#define VERDICT_SITES_MAX 8

struct verdict_site {
	char *site; /* owned */
	uint32_t open_count;
	uint32_t known_count; /* of how many suspects a site of this role is known at all */
	const char *role; /* static: "open" or "last_send" */
};

struct verdict {
	uint64_t t_ns;
	uint64_t id; /* one from suspect to cleared */
	enum verdict_kind kind;
	enum verdict_state state;
	enum severity severity;
	struct client_id client;
	char comm[COMM_SIZE]; /* raw bytes: escape before showing */
	uint32_t ns_pid; /* the client's pid in its own container; 0 = the same, or unknown */
	char workload[256]; /* "" = unknown */
	/* What Kubernetes calls its container: valid names (kube.h); "" = unknown. */
	char namespace[KUBE_LABEL_SIZE], pod[KUBE_POD_SIZE], container[KUBE_LABEL_SIZE];
	struct netaddr remote;
	char endpoint[64]; /* configured name; "" = none */
	char database[64]; /* "postgresql", or what the operator calls it; "" = unknown */
	uint32_t open_count;
	uint32_t stale_count;
	uint64_t limit; /* 0 = unknown */
	double growth_per_hour; /* NAN = unknown */
	double exhausts_in_s, exhausts_in_low_s, exhausts_in_high_s; /* NAN = unknown */
	uint64_t since_ns; /* when the oldest of the suspects fell silent, or the evidence began */
	uint64_t *suspects; /* ids of exactly the connections held to be leaked; owned */
	uint16_t *suspect_ports; /* their local ports, 0 = unknown; part of suspects; NULL = none */
	uint32_t suspect_count;
	struct verdict_site sites[VERDICT_SITES_MAX];
	uint32_t site_count;
	struct evidence evidence[VERDICT_EVIDENCE_MAX];
	uint32_t evidence_count;
	struct rival_ruling rivals[RIVAL_COUNT]; /* all but the verdict's own kind */
	uint32_t rival_count; /* 0 = not looked at */
	char summary[1024]; /* one line, terminal-safe */
};

const char *verdict_kind_name(enum verdict_kind kind); /* "leak" */
const char *verdict_state_name(enum verdict_state state); /* "raised" */
const char *severity_name(enum severity severity); /* "warning" */
const char *rival_name(enum rival rival); /* "traffic_spike" */
const char *rival_title(enum rival rival); /* "traffic spike" */
const char *ruling_name(enum ruling ruling); /* "ruled_out" */
const char *ruling_title(enum ruling ruling); /* "ruled out" */

/* Parses "leak" etc. Returns false when the word is none of them. */
bool verdict_kind_parse(const char *word, enum verdict_kind *ret_kind);

/* Appends a piece of evidence, printf style; beyond VERDICT_EVIDENCE_MAX it is dropped. */
void verdict_add_evidence(struct verdict *verdict, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Drops the suspects and makes room for so many new ones. Returns 0 or -ENOMEM. */
int verdict_make_room(struct verdict *verdict, uint32_t count);
/* Names one more; there must be room. port: its local one. */
void verdict_name(struct verdict *verdict, uint64_t conn, uint16_t port);

/* A copy that owns its own parts. Returns 0 or -ENOMEM. */
int verdict_copy(const struct verdict *verdict, struct verdict *ret_copy);

/* Frees what the verdict owns and zeroes it. */
void verdict_clear(struct verdict *verdict);

/*
 * The one that is shown where there is room for one: the more severe; of equals what an operator
 * has to know first, that a pool is exhausted before that it leaks. NULL where both are.
 */
const struct verdict *verdict_worse(const struct verdict *a, const struct verdict *b);

#endif
