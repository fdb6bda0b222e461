/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel stamps what is sent and received last in ticks of up to 10 ms. Whoever waits for a
 * connection asks on it as soon as the answer before is there, so in a pool that is too small both
 * stamps are nearly always the same. Which of the two came last is then told by sequence numbers:
 *
 *	what was sent last is either not acknowledged yet, or it was by a packet without data that
 *	came after all data; and what was received last has acknowledged what it answers.
 *
 * Invariant: what it says was sent last, was; of the rest it says nothing. What it says is complete
 * at once, however late anything is acknowledged.
 */
#ifndef CONNLEAK_TIE_H
#define CONNLEAK_TIE_H

#include "abi.h"

/* Of tcp_sock, all of one look. */
struct tie_facts {
	__u32 send_next; /* snd_nxt: after the last byte sent */
	__u32 send_acked; /* snd_una: after the last byte that the peer has acknowledged */
	__u32 receive_next; /* rcv_nxt: after the last byte received */
	/*
	 * snd_wl1: where the last segment began that was not older than others and moved the window
	 * or acknowledged. Set by every such segment, data or not (tcp_ack(),
	 * tcp_rcv_established()); at receive_next there is no data yet, so it had none, and came
	 * after what has.
	 */
	__u32 window_begin;
	__u64 ack_after_ns; /* the last acknowledgement, after the last send; in ticks */
};

/*
 * A peer also sends packets without data in answer to keepalive probes, after a second at the
 * earliest (TCP_KEEPIDLE). The windows that it opens while it reads come before it answers.
 */
#define TIE_ACK_NS 1000000000ULL

/* Whether the peer owes an answer, where the last byte each way has the same stamp. */
static inline __attribute__((always_inline)) __u8 tie_is_sent_last(const struct tie_facts *facts)
{
	if (facts->send_acked != facts->send_next)
		return 1;
	return facts->window_begin == facts->receive_next && facts->ack_after_ns < TIE_ACK_NS;
}

#endif
