// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps the order in which the core's parts see the world: due ticks of the detector first, then
 * the event through the table, then the change through the detector, then the verdicts that came of
 * it. The order depends on the times of the events alone, so a replay gives the verdicts of the
 * run.
 */
#include "pipeline.h"

#include <errno.h>
#include <stdlib.h>

#define SWEEP_INTERVAL_NS (10 * NS_PER_SEC)

/*
 * A trace may jump by years. After this many ticks without an event nothing can change any more but
 * by the silence itself, so the rest of the gap is one tick.
 */
#define TICKS_IN_A_GAP_MAX 20000

struct pipeline {
	struct table *table;
	struct detector *detector;
	struct rollup *rollup; /* NULL = none */
	pipeline_verdict_fn on_verdict;
	void *userdata;
	uint64_t next_sweep_ns;
};

struct pipeline *pipeline_new(const struct options *options, bool judge,
			      pipeline_verdict_fn on_verdict, void *userdata)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));

	if (!pipeline)
		return NULL;
	pipeline->on_verdict = on_verdict;
	pipeline->userdata = userdata;
	pipeline->table = table_new(NULL);
	if (pipeline->table && judge)
		pipeline->detector =
			detector_new(&options->settings, options->databases, pipeline->table);
	if (!pipeline->table || (judge && !pipeline->detector)) {
		pipeline_free(pipeline);
		return NULL;
	}
	return pipeline;
}

void pipeline_free(struct pipeline *pipeline)
{
	if (!pipeline)
		return;
	detector_free(pipeline->detector);
	rollup_free(pipeline->rollup);
	table_free(pipeline->table);
	free(pipeline);
}

void pipeline_set_realtime(struct pipeline *pipeline, int64_t realtime_at_zero_ns)
{
	if (pipeline->detector)
		detector_set_realtime(pipeline->detector, realtime_at_zero_ns);
}

void pipeline_keep_open(struct pipeline *pipeline)
{
	if (pipeline->detector)
		detector_keep_open(pipeline->detector);
}

void pipeline_set_databases(struct pipeline *pipeline, const struct dbkind *databases)
{
	if (pipeline->detector)
		detector_set_databases(pipeline->detector, databases);
	if (pipeline->rollup)
		rollup_set_databases(pipeline->rollup, databases);
}

static int drain_verdicts(struct pipeline *pipeline)
{
	const struct verdict *verdict;

	while ((verdict = detector_next(pipeline->detector))) {
		int r = pipeline->on_verdict ? pipeline->on_verdict(pipeline->userdata, verdict)
					     : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int run_ticks(struct pipeline *pipeline, uint64_t now_ns)
{
	unsigned int count = 0;
	uint64_t due_ns;
	int r;

	while ((due_ns = detector_due_ns(pipeline->detector)) <= now_ns) {
		if (++count > TICKS_IN_A_GAP_MAX)
			due_ns = now_ns;
		r = detector_tick(pipeline->detector, due_ns);
		if (r == 0)
			r = drain_verdicts(pipeline);
		if (r < 0)
			return r;
	}
	return 0;
}

int pipeline_feed(struct pipeline *pipeline, const struct event *event)
{
	struct change change;
	int r;

	if (event->t_ns < table_now_ns(pipeline->table))
		return ERANGE;
	if (pipeline->detector) {
		r = run_ticks(pipeline, event->t_ns);
		if (r < 0)
			return r;
	}
	r = table_apply(pipeline->table, event, &change);
	if (r < 0)
		return r == -ENOMEM ? r : -r;
	if (pipeline->rollup)
		rollup_observe(pipeline->rollup, &change);
	if (pipeline->detector) {
		r = detector_observe(pipeline->detector, &change);
		if (r == 0)
			r = drain_verdicts(pipeline);
	}
	table_settle(pipeline->table);
	if (event->t_ns >= pipeline->next_sweep_ns) {
		pipeline->next_sweep_ns = event->t_ns + SWEEP_INTERVAL_NS;
		table_sweep(pipeline->table, event->t_ns);
	}
	return r;
}

int pipeline_add_rollup(struct pipeline *pipeline, const struct options *options)
{
	pipeline->rollup = rollup_new(options->databases, options->metrics_series,
				      options->metrics_per_process);
	return pipeline->rollup ? 0 : -ENOMEM;
}

struct rollup *pipeline_rollup(const struct pipeline *pipeline)
{
	return pipeline->rollup;
}

struct table *pipeline_table(struct pipeline *pipeline)
{
	return pipeline->table;
}

const struct detector *pipeline_detector(const struct pipeline *pipeline)
{
	return pipeline->detector;
}

bool pipeline_stands(const struct pipeline *pipeline, uint32_t kinds)
{
	for (int kind = 0; pipeline->detector && kind < VERDICT_KIND_COUNT; kind++)
		if (kinds & (1u << kind) &&
		    detector_standing_count(pipeline->detector, (enum verdict_kind)kind))
			return true;
	return false;
}
