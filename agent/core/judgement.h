/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the detector has learned of one pool, and the surroundings in which it judges.
 */
#ifndef CONNLEAK_CORE_JUDGEMENT_H
#define CONNLEAK_CORE_JUDGEMENT_H

#include "closewait.h"
#include "coverage.h"
#include "credit.h"
#include "dossier.h"
#include "evictions.h"
#include "exhausted.h"
#include "failover.h"
#include "fleet.h"
#include "heartbeat.h"
#include "keepalive.h"
#include "meter.h"
#include "opens.h"
#include "overdue.h"
#include "oversized.h"
#include "passed.h"
#include "plateau.h"
#include "retirement.h"
#include "saturated.h"
#include "storm.h"
#include "told.h"
#include "verdict_queue.h"

struct dbkind;
struct deserted;
struct inherited;

/* One for the detector; borrowed by everything that judges. */
struct bench {
	const struct settings *settings;
	const struct dbkind *databases; /* NULL = none */
	struct table *table;
	struct fleets *fleets;
	struct losses losses;
	struct verdict_queue queue;
	int64_t realtime_at_zero_ns;
	uint64_t last_id;
	uint32_t standing_count[VERDICT_KIND_COUNT];
};

enum leak_stage { LEAK_NONE, LEAK_SUSPECT, LEAK_RAISED };

/* The state of a pool's leak verdict (leak.c). */
struct leak {
	enum leak_stage stage;
	struct verdict *verdict; /* the last line; owned; NULL in LEAK_NONE */
	double peak; /* highest e-value since it is suspect, up to A */
	uint64_t suspect_ns; /* since when it is suspect */
	uint64_t met_ns; /* since when the condition of a leak is met; UINT64_MAX = it is not */
	uint64_t low_ns; /* since when the evidence is low; UINT64_MAX = it is not */
	uint32_t suspect_count; /* connections marked is_suspect */
	uint32_t came_back_count; /* used again after they were named as leaked */
	uint32_t waited_count; /* open when it became a suspect, or was not cleared for growing */
	struct finding *basis; /* the last evidence of it that was not low; owned; as verdict */
	struct told told; /* whom the last line named */
	double counted_growth; /* its part of the server's growth_per_hour */
};

/* Packed while nothing happens to the pool (dossier.h), so what is zero costs nothing. */
struct judgement {
	const struct dossier *dossier; /* that it is in */
	struct pool *pool;
	struct credit credit; /* rotation: what closes have paid for */
	struct opens opens;
	struct evictions evictions;
	struct overdue overdue;
	struct closewait closewait;
	struct inherited *inherited; /* owned; NULL = nothing of it is held by others */
	struct deserted *deserted; /* owned; NULL = no thread that opened one of it has ended */
	struct coverage coverage;
	struct keepalive keepalive;
	struct passed passed;
	struct failover failover;
	struct heartbeat heartbeat;
	struct retirement retirement;
	struct career career; /* so far */
	struct meter meter;
	uint32_t returned_count; /* connections that were used again, or closed by the process */
	struct leak leak;
	struct plateau plateau;
	struct saturated saturated;
	struct exhausted exhausted;
	struct storm storm;
	struct oversized oversized;
};

/* Frees what its tests have allocated, and not itself. */
void judgement_clear(struct judgement *judgement);

#endif
