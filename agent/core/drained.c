// SPDX-License-Identifier: Apache-2.0
/*
 * Where nearly every request leaks, a pool is empty within a minute: none of its connections has
 * been silent for long by then. But a pool that hands out the one that came back last, or the first
 * that is free, serves its requests with a few of its connections, and now each takes another one:
 *
 *	#1 *-**--*-*--*---------	as usual, one or two are enough
 *	#2 ---*----*---*--------
 *	#3 -------------*-------	then each request takes one,
 *	#4 --------------*------	and gives none back
 *	#5 ---------------*-----
 *
 * More requests at a time need more connections as well, but at once or at a higher rate. A pool
 * that uses all of them in turn looks the same as ever, so it is no record there and nothing is
 * said. A process without a past has nothing to compare with.
 *
 * Invariant: usual is of times that ended an epoch ago and more, so a leak that lasts for less does
 * not raise its own measure. Does not know whether the pool is full or has stopped (exhausted.c).
 */
#include "drained.h"

#include "heartbeat.h"

#define COUNT_MIN 5
#define RECORD_FACTOR 2
/* Requests come at random, so now and then twice as fast as on average. */
#define RATE_FACTOR 2
#define SOME 2
/* An epoch is so many spans long, and the past fades by an eighth an epoch. */
#define EPOCH_SPANS 8
#define FADE_SHIFT 3

static const uint64_t spans_ns[DRAINED_SPANS] = {
	15 * NS_PER_SEC,
	45 * NS_PER_SEC,
	135 * NS_PER_SEC,
};

/* Only what was used again: a handshake is no request. */
static bool is_counted(const struct conn *conn)
{
	return conn->state == CONN_OPEN && conn->has_returned && !heartbeat_is_beating(conn);
}

static void turn_epoch(struct drained_span *span, uint32_t epoch)
{
	uint16_t usual = span->usual - (span->usual >> FADE_SHIFT);

	if (epoch == span->epoch)
		return;
	span->usual = span->most_before > usual ? span->most_before : usual;
	span->most_before = span->most;
	span->most = 0;
	span->epoch = epoch;
}

void drained_sample(struct drained *drained, const struct pool *pool, int64_t known_ns)
{
	const struct conn *conn = pool->newest;
	uint32_t count = 0;

	for (unsigned int i = 0; i < DRAINED_SPANS; i++) {
		struct drained_span *span = &drained->spans[i];

		for (; conn && known_ns - conn->last_active_ns < (int64_t)spans_ns[i];
		     conn = conn_older(conn))
			count += is_counted(conn);
		turn_epoch(span, (uint32_t)((uint64_t)known_ns / (EPOCH_SPANS * spans_ns[i])));
		if (count > span->most)
			span->most = count < UINT16_MAX ? (uint16_t)count : UINT16_MAX;
	}
}

/* Those that were used within the span, and at how many moments of it they fell silent. */
static uint32_t take_end(const struct pool *pool, int64_t end_ns, uint64_t span_ns,
			 struct drained_end *ret_end)
{
	struct drained_end end = {.span_ns = span_ns, .first_ns = end_ns};
	int64_t moment_ns = INT64_MAX;
	uint32_t moments = 0;

	for (const struct conn *conn = pool->newest; conn; conn = conn_older(conn)) {
		if (end_ns - conn->last_active_ns >= (int64_t)span_ns)
			break;
		if (!is_counted(conn))
			continue;
		end.count++;
		end.opened += !conn->age_is_bound && end_ns - conn->open_ns < (int64_t)span_ns;
		end.first_ns = conn->last_active_ns;
		if (conn->last_active_ns > moment_ns - (int64_t)NS_PER_SEC / 2)
			continue;
		moments++;
		moment_ns = conn->last_active_ns;
	}
	*ret_end = end;
	return moments;
}

bool drained_find(const struct drained *drained, const struct pool *pool, int64_t end_ns,
		  double least, double rate, struct drained_end *ret_end)
{
	uint32_t usual = 0;

	for (unsigned int i = 0; i < DRAINED_SPANS; i++) {
		double most = RATE_FACTOR * rate * (double)spans_ns[i] / NS_PER_SEC + SOME;
		struct drained_end end;
		uint32_t moments = take_end(pool, end_ns, spans_ns[i], &end);

		/* What a shorter span has had is in the longer ones, whose past is older. */
		if (usual < drained->spans[i].usual)
			usual = drained->spans[i].usual;
		if (drained->spans[i].usual == 0 || end.count < COUNT_MIN ||
		    end.count < RECORD_FACTOR * usual || end.count < least * pool->conn_count ||
		    end.count > most || 2 * moments < end.count)
			continue;
		end.usual = usual;
		*ret_end = end;
		return true;
	}
	return false;
}
