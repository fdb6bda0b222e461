/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules on rivals share: the words of a ruling, and the figures that more than one looks
 * at. Private to rival.c, rival_path.c and rival_size.c.
 */
#ifndef CONNLEAK_CORE_RIVAL_RULE_H
#define CONNLEAK_CORE_RIVAL_RULE_H

#include "rival.h"

/* Six spans of the meter; less is mostly the start-up of the pool. */
#define RIVAL_BEFORE_MIN_NS (60 * NS_PER_SEC)
/* A count of ten is known to within two thirds; fewer say nothing. */
#define RIVAL_COUNT_MIN 10
/* Few enough to be a coincidence. */
#define RIVAL_EVENTS_MIN 3
/* So few silent connections that they are no matter. */
#define RIVAL_STALE_FEW 0.1

#define RIVAL_DURATION_SIZE 32
#define RIVAL_CHANGE_SIZE 16

void rival_rule_traffic(const struct rival_figures *figures, struct rival_ruling *out);
void rival_rule_network(const struct rival_figures *figures, struct rival_ruling *out);
void rival_rule_database(const struct rival_figures *figures, struct rival_ruling *out);
void rival_rule_too_small(const struct rival_figures *figures, struct rival_ruling *out);
void rival_rule_oversized(const struct rival_figures *figures, struct rival_ruling *out);
void rival_rule_storm(const struct rival_figures *figures, struct rival_ruling *out);
void rival_rule_leak(const struct rival_figures *figures, struct rival_ruling *out);

/* Makes the ruling, with its sentence. */
void rival_say(struct rival_ruling *out, enum ruling ruling, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Sets what is short enough to stand in the summary. */
void rival_brief(struct rival_ruling *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* False, with the ruling made, where there is too little to compare with. */
bool rival_has_history(const struct rival_figures *figures, struct rival_ruling *out);

/* False, with the ruling made, where the times are too coarse to see who waits for an answer. */
bool rival_has_clock(const struct rival_figures *figures, struct rival_ruling *out);

/* "+2%", "x12"; buffer has RIVAL_CHANGE_SIZE. */
const char *rival_change(double ratio, char *buffer);

/* Share of the open connections that are silent; 0 where none is open. */
double rival_stale_share(const struct rival_figures *figures);

/* The busy share of those that are not silent: a leak must not make the rest look idle. */
double rival_live_busy(const struct rival_figures *figures);

#endif
