// SPDX-License-Identifier: Apache-2.0
/*
 * The meter forgets, because the detector wants the recent past in a fixed room; who asks for an
 * explanation wants the whole course, however long, in as many columns as a screen has.
 *
 * Invariant: column i covers [begin_ns + i * column_ns, one column_ns more); the counts of all
 * columns add up to what the pool has opened and closed. Does not draw (plot.c).
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

_Static_assert(METER_FINE_COUNT <= TIMELINE_COLUMNS && METER_COARSE_COUNT <= TIMELINE_COLUMNS &&
		       METER_LONG_COUNT <= TIMELINE_COLUMNS,
	       "a column a span");

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

bool timeline_recall(struct timeline *timeline, const struct meter *meter, uint64_t now_ns)
{
	static const struct {
		uint64_t count, span_ns;
	} rings[METER_RINGS] = {
		[METER_FINE] = {METER_FINE_COUNT, METER_FINE_NS},
		[METER_COARSE] = {METER_COARSE_COUNT, METER_COARSE_NS},
		[METER_LONG] = {METER_LONG_COUNT, METER_LONG_NS},
	};
	struct meter_course course;
	struct timeline recalled = {0};
	uint32_t sample_count = 0;
	uint64_t first, last;
	enum meter_ring i = METER_FINE;

	while (i < METER_RINGS - 1 &&
	       now_ns / rings[i].span_ns - meter->first_ns / rings[i].span_ns >= rings[i].count)
		i++;
	last = now_ns / rings[i].span_ns;
	first = meter->first_ns / rings[i].span_ns;
	if (last - first >= rings[i].count)
		first = last - rings[i].count + 1;
	recalled.begin_ns = first * rings[i].span_ns;
	recalled.column_ns = rings[i].span_ns;
	recalled.count = (uint32_t)(last - first) + 1;
	meter_recall(meter, i, &course);
	for (uint64_t index = first; index <= last; index++) {
		const struct meter_span *span = meter_course_find(&course, index);

		if (!span)
			continue;
		recalled.columns[index - first] = column_of(span);
		sample_count += span->sample_count;
	}
	if (sample_count > 0)
		*timeline = recalled;
	return sample_count > 0;
}

uint64_t timeline_pause_ns(const struct timeline *timeline)
{
	return timeline->column_ns ? timeline->column_ns / 4 : 0;
}
