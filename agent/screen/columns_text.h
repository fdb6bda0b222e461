/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in each column of the screen of pools. All write at most width columns worth of text
 * where they can choose, and return buffer.
 */
#ifndef CONNLEAK_SCREEN_COLUMNS_TEXT_H
#define CONNLEAK_SCREEN_COLUMNS_TEXT_H

#include "columns.h"

#define COLUMNS_TEXT(name)                                                                         \
	const char *columns_text_##name(const struct columns_scene *scene, const struct row *row,  \
					uint32_t width, char *buffer, size_t size)

typedef const char *columns_text_function(const struct columns_scene *scene, const struct row *row,
					  uint32_t width, char *buffer, size_t size);

COLUMNS_TEXT(severity);
COLUMNS_TEXT(pid);
COLUMNS_TEXT(procs);
COLUMNS_TEXT(comm);
COLUMNS_TEXT(who); /* of one process: its pod, container or unit, else its comm */
COLUMNS_TEXT(site);
COLUMNS_TEXT(workload);
COLUMNS_TEXT(database);
COLUMNS_TEXT(endpoint);
COLUMNS_TEXT(open);
COLUMNS_TEXT(busy);
COLUMNS_TEXT(idle);
COLUMNS_TEXT(stale);
COLUMNS_TEXT(opens);
COLUMNS_TEXT(closes);
COLUMNS_TEXT(course);
COLUMNS_TEXT(verdict);

#endif
