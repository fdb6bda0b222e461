/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection as the table keeps it. There may be a million, so what few have is kept elsewhere,
 * and what is kept in less room than it is asked for in has a function that tells it.
 */
#ifndef CONNLEAK_CORE_CONN_H
#define CONNLEAK_CORE_CONN_H

#include "types.h"

struct pool;

enum conn_state { CONN_CONNECTING, CONN_OPEN, CONN_PEER_CLOSED, CONN_CLOSED };

/* The last exchange of a connection, for telling heartbeats from work (heartbeat.c). */
struct beat {
	uint16_t sent, received; /* bytes */
	uint16_t gap; /* silence before it, in tenths of a second */
};

/* What few connections have, kept beside the others (conn_room.h). Zeroed memory is none of it. */
struct conn_rare {
	uint64_t fin_ns; /* when its peer closed it; 0 = it has not */
	/* The upper bits of its counters and its round trip. */
	uint32_t sent_high, received_high, retransmit_high, rtt_high;
};

/* Of a connection's last send and last receive, which one is its last activity. */
enum last_io { IO_NONE, IO_SENT, IO_RECEIVED };

#define CONN_NUMBER_BITS 25
#define CONN_RTT_BITS 20
#define CONN_RETRANSMIT_BITS 8
#define CONN_BEAT_BITS 3

struct conn {
	/* First what is gone through for all connections of a pool, at each tick. */
	int64_t last_active_ns; /* last payload byte either way; before the first one, open_ns */
	/* Numbers of its neighbours in the pool's order of activity: conn_newer(), conn_older(). */
	uint64_t newer : CONN_NUMBER_BITS, older : CONN_NUMBER_BITS;
	uint64_t state : 2; /* enum conn_state */
	uint64_t age_is_bound : 1; /* its open was not watched: its age is "at least" */
	uint64_t last_io : 2; /* enum last_io */
	uint64_t silent_since_seen : 1; /* no payload since it was found or handed over */
	uint64_t has_returned : 1; /* used again after its first use; the detector's, as is_suspect
				    */
	uint64_t is_suspect : 1; /* named by the verdict on its pool */
	uint64_t
		is_pinged : 1; /* was silent for the keepalive period, and then not (keepalive.c) */
	uint64_t came_along : 1; /* opened within a second of another (heartbeat.c) */
	uint64_t is_replacement : 1; /* opened in place of a closed one (opens.c) */
	uint64_t was_passed : 1; /* the pool has reached below it since it was used (passed.c) */
	uint64_t was_told : 1; /* named by the last line of that verdict (told.c) */
	uint64_t has_rare : 1; /* struct conn_rare is kept of it, too */
	/* Where last_io is one of the two: how long before it the other one was, conn_span(). */
	uint32_t other_span;
	uint32_t touched_at; /* the pool's rounds at the last use (coverage.c) */
	/* Silence between two uses, in sixteenths of a second: what it is of late, and the longest
	 * (held.c); the detector's. */
	uint16_t habit, longest;
	uint32_t tid : 22; /* the thread that opened it; 0 = unknown */
	uint32_t slot : 5; /* its place in its chunk (conn_room.h) */
	uint32_t fair_count : 5; /* uses in a row that came in turn (coverage.c) */
	uint32_t next : CONN_NUMBER_BITS; /* the next one in the same bucket (conns.c); 0 = none */
	uint32_t opener : 2; /* enum opener_state: whether that thread has ended */
	uint32_t outlived : 2; /* 2 = used after that (deserted.c) */
	uint32_t was_found_open : 1; /* older than the observation */
	uint32_t idle_is_bound : 1; /* of a seen one whose idle time was not known */
	uint32_t was_named : 1; /* by a verdict that stood when the observation began (marks.c) */
	/* Its upper bits, as those of other counters, are in struct conn_rare. */
	uint32_t rtt_low : CONN_RTT_BITS; /* conn_rtt_us() */
	uint32_t retransmit_low : CONN_RETRANSMIT_BITS; /* conn_retransmit_count() */
	/* So many exchanges like the last one in a row, up to a few; 0 = it cannot be a beat. */
	uint32_t beat_count : CONN_BEAT_BITS;
	uint32_t came_back : 1; /* used again after the verdict on its pool had named it */
	uint64_t id;
	struct pool *pool;
	uint64_t address : 20; /* its own, without the port: table_local() */
	uint64_t site : 22; /* where it was opened: table_site() of it; 0 = unknown */
	uint64_t last_site : 22; /* who sent on it last, the same way */
	/* Signed: what a source found already open can be older than its clock's origin. */
	int64_t open_ns; /* where age_is_bound: the latest moment at which it can have been opened
			  */
	uint32_t sent_low, received_low; /* conn_sent_bytes(), conn_received_bytes() */
	uint32_t beat_since_s; /* last activity before its beats; 0 = the clock's origin, or before
				*/
	struct beat beat;
	/* Number of the look that told of it last; 0 = none yet. It comes again after 65,535. */
	uint16_t look;
	uint16_t party; /* those that came along have the same number (heartbeat.c) */
	uint16_t local_port; /* 0 = unknown */
};

#define CONN_FAIR_MAX 31
/* Linux has no more than 2^22 threads; a larger number is nobody's. */
#define CONN_TID_MAX ((1U << 22) - 1)
#define CONN_SLOT_MAX ((1U << 5) - 1)
#define CONN_BEAT_MAX ((1U << CONN_BEAT_BITS) - 1)
/* So many have room for a site and a last one of their own, an address, and a chunk. */
#define CONN_COUNT_MAX 1000000
_Static_assert(sizeof(struct conn) == 96, "what a connection costs is on purpose");

/* Of one that has_rare; conn_room.c. */
const struct conn_rare *conn_room_rare(const struct conn *conn);

/* Makes sure that the figures of the event fit, for the functions below. Returns 0 or -ENOMEM. */
int conn_make_room(struct conn *conn, const struct event *event);

/* Raises its counters to those of the event; they never go down. */
void conn_raise_bytes(struct conn *conn, const struct event *event);
void conn_raise_retransmits(struct conn *conn, const struct event *event);
void conn_set_rtt(struct conn *conn, const struct event *event);

/* Payload so far. */
static inline uint64_t conn_sent_bytes(const struct conn *conn)
{
	uint64_t high = conn->has_rare ? conn_room_rare(conn)->sent_high : 0;

	return high << 32 | conn->sent_low;
}

static inline uint64_t conn_received_bytes(const struct conn *conn)
{
	uint64_t high = conn->has_rare ? conn_room_rare(conn)->received_high : 0;

	return high << 32 | conn->received_low;
}

/* Segments sent again so far. */
static inline uint32_t conn_retransmit_count(const struct conn *conn)
{
	uint32_t high = conn->has_rare ? conn_room_rare(conn)->retransmit_high : 0;

	return high << CONN_RETRANSMIT_BITS | conn->retransmit_low;
}

/* Its smoothed round trip; 0 = not measured. */
static inline uint32_t conn_rtt_us(const struct conn *conn)
{
	uint32_t high = conn->has_rare ? conn_room_rare(conn)->rtt_high : 0;

	return high << CONN_RTT_BITS | conn->rtt_low;
}

/* When its peer closed it; 0 = not. */
static inline uint64_t conn_peer_closed_ns(const struct conn *conn)
{
	return conn->has_rare ? conn_room_rare(conn)->fin_ns : 0;
}

/*
 * A span of time in 32 bits: exact to the microsecond up to a quarter of an hour, to the
 * millisecond up to 12 days, and to the second up to 34 years, which longer ones are taken for. It
 * is never longer than what it stands for. 0 = none.
 */
uint32_t conn_span(uint64_t span_ns);
uint64_t conn_span_ns(uint32_t span);

/* The last send, where the last activity was a receive, or the other way round; 0 = never. */
static inline uint64_t conn_last_other_ns(const struct conn *conn)
{
	if (conn->other_span == 0)
		return 0;
	return (uint64_t)conn->last_active_ns - conn_span_ns(conn->other_span);
}

/*
 * When the process sent on it last, and received; 0 = never, or before the observation. Of the
 * later of the two the kernel's ticks can make a time before the open: it counts as that of the
 * open.
 */
static inline uint64_t conn_last_send_ns(const struct conn *conn)
{
	return conn->last_io == IO_SENT ? (uint64_t)conn->last_active_ns : conn_last_other_ns(conn);
}

static inline uint64_t conn_last_recv_ns(const struct conn *conn)
{
	return conn->last_io == IO_RECEIVED ? (uint64_t)conn->last_active_ns
					    : conn_last_other_ns(conn);
}

/* The last that moved went out: the peer owes an answer. */
static inline bool conn_is_owed(const struct conn *conn)
{
	return conn->last_io == IO_SENT;
}

/* Time since the last payload byte, or since the open when there was none. */
static inline uint64_t conn_silence_ns(const struct conn *conn, uint64_t now_ns)
{
	if ((int64_t)now_ns <= conn->last_active_ns)
		return 0;
	return now_ns - (uint64_t)conn->last_active_ns;
}

#endif
