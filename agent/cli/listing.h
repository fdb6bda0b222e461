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

/*
 * The same in steps, between which looks may be taken: each line is of the look before its step,
 * and what has been closed by then is left out. live is borrowed until the end; listing is not.
 * *stream takes all of it. Returns 0 or -ENOMEM; free with listing_steps_free(), which accepts
 * NULL.
 */
struct listing_steps;
int listing_steps_new(const struct live *live, const struct listing *listing,
		      struct listing_steps **ret_steps);
void listing_steps_free(struct listing_steps *steps);

/* Goes on until until_ns (monotonic), and a little. Returns 1 if there is more to do, 0 or -errno.
 */
int listing_step(struct listing_steps *steps, FILE *stream, uint64_t until_ns);

#endif
