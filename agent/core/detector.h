/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The detector turns changes of the table into verdicts, pool by pool.
 *
 * Deterministic and streaming: O(1) an event, O(silent connections) a test. The clock is that of
 * the events; detector_tick() is due at every multiple of settings->tick_ns after the first event
 * (detector_due_ns() says when), before the first event at or after that moment is applied, so a
 * replay decides as the live run did.
 */
#ifndef CONNLEAK_CORE_DETECTOR_H
#define CONNLEAK_CORE_DETECTOR_H

#include "settings.h"
#include "table.h"
#include "verdict.h"

struct detector;
struct fleets;
struct dbkind;
struct meter;

/*
 * settings, databases (NULL = no names and no limits) and table are borrowed and must outlive the
 * detector. NULL when out of memory.
 */
struct detector *detector_new(const struct settings *settings, const struct dbkind *databases,
			      struct table *table);
void detector_free(struct detector *detector);

/* The wall clock at t = 0, for "since 14:02" in sentences; 0 = unknown, as format_clock() has it.
 */
void detector_set_realtime(struct detector *detector, int64_t realtime_at_zero_ns);

/*
 * What is known of a pool that rests is not packed any more: a recording is over soon, and the next
 * event is of another pool each time. To be called before the first event.
 */
void detector_keep_open(struct detector *detector);

/*
 * Other names and limits from now on; borrowed as those of detector_new(). What is said next of a
 * pool has them.
 */
void detector_set_databases(struct detector *detector, const struct dbkind *databases);

/* Looks at one change, before table_settle(). Returns 0 or -ENOMEM. */
int detector_observe(struct detector *detector, const struct change *change);

/*
 * The next moment at which detector_tick() is due; UINT64_MAX before the first event. After an hour
 * without events ticks are an hour apart, so that a gap in a trace costs nothing.
 */
uint64_t detector_due_ns(const struct detector *detector);

/* Runs the periodic part as of now_ns (a due moment). Returns 0 or -ENOMEM. */
int detector_tick(struct detector *detector, uint64_t now_ns);

/*
 * The next verdict line that came about, oldest first; NULL when there are no more. Drain it after
 * every observe and tick. The verdict belongs to the detector and is valid until the next call.
 */
const struct verdict *detector_next(struct detector *detector);

/* How many verdicts stand now (raised, not cleared), by kind. */
uint32_t detector_standing_count(const struct detector *detector, enum verdict_kind kind);

/* True when the connection has been silent for longer than its pool's benign silences allow. */
bool detector_conn_is_stale(const struct detector *detector, const struct conn *conn,
			    uint64_t now_ns);

/*
 * What is measured of a pool; NULL where it is not judged. Valid until the detector is asked about
 * another pool, or sees a change.
 */
const struct meter *detector_pool_meter(const struct detector *detector, const struct pool *pool);

/* Most connections that it opens, as learned; 0 = unknown. */
uint32_t detector_pool_ceiling(const struct detector *detector, const struct pool *pool);

/* The verdict that stands or is suspected for a pool; NULL when there is none. */
const struct verdict *detector_pool_verdict(const struct detector *detector,
					    const struct pool *pool);

/* The one of a kind. */
const struct verdict *detector_pool_verdict_of(const struct detector *detector,
					       const struct pool *pool, enum verdict_kind kind);

/* What is known of workloads beyond their processes, to be kept over a restart (fleet.h). */
struct fleets *detector_fleets(const struct detector *detector);

#endif
