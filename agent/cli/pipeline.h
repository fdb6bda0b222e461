/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source -> table -> detector -> verdicts: the one place where the core is put together. Live
 * commands and replay feed it alike.
 */
#ifndef CONNLEAK_CLI_PIPELINE_H
#define CONNLEAK_CLI_PIPELINE_H

#include "core/detector.h"
#include "core/rollup.h"
#include "core/table.h"
#include "option.h"

struct pipeline;

/* Called for each verdict line, in order. A negative return ends the run with that error. */
typedef int (*pipeline_verdict_fn)(void *userdata, const struct verdict *verdict);

/* options are borrowed. judge: false leaves the detector out. NULL when out of memory. */
struct pipeline *pipeline_new(const struct options *options, bool judge,
			      pipeline_verdict_fn on_verdict, void *userdata);
void pipeline_free(struct pipeline *pipeline);

/* Wall clock at t = 0, with the zone's offset added; for the times in sentences. */
void pipeline_set_realtime(struct pipeline *pipeline, int64_t realtime_at_zero_ns);

/* For a recording, which is to be over soon: takes some kilobytes a pool (detector_keep_open()). */
void pipeline_keep_open(struct pipeline *pipeline);

/* Other names and limits of endpoints from now on; borrowed. */
void pipeline_set_databases(struct pipeline *pipeline, const struct dbkind *databases);

/*
 * Adds up from now on what happens, for the metrics (rollup.h has the limits). Returns 0 or
 * -ENOMEM.
 */
int pipeline_add_rollup(struct pipeline *pipeline, const struct options *options);
struct rollup *pipeline_rollup(const struct pipeline *pipeline); /* NULL: none was added */

/*
 * Applies one event. Returns 0; a positive errno where the table refuses the event (the errors of
 * table_apply(), nothing has changed, the next event may be fed); a negative one of on_verdict, or
 * -ENOMEM, after which there is no going on.
 */
int pipeline_feed(struct pipeline *pipeline, const struct event *event);

/* The pipeline's own, as is the detector. */
struct table *pipeline_table(struct pipeline *pipeline);
const struct detector *pipeline_detector(const struct pipeline *pipeline); /* NULL: no judge */

/* Whether a verdict of one of the kinds (a bit each) stands. */
bool pipeline_stands(const struct pipeline *pipeline, uint32_t kinds);

#endif
