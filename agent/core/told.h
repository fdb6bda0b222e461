/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the last line of a leak verdict named, and whether that has changed by so much that a reader
 * of the lines wants another one.
 */
#ifndef CONNLEAK_CORE_TOLD_H
#define CONNLEAK_CORE_TOLD_H

#include "settings.h"
#include "table.h"

/* Zeroed memory is a verdict that nothing was said of. */
struct told {
	uint32_t count; /* suspects that the last line named */
	uint32_t gone_count; /* of those marked by then: how many are not any more */
	uint32_t elsewhere_count; /* of those named: in other processes, which cannot be marked */
	uint64_t raised_ns; /* of the first line that raised it; 0 = it has not */
	uint64_t t_ns; /* of the last line */
	uint64_t ends_ns; /* by when all is leaked, as it says; 0 = it does not, or that is past */
};

/*
 * A line says now that the marked ones of the pool are suspects, and so many elsewhere, and that
 * there is an end in ends_s; NAN or 0 = not that.
 */
void told_take(struct told *told, const struct pool *pool, uint32_t elsewhere_count, double ends_s,
	       uint64_t t_ns);

/* A mark has been set on conn, or taken off. */
void told_observe(struct told *told, const struct conn *conn);

/*
 * Whether whom it would name is worth a line of a raised verdict:
 * - UPDATE after it was raised, or later, the first one, if anybody was added or is gone;
 * - UPDATE after the last line, or later, if UPDATE_SHARE of those named were added or are gone,
 * but at least two;
 * - UPDATE_REST after the last line, or later, if any of those named is no longer a suspect;
 * - when the end that the last line foretold is past: it is not what to expect any more.
 */
bool told_is_news(const struct told *told, const struct settings *settings, uint32_t marked_count,
		  uint32_t elsewhere_count, uint64_t t_ns);

#endif
