// SPDX-License-Identifier: Apache-2.0
/*
 * What is charted and alerted on from outside the host: counts and states of pools by workload and
 * endpoint, and what the agent knows of its own health, above all what it has lost.
 *
 * Invariant: a series that has been shown once is shown again as long as its group is there, so
 * that an increase from zero is one; names from outside appear in values of labels and nowhere
 * else, and no command line, environment or statement does. It does not count (rollup.c) and does
 * not know the text formats (exposition.c).
 */
#include "metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/words.h"

#define LABELS_MAX (ROLLUP_LABEL_COUNT + 3)

static const char *const label_names[ROLLUP_LABEL_COUNT] = {
	[ROLLUP_WORKLOAD] = "workload", [ROLLUP_NAMESPACE] = "namespace",
	[ROLLUP_POD] = "pod",		[ROLLUP_CONTAINER] = "container",
	[ROLLUP_ENDPOINT] = "endpoint", [ROLLUP_DATABASE] = "database",
	[ROLLUP_PID] = "pid",
};

static const char *const state_names[ROLLUP_STATE_COUNT] = {
	[ROLLUP_CONNECTING] = "connecting",   [ROLLUP_BUSY] = "busy",	[ROLLUP_IDLE] = "idle",
	[ROLLUP_PEER_CLOSED] = "peer_closed", [ROLLUP_STALE] = "stale",
};

/* A row of the page being written: the labels of a group, and up to three more. */
struct row {
	struct exposition_label labels[LABELS_MAX];
	size_t base, count;
};

struct writer {
	struct exposition page;
	const struct metrics_figures *figures;
	struct row row;
};

static void begin_row(struct writer *writer, const struct rollup_group *group)
{
	struct row *row = &writer->row;

	row->base = 0;
	for (int i = 0; i < ROLLUP_LABEL_COUNT; i++) {
		if (i == ROLLUP_PID && !writer->figures->per_process)
			continue;
		row->labels[row->base].name = label_names[i];
		row->labels[row->base++].value = group->labels[i];
	}
	row->count = row->base;
}

static void add_label(struct writer *writer, const char *name, const char *value)
{
	struct row *row = &writer->row;

	row->labels[row->count].name = name;
	row->labels[row->count++].value = value;
}

static void write_count(struct writer *writer, uint64_t value)
{
	exposition_count(&writer->page, writer->row.labels, writer->row.count, value);
	writer->row.count = writer->row.base;
}

/* --- one function a family -------------------------------------------------------------------- */

static void write_connections(struct writer *writer, const struct rollup_group *group)
{
	for (int i = 0; i < ROLLUP_STATE_COUNT; i++) {
		add_label(writer, "state", state_names[i]);
		write_count(writer, group->state_count[i]);
	}
}

static void write_opened(struct writer *writer, const struct rollup_group *group)
{
	write_count(writer, group->opened_count);
}

static void write_closed(struct writer *writer, const struct rollup_group *group)
{
	for (int i = 0; i < CLOSE_BY_COUNT; i++) {
		add_label(writer, "by", close_by_name((enum close_by)i));
		write_count(writer, group->closed_count[i]);
	}
}

static void write_failed(struct writer *writer, const struct rollup_group *group)
{
	for (int i = 0; i < FAIL_REASON_COUNT; i++) {
		add_label(writer, "error", fail_reason_name((enum fail_reason)i));
		write_count(writer, group->failed_count[i]);
	}
}

static void write_connect(struct writer *writer, const struct rollup_group *group)
{
	exposition_histogram(&writer->page, writer->row.labels, writer->row.count, &group->connect,
			     &histogram_connect_scale);
}

static void write_lifetime(struct writer *writer, const struct rollup_group *group)
{
	exposition_histogram(&writer->page, writer->row.labels, writer->row.count, &group->lifetime,
			     &histogram_lifetime_scale);
}

static void write_verdicts(struct writer *writer, const struct rollup_group *group)
{
	for (int kind = 0; kind < VERDICT_KIND_COUNT; kind++) {
		for (int severity = SEVERITY_INFO; severity <= SEVERITY_CRITICAL; severity++) {
			if (!(group->standing[kind] & 1 << severity))
				continue;
			add_label(writer, "kind", verdict_kind_name((enum verdict_kind)kind));
			add_label(writer, "severity", severity_name((enum severity)severity));
			write_count(writer, 1);
		}
	}
}

static void write_exhaustion(struct writer *writer, const struct rollup_group *group)
{
	if (!isnan(group->exhausts_in_s))
		exposition_real(&writer->page, writer->row.labels, writer->row.count,
				group->exhausts_in_s);
}

static const struct family {
	const char *name;
	enum exposition_type type;
	const char *unit; /* NULL = a number of things */
	const char *help;
	void (*write)(struct writer *writer, const struct rollup_group *group);
} families[] = {
	{"connleak_connections", EXPOSITION_GAUGE, NULL,
	 "Open connections to database endpoints by state; stale is silent for longer than is "
	 "benign in its pool.",
	 write_connections},
	{"connleak_connections_opened", EXPOSITION_COUNTER, NULL,
	 "Connections that processes began to open, short ones and failed ones included.",
	 write_opened},
	{"connleak_connections_closed", EXPOSITION_COUNTER, NULL,
	 "Connections that ended, by who ended them.", write_closed},
	{"connleak_connections_failed", EXPOSITION_COUNTER, NULL,
	 "Connects that were never established, by error.", write_failed},
	{"connleak_connect_duration_seconds", EXPOSITION_HISTOGRAM, "seconds",
	 "Time from connect to established, of connections that outlived a look.", write_connect},
	{"connleak_connection_lifetime_seconds", EXPOSITION_HISTOGRAM, "seconds",
	 "Time from open to close, where the open was observed; one that came and went between two "
	 "looks counts as half the time between them.",
	 write_lifetime},
	{"connleak_verdict", EXPOSITION_GAUGE, NULL,
	 "1 while a verdict stands against a pool of the workload.", write_verdicts},
	{"connleak_exhaustion_seconds", EXPOSITION_GAUGE, "seconds",
	 "Time until the endpoint's connections are used up at the present growth, the soonest of "
	 "the workload.",
	 write_exhaustion},
};

static void write_families(struct writer *writer)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const struct family *family = &families[i];
		const struct rollup_group *group = rollup_first(writer->figures->rollup);

		exposition_family(&writer->page, family->name, family->type, family->unit,
				  family->help);
		for (; group; group = group->next) {
			begin_row(writer, group);
			family->write(writer, group);
		}
	}
}

/* --- endpoints -------------------------------------------------------------------------------- */

static int compare_endpoints(const void *x, const void *y)
{
	const struct rollup_group *a = *(const struct rollup_group *const *)x;
	const struct rollup_group *b = *(const struct rollup_group *const *)y;
	int r = strcmp(a->labels[ROLLUP_ENDPOINT], b->labels[ROLLUP_ENDPOINT]);

	return r ? r : strcmp(a->labels[ROLLUP_DATABASE], b->labels[ROLLUP_DATABASE]);
}

/* One series an endpoint, however many workloads use it. */
static void write_limits(struct writer *writer)
{
	const struct rollup *rollup = writer->figures->rollup;
	const struct rollup_group **groups, *before = NULL;
	size_t count = 0;

	groups =
		calloc((size_t)rollup_group_count(rollup) + 1, sizeof(const struct rollup_group *));
	if (!groups) {
		writer->page.is_out_of_memory = true;
		return;
	}
	for (const struct rollup_group *group = rollup_first(rollup); group; group = group->next)
		if (group->limit > 0)
			groups[count++] = group;
	qsort(groups, count, sizeof(groups[0]), compare_endpoints);
	exposition_family(&writer->page, "connleak_endpoint_limit", EXPOSITION_GAUGE, NULL,
			  "Connections that the endpoint takes in all, as configured.");
	for (size_t i = 0; i < count; before = groups[i++]) {
		const struct exposition_label labels[] = {
			{"endpoint", groups[i]->labels[ROLLUP_ENDPOINT]},
			{"database", groups[i]->labels[ROLLUP_DATABASE]},
		};

		if (!before || compare_endpoints(&before, &groups[i]) != 0)
			exposition_count(&writer->page, labels, 2, groups[i]->limit);
	}
	free(groups);
}

/* --- the agent itself ------------------------------------------------------------------------- */

static void write_counts(struct writer *writer, const char *label,
			 const struct metrics_count *counts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct exposition_label labels[] = {{label, counts[i].word}};

		exposition_count(&writer->page, labels, 1, counts[i].count);
	}
}

static void write_agent(struct writer *writer)
{
	static const struct exposition_label version[] = {{"version", CONNLEAK_VERSION}};
	const struct metrics_figures *figures = writer->figures;
	struct exposition *page = &writer->page;

	exposition_family(page, "connleak_lost", EXPOSITION_COUNTER, NULL,
			  "What the agent could not observe, remember or report, by reason.");
	write_counts(writer, "reason", figures->losses, figures->loss_count);
	exposition_family(page, "connleak_tracked_connections", EXPOSITION_GAUGE, NULL,
			  "Connections that the agent follows one by one.");
	exposition_count(page, NULL, 0, figures->tracked_count);
	exposition_family(page, "connleak_tick_duration_seconds", EXPOSITION_HISTOGRAM, "seconds",
			  "Time that a look at all connections takes, judging included.");
	exposition_histogram(page, NULL, 0, figures->ticks, &histogram_tick_scale);
	exposition_family(page, "connleak_metrics_overflow", EXPOSITION_COUNTER, NULL,
			  "Pools counted as " ROLLUP_OTHER
			  " because --metrics-series was reached.");
	exposition_count(page, NULL, 0, rollup_overflow_count(figures->rollup));
	exposition_family(page, "connleak_http_requests", EXPOSITION_COUNTER, NULL,
			  "Answers of the agent over HTTP and its socket, by status.");
	write_counts(writer, "code", figures->requests, figures->request_count);
	exposition_family(page, "connleak_http_refused", EXPOSITION_COUNTER, NULL,
			  "Clients that were cut off, by the bound they met.");
	write_counts(writer, "reason", figures->refusals, figures->refusal_count);
	exposition_family(page, "connleak_build_info", EXPOSITION_GAUGE, NULL,
			  "1, with the version of the agent.");
	exposition_count(page, version, 1, 1);
}

int metrics_render(const struct metrics_figures *figures, enum exposition_format format,
		   char **ret_text, size_t *ret_size)
{
	struct writer writer = {.page = {.format = format}, .figures = figures};

	write_families(&writer);
	write_limits(&writer);
	write_agent(&writer);
	return exposition_finish(&writer.page, ret_text, ret_size);
}
