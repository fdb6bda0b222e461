// SPDX-License-Identifier: Apache-2.0
/*
 * An explanation for people: for each pool what is held against it, its course, its figures, and
 * its connections by what they have in common, the suspects first.
 *
 * Invariant: every name from outside is made safe; nothing is shown that was not measured.
 * Does not collect (explain.c).
 */
#include "explain.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "core/meter.h"
#include "core/plot.h"
#include "core/view.h"
#include "sinks/text.h"

#define INDENT 2
#define CONNS_SHOWN 10
#define NOTE_SIZE 48

static void print_head(const struct explain *explain, const struct explained_pool *known)
{
	const struct dbkind *kinds = explain->options->databases;
	const char *database = dbkind_name(kinds, known->remote.port);
	const struct endpoint_rule *rule = dbkind_endpoint(kinds, &known->remote);
	char comm[4 * COMM_SIZE + 1], remote[ADDR_TEXT_SIZE], observed[32], safe[4 * 64 + 1];
	const char *state = known->exited ? ", the process has exited" : "";

	fprintf(explain->stream, "%s[%u] -> %s", format_comm(known->comm, comm, sizeof(comm)),
		known->client.pid, format_netaddr(&known->remote, remote, sizeof(remote)));
	if (database)
		fprintf(explain->stream, " (%s)", format_safe(database, 64, safe, sizeof(safe)));
	if (rule)
		fprintf(explain->stream, " %s", format_safe(rule->name, 64, safe, sizeof(safe)));
	fprintf(explain->stream, "\n%*sworkload %s, watched for %s%s\n", INDENT, "",
		known->workload,
		format_duration(explain->now_ns - known->first_ns, observed, sizeof(observed)),
		state);
}

/* --- verdicts --------------------------------------------------------------------------------- */

static int print_verdicts(const struct explain *explain, const struct explained_pool *known)
{
	size_t count = 0;

	fputc('\n', explain->stream);
	for (size_t i = 0; i < explain->verdict_count; i++) {
		int r;

		if (!explain_concerns(&explain->verdicts[i], known))
			continue;
		count++;
		r = text_write_verdict(explain->stream, &explain->verdicts[i],
				       explain->realtime_at_zero_ns);
		if (r < 0)
			return r;
	}
	if (count == 0)
		fprintf(explain->stream, "%*sno verdict on this pool\n", INDENT, "");
	return 0;
}

/* --- the course ------------------------------------------------------------------------------- */

enum { ROW_OPENS, ROW_CLOSES, ROW_OPEN, ROW_STALE, ROW_BUSY, ROWS };

struct course {
	double values[ROWS][TIMELINE_COLUMNS];
	double sums[ROWS], last[ROWS];
	char notes[ROWS][NOTE_SIZE];
};

static void fill_course(const struct timeline *timeline, struct course *course)
{
	memset(course, 0, sizeof(*course));
	for (uint32_t i = 0; i < timeline->count; i++) {
		const struct timeline_column *column = &timeline->columns[i];
		double values[ROWS] = {
			[ROW_OPENS] = (double)column->opened_count,
			[ROW_CLOSES] = (double)column->closed_count,
			[ROW_OPEN] = column->open_max,
			[ROW_STALE] = column->stale_max,
			[ROW_BUSY] = column->busy_sum / column->sample_count,
		};

		for (int row = 0; row < ROWS; row++) {
			course->values[row][i] = column->sample_count ? values[row] : NAN;
			if (!column->sample_count)
				continue;
			course->sums[row] += values[row];
			course->last[row] = values[row];
		}
	}
	for (int row = ROW_OPENS; row <= ROW_CLOSES; row++)
		(void)snprintf(course->notes[row], NOTE_SIZE, "%.0f in all", course->sums[row]);
	for (int row = ROW_OPEN; row <= ROW_STALE; row++)
		(void)snprintf(course->notes[row], NOTE_SIZE, "%.0f", course->last[row]);
	(void)snprintf(course->notes[ROW_BUSY], NOTE_SIZE, "%.0f%% of the open ones at last",
		       100 * course->last[ROW_BUSY]);
}

static double greatest(const double *values, uint32_t count)
{
	double top = 0;

	for (uint32_t i = 0; i < count; i++)
		top = values[i] > top ? values[i] : top;
	return top;
}

static int print_course(const struct explain *explain, const struct timeline *timeline, bool utf8)
{
	struct course course;
	char first[48], last[48], column[32], step[32], until[48], *text;
	double open_top;

	fill_course(timeline, &course);
	/* Opens and closes share a scale, and so do open and stale: each pair is compared. */
	open_top = greatest(course.values[ROW_OPEN], timeline->count);
	double turn_top = fmax(greatest(course.values[ROW_OPENS], timeline->count),
			       greatest(course.values[ROW_CLOSES], timeline->count));
	const struct plot_row rows[ROWS] = {
		{"opens", course.values[ROW_OPENS], turn_top, course.notes[ROW_OPENS]},
		{"closes", course.values[ROW_CLOSES], turn_top, course.notes[ROW_CLOSES]},
		{"open", course.values[ROW_OPEN], open_top, course.notes[ROW_OPEN]},
		{"stale", course.values[ROW_STALE], open_top, course.notes[ROW_STALE]},
		{"busy", course.values[ROW_BUSY], 1, course.notes[ROW_BUSY]},
	};

	(void)format_clock(timeline->begin_ns, explain->realtime_at_zero_ns, first, sizeof(first));
	(void)format_clock(explain->now_ns, explain->realtime_at_zero_ns, last, sizeof(last));
	text = plot_render(rows, ROWS, timeline->count, first, last, INDENT, utf8);
	if (!text)
		return -ENOMEM;
	fprintf(explain->stream, "\n%*sCourse, a column is %s", INDENT, "",
		format_duration(timeline->column_ns, column, sizeof(column)));
	if (timeline->step_ns)
		fprintf(explain->stream, " (before %s in steps of %s)",
			format_clock(timeline->step_until_ns, explain->realtime_at_zero_ns, until,
				     sizeof(until)),
			format_duration(timeline->step_ns, step, sizeof(step)));
	fprintf(explain->stream, "\n%s", text);
	free(text);
	return 0;
}

/* --- figures ---------------------------------------------------------------------------------- */

static void print_time(FILE *stream, const char *name, double us, const char *bound)
{
	char text[32];

	if (isfinite(us))
		fprintf(stream, ", %s %s%s", name,
			format_duration((uint64_t)(us * 1000), text, sizeof(text)), bound);
}

static void print_figures(const struct explain *explain, const struct pool *pool)
{
	const struct meter *meter =
		detector_pool_meter(pipeline_detector(explain->view.pipeline), pool);
	bool is_one_way = dbkind_is_one_way(explain->options->databases, pool->remote.port);
	/* Where a client asks again within a tick, the time of the answer is taken for none. */
	const char *bound = is_one_way ? " or more" : "";
	struct meter_figures figures;
	char span[32], sent[32];

	if (!meter)
		return;
	meter_sum(meter, meter->first_ns, meter->last_ns, &figures);
	if (figures.observed_ns == 0)
		return;
	fprintf(explain->stream,
		"\n%*sFigures of the last %s\n%*s%.3g operations/s or more, %s/s sent", INDENT, "",
		format_duration(figures.observed_ns, span, sizeof(span)), 2 * INDENT, "",
		figures.operations_per_second,
		format_bytes((uint64_t)figures.sent_bytes_per_second, sent, sizeof(sent)));
	print_time(explain->stream, "exchange", figures.exchange_us, bound);
	print_time(explain->stream, "connect", figures.connect_us, "");
	print_time(explain->stream, "round trip at most", figures.rtt_us, "");
	fprintf(explain->stream,
		"\n%*s%" PRIu64 " opened, %" PRIu64 " closed, %" PRIu64 " failed, %" PRIu64
		" closed early by the server, %" PRIu64 " retransmits",
		2 * INDENT, "", figures.opened_count, figures.closed_count, figures.failed_count,
		figures.early_close_count, figures.retransmit_count);
	if (meter_clock_is_coarse(meter))
		fprintf(explain->stream,
			"\n%*sbusy: cannot tell, and so neither whether the pool is saturated: "
			"sends "
			"and receives are known to a tenth of a second or worse\n",
			2 * INDENT, "");
	else
		fprintf(explain->stream, ", busy %.0f%%%s\n", 100 * figures.busy, bound);
}

/* --- connections ------------------------------------------------------------------------------ */

static int add_number(struct view *view, uint64_t number)
{
	char text[24] = "?";

	if (number)
		(void)snprintf(text, sizeof(text), "%" PRIu64, number);
	return view_add(view, text);
}

static int add_duration(struct view *view, uint64_t ns, bool is_bound)
{
	char duration[32], text[40];

	(void)snprintf(text, sizeof(text), "%s%s", is_bound ? ">= " : "",
		       format_duration(ns, duration, sizeof(duration)));
	return view_add(view, text);
}

/* Whoever sent last is nearer to the leak than whoever opened it. */
static int add_site(struct view *view, const struct table *table, const struct conn *conn)
{
	const char *site = table_site(table, conn->last_site ? conn->last_site : conn->site);
	char safe[4 * 96 + 1], text[sizeof(safe) + 16];

	if (!site)
		return view_add(view, "-");
	(void)snprintf(text, sizeof(text), "%s%s", conn->last_site ? "sent: " : "",
		       format_safe(site, 96, safe, sizeof(safe)));
	return view_add(view, text);
}

static int add_conn(struct view *view, const struct table *table, const struct conn *conn,
		    uint64_t now_ns)
{
	char text[4 * 64 + 1];
	int r = add_number(view, conn->local_port);

	r |= add_number(view, conn->id);
	r |= add_duration(view, (uint64_t)((int64_t)now_ns - conn->open_ns), conn->age_is_bound);
	r |= add_duration(view, conn_silence_ns(conn, now_ns), conn->idle_is_bound);
	r |= view_add(view, conn_state_name(conn->state));
	r |= view_add(view, format_bytes(conn_sent_bytes(conn), text, sizeof(text)));
	r |= view_add(view, format_bytes(conn_received_bytes(conn), text, sizeof(text)));
	return r | add_site(view, table, conn);
}

static void print_indented(FILE *stream, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		fprintf(stream, "%*s%.*s\n", 2 * INDENT, "", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static int print_group(const struct explain *explain, const struct pool *pool,
		       enum explain_group group)
{
	static const struct view_column columns[] = {
		{"PORT", VIEW_RIGHT},	  {"CONN", VIEW_RIGHT}, {"AGE", VIEW_RIGHT},
		{"IDLE", VIEW_RIGHT},	  {"STATE", VIEW_LEFT}, {"SENT", VIEW_RIGHT},
		{"RECEIVED", VIEW_RIGHT}, {"SITE", VIEW_LEFT},
	};
	static const char *const titles[EXPLAIN_GROUPS] = {
		[EXPLAIN_SUSPECT] = "held to be leaked",
		[EXPLAIN_STALE] =
			"silent for longer than is usual in this pool, leaked or not needed",
		[EXPLAIN_BUSY] = "busy: an answer is owed",
		[EXPLAIN_IDLE] = "idle, no longer than is usual here",
		[EXPLAIN_CONNECTING] = "connecting",
		[EXPLAIN_PEER_CLOSED] = "closed by the server and not by the process",
	};
	const struct table *table = pipeline_table(explain->view.pipeline);
	struct view *view = view_new(columns, sizeof(columns) / sizeof(columns[0]));
	uint32_t count = 0;
	char *text = NULL;
	int r = view ? 0 : -ENOMEM;

	for (const struct conn *conn = pool->oldest; conn && !r; conn = conn_newer(conn))
		if (explain_group_of(explain, conn) == group && count++ < CONNS_SHOWN)
			r = add_conn(view, table, conn, explain->now_ns) ? -ENOMEM : 0;
	if (r == 0 && count > 0) {
		text = view_render(view);
		r = text ? 0 : -ENOMEM;
	}
	if (text) {
		fprintf(explain->stream, "\n%*sConnections %s: %u\n", INDENT, "", titles[group],
			count);
		print_indented(explain->stream, text);
		if (count > CONNS_SHOWN)
			fprintf(explain->stream, "%*s... and %u that were active later\n",
				2 * INDENT, "", count - CONNS_SHOWN);
	}
	free(text);
	view_free(view);
	return r;
}

static int print_pool(const struct explain *explain, const struct explained_pool *known, bool utf8)
{
	int r;

	print_head(explain, known);
	r = print_verdicts(explain, known);
	if (r == 0)
		r = print_course(explain, &known->timeline, utf8);
	if (r < 0 || !known->pool)
		return r;
	print_figures(explain, known->pool);
	for (int group = 0; r == 0 && group < EXPLAIN_GROUPS; group++)
		r = print_group(explain, known->pool, (enum explain_group)group);
	return r;
}

int explain_print_text(const struct explain *explain, bool utf8)
{
	for (size_t i = 0; i < explain->pool_count; i++) {
		int r;

		if (i > 0)
			fputc('\n', explain->stream);
		r = print_pool(explain, &explain->pools[i], utf8);
		if (r < 0)
			return r;
	}
	errno = 0;
	return fflush(explain->stream) == EOF ? (errno ? -errno : -EIO) : 0;
}
