// SPDX-License-Identifier: Apache-2.0
/*
 * A service that requests wait for can stall for as long as its time-out, and each of them keeps
 * its connection meanwhile. At the pool's opens that looks like a leak of everything. What differs
 * is the rest of the work: in a stall each request needs a connection of its own, in a leak those
 * that are given back serve most of them.
 *
 * Work is counted in bytes, for a source that looks every second sees many requests on one
 * connection as one use.
 *
 * Invariant: returned_bytes <= sent_bytes, but for what was sent before the beginning by
 * connections that were closed since. Does not know when evidence begins.
 */
#include "turnover.h"

#include "heartbeat.h"
#include "moment.h"

/* The first use follows the open at once; later ones are of another request. */
#define FIRST_USE_NS NS_PER_SEC
/* A new connection sends its handshake as well: a third of the requests was 8% of the bytes. */
#define STOPPED_SHARE 0.05f
/* What one sends that is told of only as a number: a handshake and a short request. */
#define CHURN_BYTES 256.0f

void turnover_begin(struct turnover *turnover)
{
	*turnover = (struct turnover){0};
}

/* Those that opened and ended between two looks were given back, if the server had served them. */
static void note_churn(struct turnover *turnover, const struct churn *churn)
{
	uint64_t closed = churn->closed_count[CLOSE_LOCAL] + churn->closed_count[CLOSE_PEER];
	uint64_t refused = churn->early_peer_close_count;
	float bytes = CHURN_BYTES * (float)(closed > refused ? closed - refused : 0);

	turnover->sent_bytes += bytes;
	turnover->returned_bytes += bytes;
}

void turnover_observe(struct turnover *turnover, const struct change *change)
{
	const struct conn *conn = change->conn;

	if (change->type == CHANGE_ACTIVE && !heartbeat_is_beating(conn)) {
		turnover->sent_bytes += (float)change->sent_bytes;
		if (conn->age_is_bound ||
		    conn->last_active_ns - conn->open_ns >= (int64_t)FIRST_USE_NS)
			turnover->returned_bytes += (float)change->sent_bytes;
	} else if (change->type == CHANGE_CHURNED) {
		note_churn(turnover, change->churn);
	} else if (change_is_own_close(change) && !conn->has_returned) {
		/* Used once and done. */
		turnover->returned_bytes += (float)conn_sent_bytes(conn);
	}
}

bool turnover_has_stopped(const struct turnover *turnover)
{
	return turnover->sent_bytes > 0 &&
	       turnover->returned_bytes < STOPPED_SHARE * turnover->sent_bytes;
}
