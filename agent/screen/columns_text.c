// SPDX-License-Identifier: Apache-2.0
/*
 * Figures and names of a line as its columns show them. A group's name is that of its one member,
 * or how many members it has.
 *
 * Invariant: an unknown figure is "-", never 0.
 * Does not know where it will stand (columns.c).
 */
#include "columns_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/format.h"
#include "gauge.h"
#include "grid.h"

#define NUMBER_WIDTH 7 /* of OPEN, in front of its bar */

static const char *put(const char *text, char *buffer, size_t size)
{
	(void)snprintf(buffer, size, "%s", text ? text : "-");
	return buffer;
}

const char *columns_count_text(uint64_t count, char *buffer, size_t size)
{
	if (count < 100000)
		(void)snprintf(buffer, size, "%u", (unsigned int)count);
	else if (count < 10000000)
		(void)snprintf(buffer, size, "%uk", (unsigned int)(count / 1000));
	else
		(void)snprintf(buffer, size, "%lluM", (unsigned long long)(count / 1000000));
	return buffer;
}

const char *columns_rate_text(double rate, char *buffer, size_t size)
{
	if (isnan(rate))
		return put("-", buffer, size);
	if (rate < 0.05)
		return put(rate > 0 ? "<0.1" : "0", buffer, size);
	if (rate < 9.95)
		(void)snprintf(buffer, size, "%.1f", rate);
	else if (rate < 9999.5)
		(void)snprintf(buffer, size, "%.0f", rate);
	else
		(void)snprintf(buffer, size, "%.0fk", rate / 1000);
	return buffer;
}

const char *columns_endpoint_text(const struct sample_row *pool, char *buffer, size_t size)
{
	if (pool->endpoint)
		return put(pool->endpoint, buffer, size);
	return format_netaddr(&pool->remote, buffer, size);
}

static const char *count_unless_exited(const struct row *row, uint64_t count, char *buffer,
				       size_t size)
{
	return row->exited ? put("-", buffer, size) : columns_count_text(count, buffer, size);
}

/* --- who -------------------------------------------------------------------------------------- */

COLUMNS_TEXT(severity)
{
	static const char *const words[] = {"", "susp", "info", "WARN", "CRIT"};

	(void)scene;
	(void)width;
	return put(row->exited ? "gone" : words[rows_severity(row->pool)], buffer, size);
}

static bool is_of_several(uint32_t count)
{
	return count > 1;
}

static const char *several(uint32_t count, const char *what, char *buffer, size_t size)
{
	(void)snprintf(buffer, size, "%u %s", count, what);
	return buffer;
}

COLUMNS_TEXT(pid)
{
	(void)scene;
	(void)width;
	if (is_of_several(row->process_count))
		return put("", buffer, size);
	(void)snprintf(buffer, size, "%u", row->pool->client.pid);
	return buffer;
}

COLUMNS_TEXT(procs)
{
	(void)scene;
	(void)width;
	return count_unless_exited(row, row->process_count, buffer, size);
}

COLUMNS_TEXT(comm)
{
	(void)scene;
	(void)width;
	if (is_of_several(row->process_count))
		return several(row->process_count, "procs", buffer, size);
	return put(row->pool->comm, buffer, size);
}

/* An executable says less than a process's own name does. */
COLUMNS_TEXT(who)
{
	const struct sample_row *pool = row->pool;
	size_t length, end = strlen(".service");

	if (pool->pod)
		return put(pool->pod, buffer, size);
	if (pool->workload && (pool->container || pool->unit)) {
		(void)put(pool->workload, buffer, size);
		length = strlen(buffer);
		/* Where it has no room, what nearly all units end with says least. */
		if (length > width && length > end && !strcmp(buffer + length - end, ".service"))
			buffer[length - end] = '\0';
		return buffer;
	}
	return columns_text_comm(scene, row, width, buffer, size);
}

COLUMNS_TEXT(site)
{
	(void)scene;
	(void)width;
	return put(row->site ? row->site : "(unknown)", buffer, size);
}

COLUMNS_TEXT(workload)
{
	(void)scene;
	(void)width;
	if (is_of_several(row->workload_count))
		return several(row->workload_count, "workloads", buffer, size);
	return put(row->pool->workload, buffer, size);
}

COLUMNS_TEXT(database)
{
	(void)scene;
	(void)width;
	if (is_of_several(row->endpoint_count))
		return put("", buffer, size);
	return put(row->pool->database, buffer, size);
}

COLUMNS_TEXT(endpoint)
{
	char address[ADDR_TEXT_SIZE];

	(void)scene;
	if (is_of_several(row->endpoint_count))
		return several(row->endpoint_count, "endpoints", buffer, size);
	(void)columns_endpoint_text(row->pool, buffer, size);
	if (!row->pool->endpoint)
		return buffer;
	/* Both where there is room. */
	(void)format_netaddr(&row->pool->remote, address, sizeof(address));
	if (strlen(buffer) + strlen(address) + 1 <= width)
		(void)snprintf(buffer + strlen(buffer), size - strlen(buffer), " %s", address);
	return buffer;
}

/* --- how many --------------------------------------------------------------------------------- */

/* "61/100", "61/~64" where the ceiling is learned. */
static void open_of_limit(const struct row *row, char *buffer, size_t size)
{
	char open[16], limit[16];

	(void)columns_count_text(row->open_count, open, sizeof(open));
	(void)columns_count_text(row->limit, limit, sizeof(limit));
	if (row->limit)
		(void)snprintf(buffer, size, "%s/%s%s", open,
			       row->limit_kind == SAMPLE_LIMIT_LEARNED ? "~" : "", limit);
	else
		(void)snprintf(buffer, size, "%s", open);
}

COLUMNS_TEXT(open)
{
	uint32_t number;
	char bar[GAUGE_BYTES(GAUGE_COLUMNS_MAX)], text[40];

	open_of_limit(row, text, sizeof(text));
	number = (uint32_t)strlen(text) > NUMBER_WIDTH ? (uint32_t)strlen(text) : NUMBER_WIDTH;
	if (!row->limit || row->exited || width > GAUGE_COLUMNS_MAX || width < number + 3)
		return put(text, buffer, size);
	(void)gauge_bar((double)row->open_count / (double)row->limit, width - number - 1,
			scene->utf8, bar, sizeof(bar));
	(void)snprintf(buffer, size, "%-*s %s", (int)number, text, bar);
	return buffer;
}

COLUMNS_TEXT(busy)
{
	(void)scene;
	(void)width;
	return count_unless_exited(row, row->busy_count, buffer, size);
}

COLUMNS_TEXT(idle)
{
	(void)scene;
	(void)width;
	return count_unless_exited(row, row->idle_count, buffer, size);
}

COLUMNS_TEXT(stale)
{
	(void)scene;
	(void)width;
	return count_unless_exited(row, row->stale_count, buffer, size);
}

COLUMNS_TEXT(opens)
{
	(void)scene;
	(void)width;
	return columns_rate_text(row->opens_per_s, buffer, size);
}

COLUMNS_TEXT(closes)
{
	(void)scene;
	(void)width;
	return columns_rate_text(row->closes_per_s, buffer, size);
}

COLUMNS_TEXT(course)
{
	return gauge_spark(row->history, SAMPLE_HISTORY_COUNT, width, scene->utf8, buffer, size);
}

/* --- how bad ---------------------------------------------------------------------------------- */

static const char *seconds_text(double seconds, char *buffer, size_t size)
{
	if (!isfinite(seconds))
		return put("?", buffer, size);
	/* Beyond what a duration holds it is all the same. */
	if (seconds > 1e9)
		seconds = 1e9;
	return format_duration((uint64_t)(seconds * NS_PER_SEC), buffer, size);
}

/* Where little room is: "39 min left". */
enum left_form { LEFT_WITH_BOUNDS, LEFT_PLAIN, LEFT_SHORT };

/* "full in 39 min (25 min - 2 h)", "full now"; "" where nothing is known. */
static void left_text(const struct sample_verdict *verdict, enum left_form form, char *buffer,
		      size_t size)
{
	char left[32], low[32], high[32];

	buffer[0] = '\0';
	if (!isfinite(verdict->exhausts_in_s))
		return;
	(void)seconds_text(verdict->exhausts_in_s, left, sizeof(left));
	if (verdict->exhausts_in_s <= 0)
		(void)put("full now", buffer, size);
	else if (form == LEFT_SHORT)
		(void)snprintf(buffer, size, "%s left", left);
	else if (form == LEFT_WITH_BOUNDS && isfinite(verdict->exhausts_in_low_s))
		(void)snprintf(buffer, size, "full in %s (%s - %s)", left,
			       seconds_text(verdict->exhausts_in_low_s, low, sizeof(low)),
			       seconds_text(verdict->exhausts_in_high_s, high, sizeof(high)));
	else
		(void)snprintf(buffer, size, "full in %s", left);
}

/* Variant 0 says most, the last one least. */
#define VERDICT_VARIANTS 5

static void verdict_variant(const struct columns_scene *scene, const struct sample_verdict *verdict,
			    unsigned int variant, char *buffer, size_t size)
{
	static const enum left_form forms[VERDICT_VARIANTS] = {LEFT_WITH_BOUNDS, LEFT_WITH_BOUNDS,
							       LEFT_PLAIN, LEFT_SHORT, LEFT_SHORT};
	const char *kind = verdict_kind_name(verdict->kind), *stage = "";
	char left[120], since[32], named[32] = "";

	if (verdict->state == VERDICT_SUSPECT && variant < 3)
		stage = "suspect ";
	else if (verdict->state == VERDICT_SUSPECT)
		kind = "suspect";
	left_text(verdict, forms[variant], left, sizeof(left));
	(void)format_clock(verdict->since_ns, scene->realtime_at_zero_ns, since, sizeof(since));
	if (verdict->suspect_count)
		(void)snprintf(named, sizeof(named), " %u", verdict->suspect_count);
	if (variant == 0)
		(void)snprintf(buffer, size, "%s%s%s since %s%s%s", stage, kind, named, since,
			       left[0] ? ", " : "", left);
	else if (variant < 3)
		(void)snprintf(buffer, size, "%s%s%s%s%s", stage, kind, named, left[0] ? ", " : "",
			       left);
	else if (variant == 3 && left[0])
		(void)snprintf(buffer, size, "%s %s", kind, left);
	else
		(void)snprintf(buffer, size, "%s%s", kind, named);
}

const char *columns_verdict_text(const struct columns_scene *scene, const struct sample_row *pool,
				 uint32_t width, char *buffer, size_t size)
{
	if (!pool->verdict.id)
		return put("-", buffer, size);
	for (unsigned int variant = 0; variant < VERDICT_VARIANTS; variant++) {
		verdict_variant(scene, &pool->verdict, variant, buffer, size);
		if (grid_text_width(buffer, true) <= width)
			break;
	}
	return buffer;
}

COLUMNS_TEXT(verdict)
{
	char gone[32];

	if (!row->exited)
		return columns_verdict_text(scene, row->pool, width, buffer, size);
	(void)format_duration(scene->now_ns - row->pool->exited_ns, gone, sizeof(gone));
	(void)snprintf(buffer, size, "gone for %s", gone);
	return buffer;
}
