/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call stacks for a live command: switched on as the options say, moved on by the loop, and turned
 * on the senders of processes under suspicion.
 */
#ifndef CONNLEAK_CLI_LIVE_SITES_H
#define CONNLEAK_CLI_LIVE_SITES_H

#include <systemd/sd-event.h>

#include "core/verdict.h"
#include "option.h"
#include "sys/source_bpf.h"

struct live_sites;

/*
 * Opens the probes of sites for source, unless the command needs none or --no-stacks is given. A
 * host that cannot do it gets a line on stderr, and NULL. Free before the source is closed;
 * live_sites_free() accepts NULL, as all of these.
 */
struct live_sites *live_sites_new(const struct options *options, struct source_bpf *source);
void live_sites_free(struct live_sites *live_sites);

/* Follows what the processes of --pid fork. Returns 0 or -errno. */
int live_sites_follow_tree(struct live_sites *live_sites);

/* Whether an interpreter has closed connection id on its way out; false where that is not known. */
bool live_sites_was_finalized(const struct live_sites *live_sites, uint64_t id);

/* Adds what it waits for to the loop. Returns 0 or -errno. */
int live_sites_add(struct live_sites *live_sites, sd_event *event);

/* A verdict has been given: its process comes under suspicion, or is cleared of it. */
void live_sites_note(struct live_sites *live_sites, const struct verdict *verdict);

/* Stacks that were lost, one line a reason, on stderr. */
void live_sites_say_losses(const struct live_sites *live_sites);

/* Cumulative counts by enum sites_lost (sys/sites.h); all zero for NULL. */
void live_sites_lost(const struct live_sites *live_sites, uint64_t *ret_counts);

#endif
