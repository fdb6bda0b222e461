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
 * What is so now, by own probes or the recording. Returns 1 with a sample, to be freed by the
 * caller; or -ENOMEM.
 */
int top_source_take(struct top_source *source, struct sample **ret_sample);

/* The same of one pool, which is in the last sample; 0 where it has gone. */
int top_source_explain(struct top_source *source, const struct sample_row *pool,
		       struct detail **ret_detail);

/*
 * The same from an answer of the agent: to /v1/pools, and to /v1/explain/PID. Returns also 0 where
 * it cannot be read, and trouble says why.
 */
int top_source_read(struct top_source *source, const char *body, size_t size,
		    struct sample **ret_sample);
int top_source_read_detail(struct top_source *source, const struct sample_row *pool,
			   const char *body, size_t size, struct detail **ret_detail);

#endif
