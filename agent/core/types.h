/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the program: addresses, clients and the event, the one thing a source hands on.
 *
 * Time is uint64_t nanoseconds on one monotonic clock whose origin is the source's own. Events
 * of one source never go back in time. Live sources round to whole microseconds, so that a time
 * survives the trace format (a JSON number) to the digit and a replay decides as the live run did.
 */
#ifndef CONNLEAK_CORE_TYPES_H
#define CONNLEAK_CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_SEC 1000000000ULL

/* TASK_COMM_LEN of the kernel, with the terminating NUL. */
#define COMM_SIZE 16

/* An IPv4 address is held as ::ffff:a.b.c.d, so a v4-mapped socket and a plain one are the same. */
struct netaddr {
	uint8_t ip[16]; /* network byte order */
	uint16_t port; /* host byte order */
};

/* One process instance. The start time keeps two processes with the same pid apart. */
struct client_id {
	uint64_t start_ns; /* since boot; 0 = unknown */
	uint32_t pid; /* thread group id, as the host's initial pid namespace numbers it */
};

enum event_type {
	EVENT_OPEN, /* a connect() has begun: SYN_SENT */
	EVENT_SEEN, /* older than the observation, or handed to another process */
	EVENT_ESTABLISHED,
	EVENT_FAILED, /* never established */
	EVENT_IO, /* cumulative payload counters and last activity */
	EVENT_PEER_CLOSED, /* FIN received: CLOSE_WAIT */
	EVENT_CLOSE,
	EVENT_EXIT, /* a client's last thread has exited */
	EVENT_LOST, /* the source had to drop records */
	EVENT_CHURN, /* connections too short to be seen one by one, as counts; live only */
	EVENT_PAST, /* what was counted of a pool before the observation; live only */
	EVENT_END, /* nothing but the time */
};

enum close_by {
	CLOSE_LOCAL, /* the process released it: close(), shutdown() of both ways, AF_UNSPEC */
	CLOSE_PEER, /* the peer's FIN ended a connection that was half-closed here */
	CLOSE_RESET, /* RST received */
	CLOSE_TIMEOUT, /* the kernel gave up: retransmissions or keepalive */
	CLOSE_EXIT, /* released by the end of the process */
	CLOSE_BY_COUNT,
};

/* State of a connection older than the observation. */
enum seen_state { SEEN_ESTABLISHED, SEEN_CONNECTING, SEEN_PEER_CLOSED };

/* What has become of the thread that opened a connection. */
enum opener_state {
	OPENER_UNKNOWN, /* nobody has looked */
	OPENER_RUNNING, /* when it was looked for last */
	OPENER_ENDED,
	OPENER_FOREIGN, /* it is of another process than holds the connection now; no source's */
};

/* Why a connect failed, as far as it is counted apart. */
enum fail_reason {
	FAIL_REFUSED, /* ECONNREFUSED */
	FAIL_TIMEDOUT, /* ETIMEDOUT */
	FAIL_RESET, /* ECONNRESET */
	FAIL_HOSTUNREACH, /* EHOSTUNREACH */
	FAIL_NETUNREACH, /* ENETUNREACH */
	FAIL_CANCELED, /* ECANCELED: closed by the process before the handshake was done */
	FAIL_NOADDR, /* EADDRNOTAVAIL: no local port left */
	FAIL_OTHER,
	FAIL_REASON_COUNT,
};

/* Counts of connections that opened and ended between two looks of the source. */
struct churn {
	uint64_t opened_count;
	uint64_t established_count;
	uint64_t failed_count[FAIL_REASON_COUNT];
	uint64_t closed_count[CLOSE_BY_COUNT];
	/* Turned away by the server, as totals_is_turned_away() has it. */
	uint64_t early_peer_close_count;
};

/*
 * What a source reports. Strings are borrowed: valid until the source is asked again.
 * Which members are set depends on type; those not set are zero. Those of EVENT_IO, of which there
 * are most, come first, and those that few have last: a batch keeps no more than a type can have.
 */
struct event {
	enum event_type type;
	uint8_t by; /* CLOSE: enum close_by */
	uint8_t opener; /* IO: enum opener_state; OPENER_UNKNOWN = as before */
	uint16_t segment_count; /* CLOSE: sent with payload, that many or more; 0 = unknown */
	uint64_t t_ns;
	uint64_t conn; /* unique in one source; all but EXIT, LOST, CHURN, PAST, END */
	uint64_t sent_bytes; /* IO: payload, cumulative, retransmissions not counted */
	uint64_t received_bytes; /* IO */
	uint64_t last_send_ns; /* IO; 0 = never */
	uint64_t last_recv_ns; /* IO; 0 = never */
	uint32_t rtt_us; /* IO: smoothed round trip; 0 = not measured */
	uint32_t retransmit_count; /* IO: segments sent again, cumulative */
	const char *site; /* OPEN, SEEN, IO: where it was opened (site.h); NULL = unknown or as
			     before */
	const char *last_site; /* IO: who sent on it last; NULL = unknown or as before */
	struct client_id client; /* OPEN, SEEN, EXIT, CHURN, PAST */
	uint32_t tid; /* OPEN, SEEN: the thread that connected; 0 = unknown */
	uint32_t netns; /* OPEN, SEEN, CHURN, PAST: inode of the network namespace; 0 = unknown */
	char comm[COMM_SIZE]; /* OPEN, SEEN, CHURN, PAST: of the process, not the thread; raw */
	struct netaddr local; /* OPEN, SEEN; port 0 = unknown */
	struct netaddr remote; /* OPEN, SEEN, CHURN, PAST */
	const char *cgroup; /* OPEN, SEEN: path in the hierarchy; NULL = unknown or as before */
	const char *exe; /* OPEN, SEEN: path of the executable; NULL = unknown or as before */
	/* OPEN, SEEN: names that Kubernetes gave its container (kube.h); NULL as for cgroup. */
	const char *namespace, *pod, *container;
	uint32_t ns_pid; /* OPEN, SEEN: its pid in its own container; 0 = the same, or as before */
	enum seen_state seen_state; /* SEEN */
	bool has_idle; /* SEEN */
	bool age_is_exact; /* SEEN: its open was watched, by a session before this one */
	uint64_t idle_ns; /* SEEN: silent for this long at t_ns */
	uint64_t age_ns; /* SEEN: at least this old at t_ns */
	uint64_t lost_count; /* LOST */
	char error[24]; /* FAILED: errno name, "ECONNREFUSED" */
	struct churn churn; /* CHURN, PAST */
};

static inline bool client_id_equal(struct client_id a, struct client_id b)
{
	return a.pid == b.pid && a.start_ns == b.start_ns;
}

#endif
