// SPDX-License-Identifier: Apache-2.0
/*
 * The meter forgets, because the detector wants the recent past in a fixed room; who asks for an
 * explanation wants the whole course, however long, in as many columns as a screen has.
 *
 * Invariant: column i covers [begin_ns + i * column_ns, one column_ns more); the counts of all
 * columns add up to what the pool has opened and closed, as far back as they reach. Does not draw
 * (plot.c).
 */
#include "timeline.h"

#include <string.h>

#include "meter.h"

static void merge(struct timeline_column *into, const struct timeline_column *from)
{
	into->opened_count += from->opened_count;
	into->closed_count += from->closed_count;
	into->busy_sum += from->busy_sum;
	into->sample_count += from->sample_count;
	if (from->open_max > into->open_max)
		into->open_max = from->open_max;
	if (from->stale_max > into->stale_max)
		into->stale_max = from->stale_max;
}

static void halve(struct timeline *timeline)
{
	struct timeline_column *columns = timeline->columns;

	for (uint32_t i = 0; i < TIMELINE_COLUMNS / 2; i++) {
		struct timeline_column column = columns[2 * i];

		merge(&column, &columns[2 * i + 1]);
		columns[i] = column;
	}
	memset(&columns[TIMELINE_COLUMNS / 2], 0, TIMELINE_COLUMNS / 2 * sizeof(columns[0]));
	timeline->column_ns *= 2;
	timeline->count = (timeline->count + 1) / 2;
}

static struct timeline_column *column_at(struct timeline *timeline, uint64_t now_ns)
{
	uint64_t index;

	if (timeline->column_ns == 0) {
		timeline->begin_ns = now_ns;
		timeline->column_ns = TIMELINE_COLUMN_NS;
	}
	while ((index = (now_ns - timeline->begin_ns) / timeline->column_ns) >= TIMELINE_COLUMNS)
		halve(timeline);
	if (index >= timeline->count)
		timeline->count = (uint32_t)index + 1;
	return &timeline->columns[index];
}

/* A pool that was forgotten and came back counts from zero again. */
static uint64_t news(uint64_t *told, uint64_t total)
{
	uint64_t count = total >= *told ? total - *told : total;

	*told = total;
	return count;
}

void timeline_sample(struct timeline *timeline, const struct pool *pool, uint32_t stale_count,
		     uint64_t now_ns)
{
	struct timeline_column *column = column_at(timeline, now_ns);
	struct timeline_column sample = {
		.open_max = pool->conn_count,
		.stale_max = stale_count,
		.busy_sum = meter_busy_share(pool),
		.sample_count = 1,
	};

	sample.opened_count = news(&timeline->opened_told, totals_count_of(pool, COUNT_OPENED));
	sample.closed_count = news(&timeline->closed_told, totals_closed_count(pool));
	merge(column, &sample);
}

static struct timeline_column column_of(const struct meter_span *span)
{
	return (struct timeline_column){
		.opened_count = span->opened_count,
		.closed_count = span->closed_count,
		.open_max = span->open_max,
		.stale_max = span->stale_max,
		.busy_sum = (double)span->busy_sum,
		.sample_count = span->sample_count,
	};
}

static const struct {
	uint64_t count, span_ns;
} rings[METER_RINGS] = {
	[METER_FINE] = {METER_FINE_COUNT, METER_FINE_NS},
	[METER_COARSE] = {METER_COARSE_COUNT, METER_COARSE_NS},
	[METER_LONG] = {METER_LONG_COUNT, METER_LONG_NS},
};

/* When the oldest span begins that a ring still has at now_ns. */
static uint64_t ring_begin_ns(enum meter_ring ring, uint64_t now_ns)
{
	uint64_t last = now_ns / rings[ring].span_ns;

	return last < rings[ring].count ? 0 : (last - rings[ring].count + 1) * rings[ring].span_ns;
}

/* From when on a ring has all of the meter's past; in whole spans of the next one, or all. */
static uint64_t ring_from_ns(enum meter_ring ring, const struct meter *meter, uint64_t now_ns)
{
	uint64_t begin_ns = ring_begin_ns(ring, now_ns), step_ns;

	if (ring == METER_RINGS - 1 || begin_ns <= meter->first_ns)
		return 0;
	step_ns = rings[ring + 1].span_ns;
	return (begin_ns + step_ns - 1) / step_ns * step_ns;
}

/*
 * The narrowest column, of those that are whole parts or multiples of spans: up to an hour of spans
 * of two minutes at most, then of twenty, so that not more than one length is shared.
 */
static uint64_t column_ns_of(enum meter_ring ring, uint64_t begin_ns, uint64_t now_ns)
{
	static const uint64_t seconds[] = {10, 20, 30, 40, 60, 120, 240, 600};
	size_t i = 0;

	while (i < sizeof(seconds) / sizeof(seconds[0]) - 1 &&
	       ((ring == METER_LONG && seconds[i] * NS_PER_SEC < METER_COARSE_NS) ||
		now_ns / (seconds[i] * NS_PER_SEC) - begin_ns / (seconds[i] * NS_PER_SEC) >=
			TIMELINE_COLUMNS))
		i++;
	return seconds[i] * NS_PER_SEC;
}

_Static_assert(METER_LONG_COUNT *METER_LONG_NS <= TIMELINE_COLUMNS * 600 * NS_PER_SEC &&
		       METER_COARSE_COUNT * METER_COARSE_NS <= TIMELINE_COLUMNS * 60 * NS_PER_SEC &&
		       METER_FINE_COUNT <= TIMELINE_COLUMNS,
	       "the widest column is wide enough, and narrower than a span where that is shared");

static uint32_t part_of(uint32_t count, uint64_t part, uint64_t parts)
{
	return (uint32_t)(count * (part + 1) / parts - count * part / parts);
}

/* What of a span that is wider than a column belongs to the column at t_ns. */
static struct timeline_column share_of(const struct timeline *timeline,
				       const struct meter_span *span, uint64_t t_ns,
				       uint64_t span_ns)
{
	struct timeline_column column = column_of(span);
	uint64_t begin_ns = t_ns / span_ns * span_ns, part, parts;

	if (begin_ns < timeline->begin_ns)
		begin_ns = timeline->begin_ns;
	part = (t_ns - begin_ns) / timeline->column_ns;
	parts = (t_ns / span_ns * span_ns + span_ns - begin_ns) / timeline->column_ns;
	column.opened_count = part_of(span->opened_count, part, parts);
	column.closed_count = part_of(span->closed_count, part, parts);
	column.sample_count = span->sample_count > 0; /* its share of busy is that of the span */
	column.busy_sum = span->sample_count ? column.busy_sum / span->sample_count : 0;
	return column;
}

/* Fills the columns from from_ns until until_ns out of one ring; returns samples. */
static uint32_t fill(struct timeline *timeline, const struct meter *meter, enum meter_ring ring,
		     uint64_t from_ns, uint64_t until_ns)
{
	uint64_t span_ns = rings[ring].span_ns, column_ns = timeline->column_ns;
	struct meter_course course;
	uint32_t sample_count = 0;

	meter_recall(meter, ring, &course);
	for (uint32_t i = 0; i < timeline->count; i++) {
		uint64_t t_ns = timeline->begin_ns + i * column_ns;
		struct timeline_column *column = &timeline->columns[i];

		if (t_ns < from_ns || t_ns >= until_ns)
			continue;
		for (uint64_t at_ns = t_ns; at_ns < t_ns + column_ns; at_ns += span_ns) {
			const struct meter_span *span = meter_course_find(&course, at_ns / span_ns);
			struct timeline_column part;

			if (!span)
				continue;
			part = span_ns > column_ns ? share_of(timeline, span, t_ns, span_ns)
						   : column_of(span);
			merge(column, &part);
		}
		sample_count += column->sample_count;
	}
	return sample_count;
}

bool timeline_recall(struct timeline *timeline, const struct meter *meter, uint64_t now_ns)
{
	uint64_t begin_ns = meter->first_ns, until_ns = UINT64_MAX;
	struct timeline recalled = {0};
	enum meter_ring reach = METER_FINE;
	uint32_t sample_count = 0;

	while (ring_from_ns(reach, meter, now_ns) > 0)
		reach++;
	if (begin_ns < ring_begin_ns(reach, now_ns))
		begin_ns = ring_begin_ns(reach, now_ns);
	recalled.column_ns = column_ns_of(reach, begin_ns, now_ns);
	recalled.begin_ns = begin_ns / recalled.column_ns * recalled.column_ns;
	recalled.count = (uint32_t)((now_ns - recalled.begin_ns) / recalled.column_ns) + 1;
	for (enum meter_ring ring = METER_FINE; ring <= reach; ring++) {
		uint64_t from_ns = ring_from_ns(ring, meter, now_ns);

		sample_count += fill(&recalled, meter, ring, from_ns, until_ns);
		if (rings[ring].span_ns > recalled.column_ns && until_ns > recalled.begin_ns) {
			recalled.step_ns = rings[ring].span_ns;
			recalled.step_until_ns = until_ns;
		}
		until_ns = from_ns;
	}
	if (sample_count > 0)
		*timeline = recalled;
	return sample_count > 0;
}

uint64_t timeline_pause_ns(const struct timeline *timeline)
{
	return timeline->column_ns ? timeline->column_ns / 4 : 0;
}
