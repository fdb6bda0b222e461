/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every open connection, one line each: what `list` prints and the agent serves.
 */
#ifndef CONNLEAK_CLI_LISTING_H
#define CONNLEAK_CLI_LISTING_H

#include <stdio.h>

#include "live.h"

struct listing {
	bool json; /* one object a line, else a table */
	bool with_sites; /* of the table; objects always have them */
	const uint32_t *pids; /* only theirs; borrowed */
	uint32_t pid_count; /* 0 = everybody's */
};

/* Writes the connections as of the last look. Returns 0 or -errno. */
int listing_write(FILE *stream, const struct live *live, const struct listing *listing);

#endif
