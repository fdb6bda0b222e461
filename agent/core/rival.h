/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that hold rival explanations of a verdict against figures, one function a rival, by the
 * table "what rules each cause in or out". Figures in, ruling and sentence out; nothing else.
 */
#ifndef CONNLEAK_CORE_RIVAL_H
#define CONNLEAK_CORE_RIVAL_H

#include "meter.h"
#include "settings.h"
#include "verdict.h"

/* What is known of a pool when a verdict on it is made; filled by differential_measure(). */
struct rival_figures {
	const struct settings *settings; /* what the verdicts go by; never NULL */
	struct meter_figures before; /* the evidence began */
	struct meter_figures since;
	bool is_halves; /* no history before it: first and second half of the observation instead */
	bool is_former; /* the same: the process before it in the workload instead */
	uint64_t history_ns; /* how long the pool was observed before the evidence began */
	uint64_t observed_ns; /* in all */
	uint64_t stale_limit_ns; /* silent for longer than this is stale */
	uint32_t open_count, stale_count; /* now */
	double busy; /* share of the open ones that are owed an answer, last minute; NAN = unknown
		      */
	uint32_t late_stale_count; /* of the stale: opened after the start of the pool */
	uint32_t worked_late_count; /* of the stale: at work after the start of the pool */
	uint32_t start_count; /* of the open: opened at the start */
	uint32_t owed_count; /* connections whose answer has been owed for long */
	bool clock_is_coarse; /* busy shares and exchange times cannot be told */
	bool is_one_way; /* more may be owed than shows (dbkind_one_way_bitmap()) */
	bool saw_start; /* no connection is older than the observation */
	uint32_t other_count, other_bad_count; /* pools to other endpoints; whose path is bad */
	uint64_t lost_count; /* records lost since the evidence began */
	uint32_t suspect_count; /* named by a leak verdict or suspicion of the pool */
	bool is_leak; /* a leak verdict stands on the pool */
};

/* What counts as the start of a pool: minIdle and warm-up are done within two minutes. */
#define RIVAL_START_NS (120 * NS_PER_SEC)

/* Rules on one rival. Always sets all of *ret_ruling. */
void rival_rule(const struct rival_figures *figures, enum rival rival,
		struct rival_ruling *ret_ruling);

/* Whether the figures of one pool show a bad path: lost SYNs, no route, segments sent again. */
bool rival_path_is_bad(const struct meter_figures *since);

/* The same against the pool's own history: then it pays to ask how other endpoints fare. */
bool rival_network_is_bad(const struct rival_figures *figures);

#endif
