// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who sent on a connection last: the opener of a pooled connection is the pool, but the last one to
 * use it is the one that did not give it back. This is the only program on the path of data, and
 * it is there only while a process is under suspicion: attached and detached by the agent.
 *
 * Invariant: of a connection there is one sample, that of its last send; what was sent before the
 * program came is not known and not guessed. A reader tells a sample that is being written by its
 * odd sequence.
 */
#include "trail.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* 1: every process that is watched at all; else those in the map suspects. Set by the loader. */
const volatile __u32 watch_everyone = 0;

/* Processes under suspicion. Written and deleted: agent. Read: is_suspect(). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} suspects SEC(".maps");

/*
 * The last send of each connection of a suspect. Inserted and written: note_send(); a full map
 * counts STACK_LOST_SENDS. Read, and deleted when the connection is over: agent.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_LAST_SENDS_MAX);
	__type(key, __u64);
	__type(value, struct stack_sample);
} last_sends SEC(".maps");

static const struct stack_sample no_sample;

static __always_inline struct stack_sample *get_sample(__u64 id)
{
	struct stack_sample *sample = bpf_map_lookup_elem(&last_sends, &id);

	if (sample)
		return sample;
	bpf_map_update_elem(&last_sends, &id, &no_sample, BPF_NOEXIST);
	return bpf_map_lookup_elem(&last_sends, &id);
}

static __always_inline bool is_suspect(struct task_struct *task)
{
	__u32 pid = task->tgid;

	return watch_everyone || bpf_map_lookup_elem(&suspects, &pid);
}

/* A place that is known is noted by its number: a copy would tell no more. */
static __always_inline void fill_last_send(struct stack_sample *sample, __u64 id,
					   struct task_struct *task)
{
	struct caller caller = {};
	struct trail_key key = {};
	__u32 site;

	if (!read_caller(&caller, task)) {
		sample->key = key;
		fill_stack_sample(sample, id, ROLE_LAST_SEND, task, NULL);
		return;
	}
	fill_trail_key(&key, task, &caller);
	site = find_trail(&key, &caller, bpf_ktime_get_ns());
	if (site) {
		fill_thread(sample, id, ROLE_LAST_SEND, task);
		sample->site = site;
		return;
	}
	sample->key = key;
	fill_stack_sample(sample, id, ROLE_LAST_SEND, task, &caller);
}

static __always_inline void note_send(struct task_struct *task, __u64 id, __u32 phase)
{
	struct stack_sample *sample;

	if (phase != PHASE_FRESH && phase != PHASE_SEEN)
		return;
	sample = get_sample(id);
	if (!sample) {
		count_stack_lost(STACK_LOST_SENDS);
		return;
	}
	__sync_fetch_and_add(&sample->sequence, 1);
	fill_last_send(sample, id, task);
	__sync_fetch_and_add(&sample->sequence, 1);
}

static __always_inline void on_send_of(struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct conn_record *record;

	if (!is_suspect(task))
		return;
	record = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (record)
		note_send(task, record->id, record->phase);
}

/* Linux 6.3 (6e6eda44b939 "sock: add tracepoint for send recv length"); after the send, in the
 * caller's context. */
SEC("?tp_btf/sock_send_length")
int BPF_PROG(on_send_length, struct sock *sk, int result, int flags)
{
	if (result > 0)
		on_send_of(sk);
	return 0;
}

/* Before it. The function is there on every kernel, but not every host lets us attach to it. */
SEC("?fentry/tcp_sendmsg")
int BPF_PROG(on_tcp_sendmsg, struct sock *sk)
{
	on_send_of(sk);
	return 0;
}

/* --- kprobe ----------------------------------------------------------------------------------- */

#define STORAGES_MAX 32 /* of one socket: of as many BPF maps, whosever they are */

/* Id of the map conns; set by the loader. */
const volatile __u32 conns_id = 0;

static __always_inline struct sock *first_argument(void *registers)
{
	struct pt_regs___x86 *x86 = registers;
	struct pt_regs___arm64 *arm64 = registers;

	if (bpf_core_field_exists(x86->di))
		return (struct sock *)BPF_CORE_READ(x86, di);
	if (bpf_core_field_exists(arm64->regs))
		return (struct sock *)BPF_CORE_READ(arm64, regs[0]);
	return NULL;
}

static __always_inline bool read_conn(const void *data, __u64 *ret_id, __u32 *ret_phase)
{
	const struct conn_record *record = data;

	return !bpf_probe_read_kernel(ret_id, sizeof(*ret_id), &record->id) &&
	       !bpf_probe_read_kernel(ret_phase, sizeof(*ret_phase), &record->phase);
}

/*
 * What bpf_sk_storage_get() does, which such a program may not call: the socket's list of storages,
 * of which one is the record's. The socket is being sent on, so it does not go away.
 */
static __always_inline bool read_record(struct sock *sk, __u64 *ret_id, __u32 *ret_phase)
{
	struct hlist_node *node = BPF_CORE_READ(sk, sk_bpf_storage, list.first);

	for (int i = 0; i < STORAGES_MAX && node; i++) {
		struct bpf_local_storage_elem *elem =
			(void *)node - bpf_core_field_offset(struct bpf_local_storage_elem, snode);

		if (BPF_CORE_READ(elem, sdata.smap, map.id) == conns_id)
			return read_conn(&elem->sdata.data, ret_id, ret_phase);
		node = BPF_CORE_READ(node, next);
	}
	return false;
}

/* Where the kernel can do neither: arm64 before 6.4 has no fentry (2aa6ac03516d). */
SEC("?kprobe/tcp_sendmsg")
int on_tcp_sendmsg_entered(void *registers)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 id = 0;
	__u32 phase = 0;

	if (is_suspect(task) && read_record(first_argument(registers), &id, &phase))
		note_send(task, id, phase);
	return 0;
}
