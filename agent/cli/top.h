/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ways of `top` to show pools have in common: a source, and what is browsed.
 */
#ifndef CONNLEAK_CLI_TOP_H
#define CONNLEAK_CLI_TOP_H

#include "screen/browse.h"
#include "screen/screen.h"
#include "top_source.h"

struct top {
	const struct options *options;
	struct top_source source;
	struct player *player; /* owned; NULL = no recording */
	struct live *live; /* borrowed; NULL = no own probes */
	struct browse browse;
	struct sample *sample; /* the last one; owned */
	struct detail *detail; /* of the pool that is looked at; owned; NULL = none */
	bool utf8;
	uint64_t shown_count; /* batch: tables */
};

/*
 * Takes a sample of own probes or the recording and accepts it. Returns 1 or -ENOMEM.
 */
int top_refresh(struct top *top);

/*
 * Completes a sample, which is the top's from now on, by the one before, and puts it in its place.
 * Returns 1 or -ENOMEM.
 */
int top_accept(struct top *top, struct sample *sample);

/* What the screen has to be told besides. now_ns: of the clock of keys. */
void top_facts(const struct top *top, uint64_t now_ns, struct screen_facts *ret_facts);

/*
 * On the terminal, until the user has seen enough. Returns an exit status; what went wrong has been
 * written to stderr.
 */
int top_run_screen(struct top *top);

/* One table below the other, or one JSON object a line. The same. */
int top_run_batch(struct top *top);

/*
 * Writes the pools that are shown, in their order, as JSON into a file that is not there yet. What
 * came of it is in the browse's message.
 */
void top_save(struct top *top, const char *path);

#endif
