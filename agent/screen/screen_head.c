// SPDX-License-Identifier: Apache-2.0
/*
 * What one has to know before one reads a table: whether it is of now, since when somebody has been
 * looking, what was lost on the way, and what is chosen.
 */
#include "screen_head.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "columns.h"
#include "core/format.h"
#include "gauge.h"
#include "nearlimit.h"

#define NEAR_SHARE 0.8
#define NEAR_MAX 4
#define BAR_WIDTH 8

const char *screen_clock(uint64_t t_ns, int64_t realtime_at_zero_ns, char *buffer, size_t size)
{
	uint64_t seconds;

	if (!realtime_at_zero_ns) {
		(void)snprintf(buffer, size, "t=%.1f s", (double)t_ns / NS_PER_SEC);
		return buffer;
	}
	/* As format_clock(): unsigned, it wraps only beyond the year 2500. */
	seconds = (t_ns + (uint64_t)realtime_at_zero_ns) / NS_PER_SEC % 86400;
	(void)snprintf(buffer, size, "%02u:%02u:%02u", (unsigned int)(seconds / 3600),
		       (unsigned int)(seconds / 60 % 60), (unsigned int)(seconds % 60));
	return buffer;
}

/* What stands on the right: how it goes on. */
static void pace_text(const struct browse *browse, const struct screen_facts *facts, char *buffer,
		      size_t size)
{
	if (browse->is_paused)
		(void)snprintf(buffer, size, "PAUSED");
	else if (facts->is_replay && facts->at_end)
		(void)snprintf(buffer, size, "END");
	else if (facts->is_replay)
		(void)snprintf(buffer, size, "speed x%.4g", browse->speed);
	else
		(void)snprintf(buffer, size, "every %.3g s",
			       (double)browse->interval_ns / NS_PER_SEC);
}

static void replay_place(const struct browse *browse, const struct screen_facts *facts,
			 char *buffer, size_t size)
{
	uint64_t now_ns = browse->sample->now_ns;
	char done[32], whole[32];

	(void)format_duration(now_ns - facts->begin_ns, done, sizeof(done));
	(void)format_duration(facts->end_ns - facts->begin_ns, whole, sizeof(whole));
	(void)snprintf(buffer, size, "%s, %s of %s", facts->source, done, whole);
}

static void draw_when(const struct browse *browse, const struct screen_facts *facts,
		      struct grid *grid, uint32_t y)
{
	const struct sample *sample = browse->sample;
	char text[400], clock[40], since[40], span[40], pace[60];
	uint32_t width;

	pace_text(browse, facts, pace, sizeof(pace));
	width = (uint32_t)strlen(pace);
	grid_put_right(grid, 0, y, grid->width, browse->is_paused ? GRID_WARNING : GRID_DIM, pace);
	width = grid->width > width + 1 ? grid->width - width - 1 : 1;
	if (!sample) {
		(void)snprintf(text, sizeof(text), "connleak top  %s", facts->source);
	} else if (facts->is_replay && facts->end_ns > facts->begin_ns &&
		   sample->now_ns >= facts->begin_ns) {
		char place[256];

		replay_place(browse, facts, place, sizeof(place));
		(void)snprintf(text, sizeof(text), "connleak top  %s  %s",
			       screen_clock(sample->now_ns, sample->realtime_at_zero_ns, clock,
					    sizeof(clock)),
			       place);
	} else {
		(void)snprintf(
			text, sizeof(text), "connleak top  %s  %s, watching since %s (%s)",
			screen_clock(sample->now_ns, sample->realtime_at_zero_ns, clock,
				     sizeof(clock)),
			facts->source,
			format_clock(sample->since_ns, sample->realtime_at_zero_ns, since,
				     sizeof(since)),
			format_duration(sample->now_ns - sample->since_ns, span, sizeof(span)));
	}
	(void)grid_put(grid, 0, y, width, GRID_BOLD, text);
}

struct sums {
	uint64_t open, connecting, busy, idle, stale, peer_closed, pools;
	double opens, closes, fails;
	uint32_t severities[5];
};

static void sum_up(const struct sample *sample, struct sums *sums)
{
	*sums = (struct sums){0};
	for (uint32_t i = 0; i < sample->row_count; i++) {
		const struct sample_row *pool = &sample->rows[i];

		if (pool->exited)
			continue;
		sums->pools++;
		sums->open += pool->open_count;
		sums->connecting += pool->connecting_count;
		sums->busy += pool->busy_count;
		sums->idle += pool->idle_count;
		sums->stale += pool->stale_count;
		sums->peer_closed += pool->peer_closed_count;
		sums->opens += isnan(pool->opens_per_s) ? 0 : pool->opens_per_s;
		sums->closes += isnan(pool->closes_per_s) ? 0 : pool->closes_per_s;
		sums->fails += isnan(pool->fails_per_s) ? 0 : pool->fails_per_s;
		sums->severities[rows_severity(pool)]++;
	}
}

static void draw_sums(const struct sums *sums, struct grid *grid, uint32_t y)
{
	char opens[16], closes[16], fails[16], text[400], more[160] = "";

	if (sums->connecting)
		(void)snprintf(more, sizeof(more), ", %llu connecting",
			       (unsigned long long)sums->connecting);
	if (sums->peer_closed)
		(void)snprintf(more + strlen(more), sizeof(more) - strlen(more),
			       ", %llu closed by the server",
			       (unsigned long long)sums->peer_closed);
	(void)snprintf(text, sizeof(text),
		       "%llu open in %llu pool%s: %llu stale, %llu busy, %llu idle%s  "
		       "%s opens/s, %s closes/s",
		       (unsigned long long)sums->open, (unsigned long long)sums->pools,
		       sums->pools == 1 ? "" : "s", (unsigned long long)sums->stale,
		       (unsigned long long)sums->busy, (unsigned long long)sums->idle, more,
		       columns_rate_text(sums->opens, opens, sizeof(opens)),
		       columns_rate_text(sums->closes, closes, sizeof(closes)));
	if (sums->fails > 0)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), ", %s fails/s",
			       columns_rate_text(sums->fails, fails, sizeof(fails)));
	(void)grid_put(grid, 0, y, grid->width, GRID_PLAIN, text);
}

static uint32_t put_count(struct grid *grid, uint32_t x, uint32_t y, enum grid_style style,
			  uint32_t count, const char *what)
{
	char text[60];

	(void)snprintf(text, sizeof(text), "%u %s", count, what);
	return x + grid_put(grid, x, y, grid->width, count ? style : GRID_DIM, text) + 2;
}

static void draw_verdicts(const struct browse *browse, const struct screen_facts *facts,
			  const struct sums *sums, struct grid *grid, uint32_t y)
{
	uint32_t x = grid_put(grid, 0, y, grid->width, GRID_PLAIN, "Verdicts: ");
	char lost[80], trouble[360];

	if (facts->trouble) {
		(void)snprintf(trouble, sizeof(trouble), "No news: %s", facts->trouble);
		(void)grid_put(grid, 0, y, grid->width, GRID_CRITICAL, trouble);
		return;
	}
	x = put_count(grid, x, y, GRID_CRITICAL, sums->severities[4], "critical");
	x = put_count(grid, x, y, GRID_WARNING, sums->severities[3], "warning");
	if (sums->severities[2])
		x = put_count(grid, x, y, GRID_BOLD, sums->severities[2], "info");
	x = put_count(grid, x, y, GRID_SUSPECT, sums->severities[1], "suspected");
	(void)snprintf(lost, sizeof(lost), "%llu records lost",
		       (unsigned long long)browse->sample->lost_count);
	(void)grid_put(grid, x + 1, y, grid->width,
		       browse->sample->lost_count ? GRID_WARNING : GRID_PLAIN, lost);
}

/* What is chosen, where it is not everything in the usual order. */
static bool choice_text(const struct browse *browse, const struct screen_facts *facts, char *buffer,
			size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	if (browse->scope.group != ROWS_POOLS)
		used += (size_t)snprintf(buffer + used, size - used, "  only %s",
					 browse->scope_name);
	if (browse->group != ROWS_POOLS)
		used += (size_t)snprintf(buffer + used, size - used, "  by %s",
					 rows_group_name(browse->group));
	if (browse->sort != ROWS_BY_SEVERITY || browse->is_reversed)
		used += (size_t)snprintf(buffer + used, size - used, "  sorted by %s%s",
					 rows_sort_name(browse->sort),
					 browse->is_reversed ? ", reversed" : "");
	if (browse->filter && used < size)
		used += (size_t)snprintf(buffer + used, size - used, "  filter: %s (%u of %u)",
					 browse->prompt == BROWSE_FILTER ? browse->line
									 : browse->filter_text,
					 browse->rows.pool_count, browse->sample->row_count);
	if (browse_is_held(browse, facts->now_ns) && used < size)
		used += (size_t)snprintf(buffer + used, size - used, "  order held");
	return used > 0;
}

static uint32_t put_near(const struct nearlimit *near, struct grid *grid, uint32_t x, uint32_t y)
{
	double share = (double)near->open_count / (double)near->limit;
	enum grid_style style = share >= 0.95 ? GRID_CRITICAL : GRID_WARNING;
	char endpoint[80], bar[GAUGE_BYTES(BAR_WIDTH)], text[200];

	(void)gauge_bar(share, BAR_WIDTH, grid->utf8, bar, sizeof(bar));
	(void)snprintf(text, sizeof(text), "%s %llu/%llu %s",
		       columns_endpoint_text(near->pool, endpoint, sizeof(endpoint)),
		       (unsigned long long)near->open_count, (unsigned long long)near->limit, bar);
	return x + grid_put(grid, x, y, grid->width, style, text) + 2;
}

static void draw_near(const struct browse *browse, const struct screen_facts *facts,
		      struct grid *grid, uint32_t y)
{
	struct nearlimit near[NEAR_MAX];
	uint32_t count = nearlimit_find(browse->sample, NEAR_SHARE, near, NEAR_MAX), x;
	char choice[700];

	x = grid_put(grid, 0, y, grid->width, GRID_PLAIN, "Near limit: ");
	if (!count)
		x += grid_put(grid, x, y, grid->width, GRID_DIM, "none");
	for (uint32_t i = 0; i < count; i++)
		x = put_near(&near[i], grid, x, y);
	if (choice_text(browse, facts, choice, sizeof(choice)))
		(void)grid_put(grid, x, y, grid->width, GRID_KEY, choice);
}

void screen_draw_head(const struct browse *browse, const struct screen_facts *facts,
		      struct grid *grid, uint32_t lines)
{
	struct sums sums;

	if (lines > 0)
		draw_when(browse, facts, grid, 0);
	if (!browse->sample)
		return;
	sum_up(browse->sample, &sums);
	if (lines > 1)
		draw_sums(&sums, grid, 1);
	if (lines > 2)
		draw_verdicts(browse, facts, &sums, grid, 2);
	if (lines > 3)
		draw_near(browse, facts, grid, 3);
}
