/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a verdict that is about a state of the whole pool: raised once it holds, updated when
 * its severity changes, cleared once it is over, under one id.
 */
#ifndef CONNLEAK_CORE_STANDING_H
#define CONNLEAK_CORE_STANDING_H

#include "verdict.h"

struct bench;
struct judgement;

/* Zeroed memory is a verdict that does not stand. */
struct standing {
	struct verdict *verdict; /* as of the last tick; owned; NULL = does not stand */
	/* Since when its condition is met, and while it stands, what ends it; 0 = it is not. */
	uint64_t since_ns;
};

/* Whether is_met has been true at every call for at least span_ns; keeps count in *since_ns. */
bool standing_lasts(uint64_t *since_ns, bool is_met, uint64_t t_ns, uint64_t span_ns);

/* Fills *ret_draft with all that the pool itself says: subject, counts, limit. Owns nothing yet. */
void standing_draft(const struct bench *bench, const struct judgement *judgement,
		    enum verdict_kind kind, uint64_t t_ns, struct verdict *ret_draft);

/*
 * Takes over draft (and frees it on error). Says "raised" the first time, "updated" when the
 * severity is another one, and otherwise only remembers it for those who ask.
 * Returns 0 or -ENOMEM.
 */
int standing_tell(struct bench *bench, struct standing *standing, struct verdict *draft);

/* Says that it is over; reason is the rest of the sentence. Returns 0 or -ENOMEM. */
int standing_clear(struct bench *bench, struct standing *standing, uint64_t t_ns,
		   const char *reason, ...) __attribute__((format(printf, 4, 5)));

/* Silently. */
void standing_destroy(struct bench *bench, struct standing *standing);

#endif
