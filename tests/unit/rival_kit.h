/* SPDX-License-Identifier: Apache-2.0 */
/* A healthy pool's figures, what may become of them, and tables of what a rule says then. */
#ifndef CONNLEAK_TESTS_UNIT_RIVAL_KIT_H
#define CONNLEAK_TESTS_UNIT_RIVAL_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/rival.h"

#define OUT RULING_RULED_OUT
#define IN RULING_RULED_IN
#define UNKNOWN RULING_CANNOT_TELL

struct row {
	const char *name;
	void (*change)(struct rival_figures *figures);
	enum ruling expected;
	const char *words; /* the sentence has them; NULL = any */
};

/* Ten minutes of a healthy pool of 20, then five of the same. */
static inline struct rival_figures healthy(void)
{
	struct meter_figures span = {
		.observed_ns = 600 * NS_PER_SEC,
		.opened_per_minute = 1,
		.operations_per_second = 10,
		.sent_bytes_per_second = 1000,
		.exchange_us = 2000,
		.connect_us = 500,
		.rtt_us = 300,
		.connect_p99_us = 1100,
		.busy = 0.1,
		.open_max = 20,
		.opened_count = 10,
		.closed_count = 10,
		.operation_count = 6000,
		.exchange_count = 6000,
		.connect_count = 10,
		.rtt_count = 6000,
		.sample_count = 120,
		.opened_peak = 2,
	};
	static struct settings settings;
	struct rival_figures figures = {
		.settings = &settings,
		.before = span,
		.since = span,
		.history_ns = 600 * NS_PER_SEC,
		.observed_ns = 900 * NS_PER_SEC,
		.stale_limit_ns = 10 * NS_PER_SEC,
		.open_count = 20,
		.busy = 0.1,
		.start_count = 4,
		.saw_start = true,
		.other_count = 3,
	};

	settings_init(&settings);
	figures.since.observed_ns = 300 * NS_PER_SEC;
	figures.since.operation_count = 3000;
	figures.since.exchange_count = 3000;
	return figures;
}

static inline void as_it_is(struct rival_figures *figures)
{
	(void)figures;
}

static inline void no_history(struct rival_figures *figures)
{
	memset(&figures->before, 0, sizeof(figures->before));
	figures->before.observed_ns = 20 * NS_PER_SEC;
	figures->before.exchange_us = figures->before.connect_us = figures->before.rtt_us = NAN;
	figures->history_ns = 20 * NS_PER_SEC;
}

static inline void no_time_since(struct rival_figures *figures)
{
	memset(&figures->since, 0, sizeof(figures->since));
	figures->since.exchange_us = figures->since.connect_us = figures->since.rtt_us = NAN;
	figures->since.connect_p99_us = figures->since.busy = NAN;
}

static inline void records_lost(struct rival_figures *figures)
{
	figures->lost_count = 3;
}

static inline void twelve_silent(struct rival_figures *figures)
{
	figures->stale_count = figures->late_stale_count = 12;
	figures->suspect_count = 12;
}

static inline void exchange_triples(struct rival_figures *figures)
{
	figures->since.exchange_us = 6000;
}

static inline void check(enum rival rival, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct rival_figures figures = healthy();
		struct rival_ruling ruling;

		rows[i].change(&figures);
		rival_rule(&figures, rival, &ruling);
		if (ruling.ruling != rows[i].expected ||
		    (rows[i].words && !strstr(ruling.text, rows[i].words)))
			fail_msg("%s, %s: %s: %s", rival_name(rival), rows[i].name,
				 ruling_title(ruling.ruling), ruling.text);
		assert_int_equal(ruling.rival, rival);
		assert_true(ruling.text[0] != '\0');
	}
}

#define CHECK(rival, rows) check(rival, rows, sizeof(rows) / sizeof((rows)[0]))

#endif
