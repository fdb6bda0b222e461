/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live source's word on sites: who opened a connection and who used it last, in the events of
 * the connections that are announced.
 */
#ifndef CONNLEAK_SYS_SITE_TELLER_H
#define CONNLEAK_SYS_SITE_TELLER_H

#include "batch.h"
#include "live_conn.h"
#include "sites.h"

struct site_teller {
	struct sites
		*sites; /* borrowed; NULL = none are to be had, and nothing here does anything */
	struct batch *batch; /* borrowed: where events go */
	uint16_t look; /* number of the look of the source */
	bool settles; /* waits for the names of what was taken before it goes on */
	uint32_t busy_count; /* connections that the last look found in use, by suspects or not */
	uint64_t newest_send; /* id of the newest connection whose last send the last look found */
};

/* A look of the source begins. */
void site_teller_begin_look(struct site_teller *teller);

/*
 * Gives an event that announces the connection its opener's site, where it is known: as news, or by
 * the number that the probe has noted (conn_sample.site).
 */
void site_teller_add_opener(const struct site_teller *teller, uint64_t number, struct event *event);

/*
 * Gives an event that tells the connection's counters what is new of its sites; number as above,
 * for one that was announced before it was there.
 */
void site_teller_add_news(const struct site_teller *teller, const struct live_conn *conn,
			  uint64_t number, struct event *event);

/*
 * The event announces the first connection of a process. Where it was open before, an interpreter
 * is looked at now, so that the next one can be told with its functions.
 */
void site_teller_introduce(const struct site_teller *teller, const struct event *event);

/* The event is in the batch: what it says of sites has been told of conn. */
void site_teller_told(const struct site_teller *teller, struct live_conn *conn,
		      const struct event *event);

/* The counters that event tells are the connection's own from now on. */
void site_teller_note_io(const struct site_teller *teller, struct live_conn *conn,
			 const struct event *event);

/*
 * Ends a look: asks who sent last on connections that have gone quiet, and adds an event for each
 * connection with news. t_ns is when the counters were read. Returns 0 or -ENOMEM.
 */
int site_teller_finish_look(struct site_teller *teller, const struct live_conns *conns,
			    uint64_t t_ns);

/*
 * The connection has ended at t_ns, by_exit: its process did not close it. Adds an event with what
 * can still be known of its sites. Returns 0 or -ENOMEM.
 */
int site_teller_end(const struct site_teller *teller, struct live_conn *conn, bool by_exit,
		    uint64_t t_ns);

/* What is kept of a connection that has ended, and of a process. */
void site_teller_forget(const struct site_teller *teller, uint64_t id);
void site_teller_forget_client(const struct site_teller *teller, uint32_t pid);

#endif
