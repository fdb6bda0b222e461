// SPDX-License-Identifier: Apache-2.0
/*
 * One pool on a page: is it bad, why, what else could it be, how did it come to this, and which
 * connections are they.
 *
 * Names and sentences come from a sample or a detail, which have made them safe.
 *
 * Invariant: as in screen.c: it fits, whatever the size.
 * Does not collect what it draws (detail.c).
 */
#include "screen_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/format.h"
#include "detail.h"
#include "gauge.h"

#define CURVE_WIDTH_MAX DETAIL_SPANS_MAX

static void add_title(struct screen_page *page, const struct sample_row *pool)
{
	char remote[ADDR_TEXT_SIZE];

	(void)format_netaddr(&pool->remote, remote, sizeof(remote));
	screen_add(page, GRID_HEAD, "%s[%u] in %s -> %s%s%s (%s)", pool->comm ? pool->comm : "?",
		   pool->client.pid, pool->workload ? pool->workload : "?",
		   pool->endpoint ? pool->endpoint : "", pool->endpoint ? " " : "", remote,
		   pool->database ? pool->database : "unknown database");
	if (pool->exe)
		screen_add(page, GRID_DIM, "%s", pool->exe);
}

static void add_figures(struct screen_page *page, const struct sample_row *pool)
{
	char limit[60] = "", bar[GAUGE_BYTES(20)] = "", opens[16], closes[16];

	if (pool->limit) {
		(void)gauge_bar((double)pool->open_count / (double)pool->limit, 20,
				page->grid->utf8, bar, sizeof(bar));
		(void)snprintf(limit, sizeof(limit), " of %llu (%s)",
			       (unsigned long long)pool->limit,
			       pool->limit_kind == SAMPLE_LIMIT_LEARNED ? "the ceiling learned"
									: "the server's limit");
	}
	screen_add(page, GRID_BOLD, "%u open%s  %s", pool->open_count, limit, bar);
	screen_add(page, GRID_PLAIN,
		   "%u busy, %u idle, %u stale, %u connecting, %u closed by the server",
		   pool->busy_count, pool->idle_count, pool->stale_count, pool->connecting_count,
		   pool->peer_closed_count);
	screen_add(page, GRID_PLAIN, "%llu opened (%s/s), %llu closed (%s/s), %llu failed",
		   (unsigned long long)pool->totals.counts.opened_count,
		   columns_rate_text(pool->opens_per_s, opens, sizeof(opens)),
		   (unsigned long long)sample_closed_count(pool),
		   columns_rate_text(pool->closes_per_s, closes, sizeof(closes)),
		   (unsigned long long)sample_failed_count(pool));
}

static void add_verdict(struct screen_page *page, const struct columns_scene *scene,
			const struct sample_row *pool)
{
	char gone[32];

	screen_add_line(page, GRID_PLAIN, "");
	if (pool->exited)
		screen_add(page, GRID_DIM, "Gone for %s; this is what it last was.",
			   format_duration(scene->now_ns - pool->exited_ns, gone, sizeof(gone)));
	else if (!pool->verdict.id)
		screen_add_line(page, GRID_GOOD, "Nothing is held against this pool.");
	else
		screen_add_wrapped(page, columns_severity_style(pool), 2,
				   pool->verdict.summary ? pool->verdict.summary : "");
}

static void add_reasons(struct screen_page *page, const struct detail *detail)
{
	char line[300];

	if (detail->evidence_count)
		screen_add_line(page, GRID_BOLD, "Evidence");
	for (uint32_t i = 0; i < detail->evidence_count; i++) {
		(void)snprintf(line, sizeof(line), "  %s",
			       detail->evidence[i] ? detail->evidence[i] : "");
		screen_add_wrapped(page, GRID_PLAIN, 4, line);
	}
	if (detail->rival_count)
		screen_add_line(page, GRID_BOLD, "What else it could be");
	for (uint32_t i = 0; i < detail->rival_count; i++) {
		const struct detail_rival *rival = &detail->rivals[i];

		(void)snprintf(line, sizeof(line), "  %-12s %-18s %s", ruling_title(rival->ruling),
			       rival->title ? rival->title : "?", rival->text ? rival->text : "");
		screen_add_wrapped(page,
				   rival->ruling == RULING_RULED_IN ? GRID_WARNING : GRID_PLAIN, 34,
				   line);
	}
}

/* --- curves ----------------------------------------------------------------------------------- */

static uint32_t span_value(const struct detail_span *span, unsigned int which)
{
	const double values[] = {span->open, span->stale, span->busy, span->opens, span->closes};

	if (!isfinite(values[which]) || values[which] < 0)
		return UINT32_MAX;
	/* What is there at all is seen. */
	return values[which] >= UINT32_MAX - 1.0 ? UINT32_MAX - 1 : (uint32_t)ceil(values[which]);
}

/* What stands before and behind a curve: "  closes |...| at most 12345 in 10 min". */
#define CURVE_ASIDE 34
#define CURVE_WIDTH_MIN 10

static uint32_t curve_width(uint32_t screen_width, uint32_t count)
{
	uint32_t room = screen_width > CURVE_ASIDE + CURVE_WIDTH_MIN ? screen_width - CURVE_ASIDE
								     : CURVE_WIDTH_MIN;

	return count < room ? count : room;
}

static void add_curves_title(struct screen_page *page, const struct columns_scene *scene,
			     const struct detail *detail, uint32_t width)
{
	uint64_t spans = (detail->span_count + width - 1) / width;
	char begin[32], column[32], step[32], until[32], older[80] = "";

	if (detail->step_ns)
		(void)snprintf(older, sizeof(older), " (before %s in steps of %s)",
			       format_clock(detail->step_until_ns, scene->realtime_at_zero_ns,
					    until, sizeof(until)),
			       format_duration(detail->step_ns, step, sizeof(step)));
	screen_add(page, GRID_BOLD, "Course since %s, a column is %s%s",
		   format_clock(detail->begin_ns, scene->realtime_at_zero_ns, begin, sizeof(begin)),
		   format_duration(spans * detail->span_ns, column, sizeof(column)), older);
}

static void add_curves(struct screen_page *page, const struct columns_scene *scene,
		       const struct detail *detail)
{
	static const char *const names[] = {"open", "stale", "busy", "opens", "closes"};
	uint32_t values[DETAIL_SPANS_MAX];
	char spark[GAUGE_BYTES(CURVE_WIDTH_MAX)], span[32];
	uint32_t width = curve_width(page->grid->width, detail->span_count);

	if (!detail->span_count)
		return;
	add_curves_title(page, scene, detail, width);
	(void)format_duration(detail->span_ns, span, sizeof(span));
	for (unsigned int which = 0; which < sizeof(names) / sizeof(names[0]); which++) {
		uint32_t most = 0;

		for (uint32_t i = 0; i < detail->span_count; i++) {
			values[i] = span_value(&detail->spans[i], which);
			if (values[i] != UINT32_MAX && values[i] > most)
				most = values[i];
		}
		(void)gauge_spark(values, detail->span_count, width, page->grid->utf8, spark,
				  sizeof(spark));
		screen_add(page, GRID_PLAIN, "  %-7s|%s| at most %u%s%s", names[which], spark, most,
			   which < 3 ? "" : " in ", which < 3 ? "" : span);
	}
}

/* --- connections ------------------------------------------------------------------------------ */

static const char *seconds_text(double seconds, bool is_bound, char *buffer, size_t size)
{
	char text[32];

	if (!(seconds >= 0))
		seconds = 0;
	if (seconds > 1e9)
		seconds = 1e9;
	(void)snprintf(buffer, size, "%s%s", is_bound ? ">= " : "",
		       format_duration((uint64_t)(seconds * NS_PER_SEC), text, sizeof(text)));
	return buffer;
}

static void add_conn(struct screen_page *page, const struct detail_conn *conn)
{
	char age[40], idle[40], sent[32], received[32], tid[16] = "-";
	bool is_bad =
		conn->group && (!strcmp(conn->group, "suspect") || !strcmp(conn->group, "stale") ||
				!strcmp(conn->group, "peer_closed"));

	if (conn->tid)
		(void)snprintf(tid, sizeof(tid), "%u", conn->tid);
	screen_add(page, is_bad ? GRID_SUSPECT : GRID_PLAIN,
		   "  %-11s %-11s %11s %11s %8s %8s %7s  %s", conn->group ? conn->group : "?",
		   conn->state ? conn->state : "?",
		   seconds_text(conn->age_s, conn->age_is_bound, age, sizeof(age)),
		   seconds_text(conn->idle_s, conn->idle_is_bound, idle, sizeof(idle)),
		   format_bytes(conn->sent_bytes, sent, sizeof(sent)),
		   format_bytes(conn->received_bytes, received, sizeof(received)), tid,
		   conn->local ? conn->local : "-");
	if (conn->last_site)
		screen_add(page, GRID_DIM, "    last sent by %s", conn->last_site);
}

static bool is_same_site(const struct detail_conn *a, const struct detail_conn *b)
{
	if (!a->site || !b->site)
		return a->site == b->site;
	return strcmp(a->site, b->site) == 0;
}

static void add_conns(struct screen_page *page, const struct detail *detail)
{
	screen_add_line(page, GRID_BOLD, "Connections, by the site that opened them");
	screen_add(page, GRID_HEAD, "  %-11s %-11s %11s %11s %8s %8s %7s  %s", "HELD TO BE",
		   "STATE", "AGE", "IDLE", "SENT", "RECEIVED", "THREAD", "LOCAL");
	for (uint32_t i = 0; i < detail->conn_count; i++) {
		const struct detail_conn *conn = &detail->conns[i];
		uint32_t count = 1;

		if (i == 0 || !is_same_site(conn, conn - 1)) {
			while (i + count < detail->conn_count && is_same_site(conn, conn + count))
				count++;
			screen_add(page, GRID_BOLD, " %u by %s", count,
				   conn->site ? conn->site : "an unknown site");
		}
		add_conn(page, conn);
	}
}

void screen_draw_detail(struct screen_page *page, const struct columns_scene *scene,
			const struct sample_row *pool, const struct detail *detail)
{
	if (!pool) {
		screen_add_line(page, GRID_DIM, "This pool is gone.");
		return;
	}
	add_title(page, pool);
	add_figures(page, pool);
	add_verdict(page, scene, pool);
	if (!detail) {
		screen_add_line(page, GRID_DIM, "More is not known.");
		return;
	}
	add_reasons(page, detail);
	add_curves(page, scene, detail);
	add_conns(page, detail);
}
