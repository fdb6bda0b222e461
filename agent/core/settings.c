// SPDX-License-Identifier: Apache-2.0
/*
 * Every figure that the detector was tuned with is a row here, with its range and the reason for
 * its default, so that --set, the config file and the manual cannot disagree with the code.
 *
 * Invariant: rows[] and fields[] have the same order, and a stored value is always in its range.
 * Whether two values go together is asked when all are there, for they come one by one.
 * Does not read files and does not know what the values do.
 */
#include "settings.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "types.h"

enum field_type { FIELD_NUMBER, FIELD_COUNT, FIELD_TIME };

struct field {
	enum field_type type;
	size_t offset;
};

static const struct setting_row rows[] = {
	{"A", "", 10, 1e12, 1e4,
	 "evidence (e-value) at which a leak is raised; the odds against it in a healthy pool, "
	 "and 1e4 still needs only 7 records in a row of a process never seen before"},
	{"A_SUSPECT", "", 2, 1e12, 300,
	 "evidence at which a pool becomes suspect; cheap to be wrong about, and it arms the "
	 "costly probes early enough to see the leaker"},
	{"LMIN", "", 1, 100000, 5,
	 "connections above the stock at the beginning of the evidence that a leak needs; "
	 "fewer are within what a healthy pool leaves lying about"},
	{"LMIN_SPREAD", "", 0, 100, 2,
	 "a leak needs no fewer than so many square roots of that stock either: spares that come "
	 "and go by themselves stray by two standard deviations now and then"},
	{"LMIN_SUSPECT", "", 1, 100000, 3,
	 "the same as LMIN for a suspect; fewer, for a pool of 5 is empty before LMIN can be "
	 "proved, but not before it can be suspected"},
	{"PMIN", "", 1e-6, 0.4, 0.01,
	 "the chance of a record is never taken to be smaller, however long the history: "
	 "load changes by the hour, so old tests promise little"},
	{"T0", "s", 0.1, 86400, 10,
	 "shortest silence that can count as stale; above the think time between two "
	 "statements of one request"},
	{"I0", "", 1, 100000, 4,
	 "tests taken as done before the first one; keeps the first records of a process, "
	 "which come for nothing, from weighing much"},
	{"CREDIT", "s", 0, 3600, 60,
	 "a close pays for an open for this long; pools replace a retired connection within "
	 "a housekeeping period of 30 s"},
	{"TICK", "s", 0.1, 60, 5,
	 "how often the detector decides what time alone changes, and samples how busy pools are; "
	 "four times within the 20 s in which a storm is to be told"},
	{"HOLD", "s", 0, 3600, 10,
	 "a pool must be suspect for this long before a leak is raised: slow statements come back; "
	 "for four times as long where no work is done beside what is silent: requests that all "
	 "wait for the same service come back when they time out"},
	{"FAIR", "", 1, 100, 10,
	 "a pool is fair where a connection waits at most this many rounds for its next use, but "
	 "for 1/200 of the time; random choice needs 7.4, and beyond 10 some are mere reserve"},
	{"COVERAGE_HOLD", "s", 0, 86400, 300,
	 "HOLD for connections that are passed over or no longer pinged: no open asks for them, so "
	 "they must have missed more than a long job would make them miss"},
	{"OVERSIZED_FACTOR", "", 1.1, 100, 1.5,
	 "plateau of a new process over that of the process before at which it is oversized; "
	 "deploys that tune a pool stay below"},
	{"OVERSIZED_MORE", "", 1, 100000, 10,
	 "and so many connections more, for half as many again of a small pool hurt no server"},
	{"OVERSIZED_BUSY", "", 0.01, 1, 0.3,
	 "share of its connections in use below which a pool is larger than its work; what "
	 "requests wait for is busier"},
	{"OVERLAP", "s", 0, 86400, 600,
	 "age of a process before it is compared with the one before: deploys overlap, caches "
	 "are cold and traffic moves over"},
	{"EXPOSURE", "s", 0, 864000, 3600,
	 "where most suspects were used only once and the process is young, or fewer connections "
	 "than these ever came back or were closed, the suspects must be at least 12 and have been "
	 "silent for this long in sum: an hour outlasts sessions of ten minutes with odds of 400 "
	 "to 1"},
	{"CLEAR", "s", 1, 86400, 600,
	 "evidence must stay below a fifth of its peak for this long before a verdict is "
	 "cleared; longer than the pauses of a leak on a rare path. A raised leak stands while "
	 "more than four lie there for each of those named that came back"},
	{"UPDATE", "s", 0, 86400, 50,
	 "this long after a leak was raised its connections are named again if others are "
	 "suspected "
	 "by then, so that a minute after its lines name all that had leaked; later lines are at "
	 "least as far apart, but for changes of severity"},
	{"UPDATE_SHARE", "", 0.01, 100, 0.25,
	 "share of the connections named that must be new or gone for a later line, and two of "
	 "them: "
	 "a leak of 100 makes a dozen lines"},
	{"UPDATE_REST", "s", 0, 86400, 600,
	 "this long after a line another one comes if any connection that it named was used or "
	 "closed since: a reader shall not act on it for long, and some pools close one a minute"},
	{"PLATEAU", "s", 5, 86400, 60,
	 "how long the open connections must have been at their maximum, with no open but in place "
	 "of a closed one, to be at a plateau; longer than a refill takes"},
	{"BUSY_SATURATED", "", 0.1, 1, 0.85,
	 "share of the connections to which an answer is owed, mean of twelve ticks, at which a "
	 "pool at its plateau is saturated: with 10 connections requests wait half of the time"},
	{"BUSY_CLEAR", "", 0, 1, 0.7,
	 "share below which it is no longer; well below, so that it does not flicker"},
	{"BUSY_SILENCE", "s", 0.1, 86400, 2,
	 "19 of 20 connections of a saturated pool were used within this time; what is held for "
	 "longer is a long job or a leak, and not a lack of connections"},
	{"BUSY_CLEAR_TIME", "s", 0, 86400, 300,
	 "how long the share must be below BUSY_CLEAR before the verdict is cleared; longer than a "
	 "lull between two waves of requests, so that one shortage is one verdict"},
	{"EXHAUSTED_STALE", "", 0.1, 1, 0.5,
	 "share of the connections at a plateau that must be held in silence in an exhausted pool; "
	 "half of a pool is more than healthy pools leave unused under load"},
	{"STORM_MIN", "", 2, 1e6, 20,
	 "connects in 10 s that a storm has at least; the opening of a pool of usual size has "
	 "fewer "
	 "or is over sooner"},
	{"STORM_FACTOR", "", 1.5, 1000, 8,
	 "and so many times the average (plus 5 of its standard deviations); user spikes seldom "
	 "exceed 8"},
	{"STORM_FAILED", "", 0.05, 1, 0.3,
	 "share of the connects that fail, are not answered or are closed by the server within a "
	 "second, at which such a surge is a storm whatever the past was; where fewer are turned "
	 "away, most requests are still served"},
	{"CLOSE_WAIT", "s", 1, 86400, 60,
	 "age at which a connection that the server has closed counts as forgotten; pools "
	 "notice at the next borrow or housekeeping, 30 s as a rule"},
	{"LEFT", "s", 1, 86400, 2700,
	 "silence of a whole pool after which another server can have taken its place, and half as "
	 "much again before a leak is raised; pools close what is idle or old within 30 min as a "
	 "rule, and within an hour"},
};

static const struct field fields[] = {
	{FIELD_NUMBER, offsetof(struct settings, alarm)},
	{FIELD_NUMBER, offsetof(struct settings, suspect)},
	{FIELD_COUNT, offsetof(struct settings, leak_min)},
	{FIELD_NUMBER, offsetof(struct settings, leak_spread)},
	{FIELD_COUNT, offsetof(struct settings, suspect_min)},
	{FIELD_NUMBER, offsetof(struct settings, p_min)},
	{FIELD_TIME, offsetof(struct settings, t0_ns)},
	{FIELD_COUNT, offsetof(struct settings, i0)},
	{FIELD_TIME, offsetof(struct settings, credit_ns)},
	{FIELD_TIME, offsetof(struct settings, tick_ns)},
	{FIELD_TIME, offsetof(struct settings, hold_ns)},
	{FIELD_NUMBER, offsetof(struct settings, fair_rounds)},
	{FIELD_TIME, offsetof(struct settings, coverage_hold_ns)},
	{FIELD_NUMBER, offsetof(struct settings, oversized_factor)},
	{FIELD_NUMBER, offsetof(struct settings, oversized_more)},
	{FIELD_NUMBER, offsetof(struct settings, oversized_busy)},
	{FIELD_TIME, offsetof(struct settings, overlap_ns)},
	{FIELD_TIME, offsetof(struct settings, exposure_ns)},
	{FIELD_TIME, offsetof(struct settings, clear_ns)},
	{FIELD_TIME, offsetof(struct settings, update_ns)},
	{FIELD_NUMBER, offsetof(struct settings, update_share)},
	{FIELD_TIME, offsetof(struct settings, update_rest_ns)},
	{FIELD_TIME, offsetof(struct settings, plateau_ns)},
	{FIELD_NUMBER, offsetof(struct settings, busy_saturated)},
	{FIELD_NUMBER, offsetof(struct settings, busy_clear)},
	{FIELD_TIME, offsetof(struct settings, busy_silence_ns)},
	{FIELD_TIME, offsetof(struct settings, busy_clear_ns)},
	{FIELD_NUMBER, offsetof(struct settings, exhausted_stale)},
	{FIELD_COUNT, offsetof(struct settings, storm_min)},
	{FIELD_NUMBER, offsetof(struct settings, storm_factor)},
	{FIELD_NUMBER, offsetof(struct settings, storm_failed)},
	{FIELD_TIME, offsetof(struct settings, close_wait_ns)},
	{FIELD_TIME, offsetof(struct settings, left_ns)},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))
static_assert(ROW_COUNT == sizeof(fields) / sizeof(fields[0]), "one field per row");

/* A whole divisor keeps "100000us" equal to "0.1s", which a factor of 1e-6 does not. */
static const struct {
	const char *suffix;
	double factor, divisor;
} time_units[] = {
	{"", 1, 1},  {"ns", 1, 1e9}, {"us", 1, 1e6}, {"ms", 1, 1e3},
	{"s", 1, 1}, {"m", 60, 1},   {"h", 3600, 1},
};

static void store(struct settings *settings, const struct field *field, double value)
{
	char *target = (char *)settings + field->offset;

	switch (field->type) {
	case FIELD_NUMBER:
		memcpy(target, &value, sizeof(value));
		break;
	case FIELD_COUNT: {
		uint32_t count = (uint32_t)value;

		memcpy(target, &count, sizeof(count));
		break;
	}
	case FIELD_TIME: {
		uint64_t ns = (uint64_t)llround(value * 1e9);

		memcpy(target, &ns, sizeof(ns));
		break;
	}
	}
}

void settings_init(struct settings *ret_settings)
{
	memset(ret_settings, 0, sizeof(*ret_settings));
	for (size_t i = 0; i < ROW_COUNT; i++)
		store(ret_settings, &fields[i], rows[i].initial);
}

/* strtod() alone would take "inf", "nan", "0x10" and leading space. */
static bool parse_number(const char *text, double *ret_value, const char **ret_rest)
{
	size_t length = strspn(text, "+-.0123456789");
	char *end;

	if (length == 0 || text[strspn(text, "+-.")] == '\0')
		return false;
	if (text[length] == 'x' || text[length] == 'X')
		return false;
	*ret_value = strtod(text, &end);
	*ret_rest = end;
	return end != text && isfinite(*ret_value);
}

static bool parse_value(const char *text, enum field_type type, double *ret_value)
{
	const char *rest;
	double value;

	if (!parse_number(text, &value, &rest))
		return false;
	if (type != FIELD_TIME) {
		*ret_value = value;
		return *rest == '\0' && (type != FIELD_COUNT || value == floor(value));
	}
	for (size_t i = 0; i < sizeof(time_units) / sizeof(time_units[0]); i++) {
		if (strcmp(rest, time_units[i].suffix) == 0) {
			*ret_value = value * time_units[i].factor / time_units[i].divisor;
			return true;
		}
	}
	return false;
}

int settings_set(struct settings *settings, const char *key, const char *value, char *ret_error,
		 size_t error_size)
{
	char safe[80];

	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct setting_row *row = &rows[i];
		double number;

		if (strcmp(row->key, key) != 0)
			continue;
		if (parse_value(value, fields[i].type, &number) && number >= row->low &&
		    number <= row->high) {
			store(settings, &fields[i], number);
			return 0;
		}
		(void)snprintf(ret_error, error_size,
			       "setting %s: '%s' is not a %s from %g%s%s to %g%s%s", row->key,
			       format_safe(value, 60, safe, sizeof(safe)),
			       fields[i].type == FIELD_TIME    ? "time"
			       : fields[i].type == FIELD_COUNT ? "whole number"
							       : "number",
			       row->low, *row->unit ? " " : "", row->unit, row->high,
			       *row->unit ? " " : "", row->unit);
		return -EINVAL;
	}
	(void)snprintf(ret_error, error_size, "setting '%s' does not exist",
		       format_safe(key, 60, safe, sizeof(safe)));
	return -ENOENT;
}

/* What lies between the two is the way of a verdict from one stage to the next. */
static const struct {
	const char *low, *high, *reason;
} orders[] = {
	{"A_SUSPECT", "A", "a leak is suspected before it is raised"},
	{"LMIN_SUSPECT", "LMIN", "a leak is suspected before it is raised"},
	{"BUSY_CLEAR", "BUSY_SATURATED", "else a verdict is cleared while it holds"},
};

static double load(const struct settings *settings, const char *key)
{
	const char *source;
	uint32_t count;
	double number;
	size_t i = 0;

	while (strcmp(rows[i].key, key) != 0)
		i++;
	assert(fields[i].type != FIELD_TIME); /* no order has one */
	source = (const char *)settings + fields[i].offset;
	if (fields[i].type == FIELD_COUNT) {
		memcpy(&count, source, sizeof(count));
		return count;
	}
	memcpy(&number, source, sizeof(number));
	return number;
}

int settings_check(const struct settings *settings, char *ret_error, size_t error_size)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		double low = load(settings, orders[i].low), high = load(settings, orders[i].high);

		if (low <= high)
			continue;
		(void)snprintf(ret_error, error_size,
			       "settings %s = %g and %s = %g: %s must be at least %s; %s",
			       orders[i].high, high, orders[i].low, low, orders[i].high,
			       orders[i].low, orders[i].reason);
		return -EINVAL;
	}
	return 0;
}

const struct setting_row *settings_rows(size_t *ret_count)
{
	*ret_count = ROW_COUNT;
	return rows;
}
