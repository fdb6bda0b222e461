// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The one probe on the life of a connection: tp_btf/inet_sock_set_state sees connect, established,
 * failed and close on every path (blocking, non-blocking, io_uring, TCP Fast Open).
 *
 *	SYN_SENT ------> ESTABLISHED ------> FIN_WAIT1 -----> CLOSE
 *	   |                 |    \--------> CLOSE_WAIT ----> LAST_ACK ---> CLOSE
 *	   +--> CLOSE        +--> CLOSE
 *	    (failed)       (reset, timeout, abort)
 *
 * Only SYN_SENT runs in the caller's context for certain, so who it was is taken there. Every other
 * state change may come in softirq on somebody else's time: `current` is asked again only where the
 * change is the process's own doing. A socket without a record is not ours, and that look-up is all
 * it costs: sockets of servers, of other ports, of processes that are filtered out.
 *
 * The probe does not stay away from the send and receive path by skipping work: it is not there.
 *
 * An agent that takes over from one before attaches its own build of the probe before the other
 * goes. In between both run for each change, one after the other, so whatever is done here must do
 * no harm when it is done twice.
 */
#include "end.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Longer than two probes can take for one change, interrupts between them included. */
#define TAKEOVER_NS 1000000000ULL

/* The loader sets both. */
const volatile __u32 session = 0;
const volatile __u32 probe_count = 1;
/* A session has up to two probes. */
#define FIRST_PROBE 0u
#define SECOND_PROBE 1u

/*
 * Of no use to the probes: what the agent keeps for the one after it (site_store.c). The number of
 * the site of each connection that is open, by its id, and the text of each number.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_SITES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u64);
} sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_SITE_TEXTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct site_text);
} site_texts SEC(".maps");

/*
 * A program that has a look at who opens a connection (site.bpf.c), while there is an agent that
 * wants it. Called from here rather than attached beside, where it would run, in vain, at every
 * other change of state too. Written: agent; emptied by the kernel when the agent is gone, so it is
 * not to be pinned.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} open_hooks SEC(".maps");

static __always_inline void end(struct conn_record *record, struct sock *sk, __u32 netns,
				bool failed, __u32 reason)
{
	__u32 before = __sync_lock_test_and_set(&record->phase, PHASE_OVER);

	say_end(record, sk, netns, before, failed, reason);
}

/* Twice its session, 1 more of the second; the low bits. */
static __always_inline __u8 probe_number(__u32 which)
{
	return (2 * session + which) % RECORD_PROBES;
}

/*
 * Whether another probe has handled this very connect() just now. A record that is not over
 * otherwise belongs to a connection whose end was missed.
 */
static __always_inline bool is_handled(const struct conn_record *record, __u32 which)
{
	return (record->phase == PHASE_FRESH || record->phase == PHASE_SEEN) &&
	       record->flags >> RECORD_PROBE_SHIFT != probe_number(which) &&
	       bpf_ktime_get_ns() - record->open_ns < TAKEOVER_NS;
}

/* True: there is a record of it, and nobody of this session has looked at the caller. */
static __always_inline bool on_syn_sent(struct sock *sk, __u32 which)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct probe_config *cfg = get_config();
	struct conn_record *record;

	if (!cfg || !is_watched(cfg, remote_port(sk)))
		return false;
	/* MPTCP subflows, network file systems: the kernel's own connections. */
	if (task->flags & PF_KTHREAD || sk->sk_protocol != IPPROTO_TCP)
		return false;
	if (!matches(cfg, task))
		return false;
	record = bpf_sk_storage_get(&conns, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!record) {
		/* Not lost yet where another probe will try. */
		if (which + 1 == probe_count)
			count_lost(LOST_STORAGE);
		return false;
	}
	/* By the first of this session, as a rule; else by an agent that has stacks of its own. */
	if (is_handled(record, which))
		return which == FIRST_PROBE;
	/* The record of a socket that connects again is that of its last connection: over. */
	record->phase = PHASE_BLANK;
	fill_owner(record, sk, task);
	record->id = next_id();
	record->open_ns = bpf_ktime_get_ns();
	record->tid = task->pid;
	record->established = 0;
	record->peer_closed = 0;
	record->told_moved = 0;
	record->site = 0;
	record->flags = probe_number(which) << RECORD_PROBE_SHIFT;
	record->told = 0;
	record->held_walk = 0;
	record->met_pass = 0;
	__sync_lock_test_and_set(&record->phase, PHASE_FRESH);
	return true;
}

static __always_inline __u32 fail_reason(const struct sock *sk)
{
	int error = sk->sk_err;

	if (error)
		return fail_reason_of(error);
	/*
	 * Nothing from outside: close() or AF_UNSPEC by the process, of which close() marks both
	 * directions as shut down first; else tcp_v4_connect() found no local port.
	 */
	return sk->sk_shutdown == SHUTDOWN_BOTH ? FAILED_CANCELED : FAILED_NOADDR;
}

/* Only where the change is the doing of the process itself, so that `current` is that process. */
static __always_inline __u32 own_doing(void)
{
	return bpf_get_current_task_btf()->flags & PF_EXITING ? ENDED_EXIT : ENDED_LOCAL;
}

/* Straight to CLOSE out of ESTABLISHED, CLOSE_WAIT or a half-closed state. */
static __always_inline __u32 end_reason(const struct conn_record *record, const struct sock *sk)
{
	int error = sk->sk_err;

	if (error)
		return end_reason_of(error);
	/* Both FINs are exchanged; a socket that is still held has ended on the peer's. */
	if (record->flags & RECORD_HALF_CLOSED)
		return sk->sk_socket ? ENDED_PEER : ENDED_LOCAL;
	/* Unread data, SO_LINGER 0 or AF_UNSPEC: close() without a FIN. */
	return own_doing();
}

/* What a state change means for a connection that is ours. */
#define GOES_ON 0
#define HAS_FAILED 1
#define HAS_ENDED 2

/*
 * The kernel has asked the clock for the packet that is being handled; for a socket that is put
 * together (TCP_REPAIR) there was none.
 */
static __always_inline __u64 packet_ns(const struct conn_record *record, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (tp && bpf_core_field_exists(tp->tcp_clock_cache) &&
	    tp->tcp_clock_cache > record->open_ns)
		return tp->tcp_clock_cache;
	return bpf_ktime_get_ns();
}

static __always_inline int on_change(struct conn_record *record, struct sock *sk, int oldstate,
				     int newstate, __u32 *ret_reason)
{
	switch (newstate) {
	case TCP_ESTABLISHED:
		if (!record->established)
			record->established = span_since_open(record, packet_ns(record, sk));
		return GOES_ON;
	case TCP_CLOSE_WAIT:
		if (!record->peer_closed)
			record->peer_closed = span_since_open(record, bpf_ktime_get_ns());
		return GOES_ON;
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2: /* "changes" to itself: tcp_close() of a half-closed one */
		/* shutdown(SHUT_WR) alone: the process still holds it and can still read. */
		if (sk->sk_shutdown != SHUTDOWN_BOTH) {
			record->flags |= RECORD_HALF_CLOSED;
			return GOES_ON;
		}
		*ret_reason = own_doing();
		return HAS_ENDED;
	case TCP_LAST_ACK:
		*ret_reason = own_doing();
		return HAS_ENDED;
	case TCP_CLOSE:
		if (oldstate == TCP_SYN_SENT) {
			*ret_reason = fail_reason(sk);
			return HAS_FAILED;
		}
		*ret_reason = end_reason(record, sk);
		return HAS_ENDED;
	}
	return GOES_ON;
}

/* True for an open whose caller is to be looked at. */
static __always_inline bool note_change(struct sock *sk, int oldstate, int newstate, __u32 which)
{
	struct conn_record *record;
	__u32 netns, reason = 0;
	int meaning;

	if (newstate == TCP_SYN_SENT)
		return on_syn_sent(sk, which);
	if (newstate != TCP_ESTABLISHED && newstate != TCP_FIN_WAIT1 &&
	    newstate != TCP_CLOSE_WAIT && newstate != TCP_LAST_ACK && newstate != TCP_CLOSE &&
	    !(newstate == TCP_FIN_WAIT2 && oldstate == TCP_FIN_WAIT2))
		return false;
	/* Nearly every socket that is not ours: sooner than a call can tell. */
	if (bpf_core_field_exists(sk->sk_bpf_storage) && !sk->sk_bpf_storage)
		return false;
	record = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (!record || record->phase == PHASE_OVER || record->phase == PHASE_BLANK)
		return false;
	netns = netns_of(sk);
	meaning = on_change(record, sk, oldstate, newstate, &reason);
	if (meaning != GOES_ON)
		end(record, sk, netns, meaning == HAS_FAILED, reason);
	return false;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state, struct sock *sk, int oldstate, int newstate)
{
	if (note_change(sk, oldstate, newstate, FIRST_PROBE))
		bpf_tail_call(ctx, &open_hooks, 0); /* comes back only where there is none */
	return 0;
}

/*
 * The same once more, where the kernel lets other tasks come in while a tracepoint runs its
 * programs. Of those it skips what has been begun and not finished on that processor, so the first
 * one is skipped for all that the others do meanwhile, and this one is not. Where both run it finds
 * everything done. Keeping the others out is no way: they come in where that ends.
 */
SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state_again, struct sock *sk, int oldstate, int newstate)
{
	if (note_change(sk, oldstate, newstate, SECOND_PROBE))
		bpf_tail_call(ctx, &open_hooks, 0);
	return 0;
}
