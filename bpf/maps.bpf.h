/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps, and the few questions that both probes ask of a socket or a task. conn.bpf.c creates
 * the maps; the agent hands the same ones to iter.bpf.c.
 */
#ifndef CONNLEAK_MAPS_BPF_H
#define CONNLEAK_MAPS_BPF_H

#include <vmlinux.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi.h"

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define SHUTDOWN_BOTH 3 /* SHUTDOWN_MASK of include/net/sock.h */
#define SOCK_DONE 1 /* bit of skc_flags: the peer's FIN is in (tcp_fin()) */
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
#define EPIPE 32
#define ENETUNREACH 101
#define ECONNABORTED 103
#define ECONNRESET 104
#define ETIMEDOUT 110
#define ECONNREFUSED 111
#define EHOSTUNREACH 113

enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_FIN_WAIT1 = 4,
	TCP_FIN_WAIT2 = 5,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
	TCP_CLOSING = 11,
};

/*
 * One record a connection.
 * Inserted: on_syn_sent() in conn.bpf.c; seed() in iter.bpf.c for what was open before.
 * Read: on every state change; by the pass of iter.bpf.c.
 * Deleted: by the kernel with the socket. Never full; a refusal counts LOST_STORAGE.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn_record);
} conns SEC(".maps");

/*
 * Counts of connections that ended: those that no pass had seen, and apart from them the others.
 * Inserted and read: count_end() in end.bpf.h. Read and deleted (when the client is gone): agent.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_POOLS_MAX);
	__type(key, struct pool_key);
	__type(value, struct pool_counts);
} pools SEC(".maps");

/*
 * Ends of connections. Written: tell_end() in end.bpf.h; a full ring counts LOST_RING.
 * Read: agent, on its tick; it is woken before that only when the ring is half full.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ABI_RING_BYTES);
} ends SEC(".maps");

/* Ports and filters. Written: agent. Read: is_watched(), matches(). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct probe_config);
} config SEC(".maps");

/* Filters by process and by name. Written: agent. Read: matches(). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} pids SEC(".maps");

struct comm_key {
	char comm[ABI_COMM_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct comm_key);
	__type(value, __u8);
} comms SEC(".maps");

/* One counter a LOST_ reason. Written: count_lost(). Read: agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LOST_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} lost_counts SEC(".maps");

/* COUNTER_CONN is written and read by next_id(), COUNTER_SESSION by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void count_lost(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&lost_counts, &reason);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* 0 only where the map could not be read, which an array cannot do. */
static __always_inline __u64 next_id(void)
{
	__u32 index = COUNTER_CONN;
	__u64 *id = bpf_map_lookup_elem(&counters, &index);

	return id ? __sync_fetch_and_add(id, 1) + 1 : 0;
}

static __always_inline const struct probe_config *get_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&config, &zero);
}

static __always_inline __u16 remote_port(const struct sock *sk)
{
	return bpf_ntohs(sk->__sk_common.skc_dport);
}

static __always_inline bool is_watched(const struct probe_config *cfg, __u16 port)
{
	return cfg->port_bitmap[port >> 3] & (1 << (port & 7));
}

static __always_inline bool is_one_way(const struct probe_config *cfg, __u16 port)
{
	return cfg->one_way_bitmap[port >> 3] & (1 << (port & 7));
}

/* In or below one of the configured cgroups of the v2 hierarchy. */
static __noinline bool matches_cgroup(const struct probe_config *cfg, struct task_struct *task)
{
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);

	/* 32 levels: more than cgroup.max.depth of any container manager. */
	for (int level = 0; level < 32 && cgroup; level++) {
		__u64 id = BPF_CORE_READ(cgroup, kn, id);
		struct cgroup_subsys_state *parent;

		for (__u32 i = 0; i < ABI_CGROUPS_MAX && i < cfg->cgroup_count; i++)
			if (cfg->cgroup_ids[i] == id)
				return true;
		parent = BPF_CORE_READ(cgroup, self.parent);
		cgroup = parent ? BPF_CORE_READ(parent, cgroup) : NULL;
	}
	return false;
}

/* Whether the operator wants this process's connections. */
static __always_inline bool matches(const struct probe_config *cfg, struct task_struct *task)
{
	if (cfg->match_pids) {
		__u32 pid = task->tgid;

		if (!bpf_map_lookup_elem(&pids, &pid))
			return false;
	}
	if (cfg->match_comms) {
		struct comm_key key = {};

		bpf_probe_read_kernel_str(key.comm, sizeof(key.comm), task->group_leader->comm);
		if (!bpf_map_lookup_elem(&comms, &key))
			return false;
	}
	return !cfg->cgroup_count || matches_cgroup(cfg, task);
}

static __always_inline void map_ipv4(__u8 ip[16], __be32 addr)
{
	__u32 *words = (__u32 *)ip;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = addr;
}

/*
 * To be asked once in a program, before its ways part. Where a pointer is followed, the verifier of
 * Linux 6.3 and later looks for the pointer's kind among all types of the kernel, one by one, and
 * does so on every way that leads there: asked at each use, it was two thirds of the time that
 * connleak takes to start.
 */
static __always_inline __u32 netns_of(const struct sock *sk)
{
	return sk->__sk_common.skc_net.net->ns.inum;
}

/* The other end; a v4-mapped address is the same as the IPv4 one. */
static __always_inline void fill_remote(struct pool_key *key, const struct sock *sk, __u32 netns)
{
	__u32 *words = (__u32 *)key->remote_ip;

	key->netns = netns;
	key->remote_port = remote_port(sk);
	key->pad = 0;
	if (sk->__sk_common.skc_family == AF_INET) {
		map_ipv4(key->remote_ip, sk->__sk_common.skc_daddr);
		return;
	}
	words[0] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[0];
	words[1] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[1];
	words[2] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[2];
	words[3] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[3];
}

/*
 * bytes_sent counts payload with retransmissions, bytes_retrans those (RFC 4898 figures,
 * Linux 4.19); bytes_received counts the peer's FIN as one byte (tcp_rcv_nxt_update() up to
 * end_seq).
 */
static __always_inline void fill_io(struct conn_io *io, const struct sock *sk,
				    const struct tcp_sock *tp, __u64 jiffies)
{
	__u64 received = tp->bytes_received;

	io->sent_bytes = tp->bytes_sent - tp->bytes_retrans;
	if (received && sk->__sk_common.skc_flags & (1 << SOCK_DONE))
		received--;
	io->received_bytes = received;
	io->send_age_jiffies = (__u32)jiffies - tp->lsndtime;
	io->recv_age_jiffies = (__u32)jiffies - tp->inet_conn.icsk_ack.lrcvtime;
	io->srtt_us = tp->srtt_us >> 3; /* the kernel keeps it times 8 */
	io->retransmit_count = tp->total_retrans;
}

static __always_inline void fill_local(struct conn_sample *sample, const struct sock *sk)
{
	__u32 *words = (__u32 *)sample->local_ip;

	sample->local_port = sk->__sk_common.skc_num;
	if (sk->__sk_common.skc_family == AF_INET) {
		map_ipv4(sample->local_ip, sk->__sk_common.skc_rcv_saddr);
		return;
	}
	words[0] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[0];
	words[1] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[1];
	words[2] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[2];
	words[3] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[3];
}

#endif
