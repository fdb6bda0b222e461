/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the judgement of a pool is: open while something happens to the pool, packed while it
 * rests. There can be ten thousand pools, and few at a time of which there is anything to say.
 */
#ifndef CONNLEAK_CORE_DOSSIER_H
#define CONNLEAK_CORE_DOSSIER_H

#include <stdbool.h>
#include <stdint.h>

#include "fleet.h"

struct judgement;
struct pool;

/*
 * Those of so many pools are open: a host that has no more pays no time for it. Where there are
 * many pools, few are: the next change is of another one anyway.
 */
#define DOSSIERS_OPEN 128
#define DOSSIERS_MANY 1024
#define DOSSIERS_OPEN_OF_MANY 8

struct dossier {
	struct pool *pool;
	struct dossier *next, *prev; /* all of the detector, the latest to come first */
	struct judgement *judgement; /* owned; NULL = it is packed */
	uint8_t *packed; /* owned; NULL = it is open */
	struct membership membership;
	uint32_t counted_open; /* its part of the server's open_count */
	bool is_listed; /* in dossiers->open */
	bool has_tested; /* an open, since its silent connections were counted (spread.c) */
};

/* Zeroed memory is a detector without pools. */
struct dossiers {
	struct dossier *first;
	struct dossier *open[DOSSIERS_OPEN]; /* a ring, the oldest at position; NULL = no longer */
	uint32_t position;
	uint32_t count;
	bool keeps_open; /* none is packed: memory is no matter, and time is */
	struct judgement *spare; /* owned; NULL = none */
};

/* One with an empty judgement, which pool points to. NULL when out of memory. */
struct dossier *dossier_new(struct dossiers *dossiers, struct pool *pool);

/* Frees its judgement with all that it owns; it has left its fleet and nothing stands any more. */
void dossier_free(struct dossiers *dossiers, struct dossier *dossier);

/*
 * The judgement, to be changed; valid until another one is opened. One of which a verdict stands
 * is never packed. NULL when out of memory.
 */
struct judgement *dossier_open(struct dossiers *dossiers, struct dossier *dossier);

/*
 * The same, for once: dossier_leave() packs it again, while it is still in the processor's cache,
 * where nothing else has opened it. No other one may be visited meanwhile.
 */
struct judgement *dossier_visit(struct dossiers *dossiers, struct dossier *dossier);
void dossier_leave(struct dossiers *dossiers, struct dossier *dossier);

/*
 * Has the processor fetch what visits to this one and those that come next begin with. Returns how
 * many these are, so that it is called again after as many.
 */
unsigned int dossier_expect(const struct dossier *dossier);

/*
 * The judgement, to be looked at, where need be in *room: changes are lost then, but what it owns
 * is the same. Valid until the dossier changes.
 */
struct judgement *dossier_look(const struct dossier *dossier, struct judgement *room);

/* True when a leak of the pool is suspected or raised. */
bool dossier_is_suspected(const struct dossier *dossier);

/* Frees what is kept to be used again; all dossiers have been freed. */
void dossiers_clear(struct dossiers *dossiers);

#endif
