/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet is all processes of one workload on this host that talk to one server: prefork workers,
 * replicas, and one after the other the processes of each deploy. Their pools are judged one by
 * one; what only shows in the sum, or in comparison with the process before, is found here.
 *
 *	fleets --< server (remote) --< fleet (workload, remote) --< pool's judgement
 *
 * A fleet outlives its processes, for the sake of what is known of them: its baseline.
 */
#ifndef CONNLEAK_CORE_FLEET_H
#define CONNLEAK_CORE_FLEET_H

#include "eprocess.h"
#include "index.h"
#include "meter.h"
#include "table.h"

struct bench;
struct dossier;
struct judgement;
struct moment;
struct settings;

#define FLEET_KEY_SIZE 256
#define FLEET_SCALES 2

/* What the processes of a workload have been like; plain data, to be kept over a restart. */
struct baseline {
	char workload[FLEET_KEY_SIZE]; /* fleet_key() of a process */
	struct netaddr remote;
	uint32_t netns; /* 0 unless remote is a loopback address */
	uint32_t plateau; /* most connections that one process kept for a minute; 0 = unknown */
	uint32_t plateau_before; /* the same of the epoch before */
	double rate; /* most bytes a second that one process sent, over minutes */
	double busy; /* share of connections to which an answer was owed, over minutes; 0 to 1 */
	uint64_t epoch_ns; /* when plateau began to be measured */
	uint64_t known_ns; /* when the last process left */
	uint64_t joined_ns; /* and when that one had come; 0 = before the observation */
};

/* One of each remote address. */
struct server {
	struct index_link link;
	struct netaddr remote;
	uint32_t netns;
	uint32_t fleet_count;
	uint32_t limit; /* configured; 0 = none */
	uint32_t open_count; /* of this host, as of the last tick */
	uint32_t suspect_count; /* pools that are suspected or worse, the same */
	double growth_per_hour; /* of all leaks that are raised */
	uint64_t early_close_count; /* closes by the server within 1 s, of all pools there are */
	struct dossier *largest; /* the same */
	uint32_t refused_count; /* pools that it turns away, as of the tick before (refusal.c) */
	uint32_t refused_now; /* the same of this tick, as far as they were reviewed */
	uint64_t turned_away_ns; /* when it last turned one away; 0 = never */
	uint64_t refused_ns; /* this tick */
	const struct dossier *refusal_teller; /* whose verdict says so; NULL = none */
	uint64_t served_ns; /* when the last such verdict was cleared; 0 = never */
};

struct fleet {
	struct index_link link;
	struct fleet *next, *prev; /* all, the one that emptied last first */
	struct server *server;
	struct dossier *first; /* by membership.next, the latest to come first */
	uint32_t member_count;
	struct dossier *leader; /* the one with most of the stock; NULL = none */
	uint32_t stock, holder_count; /* silent connections, and processes that have them */
	struct eprocess scales[FLEET_SCALES];
	/* What is known of the processes that have left; owned; NULL = nothing: fleet_baseline().
	 */
	struct baseline *baseline;
	/* What the process did that left last, of those observed for as long as a comparison needs;
	 * owned; NULL = none yet. */
	struct meter_figures *former;
	uint64_t longest_quiet_ns; /* longest pause of the processes that have left */
	char workload[]; /* fleet_key() of each */
};

/* What the others of the fleet see of a pool: part of its dossier. Zeroed memory is of no fleet. */
struct membership {
	struct fleet *fleet;
	struct dossier *next, *prev;
	uint64_t joined_ns;
	uint32_t stock; /* silent connections at the last open tested */
	uint32_t base; /* the most of these in its first ten minutes */
};

/* What a process has been like, for those who come after it: part of its judgement. */
struct career {
	uint32_t first_count; /* most connections open in its first seconds */
	uint32_t settled; /* most that were open for a minute without growth */
	uint64_t early_close_count; /* of the server, on the tick before it came */
	float busy, rate_peak;
	bool began_before; /* it was watched, so how it began is not known */
};

struct fleets;

/* Returns NULL when out of memory. Free with fleets_free(), when all have left. */
struct fleets *fleets_new(void);
void fleets_free(struct fleets *fleets);

/* To be called with a new dossier. Returns 0 or -ENOMEM. */
int fleet_join(struct bench *bench, struct dossier *dossier, uint64_t t_ns);

/* Looks up what the server of its pool is configured to take; for all members after a reload. */
void fleet_take_limit(const struct bench *bench, const struct dossier *dossier);

/*
 * Leaves what is known of the process with the fleet: its judgement. Accepts a dossier that belongs
 * to none.
 */
void fleet_leave(struct bench *bench, struct dossier *dossier, const struct judgement *judgement,
		 uint64_t t_ns);

/* To be called on each tick, before the pools are reviewed. */
void fleets_advance(struct bench *bench, const struct moment *moment);

/* To be called on each tick for each pool, before it is reviewed. */
void fleet_follow(struct judgement *judgement, const struct settings *settings, uint64_t t_ns);

/* "name of the workload" as far as a socket's owner shows it, for struct baseline. */
const char *fleet_key(const struct client *client, char *buffer, size_t size);

/* All zero where nothing is known. */
const struct baseline *fleet_baseline(const struct fleet *fleet);

/* The first fleet, then fleet->next, for those who keep baselines. */
const struct fleet *fleets_first(const struct fleets *fleets);

/* Takes what was kept. Returns 0, -EINVAL for one without workload or address, -ENOMEM, -ENOSPC. */
int fleets_import(struct fleets *fleets, const struct baseline *baseline);

#endif
