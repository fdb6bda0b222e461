/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connections a leak verdict names: those marked is_suspect.
 */
#ifndef CONNLEAK_CORE_MARKS_H
#define CONNLEAK_CORE_MARKS_H

#include "judgement.h"

/* Marks what the evidence is about, as far as the finding's excess goes. */
void marks_add(struct judgement *judgement, const struct finding *finding,
	       const struct losses *losses);

/* Marks what belongs to it as well where the finding is worth a leak. */
void marks_add_proven(struct judgement *judgement, const struct finding *finding,
		      const struct moment *moment);

/* Marks what belongs to it as well once the leak is raised: it changes no decision any more. */
void marks_add_raised(struct judgement *judgement, const struct finding *finding,
		      const struct moment *moment);

/*
 * Marks what a leak verdict named before the observation began, and nobody has used since: this
 * run's evidence begins later than the leak. To be called when the leak is raised.
 */
void marks_add_kept(struct judgement *judgement);

/*
 * Marks what the exhausted verdict of the pool names, where one stands: a pool that opens no more
 * is not tested at opens any more, and what it leaked last is never counted there.
 */
void marks_add_exhausted(struct judgement *judgement, const struct table *table);

/* Whether half of what is marked are spares: opened at one time with one that works, never used. */
bool marks_are_spares(const struct judgement *judgement);

/* Does nothing where there is no mark. */
void marks_remove(struct leak *leak, struct conn *conn);

/* What was named has been used again. Counts each connection once, and not while it is marked. */
void marks_note_return(struct leak *leak, struct conn *conn);

/* Removes all, and forgets which have come back. */
void marks_clear(struct judgement *judgement);

#endif
