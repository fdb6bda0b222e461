/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The end of a connection, as it is counted and told. Nearly always by the probe; by the iterator
 * where the probe was not run for it.
 *
 * Invariant: whoever changes the phase to PHASE_OVER speaks for the connection, so it is said once.
 */
#ifndef CONNLEAK_END_BPF_H
#define CONNLEAK_END_BPF_H

#include "record.bpf.h"

#define EARLY_NS 1000000000ULL
#define EARLY_BYTES 200
#define EARLY_SEGMENTS 2 /* agent/core/totals.c says why */

const volatile __u32 ring_bytes = ABI_RING_BYTES; /* set by the loader */

static const struct pool_counts zero_counts;

/* Of a connection that never was one; what the socket's error says. */
static __always_inline __u32 fail_reason_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return FAILED_REFUSED;
	case ETIMEDOUT:
		return FAILED_TIMEDOUT;
	case ECONNRESET:
	case ECONNABORTED:
		return FAILED_RESET;
	case EHOSTUNREACH:
		return FAILED_HOSTUNREACH;
	case ENETUNREACH:
		return FAILED_NETUNREACH;
	}
	return FAILED_OTHER;
}

static __always_inline __u32 end_reason_of(int error)
{
	switch (error) {
	case ECONNRESET:
	case EPIPE: /* a reset in CLOSE_WAIT */
	case ECONNABORTED: /* ss --kill */
		return ENDED_RESET;
	}
	return ENDED_TIMEOUT;
}

static __always_inline struct pool_counts *get_pool(const struct conn_record *record,
						    struct sock *sk, __u32 netns)
{
	struct pool_counts *counts;
	struct pool_key key;

	fill_key(&key, record, sk, netns);
	counts = bpf_map_lookup_elem(&pools, &key);
	if (counts)
		return counts;
	bpf_map_update_elem(&pools, &key, &zero_counts, BPF_NOEXIST);
	counts = bpf_map_lookup_elem(&pools, &key);
	if (counts)
		copy_comm(counts->comm, record, sk);
	return counts;
}

/*
 * What opened and ended between two looks of the agent costs nothing but this. Of the others the
 * agent is told one by one; they are counted for the agent after it.
 */
static __always_inline void count_end(const struct conn_record *record, struct sock *sk,
				      __u32 netns, bool seen, bool failed, __u32 reason, bool early)
{
	struct pool_counts *pool = get_pool(record, sk, netns);
	struct end_counts *counts;

	if (!pool) {
		count_lost(LOST_POOL);
		return;
	}
	counts = seen ? &pool->told : &pool->brief;
	if (failed) {
		if (reason < FAILED_COUNT)
			__sync_fetch_and_add(&counts->failed_count[reason], 1);
		return;
	}
	if (record->flags & RECORD_SEED)
		__sync_fetch_and_add(&counts->seed_count, 1);
	if (reason < ENDED_COUNT)
		__sync_fetch_and_add(&counts->closed_count[reason], 1);
	if (early)
		__sync_fetch_and_add(&counts->early_peer_close_count, 1);
}

static __always_inline void tell_end(const struct conn_record *record, struct sock *sk, __u32 netns,
				     bool seen, bool failed, __u32 reason)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct end_event *event;
	__u64 wakeup = BPF_RB_NO_WAKEUP;

	if (!tp)
		return;
	event = bpf_ringbuf_reserve(&ends, sizeof(*event), 0);
	if (!event) {
		count_lost(LOST_RING);
		return;
	}
	fill_sample(&event->sample, record, sk, tp, netns);
	event->end_ns = bpf_ktime_get_ns();
	event->failed = failed;
	event->reason = reason;
	event->seen = seen;
	event->met_pass = record->met_pass;
	event->segment_count = tp->data_segs_out;
	event->pad = 0;
	if (bpf_ringbuf_query(&ends, BPF_RB_AVAIL_DATA) > ring_bytes / 2)
		wakeup = BPF_RB_FORCE_WAKEUP;
	bpf_ringbuf_submit(event, wakeup);
}

/* The server has ended it almost at once, and before there was a talk. */
static __always_inline bool is_early(const struct conn_record *record, struct sock *sk,
				     __u32 reason)
{
	struct tcp_sock *tp;

	if (!record->peer_closed && reason != ENDED_RESET)
		return false;
	tp = bpf_skc_to_tcp_sock(sk);
	return tp && tp->bytes_received < EARLY_BYTES && tp->data_segs_out <= EARLY_SEGMENTS &&
	       bpf_ktime_get_ns() - record->open_ns < EARLY_NS;
}

/*
 * Whoever was connected was established, so where nothing says when, the probe was not run for it.
 */
static __always_inline void make_up_established(struct conn_record *record)
{
	if (!record->established && !(record->flags & RECORD_SEED))
		record->established = span_since_open(record, bpf_ktime_get_ns());
}

/* What whoever has changed its phase has to say; before is what that was. */
static __always_inline void say_end(struct conn_record *record, struct sock *sk, __u32 netns,
				    __u32 before, bool failed, __u32 reason)
{
	const struct probe_config *cfg = get_config();
	bool seen = before == PHASE_SEEN;

	if (!cfg || (before != PHASE_FRESH && !seen))
		return;
	if (!failed)
		make_up_established(record);
	if (seen || cfg->tell_short)
		tell_end(record, sk, netns, seen, failed, reason);
	if (!cfg->tell_short)
		count_end(record, sk, netns, seen, failed, reason, is_early(record, sk, reason));
}

#endif
