/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heartbeats, and the test on connections that do nothing else. A client that nobody closes (a
 * MongoClient or a pool for each request) is not silent: its monitors and pings go on for ever.
 */
#ifndef CONNLEAK_CORE_HEARTBEAT_H
#define CONNLEAK_CORE_HEARTBEAT_H

#include "eprocess.h"
#include "finding.h"
#include "moment.h"
#include "silence.h"

/* As many equal exchanges at a steady gap make a heartbeat. */
#define HEARTBEAT_MIN 3
/* A monitor's own handshake is over by then. */
#define HEARTBEAT_FIRST_NS ((int64_t)(2 * NS_PER_SEC))

/* All drivers of MongoDB beat every 10 s unless they are told otherwise, in tenths of a second. */
#define HEARTBEAT_MONGO_LOW 99
#define HEARTBEAT_MONGO_HIGH 105

#define HEARTBEAT_PARTIES 4096

/* Which parties of a pool have a connection of each sort, a bit each; some share a bit. */
struct heartbeat_parties {
	uint64_t working[HEARTBEAT_PARTIES / 64];
	uint64_t beating[HEARTBEAT_PARTIES / 64];
	uint64_t asking[HEARTBEAT_PARTIES / 64]; /* of those that beat */
	uint64_t unused[HEARTBEAT_PARTIES / 64]; /* since their first use */
};

/* Zeroed memory is a valid new test. */
struct heartbeat {
	struct eprocess process;
	struct silences benign; /* stretches of beats that spanned a test and ended in work */
	bool has_opened; /* since the last test, and no close paid for it */
	uint16_t party_count; /* wraps */
	uint32_t monitor_s; /* the longest of such stretches that began with the connection */
	int64_t known_ns; /* as of the last test */
	struct conn *last_opened; /* NULL = none, or no longer in the pool */
	/* Gap that the last change refuted, see heartbeat_is_undecided(); 0 = none. */
	uint64_t refuted_ns;
};

/* Exchanges bytes with nobody's work in them. */
static inline bool heartbeat_is_beating(const struct conn *conn)
{
	return conn->beat_count >= HEARTBEAT_MIN;
}

/* The gap of its beats. */
static inline uint64_t heartbeat_gap_ns(const struct conn *conn)
{
	return conn->beat.gap * (NS_PER_SEC / 10);
}

/* Has done nothing else since it was opened: a client's monitor, which no request ever had. */
static inline bool heartbeat_is_monitor(const struct conn *conn)
{
	return heartbeat_is_beating(conn) && !conn->age_is_bound &&
	       (int64_t)(conn->beat_since_s * NS_PER_SEC) <= conn->open_ns + HEARTBEAT_FIRST_NS;
}

/*
 * Beats, or has done nothing since it was opened but what could be the first beats of a monitor.
 */
static inline bool heartbeat_may_be(const struct conn *conn)
{
	return heartbeat_is_beating(conn) ||
	       (conn->beat_count > 0 && !conn->age_is_bound &&
		(int64_t)(conn->beat_since_s * NS_PER_SEC) <= conn->open_ns + HEARTBEAT_FIRST_NS);
}

/* Its gap is that of MongoDB's monitors. */
static inline bool heartbeat_is_mongo(const struct conn *conn)
{
	return conn->beat.gap >= HEARTBEAT_MONGO_LOW && conn->beat.gap <= HEARTBEAT_MONGO_HIGH;
}

/*
 * The gap may be one of the first of such a monitor, or a request's. Who waits for the third, which
 * tells, learns from refuted_ns of a request's.
 */
static inline bool heartbeat_is_undecided(const struct conn *conn)
{
	return heartbeat_may_be(conn) && !heartbeat_is_beating(conn) && heartbeat_is_mongo(conn);
}

/* How long a connection has done nothing but beat, to the second; 0 where it does not. */
uint64_t heartbeat_length_ns(const struct conn *conn);

/* Its last activity that was no heartbeat. */
int64_t heartbeat_worked_ns(const struct conn *conn);

/*
 * To be called for each change before the other tests: it keeps conn->beat, which they ask.
 */
void heartbeat_observe(struct heartbeat *heartbeat, const struct change *change);

/* To be called when a connection goes over to another pool. */
void heartbeat_forget(struct heartbeat *heartbeat, const struct conn *conn);

/*
 * One of a client that nobody closes, that does not beat itself: opened along with others after
 * began_ns, and not used again.
 */
bool heartbeat_is_companion(const struct conn *conn, uint64_t began_ns);

/*
 * Who of the pool beats, works, or came along and was never used, by the parties that they came
 * in.
 */
void heartbeat_find_parties(struct heartbeat_parties *ret_parties, const struct pool *pool,
			    const struct moment *moment);

/*
 * Does not beat itself, and is of a party of which one beats, one was used only once, and none
 * works. Those that beat may be of another client, which began in the same second.
 */
bool heartbeat_is_left(const struct heartbeat_parties *parties, const struct conn *conn);

/* To be called on each tick. */
void heartbeat_advance(struct heartbeat *heartbeat, const struct moment *moment,
		       const struct pool *pool);

/* The evidence so far, an e-value; 1 = none. */
double heartbeat_value(const struct heartbeat *heartbeat);

/* The finding refers to heartbeat. */
void heartbeat_find(const struct heartbeat *heartbeat, const struct moment *moment,
		    const struct pool *pool, struct finding *ret_finding);

#endif
