/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites of live connections: stacks from the probes go to the symbolizer, and what comes back waits
 * here until the source tells it. Nothing here waits for anybody.
 */
#ifndef CONNLEAK_SYS_SITES_H
#define CONNLEAK_SYS_SITES_H

#include "site_probes.h"

struct sites;

/* What is known of a connection and not told yet; NULL = nothing new. */
struct site_news {
	const char *site, *last_site;
};

/* Errors as site_probes_open(). */
int sites_open(struct probes *probes, const struct site_probes_setup *setup,
	       struct sites **ret_sites, char *ret_error, size_t error_size);
void sites_close(struct sites *sites);

/* Moves everything on that can be moved now. */
void sites_pump(struct sites *sites);

/* The same until every stack that was taken so far has its answer, at most timeout_ms. */
void sites_settle(struct sites *sites, int timeout_ms);

/* Readable when sites_pump() has something to do. */
int sites_fd(const struct sites *sites);

/* What is new of connection id; true when there is something. The strings live until sites_told().
 */
bool sites_news(const struct sites *sites, uint64_t id, struct site_news *ret_news);
void sites_told(struct sites *sites, uint64_t id);

/*
 * The site of connection id by the number that the probe has noted for it (conn_sample.site), to be
 * told now; NULL = there is none. The string lives until the next pump.
 */
const char *sites_of_trail(struct sites *sites, uint64_t id, uint64_t number);

/* Calls handle for each connection with news. handle may call sites_told() for it. */
void sites_each_news(struct sites *sites, void (*handle)(void *userdata, uint64_t id),
		     void *userdata);

/* The connection is over. */
void sites_forget(struct sites *sites, uint64_t id);

/* The process is gone. */
void sites_forget_client(struct sites *sites, uint32_t pid);

/*
 * A connection that has sent since the probe of sends came has gone quiet: its last send is looked
 * at now, once. False: there is no room for it now, so that it has to be asked for again.
 */
bool sites_ask_sender(struct sites *sites, uint64_t id);

/*
 * A connection is in use: where its last send comes from a place that is not known, the place is
 * learned, so that the sends that follow need no copy of their stacks. Tells nothing. What is asked
 * for while something waits for the symbolizer is not done.
 */
void sites_learn_sender(struct sites *sites, uint64_t id);

/*
 * Gives up the last sends of connections that have ended without having been announced. has_ended
 * is asked for each that is kept.
 */
void sites_sweep_senders(struct sites *sites, bool (*has_ended)(void *userdata, uint64_t id),
			 void *userdata);

/*
 * Starts the symbolizer and waits until it answers, so that the first stack does not have to wait
 * for it. Without this it is started by the first stack.
 */
void sites_warm_up(struct sites *sites);

/*
 * Looks for the interpreter of a process, so that it is known before its next connection. What
 * finds no room is looked at when it opens one.
 */
void sites_introduce(struct sites *sites, const struct abi_client *client);

/* As site_probes_follow_tree(). */
int sites_follow_tree(struct sites *sites);

/* As site_probes_was_finalized(). */
bool sites_was_finalized(const struct sites *sites, uint64_t id);

/* As site_probes_suspect() and site_probes_clear(). */
int sites_suspect(struct sites *sites, uint32_t pid, char *ret_error, size_t error_size);
void sites_clear(struct sites *sites, uint32_t pid);
bool sites_watch_sends(const struct sites *sites);

/* Stacks that were not taken, dropped, or whose process ended the symbolizer; by reason. */
enum sites_lost {
	SITES_LOST_RATE,
	SITES_LOST_RING,
	SITES_LOST_SENDS,
	SITES_LOST_TREE,
	SITES_LOST_QUEUE,
	SITES_LOST_STORE, /* known, but not kept for the next agent */
	SITES_LOST_SYMBOLIZER,
	SITES_LOST_COUNT,
};
void sites_read_lost(const struct sites *sites, uint64_t ret_counts[static SITES_LOST_COUNT]);
const char *sites_lost_name(enum sites_lost reason);

#endif
