/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of a pool need to know of the moment at which they are asked.
 *
 * A source looks at the counters every few seconds, so activity is reported late: what a
 * connection did since the last complete look is not known yet. Silence is therefore measured up
 * to known_ns only, for the connections that are counted and for the benign silences that set the
 * limits alike: both are then the silence that a test could have seen, and comparable.
 */
#ifndef CONNLEAK_CORE_MOMENT_H
#define CONNLEAK_CORE_MOMENT_H

#include "settings.h"
#include "stock.h"
#include "table.h"

struct moment {
	const struct settings *settings;
	struct losses losses;
	uint64_t t_ns;
	int64_t known_ns; /* all activity up to here is in the table */
};

/*
 * A look is complete when time has gone on since: until then more of it may follow. A table in
 * which nothing moves has no looks; two ticks without one mean that the source has looked and
 * found nothing. Of a source that is late less is known.
 */
static inline struct moment moment_of(const struct settings *settings, const struct table *table,
				      const struct losses *losses, uint64_t t_ns)
{
	uint64_t look_ns = table_look_ns(table);
	int64_t floor_ns = (int64_t)t_ns - 2 * (int64_t)settings->tick_ns;
	struct moment moment = {.settings = settings, .losses = *losses, .t_ns = t_ns};

	if (look_ns >= t_ns)
		look_ns = table_look_before_ns(table);
	moment.known_ns = (int64_t)look_ns > floor_ns ? (int64_t)look_ns : floor_ns;
	moment.known_ns -= (int64_t)table_late_ns(table);
	return moment;
}

/* What of a silence from since_ns on a test at its end could have seen. */
static inline uint64_t moment_known_silence_ns(const struct moment *moment, int64_t since_ns,
					       uint64_t silence_ns)
{
	int64_t until_ns = since_ns + (int64_t)silence_ns;

	if (until_ns > moment->known_ns)
		until_ns = moment->known_ns;
	return until_ns > since_ns ? (uint64_t)until_ns - (uint64_t)since_ns : 0;
}

/* The silence that change ended, as far as a test before it could have seen it. */
static inline uint64_t moment_silence_ns(const struct moment *moment, const struct change *change)
{
	return moment_known_silence_ns(moment, change->silent_since_ns, change->silence_ns);
}

/* The same of a close, before its goodbye. */
static inline uint64_t moment_idle_ns(const struct moment *moment, const struct change *change)
{
	return moment_known_silence_ns(moment, change->idle_since_ns, change->idle_ns);
}

/* True for a close that the process itself made; the others say nothing about its habits. */
static inline bool change_is_own_close(const struct change *change)
{
	return change->type == CHANGE_CLOSED &&
	       (change->by == CLOSE_LOCAL || change->by == CLOSE_PEER);
}

#endif
