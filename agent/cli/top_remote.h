/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `top` asks the running agent, from a loop that goes on meanwhile: for all pools, then for
 * the one that is looked at.
 */
#ifndef CONNLEAK_CLI_TOP_REMOTE_H
#define CONNLEAK_CLI_TOP_REMOTE_H

#include <systemd/sd-event.h>

#include "sys/api_call.h"
#include "top.h"

struct top_remote {
	struct top *top; /* borrowed */
	/* There is news, or trouble: source.trouble says which. Negative ends the loop. */
	int (*on_news)(void *userdata);
	void *userdata;
	sd_event *event; /* borrowed */
	/* the rest is its own */
	struct api_call *call; /* NULL = nothing is under way */
	sd_event_source *io, *timer;
	uint64_t deadline_us, owed_since_us;
	bool is_detail; /* what is under way */
	bool wants_pools, wants_detail; /* what comes after it */
};

/*
 * Asks for pools, for the pool that is looked at, or both, in that order; what is under way comes
 * first. on_news is called for each, perhaps from in here. Returns 0 or -errno.
 */
int top_remote_ask(struct top_remote *remote, bool pools, bool detail);

/* How long the agent has owed an answer to this question or to those before; 0 = none is asked. */
uint64_t top_remote_owed_ns(const struct top_remote *remote);

/* Forgets what is under way; before the event goes. */
void top_remote_close(struct top_remote *remote);

#endif
