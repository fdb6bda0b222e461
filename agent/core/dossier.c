// SPDX-License-Identifier: Apache-2.0
/*
 * A judgement is four thousand bytes, of which four hundred to seven hundred are not zero. So those
 * that nothing has happened to for the longest time are packed: no test knows of it, and none has
 * to be written with its memory in mind.
 *
 * Invariant: either judgement or packed is set, and both only during a visit, for which packed is
 * room. One with a verdict is open, for evidence refers to the test that it is of, by its address.
 * Does not know what is in a judgement.
 */
#include "dossier.h"

#include <stdlib.h>
#include <string.h>

#include "judgement.h"
#include "parcel.h"
#include "states.h"

/* Most that are packed are not longer. */
#define EXPECTED_SIZE 640
/* So much fits into the first cache, beside what a visit needs. */
#define EXPECTED_POOLS 8
#define EXPECTED_CONNS 12
#define CACHE_LINE 64

_Static_assert(sizeof(struct judgement) % PARCEL_UNIT == 0, "it can be packed");

/* --- packed and open -------------------------------------------------------------------------- */

static bool may_rest(const struct judgement *judgement)
{
	return judgement->leak.stage == LEAK_NONE && !states_stand(judgement);
}

static void give_back(struct dossiers *dossiers, struct judgement *judgement)
{
	if (dossiers->spare)
		free(judgement);
	else
		dossiers->spare = judgement;
}

static void drop_packed(struct dossier *dossier)
{
	free(dossier->packed);
	dossier->packed = NULL;
}

/* Without memory it stays open, until it has been opened again and is the oldest once more. */
static void pack(struct dossiers *dossiers, struct dossier *dossier)
{
	struct judgement *judgement = dossier->judgement;
	uint8_t packed[PARCEL_MAX(sizeof(*judgement))], *room;
	size_t length;

	/* These are known without it. */
	judgement->dossier = NULL;
	judgement->pool = NULL;
	length = parcel_pack(judgement, sizeof(*judgement), packed);
	room = realloc(dossier->packed, length);
	if (!room) {
		judgement->dossier = dossier;
		judgement->pool = dossier->pool;
		drop_packed(dossier);
		return;
	}
	memcpy(room, packed, length);
	dossier->packed = room;
	dossier->judgement = NULL;
	give_back(dossiers, judgement);
}

static void unpack(const struct dossier *dossier, struct judgement *ret_judgement)
{
	parcel_unpack(dossier->packed, ret_judgement, sizeof(*ret_judgement));
	ret_judgement->dossier = dossier;
	ret_judgement->pool = dossier->pool;
}

/* There may be nobody, or one that there was no memory to open. */
static void close_at(struct dossiers *dossiers, uint32_t position)
{
	struct dossier **place = &dossiers->open[position % DOSSIERS_OPEN];
	struct dossier *dossier = *place;

	*place = NULL;
	if (!dossier)
		return;
	dossier->is_listed = false;
	if (dossier->judgement && may_rest(dossier->judgement))
		pack(dossiers, dossier);
}

/* In place of the one that was opened longest ago. */
static void note_open(struct dossiers *dossiers, struct dossier *dossier)
{
	uint32_t position = dossiers->position++;

	close_at(dossiers, position);
	if (dossiers->count > DOSSIERS_MANY)
		close_at(dossiers, position - DOSSIERS_OPEN_OF_MANY);
	dossier->is_listed = true;
	dossiers->open[position % DOSSIERS_OPEN] = dossier;
}

struct judgement *dossier_visit(struct dossiers *dossiers, struct dossier *dossier)
{
	struct judgement *judgement;

	if (dossier->judgement)
		return dossier->judgement;
	judgement = dossiers->spare ? dossiers->spare : malloc(sizeof(*judgement));
	dossiers->spare = NULL;
	if (!judgement)
		return NULL;
	unpack(dossier, judgement);
	dossier->judgement = judgement;
	return judgement;
}

void dossier_leave(struct dossiers *dossiers, struct dossier *dossier)
{
	if (dossier->is_listed || dossiers->keeps_open)
		return;
	if (may_rest(dossier->judgement))
		pack(dossiers, dossier);
	else
		drop_packed(dossier);
}

/*
 * Each connection of a pool is only found from the one before it, in memory that is in no cache: so
 * they are gone through step by step in all of these pools at once.
 */
unsigned int dossier_expect(const struct dossier *dossier)
{
	const struct conn *conns[EXPECTED_POOLS];
	unsigned int count = 0;

	for (; dossier && count < EXPECTED_POOLS; dossier = dossier->next) {
		conns[count++] = dossier->pool->oldest;
		for (size_t at = 0; dossier->packed && at < EXPECTED_SIZE; at += CACHE_LINE)
			__builtin_prefetch(dossier->packed + at);
	}
	for (unsigned int step = 0; step < EXPECTED_CONNS; step++)
		for (unsigned int i = 0; i < count; i++) {
			if (!conns[i])
				continue;
			conns[i] = conn_newer(conns[i]);
			__builtin_prefetch(conns[i]);
		}
	return count;
}

struct judgement *dossier_open(struct dossiers *dossiers, struct dossier *dossier)
{
	struct judgement *judgement;

	if (!dossier->is_listed && !dossiers->keeps_open)
		note_open(dossiers, dossier);
	judgement = dossier_visit(dossiers, dossier);
	if (judgement)
		drop_packed(dossier);
	return judgement;
}

struct judgement *dossier_look(const struct dossier *dossier, struct judgement *room)
{
	if (dossier->judgement)
		return dossier->judgement;
	unpack(dossier, room);
	return room;
}

bool dossier_is_suspected(const struct dossier *dossier)
{
	return dossier->judgement && dossier->judgement->leak.stage != LEAK_NONE;
}

/* --- coming and going ------------------------------------------------------------------------- */

struct dossier *dossier_new(struct dossiers *dossiers, struct pool *pool)
{
	struct dossier *dossier = calloc(1, sizeof(*dossier));

	if (!dossier)
		return NULL;
	dossier->judgement = calloc(1, sizeof(*dossier->judgement));
	if (!dossier->judgement) {
		free(dossier);
		return NULL;
	}
	dossier->judgement->dossier = dossier;
	dossier->judgement->pool = pool;
	dossier->pool = pool;
	dossier->next = dossiers->first;
	if (dossier->next)
		dossier->next->prev = dossier;
	dossiers->first = dossier;
	dossiers->count++;
	pool->dossier = dossier;
	return dossier;
}

static void forget_open(struct dossiers *dossiers, const struct dossier *dossier)
{
	for (unsigned int i = 0; i < DOSSIERS_OPEN; i++)
		if (dossiers->open[i] == dossier)
			dossiers->open[i] = NULL;
}

void dossier_free(struct dossiers *dossiers, struct dossier *dossier)
{
	struct judgement room;

	judgement_clear(dossier_look(dossier, &room));
	if (dossier->is_listed)
		forget_open(dossiers, dossier);
	if (dossier->judgement)
		give_back(dossiers, dossier->judgement);
	free(dossier->packed);
	if (dossier->prev)
		dossier->prev->next = dossier->next;
	else
		dossiers->first = dossier->next;
	if (dossier->next)
		dossier->next->prev = dossier->prev;
	dossier->pool->dossier = NULL;
	dossiers->count--;
	free(dossier);
}

void dossiers_clear(struct dossiers *dossiers)
{
	free(dossiers->spare);
	dossiers->spare = NULL;
}
