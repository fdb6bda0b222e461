/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger of verdicts: what the detector of one run says, under numbers that outlive the run.
 *
 *	detector -> ledger_take() -> sinks
 *	            ledger_carry() <- what stood when the agent ended
 *	            ledger_review() -> what of that turns out to be over
 *
 * A restarted detector knows nothing and finds again what still stands; the ledger recognizes it,
 * goes on with the same id, and says nothing twice. What it does not find again stands for as long
 * as what it was about is as it was.
 */
#ifndef CONNLEAK_CORE_LEDGER_H
#define CONNLEAK_CORE_LEDGER_H

#include "index.h"
#include "table.h"
#include "verdict.h"

#define LEDGER_MAX 4096
#define LEDGER_SUSPECTS_MAX 4096 /* of one verdict; more are not remembered by address */

struct ledger;

/* A verdict that is suspected or stands. Read only for everybody but the ledger. */
struct ledger_entry {
	struct index_link link;
	struct ledger_entry *next, *prev; /* all, in the order of their ids */
	struct verdict verdict; /* the last line, under the ledger's id */
	uint64_t detector_id; /* 0 = carried over, and the detector has not found it again */
	uint64_t carried_ns; /* when it was carried over; 0 = it was not */
	uint64_t known_ns; /* carried over: the time of what was kept; 0 = before a boot */
	struct netaddr *suspects; /* local addresses of the connections named, sorted; owned */
	uint32_t suspect_count;
	bool is_raised; /* more than a suspicion has been told of it */
	bool is_suspected; /* the detector's last line was a suspicion */
};

enum ledger_news {
	LEDGER_REPEAT, /* has been told, by this run or the one before: say nothing */
	LEDGER_LINE, /* for those who want every line: a suspicion, an update */
	LEDGER_NEWS, /* raised, of another severity, or cleared: for whoever is called */
};

struct ledger_line {
	const struct verdict *verdict; /* the ledger's; until its next call */
	enum ledger_news news;
};

/* NULL when out of memory. */
struct ledger *ledger_new(void);
void ledger_free(struct ledger *ledger);

/*
 * Takes one line of the detector; table is the one it judges. Returns 0 or -ENOMEM. With LEDGER_MAX
 * verdicts standing a further one is passed on, and of it only its number is remembered, which
 * counts as overflow.
 */
int ledger_take(struct ledger *ledger, const struct table *table, const struct verdict *line,
		struct ledger_line *ret_line);

/*
 * Takes over what stood or was suspected when an agent ended: its last line, the local addresses of
 * its suspects, and the time of all this on the clock of now_ns; known_ns 0 = the host was started
 * since. Everything is copied. Returns 0, -EINVAL for an id of 0, one that is taken or a state that
 * does not stand, -ENOSPC or -ENOMEM.
 */
int ledger_carry(struct ledger *ledger, const struct verdict *verdict,
		 const struct netaddr *suspects, uint32_t suspect_count, uint64_t known_ns,
		 uint64_t now_ns);

/* Ids from this one on are free; smaller ones have been given out. */
void ledger_reserve(struct ledger *ledger, uint64_t next_id);
uint64_t ledger_next_id(const struct ledger *ledger);

/*
 * Tells the connections (was_named) that a leak which was carried over names, and that have been
 * silent ever since. To be called after the first look, which has seen everything: what the
 * detector finds again is then told with all that it was before.
 */
void ledger_recall(const struct ledger *ledger, const struct table *table);

/*
 * The next of those carried over of which the table shows that it is over: true with its last line.
 * To be called until it returns false, after a look that has seen everything. The others name those
 * of their suspects that are as they were, by what their connections are called in this table.
 */
bool ledger_review(struct ledger *ledger, const struct table *table, uint64_t now_ns,
		   struct ledger_line *ret_line);

/*
 * A verdict of the detector as the ledger tells of it: under the ledger's id, and as the ledger's
 * own line where that says more, since it was raised before and is only suspected again. Where the
 * ledger has no place for it, and with NULL for a ledger, as it is. The parts of *ret_verdict stay
 * those of line or the ledger: it is not to be cleared, and good until the next call of either.
 */
void ledger_translate(const struct ledger *ledger, const struct verdict *line,
		      struct verdict *ret_verdict);

/* Whether it stands although the detector, which was started since, does not say so (yet). */
bool ledger_knows_better(const struct ledger_entry *entry);

/*
 * The worst of those carried over about connections of a client to a server that the detector
 * has not found again; of any kind, or of one. NULL = none. The ledger's, until its next call.
 */
const struct verdict *ledger_carried(const struct ledger *ledger, struct client_id client,
				     const struct netaddr *remote);
const struct verdict *ledger_carried_of(const struct ledger *ledger, struct client_id client,
					const struct netaddr *remote, enum verdict_kind kind);

/* The first entry, then entry->next. */
const struct ledger_entry *ledger_first(const struct ledger *ledger);

/* Whether a verdict of one of the kinds (a bit each) stands; a suspicion does not. */
bool ledger_stands(const struct ledger *ledger, uint32_t kinds);

/* How many stand. */
uint32_t ledger_standing_count(const struct ledger *ledger);
uint64_t ledger_overflow_count(const struct ledger *ledger);

#endif
