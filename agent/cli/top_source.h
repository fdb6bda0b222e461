/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where `top` has its samples from: own probes, the running agent, or a recording.
 */
#ifndef CONNLEAK_CLI_TOP_SOURCE_H
#define CONNLEAK_CLI_TOP_SOURCE_H

#include "live.h"
#include "option.h"
#include "screen/detail.h"

struct player;

/* One of the three: the others are NULL. */
struct top_source {
	const struct options *options;
	struct live *live; /* own probes; borrowed, and looked at by its owner */
	const char *socket_path; /* the agent; borrowed */
	struct player *player; /* a recording; borrowed */
	char name[300]; /* for the screen; safe for a terminal */
	char trouble[300]; /* why there is no news; "" = there is */
};

/*
 * What is so now. Returns 1 with a sample, to be freed by the caller; 0 where there is no news, and
 * trouble says why; or -ENOMEM.
 */
int top_source_take(struct top_source *source, struct sample **ret_sample);

/* The same of one pool, which is in the last sample. */
int top_source_explain(struct top_source *source, const struct sample_row *pool,
		       struct detail **ret_detail);

#endif
