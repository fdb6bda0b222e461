// SPDX-License-Identifier: Apache-2.0
/*
 * A connection that is used for months moves more than 32 bits can count, a few have round trips of
 * more than a second or are sent more than 500 segments again; most do not. The fields are as wide
 * as most need, and the rest of what is larger is where only few have something. Of two times that
 * are near to each other as a rule one is a span.
 *
 * Invariant: no counter is ever cut off; where there is no room for its upper half, the event that
 * brings it is refused before anything has changed.
 */
#include "conn.h"

#include <errno.h>

#include "conn_room.h"

#define RTT_MASK ((1U << CONN_RTT_BITS) - 1)
#define RETRANSMIT_MASK ((1U << CONN_RETRANSMIT_BITS) - 1)

/* The upper two bits of a span say in what it is counted, the others are one more than its count.
 */
#define SPAN_COUNT_BITS 30
#define SPAN_COUNT_MASK ((1U << SPAN_COUNT_BITS) - 1)

static const uint64_t span_units_ns[] = {1, NS_PER_US, NS_PER_MS, NS_PER_SEC};

uint32_t conn_span(uint64_t span_ns)
{
	for (uint32_t unit = 0; unit < 4; unit++)
		if (span_ns / span_units_ns[unit] < SPAN_COUNT_MASK)
			return unit << SPAN_COUNT_BITS |
			       (uint32_t)(span_ns / span_units_ns[unit] + 1);
	return UINT32_MAX;
}

uint64_t conn_span_ns(uint32_t span)
{
	return ((span & SPAN_COUNT_MASK) - 1) * span_units_ns[span >> SPAN_COUNT_BITS];
}

int conn_make_room(struct conn *conn, const struct event *event)
{
	if ((event->sent_bytes | event->received_bytes) <= UINT32_MAX &&
	    event->rtt_us <= RTT_MASK && event->retransmit_count <= RETRANSMIT_MASK)
		return 0;
	return conn_room_take_rare(conn) ? 0 : -ENOMEM;
}

void conn_raise_bytes(struct conn *conn, const struct event *event)
{
	uint64_t sent = conn_sent_bytes(conn), received = conn_received_bytes(conn);

	if (event->sent_bytes > sent)
		sent = event->sent_bytes;
	if (event->received_bytes > received)
		received = event->received_bytes;
	conn->sent_low = (uint32_t)sent;
	conn->received_low = (uint32_t)received;
	if (conn->has_rare) {
		struct conn_rare *rare = conn_room_take_rare(conn);

		rare->sent_high = (uint32_t)(sent >> 32);
		rare->received_high = (uint32_t)(received >> 32);
	}
}

void conn_raise_retransmits(struct conn *conn, const struct event *event)
{
	uint32_t count = event->retransmit_count;

	if (count <= conn_retransmit_count(conn))
		return;
	conn->retransmit_low = count & RETRANSMIT_MASK;
	if (conn->has_rare)
		conn_room_take_rare(conn)->retransmit_high = count >> CONN_RETRANSMIT_BITS;
}

void conn_set_rtt(struct conn *conn, const struct event *event)
{
	conn->rtt_low = event->rtt_us & RTT_MASK;
	if (conn->has_rare)
		conn_room_take_rare(conn)->rtt_high = event->rtt_us >> CONN_RTT_BITS;
}
